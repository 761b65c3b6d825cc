// What makes pictures of packets: a decoder of a library, or our own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "picture.h"

namespace v4l2cuse::decoder
{

struct Packet {
	uint8_t *bytes = nullptr; // PacketBuffer::kPadding more are readable behind it, and zero
	size_t size = 0;
};

enum class Outcome { kDone, kBroken, kNoMemory };

class Codec
{
      public:
	Codec() = default;
	Codec(const Codec &) = delete;
	Codec &operator=(const Codec &) = delete;
	virtual ~Codec() = default;

	// Decodes a packet. The pictures of those before may be gone afterwards, all but that of a picture that goes on.
	virtual Outcome Decode(const Packet &packet) = 0;

	// The picture that the last packet began or went on with; null when it made none.
	// @param isNew A picture that an earlier packet began does not count.
	virtual const Picture *Latest(bool isNew) = 0;
};

// For DECODER_H264 and so on; null: the libraries have no such decoder.
// @param inSlices A packet need not be a whole picture.
std::unique_ptr<Codec> MakeAvcodec(uint32_t codec, bool inSlices);
std::unique_ptr<Codec> MakeDav1d();
std::unique_ptr<Codec> MakeFwht();

} // namespace v4l2cuse::decoder
