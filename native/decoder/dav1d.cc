// libdav1d, one frame at a time, hidden ones included.
#include <dav1d/dav1d.h>

#include <cerrno>
#include <cstring>

#include "codec.h"

namespace v4l2cuse::decoder
{
namespace
{

class Dav1d final : public Codec
{
      public:
	~Dav1d() override
	{
		if (hasPicture_)
			dav1d_picture_unref(&held_);
		if (context_ != nullptr)
			dav1d_close(&context_);
	}

	bool Open()
	{
		Dav1dSettings settings;
		dav1d_default_settings(&settings);
		settings.n_threads = 1;
		settings.max_frame_delay = 1;
		settings.output_invisible_frames = 1;
		settings.all_layers = 1;
		settings.apply_grain = 1;
		settings.logger.callback = nullptr;
		return dav1d_open(&context_, &settings) == 0;
	}

	Outcome Decode(const Packet &packet) override
	{
		isNew_ = false;
		Dav1dData data{};
		uint8_t *into = dav1d_data_create(&data, packet.size);
		if (into == nullptr)
			return Outcome::kNoMemory;
		std::memcpy(into, packet.bytes, packet.size);
		Outcome outcome = Outcome::kDone;
		// Each round takes data or gives a picture.
		while (data.sz > 0) {
			const int sent = dav1d_send_data(context_, &data);
			if (sent < 0 && sent != DAV1D_ERR(EAGAIN)) {
				outcome = sent == DAV1D_ERR(ENOMEM) ? Outcome::kNoMemory : Outcome::kBroken;
				break;
			}
			if (!Receive(&outcome) && sent != 0)
				break;
		}
		while (Receive(&outcome))
			continue;
		dav1d_data_unref(&data);
		return outcome;
	}

	const Picture *Latest(bool isNew) override
	{
		if (!hasPicture_ || (isNew && !isNew_))
			return nullptr;
		picture_ = {};
		picture_.width = picture_.codedWidth = static_cast<uint32_t>(held_.p.w);
		picture_.height = picture_.codedHeight = static_cast<uint32_t>(held_.p.h);
		picture_.bitDepth = static_cast<uint32_t>(held_.p.bpc);
		picture_.is420 = held_.p.layout == DAV1D_PIXEL_LAYOUT_I420 || held_.p.layout == DAV1D_PIXEL_LAYOUT_I400;
		const bool isGrey = held_.p.layout == DAV1D_PIXEL_LAYOUT_I400;
		for (size_t plane = 0; plane < (isGrey ? 1U : 3U); ++plane) {
			picture_.planes[plane] = static_cast<const uint8_t *>(held_.data[plane]);
			picture_.strides[plane] = held_.stride[plane == 0 ? 0 : 1];
		}
		return &picture_;
	}

      private:
	// Keeps the picture that is ready. False: there is none.
	bool Receive(Outcome *outcome)
	{
		Dav1dPicture ready{};
		const int received = dav1d_get_picture(context_, &ready);
		if (received == DAV1D_ERR(EAGAIN))
			return false;
		if (received != 0) {
			*outcome = received == DAV1D_ERR(ENOMEM) ? Outcome::kNoMemory : Outcome::kBroken;
			return false;
		}
		if (hasPicture_)
			dav1d_picture_unref(&held_);
		held_ = ready;
		hasPicture_ = isNew_ = true;
		return true;
	}

	Dav1dContext *context_ = nullptr;
	Dav1dPicture held_{};
	bool hasPicture_ = false;
	bool isNew_ = false;
	Picture picture_;
};

} // namespace

std::unique_ptr<Codec> MakeDav1d()
{
	auto made = std::make_unique<Dav1d>();
	if (!made->Open())
		return nullptr;
	return made;
}

} // namespace v4l2cuse::decoder
