#include "ioctl.h"

#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "arguments.h"
#include "error.h"

namespace v4l2cuse {
namespace {

constexpr size_t kPointerSize = sizeof(uint64_t);

}  // namespace

Napi::Value Ioctl(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "ioctl(fd, command, argument, offset?, array?)";
  const Napi::Env env = info.Env();
  const int fd = FdArgument(info, 0, kUsage);
  const uint32_t command = Uint32Argument(info, 1, kUsage);
  const ByteSpan argument = BytesArgument(info, 2, kUsage);
  // A driver moves as many bytes as the command's number says. Old commands do not say it.
  // Those without an argument get no pointer: whoever takes one all the same fails with EFAULT.
  const bool is_bare = _IOC_SIZE(command) == 0 && _IOC_DIR(command) == _IOC_NONE && argument.size == 0;
  if (_IOC_SIZE(command) == 0 && !is_bare) {
    throw Napi::RangeError::New(env, "ioctl: the command does not tell its size");
  }
  if (argument.size < _IOC_SIZE(command)) {
    throw Napi::RangeError::New(env, "ioctl: the argument is smaller than the command's size");
  }

  uint8_t* place = nullptr;  // in `argument`, of the pointer to the array
  std::array<uint8_t, kPointerSize> before{};
  if (!info[3].IsUndefined()) {
    const ByteSpan array = BytesArgument(info, 4, kUsage);
    const size_t offset = Uint32Argument(info, 3, kUsage);
    if (argument.size < kPointerSize || offset > argument.size - kPointerSize) {
      throw Napi::RangeError::New(env, "ioctl: the pointer does not lie within the argument");
    }
    place = argument.data + offset;
    std::memcpy(before.data(), place, kPointerSize);
    // SAFETY: the array is rooted by this call and no JS runs before ioctl(2)
    // returns. That its size covers what the driver will write there is for the
    // caller to see to, who fills in the counts.
    const auto address = reinterpret_cast<uint64_t>(array.data);
    std::memcpy(place, &address, kPointerSize);
  }

  const int result = ::ioctl(fd, command, is_bare ? nullptr : argument.data);
  const int error = errno;
  if (place != nullptr) std::memcpy(place, before.data(), kPointerSize);
  if (result < 0) throw SystemError(env, "ioctl", error);
  return Napi::Number::New(env, result);
}

}  // namespace v4l2cuse
