// Memory behind a descriptor, mapped as long as its owner lives.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace v4l2cuse::worker
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

} // namespace v4l2cuse::worker
