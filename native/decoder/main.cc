// v4l2-cuse-decoder: decodes for one open file of a stateless decoder (src/decoder). Started by the driver, which it
// serves over a socket; protocol.h has the messages. What it decodes is hostile, so it has nothing that it does not
// need (confine.h), and when it ends, the driver starts another one.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "../worker/confine.h"
#include "../worker/orders.h"
#include "codec.h"
#include "memory.h"
#include "packet-buffer.h"
#include "protocol.h"

namespace v4l2cuse::decoder
{
namespace
{

using worker::Order;

static_assert(DECODER_IS_NOBODY == WORKER_IS_NOBODY && DECODER_IS_FILTERED == WORKER_IS_FILTERED);

constexpr size_t kMostMessage = sizeof(decoder_job) + DECODER_PIECES * sizeof(decoder_piece) + DECODER_INLINE;

class Worker
{
      public:
	int Serve(uint32_t features)
	{
		const decoder_hello hello{DECODER_PROTOCOL, features};
		return worker::ServeOrders("v4l2-cuse-decoder", hello, message_,
					   [this](const Order &order) { return Obey(order); });
	}

      private:
	bool Obey(const Order &order)
	{
		uint32_t kind = 0;
		if (!order.Read(&kind, false))
			return false;
		decoder_memory memory{};
		decoder_forget forget{};
		decoder_job job{};
		switch (kind) {
		case DECODER_MEMORY:
			return order.Read(&memory) && slots_.Fill(memory, order.fd.get());
		case DECODER_FORGET:
			if (!order.Read(&forget))
				return false;
			slots_.Forget(forget);
			return true;
		case DECODER_JOB:
			return order.Read(&job, false) && Run(job, order);
		default:
			return false;
		}
	}

	bool Run(const decoder_job &job, const Order &order)
	{
		if (!PutTogether(job, order))
			return false;
		decoder_answer answer{job.serial, DECODER_DONE, 0, 0};
		if ((job.flags & DECODER_MORE) == 0) {
			try {
				answer.status = Decode(job, &answer);
			} catch (const std::bad_alloc &) {
				answer.status = DECODER_NO_MEMORY;
			}
		}
		return worker::Send(&answer, sizeof answer);
	}

	bool PutTogether(const decoder_job &job, const Order &order)
	{
		const Mapping &source = slots_.At(job.source);
		if (job.pieces > DECODER_PIECES || job.inlined > DECODER_INLINE)
			return false;
		const size_t start = sizeof job + job.pieces * sizeof(decoder_piece);
		if (order.size != start + job.inlined)
			return false;
		if ((job.flags & (DECODER_NEW_FRAME | DECODER_RESTART)) != 0) {
			packet_.Clear();
			isNew_ = true;
		}
		for (size_t i = 0; i < job.pieces; ++i) {
			decoder_piece piece{};
			std::memcpy(&piece, order.bytes + sizeof job + i * sizeof piece, sizeof piece);
			const bool isOfJob = piece.where == DECODER_OF_JOB;
			if (!isOfJob && piece.where != DECODER_OF_SOURCE)
				return false;
			const uint8_t *from = isOfJob ? order.bytes + start : source.bytes();
			const size_t room = isOfJob ? job.inlined : source.size();
			if (piece.offset > room || piece.size > room - piece.offset)
				return false;
			if (piece.size > 0 && !packet_.Append(from + piece.offset, piece.size))
				return false;
		}
		return true;
	}

	uint32_t Decode(const decoder_job &job, decoder_answer *answer)
	{
		const Packet packet = packet_.Take();
		if (!Prepare(job))
			return DECODER_NO_CODEC;
		const Layout layout{job.layout, job.width, job.height, job.stride};
		const Mapping &destination = slots_.At(job.destination);
		const size_t needed = layout.Size();
		if (needed == 0 || destination.size() < needed || job.destination < DECODER_CAPTURE_SLOT)
			return DECODER_OTHER_LAYOUT;
		// To libraries an empty packet is the end of the stream.
		const Outcome outcome = packet.size == 0 ? Outcome::kBroken : codec_->Decode(packet);
		if (outcome == Outcome::kNoMemory)
			return DECODER_NO_MEMORY;
		const Picture *picture = codec_->Latest(std::exchange(isNew_, false));
		if (picture == nullptr)
			return outcome == Outcome::kBroken ? DECODER_BROKEN : DECODER_NO_PICTURE;
		answer->width = picture->width;
		answer->height = picture->height;
		if (picture->width > layout.width || picture->height > layout.height)
			return DECODER_LARGER;
		if (!CopyPicture(*picture, layout, destination.bytes()))
			return DECODER_OTHER_LAYOUT;
		return outcome == Outcome::kDone ? DECODER_DONE : DECODER_BROKEN;
	}

	// The decoder that the job needs: the same as before, if that was of the same kind.
	bool Prepare(const decoder_job &job)
	{
		const uint32_t slices = job.flags & DECODER_SLICES;
		if (codec_ != nullptr && codecId_ == job.codec && slices_ == slices &&
		    (job.flags & DECODER_RESTART) == 0)
			return true;
		codec_.reset();
		codec_ = Make(job.codec, slices != 0);
		codecId_ = job.codec;
		slices_ = slices;
		return codec_ != nullptr;
	}

	static std::unique_ptr<Codec> Make(uint32_t codec, bool inSlices)
	{
		switch (codec) {
		case DECODER_AV1:
			return MakeDav1d();
		case DECODER_FWHT:
			return MakeFwht();
		default:
			return MakeAvcodec(codec, inSlices);
		}
	}

	std::array<uint8_t, kMostMessage> message_{};
	Slots slots_;
	PacketBuffer packet_;
	std::unique_ptr<Codec> codec_;
	uint32_t codecId_ = 0;
	uint32_t slices_ = 0;
	bool isNew_ = false; // what was put together begins a picture
};

} // namespace
} // namespace v4l2cuse::decoder

int main(int count, char **arguments)
{
	using namespace v4l2cuse::decoder;
	if (count > 1 && std::strcmp(arguments[1], "--probe") == 0)
		return v4l2cuse::worker::Probe();
	const uint32_t features = v4l2cuse::worker::Confine();
	const auto worker = std::make_unique<Worker>();
	return worker->Serve(features | DECODER_HAS_DAV1D);
}
