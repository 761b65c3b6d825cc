// The memory of pictures, mapped as long as the driver says so.
#pragma once

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "protocol.h"

namespace v4l2cuse::convert
{

// Memory of a file between two pages of our own: libraries look at, and write, a few bytes beyond the last line.
class GuardedMemory
{
      public:
	GuardedMemory() = default;
	GuardedMemory(GuardedMemory &&other) noexcept
	    : start_(std::exchange(other.start_, nullptr)), size_(std::exchange(other.size_, 0)),
	      isWritable_(other.isWritable_)
	{
	}
	GuardedMemory &operator=(GuardedMemory &&other) noexcept
	{
		std::swap(start_, other.start_);
		std::swap(size_, other.size_);
		std::swap(isWritable_, other.isWritable_);
		return *this;
	}
	GuardedMemory(const GuardedMemory &) = delete;
	GuardedMemory &operator=(const GuardedMemory &) = delete;
	~GuardedMemory();

	// Empty when it cannot be mapped.
	static GuardedMemory Of(int fd, const convert_memory &memory);

	// The client may write to them at any time: a value that is looked at twice may be two values.
	uint8_t *bytes() const;
	size_t size() const
	{
		return size_;
	}
	bool isWritable() const
	{
		return isWritable_;
	}

      private:
	uint8_t *start_ = nullptr; // of the page before
	size_t size_ = 0;
	bool isWritable_ = false;
};

class Memories
{
      public:
	// False: no such slot, or it cannot be mapped.
	bool Fill(const convert_memory &memory, int fd)
	{
		if (memory.slot >= CONVERT_SLOTS)
			return false;
		slots_[memory.slot] = GuardedMemory::Of(fd, memory);
		return slots_[memory.slot].bytes() != nullptr;
	}

	bool Forget(const convert_forget &forget)
	{
		if (forget.count > CONVERT_FORGOTTEN)
			return false;
		for (uint32_t i = 0; i < forget.count; ++i)
			slots_.erase(forget.slots[i]);
		return true;
	}

	// An empty one, where there is none.
	const GuardedMemory &At(uint32_t slot) const
	{
		const auto found = slots_.find(slot);
		return found == slots_.end() ? nothing_ : found->second;
	}

      private:
	std::unordered_map<uint32_t, GuardedMemory> slots_;
	GuardedMemory nothing_;
};

// From now on a file that is shorter than its mapping reads as zeros. Before Confine().
bool OutliveShortFiles();

// Has that happened since it was asked the last time?
bool WasFileShort();

} // namespace v4l2cuse::convert
