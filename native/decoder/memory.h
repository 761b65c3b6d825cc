// The buffers of a client, mapped as long as the driver says so.
#pragma once

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "protocol.h"

namespace v4l2cuse::decoder
{

class Mapping
{
      public:
	Mapping() = default;
	Mapping(Mapping &&other) noexcept
	    : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0))
	{
	}
	Mapping &operator=(Mapping &&other) noexcept
	{
		std::swap(bytes_, other.bytes_);
		std::swap(size_, other.size_);
		return *this;
	}
	Mapping(const Mapping &) = delete;
	Mapping &operator=(const Mapping &) = delete;
	~Mapping()
	{
		if (bytes_ != nullptr)
			::munmap(bytes_, size_);
	}

	// Empty when it cannot be mapped.
	static Mapping Of(int fd, off_t offset, size_t size, int protection)
	{
		Mapping made;
		void *bytes = ::mmap(nullptr, size, protection, MAP_SHARED, fd, offset);
		if (bytes == MAP_FAILED)
			return made;
		made.bytes_ = bytes;
		made.size_ = size;
		return made;
	}

	// The client may write to them at any time: a value that is looked at twice may be two values.
	uint8_t *bytes() const
	{
		return static_cast<uint8_t *>(bytes_);
	}
	size_t size() const
	{
		return size_;
	}

      private:
	void *bytes_ = nullptr;
	size_t size_ = 0;
};

class Slots
{
      public:
	// False: no such slot, or it cannot be mapped.
	bool Fill(const decoder_memory &memory, int fd)
	{
		if (memory.slot >= slots_.size() || memory.size == 0 || memory.size > kMostBytes ||
		    memory.offset > kLastOffset)
			return false;
		const int protection = memory.slot < DECODER_CAPTURE_SLOT ? PROT_READ : PROT_READ | PROT_WRITE;
		slots_[memory.slot] = Mapping::Of(fd, static_cast<off_t>(memory.offset),
						  static_cast<size_t>(memory.size), protection);
		return slots_[memory.slot].bytes() != nullptr;
	}

	void Forget(const decoder_forget &forget)
	{
		for (size_t slot = forget.first; slot < slots_.size() && slot - forget.first < forget.count; ++slot) {
			slots_[slot] = Mapping();
		}
	}

	// An empty one, where there is none.
	const Mapping &At(uint32_t slot) const
	{
		return slot < slots_.size() ? slots_[slot] : nothing_;
	}

      private:
	static constexpr uint64_t kMostBytes = uint64_t{1} << 30;
	static constexpr uint64_t kLastOffset = uint64_t{1} << 32;

	std::array<Mapping, DECODER_SLOTS> slots_;
	Mapping nothing_;
};

} // namespace v4l2cuse::decoder
