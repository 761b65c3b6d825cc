#include "shared-memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>

#include "arguments.h"
#include "descriptor.h"
#include "error.h"

// Linux 6.3. Older headers lack it.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace v4l2cuse {

class SharedMemory::Mapping {
 public:
  Mapping(void* address, size_t size) noexcept : address_(address), size_(size) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { Unmap(); }

  void Unmap() noexcept {
    if (address_ != nullptr) ::munmap(address_, size_);
    address_ = nullptr;
  }
  void* address() const noexcept { return address_; }
  size_t size() const noexcept { return size_; }

 private:
  void* address_;
  size_t size_;
};

namespace {

constexpr const char* kCreateUsage = "new SharedMemory(name, sizeBytes)";
constexpr const char* kMapUsage = "new SharedMemory(fd, sizeBytes, writable, offset)";

UniqueFd NewMemfd(Napi::Env env, const std::string& name, size_t sizeBytes) {
  // Never executable: the kernel wants to be told since 6.3, and may insist (vm.memfd_noexec).
  UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
  if (!fd.valid() && errno == EINVAL) fd = UniqueFd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) throw SystemError(env, "memfd_create", errno);

  // Whole pages, so that a client which maps a rounded length never meets the end of the file.
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t rounded = (sizeBytes + page - 1) / page * page;
  if (::ftruncate(fd.get(), static_cast<off_t>(rounded)) < 0) throw SystemError(env, "ftruncate", errno);

  // Clients receive this descriptor. One who could shrink the file would make
  // our next access to it a SIGBUS.
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
    throw SystemError(env, "fcntl(F_ADD_SEALS)", errno);
  }

  // The file that memfd_create() makes is in no count of open files, which leases
  // go by (IsHeldElsewhere). One that was opened is.
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd.get());
  UniqueFd counted(::open(path, O_RDWR | O_CLOEXEC));
  if (!counted.valid()) throw SystemError(env, "open", errno, path);
  return counted;
}

UniqueFd DuplicateForeign(Napi::Env env, int foreign, uint64_t endOffset) {
  UniqueFd fd(::fcntl(foreign, F_DUPFD_CLOEXEC, 0));
  if (!fd.valid()) throw SystemError(env, "fcntl(F_DUPFD_CLOEXEC)", errno);

  const DescriptorFacts facts = Inspect(fd.get());
  if (facts.error != 0) throw SystemError(env, "inspect", facts.error);
  // A file that its owner can shrink under us would be a SIGBUS waiting to
  // happen. dma-bufs have a fixed size; memfds must be sealed. EINVAL is also
  // what vb2 says about a descriptor that is no dma-buf.
  if (!facts.isDmabuf && (facts.seals & F_SEAL_SHRINK) == 0) {
    throw SystemError(env, "mmap of a file that can shrink", EINVAL);
  }
  if (facts.sizeBytes < endOffset) throw SystemError(env, "mmap beyond the end of the file", EINVAL);
  return fd;
}

}  // namespace

Napi::Function SharedMemory::Define(Napi::Env env) {
  return DefineClass(env, "SharedMemory",
                     {
                         InstanceMethod<&SharedMemory::TakeBytes>("takeBytes"),
                         InstanceMethod<&SharedMemory::Close>("close"),
                         InstanceAccessor<&SharedMemory::Fd>("fd"),
                     });
}

SharedMemory::SharedMemory(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SharedMemory>(info) {
  const Napi::Env env = info.Env();
  const bool create = info[0].IsString();
  const char* usage = create ? kCreateUsage : kMapUsage;
  const size_t sizeBytes = SizeArgument(info, 1, usage);
  int protection = PROT_READ | PROT_WRITE;
  uint32_t offset = 0;
  if (create) {
    fd_ = NewMemfd(env, info[0].As<Napi::String>().Utf8Value(), sizeBytes);
  } else {
    if (!BooleanArgument(info, 2, usage)) protection = PROT_READ;
    offset = Uint32Argument(info, 3, usage);
    fd_ = DuplicateForeign(env, FdArgument(info, 0, usage), uint64_t{offset} + sizeBytes);
  }

  void* address = ::mmap(nullptr, sizeBytes, protection, MAP_SHARED, fd_.get(), offset);
  if (address == MAP_FAILED) throw SystemError(env, "mmap", errno);
  mapping_ = std::make_shared<Mapping>(address, sizeBytes);
}

Napi::Value SharedMemory::TakeBytes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!mapping_ || !buffer_.IsEmpty()) throw Napi::Error::New(env, "takeBytes(): closed, or taken before");

  // SAFETY: the mapping stays until close(), which detaches the buffer first, or
  // until the finalizer drops this second owner. V8 counts the bytes as external
  // memory of the buffer, so the collector knows what it would free.
  auto owner = std::make_unique<std::shared_ptr<Mapping>>(mapping_);
  const Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(
      env, mapping_->address(), mapping_->size(),
      [](Napi::Env /*env*/, void* /*data*/, std::shared_ptr<Mapping>* last) { delete last; }, owner.get());
  static_cast<void>(owner.release());
  buffer_ = Napi::Weak(buffer);
  return Napi::Uint8Array::New(env, mapping_->size(), buffer, 0);
}

void SharedMemory::Close(const Napi::CallbackInfo& /*info*/) {
  if (!mapping_) return;
  if (!buffer_.IsEmpty()) {
    Napi::ArrayBuffer buffer = buffer_.Value();
    // Empty when it was collected already.
    if (!buffer.IsEmpty() && !buffer.IsDetached()) buffer.Detach();
    buffer_.Reset();
  }
  mapping_->Unmap();
  mapping_.reset();
  fd_.reset();
}

Napi::Value SharedMemory::Fd(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), fd_.get()); }

Napi::Value CreateMemfd(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "createMemfd(name, sizeBytes)";
  const std::string name = TextArgument(info, 0, kUsage);
  return OwnedFd::Wrap(info.Env(), NewMemfd(info.Env(), name, SizeArgument(info, 1, kUsage)));
}

void PunchHole(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "punchHole(fd, offset, sizeBytes)";
  const int fd = FdArgument(info, 0, kUsage);
  const auto offset = static_cast<off_t>(Uint32Argument(info, 1, kUsage));
  const auto sizeBytes = static_cast<off_t>(SizeArgument(info, 2, kUsage));
  int result = 0;
  do {
    result = ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, sizeBytes);
  } while (result < 0 && errno == EINTR);
  if (result < 0) throw SystemError(info.Env(), "fallocate", errno);
}

Napi::Value IsHeldElsewhere(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "isHeldElsewhere(fd)";
  const Napi::Env env = info.Env();
  const int fd = FdArgument(info, 0, kUsage);
  // Whoever opens the file during the lease makes the kernel send us SIGIO, which ends a process that does not want it.
  static const bool isIgnored = [] {
    struct sigaction action {};
    if (::sigaction(SIGIO, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
      action.sa_handler = SIG_IGN;
      ::sigaction(SIGIO, &action, nullptr);
    }
    return true;
  }();
  static_cast<void>(isIgnored);
  // A write lease is for the only open file of an inode (fcntl(2)).
  if (::fcntl(fd, F_SETLEASE, F_WRLCK) < 0) {
    if (errno == EAGAIN) return Napi::Boolean::New(env, true);
    throw SystemError(env, "fcntl(F_SETLEASE)", errno);
  }
  ::fcntl(fd, F_SETLEASE, F_UNLCK);
  return Napi::Boolean::New(env, false);
}

}  // namespace v4l2cuse
