// The buffers of a client, mapped as long as the driver says so.
#pragma once

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "../worker/mapping.h"
#include "protocol.h"

namespace v4l2cuse::decoder
{

using worker::Mapping;

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
