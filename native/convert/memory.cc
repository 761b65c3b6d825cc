#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

namespace v4l2cuse::convert
{
namespace
{

constexpr uint64_t kMostBytes = uint64_t{1} << 30;
constexpr uint64_t kLastOffset = uint64_t{1} << 40;
// The largest page of any kernel.
constexpr size_t kGuard = 65536;
const size_t kPage = static_cast<size_t>(::sysconf(_SC_PAGESIZE));

volatile sig_atomic_t isFileShort = 0;

size_t WholePages(size_t size)
{
	return (size + kPage - 1) / kPage * kPage;
}

void OnBusError(int, siginfo_t *info, void *)
{
	isFileShort = 1;
	// SAFETY: a number only: the page that has no memory behind it gets some of ours. mmap(2) is a plain system call.
	auto *page = reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(info->si_addr) / kPage * kPage);
	if (::mmap(page, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		::_exit(1);
}

} // namespace

GuardedMemory::~GuardedMemory()
{
	if (start_ != nullptr)
		::munmap(start_, WholePages(size_) + 2 * kGuard);
}

GuardedMemory GuardedMemory::Of(int fd, const convert_memory &memory)
{
	GuardedMemory made;
	if (memory.size == 0 || memory.size > kMostBytes || memory.offset > kLastOffset || memory.writable > 1)
		return made;
	const auto size = static_cast<size_t>(memory.size);
	void *start = ::mmap(nullptr, WholePages(size) + 2 * kGuard, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED)
		return made;
	made.start_ = static_cast<uint8_t *>(start);
	made.size_ = size;
	made.isWritable_ = memory.writable == 1;
	const int protection = made.isWritable_ ? PROT_READ | PROT_WRITE : PROT_READ;
	if (::mmap(made.start_ + kGuard, size, protection, MAP_SHARED | MAP_FIXED, fd,
		   static_cast<off_t>(memory.offset)) == MAP_FAILED)
		return {};
	return made;
}

uint8_t *GuardedMemory::bytes() const
{
	return start_ == nullptr ? nullptr : start_ + kGuard;
}

bool OutliveShortFiles()
{
	struct sigaction action {
	};
	action.sa_sigaction = OnBusError;
	action.sa_flags = SA_SIGINFO;
	return ::sigaction(SIGBUS, &action, nullptr) == 0;
}

bool WasFileShort()
{
	const bool was = isFileShort != 0;
	isFileShort = 0;
	return was;
}

} // namespace v4l2cuse::convert
