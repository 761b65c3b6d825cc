// What is decoded together, put together: a copy, which no client can change.
#pragma once

#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include "codec.h"

namespace v4l2cuse::decoder
{

class PacketBuffer
{
      public:
	// libavcodec reads a little beyond the end (AV_INPUT_BUFFER_PADDING_SIZE).
	static constexpr size_t kPadding = 64;
	static constexpr size_t kMostBytes = size_t{1} << 28;

	// False: too much.
	bool Append(const uint8_t *bytes, size_t size)
	{
		if (size > kMostBytes - size_)
			return false;
		if (bytes_.size() < size_ + size + kPadding)
			bytes_.resize(size_ + size + kPadding);
		if (size > 0)
			std::memcpy(bytes_.data() + size_, bytes, size);
		size_ += size;
		return true;
	}

	Packet Take()
	{
		if (bytes_.size() < size_ + kPadding)
			bytes_.resize(size_ + kPadding);
		std::memset(bytes_.data() + size_, 0, kPadding);
		const Packet packet{bytes_.data(), size_};
		size_ = 0;
		return packet;
	}

	void Clear()
	{
		size_ = 0;
	}

      private:
	std::vector<uint8_t> bytes_;
	size_t size_ = 0;
};

} // namespace v4l2cuse::decoder
