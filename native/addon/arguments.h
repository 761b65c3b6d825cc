// Checked conversion of JavaScript arguments. Each function throws a TypeError
// that opens with `usage`, the signature of the native function.
#pragma once

#include <napi.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace v4l2cuse {

// Borrowed bytes of a Uint8Array. Valid while the call that received it runs no JavaScript.
struct ByteSpan {
  uint8_t* data = nullptr;
  size_t size = 0;
};

// Any Uint8Array, Buffer included.
ByteSpan BytesArgument(const Napi::CallbackInfo& info, size_t index, const char* usage);

// A descriptor number: an integer from 0 to INT_MAX.
int FdArgument(const Napi::CallbackInfo& info, size_t index, const char* usage);

// A process or thread id: an integer from 1 to INT_MAX. Excludes 0 and negative
// numbers, which several system calls read as "myself" or "a group".
pid_t PidArgument(const Napi::CallbackInfo& info, size_t index, const char* usage);

// A size in bytes: an integer from 1 to 2^32 - 1, the range of V4L2's own lengths.
size_t SizeArgument(const Napi::CallbackInfo& info, size_t index, const char* usage);

// Any number of 32 bits without a sign: ioctl commands, flags, offsets.
uint32_t Uint32Argument(const Napi::CallbackInfo& info, size_t index, const char* usage);

// A string for the kernel: without a NUL, at which it would end there.
std::string TextArgument(const Napi::CallbackInfo& info, size_t index, const char* usage);

// An address in another process: a bigint from 0 to 2^64 - 1.
uint64_t AddressArgument(const Napi::CallbackInfo& info, size_t index, const char* usage);

bool BooleanArgument(const Napi::CallbackInfo& info, size_t index, const char* usage);
Napi::Function FunctionArgument(const Napi::CallbackInfo& info, size_t index, const char* usage);

}  // namespace v4l2cuse
