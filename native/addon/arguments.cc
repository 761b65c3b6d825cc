#include "arguments.h"

#include <climits>
#include <cmath>
#include <string>

namespace v4l2cuse {
namespace {

[[noreturn]] void Reject(const Napi::CallbackInfo& info, size_t index, const char* usage, const char* expected) {
  throw Napi::TypeError::New(info.Env(),
                             std::string(usage) + ": argument " + std::to_string(index + 1) + " must be " + expected);
}

double IntegerArgument(const Napi::CallbackInfo& info, size_t index, const char* usage, double least, double most,
                       const char* expected) {
  double value = 0;
  if (napi_get_value_double(info.Env(), info[index], &value) != napi_ok || !(value >= least && value <= most) ||
      std::trunc(value) != value) {
    Reject(info, index, usage, expected);
  }
  return value;
}

}  // namespace

ByteSpan BytesArgument(const Napi::CallbackInfo& info, size_t index, const char* usage) {
  ByteSpan span;
  napi_typedarray_type type = napi_int8_array;
  void* data = nullptr;
  const napi_status status =
      napi_get_typedarray_info(info.Env(), info[index], &type, &span.size, &data, nullptr, nullptr);
  if (status != napi_ok || type != napi_uint8_array) Reject(info, index, usage, "a Uint8Array");
  // SAFETY: uint8_array was checked above, so the elements are bytes.
  span.data = static_cast<uint8_t*>(data);
  return span;
}

int FdArgument(const Napi::CallbackInfo& info, size_t index, const char* usage) {
  return static_cast<int>(IntegerArgument(info, index, usage, 0, INT_MAX, "a file descriptor"));
}

pid_t PidArgument(const Napi::CallbackInfo& info, size_t index, const char* usage) {
  return static_cast<pid_t>(IntegerArgument(info, index, usage, 1, INT_MAX, "a process or thread id"));
}

size_t SizeArgument(const Napi::CallbackInfo& info, size_t index, const char* usage) {
  return static_cast<size_t>(IntegerArgument(info, index, usage, 1, UINT32_MAX, "a size from 1 to 2**32 - 1"));
}

uint32_t Uint32Argument(const Napi::CallbackInfo& info, size_t index, const char* usage) {
  return static_cast<uint32_t>(IntegerArgument(info, index, usage, 0, UINT32_MAX, "a number from 0 to 2**32 - 1"));
}

std::string TextArgument(const Napi::CallbackInfo& info, size_t index, const char* usage) {
  if (!info[index].IsString()) Reject(info, index, usage, "a string");
  std::string text = info[index].As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) Reject(info, index, usage, "a string without NUL");
  return text;
}

uint64_t AddressArgument(const Napi::CallbackInfo& info, size_t index, const char* usage) {
  uint64_t address = 0;
  bool lossless = false;
  if (napi_get_value_bigint_uint64(info.Env(), info[index], &address, &lossless) != napi_ok || !lossless) {
    Reject(info, index, usage, "an address (bigint from 0 to 2**64 - 1)");
  }
  return address;
}

bool BooleanArgument(const Napi::CallbackInfo& info, size_t index, const char* usage) {
  if (!info[index].IsBoolean()) Reject(info, index, usage, "a boolean");
  return info[index].As<Napi::Boolean>().Value();
}

Napi::Function FunctionArgument(const Napi::CallbackInfo& info, size_t index, const char* usage) {
  if (!info[index].IsFunction()) Reject(info, index, usage, "a function");
  return info[index].As<Napi::Function>();
}

}  // namespace v4l2cuse
