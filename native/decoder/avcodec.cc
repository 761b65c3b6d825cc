// libavcodec's decoders. A picture is taken out of get_buffer2(): with one thread, the buffer that a decoder asks for
// while it is given a packet holds the finished picture when that call returns, long before the decoder hands it out in
// the order of display. So one packet is one picture, in the order of decoding.
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
}

#include <cerrno>
#include <memory>

#include "codec.h"
#include "protocol.h"

namespace v4l2cuse::decoder
{
namespace
{

struct Freeing {
	void operator()(AVCodecContext *context) const
	{
		avcodec_free_context(&context);
	}
	void operator()(AVFrame *frame) const
	{
		av_frame_free(&frame);
	}
	void operator()(AVPacket *packet) const
	{
		av_packet_free(&packet);
	}
};

AVCodecID IdOf(uint32_t codec)
{
	switch (codec) {
	case DECODER_H264:
		return AV_CODEC_ID_H264;
	case DECODER_HEVC:
		return AV_CODEC_ID_HEVC;
	case DECODER_MPEG2:
		return AV_CODEC_ID_MPEG2VIDEO;
	case DECODER_VP8:
		return AV_CODEC_ID_VP8;
	case DECODER_VP9:
		return AV_CODEC_ID_VP9;
	default:
		return AV_CODEC_ID_NONE;
	}
}

class Avcodec final : public Codec
{
      public:
	bool Open(AVCodecID id, bool inSlices)
	{
		const AVCodec *codec = avcodec_find_decoder(id);
		if (codec == nullptr)
			return false;
		context_.reset(avcodec_alloc_context3(codec));
		latest_.reset(av_frame_alloc());
		output_.reset(av_frame_alloc());
		packet_.reset(av_packet_alloc());
		if (!context_ || !latest_ || !output_ || !packet_)
			return false;
		context_->thread_count = 1;
		context_->opaque = this;
		context_->get_buffer2 = GetBuffer;
		// Only slices that a client sends are there, and the client knows what to show.
		context_->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
		if (inSlices)
			context_->flags2 |= AV_CODEC_FLAG2_CHUNKS;
		return avcodec_open2(context_.get(), codec, nullptr) == 0;
	}

	Outcome Decode(const Packet &packet) override
	{
		isNew_ = false;
		packet_->data = packet.bytes;
		packet_->size = static_cast<int>(packet.size);
		const int sent = avcodec_send_packet(context_.get(), packet_.get());
		packet_->data = nullptr;
		packet_->size = 0;
		// Nothing is decoded while a picture waits to be taken.
		int received = 0;
		while (received == 0) {
			received = avcodec_receive_frame(context_.get(), output_.get());
			if (received == 0)
				av_frame_unref(output_.get());
		}
		if (sent == AVERROR(ENOMEM) || received == AVERROR(ENOMEM))
			return Outcome::kNoMemory;
		return sent == 0 && received == AVERROR(EAGAIN) ? Outcome::kDone : Outcome::kBroken;
	}

	const Picture *Latest(bool isNew) override
	{
		if (latest_->buf[0] == nullptr || (isNew && !isNew_))
			return nullptr;
		const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(latest_->format));
		if (format == nullptr)
			return nullptr;
		picture_ = {};
		picture_.width = static_cast<uint32_t>(context_->width);
		picture_.height = static_cast<uint32_t>(context_->height);
		picture_.codedWidth = static_cast<uint32_t>(latest_->width);
		picture_.codedHeight = static_cast<uint32_t>(latest_->height);
		picture_.bitDepth = static_cast<uint32_t>(format->comp[0].depth);
		const bool isGrey = format->nb_components == 1;
		constexpr uint64_t kOther = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_HWACCEL |
					    AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_ALPHA;
		picture_.is420 =
			(format->flags & kOther) == 0 &&
			(isGrey || (format->nb_components == 3 && (format->flags & AV_PIX_FMT_FLAG_PLANAR) != 0 &&
				    format->log2_chroma_w == 1 && format->log2_chroma_h == 1));
		for (size_t plane = 0; plane < (isGrey ? 1U : 3U); ++plane) {
			picture_.planes[plane] = latest_->data[plane];
			picture_.strides[plane] = latest_->linesize[plane];
		}
		return &picture_;
	}

      private:
	static int GetBuffer(AVCodecContext *context, AVFrame *frame, int flags)
	{
		auto *self = static_cast<Avcodec *>(context->opaque);
		const int result = avcodec_default_get_buffer2(context, frame, flags);
		if (result < 0)
			return result;
		// The last one counts: of gaps in frame_num, a decoder makes pictures that are in no packet before it.
		av_frame_unref(self->latest_.get());
		const int kept = av_frame_ref(self->latest_.get(), frame);
		self->isNew_ = kept == 0;
		return kept;
	}

	std::unique_ptr<AVFrame, Freeing> latest_;
	std::unique_ptr<AVFrame, Freeing> output_;
	std::unique_ptr<AVPacket, Freeing> packet_;
	// Goes first: it may still call back.
	std::unique_ptr<AVCodecContext, Freeing> context_;
	Picture picture_;
	bool isNew_ = false;
};

} // namespace

std::unique_ptr<Codec> MakeAvcodec(uint32_t codec, bool inSlices)
{
	av_log_set_level(AV_LOG_QUIET);
	auto made = std::make_unique<Avcodec>();
	if (!made->Open(IdOf(codec), inSlices))
		return nullptr;
	return made;
}

} // namespace v4l2cuse::decoder
