#include "error.h"

#include <uv.h>

#include <array>
#include <string>

namespace v4l2cuse {

Napi::Error SystemError(Napi::Env env, const char* syscall, int error, std::string_view path) {
  // libuv numbers its errors as negated errno on Linux, and knows the names that node prints.
  std::array<char, 64> code{};
  std::array<char, 256> text{};
  uv_err_name_r(-error, code.data(), code.size());
  uv_strerror_r(-error, text.data(), text.size());

  std::string message = std::string(code.data()) + ": " + text.data() + ", " + syscall;
  if (!path.empty()) message.append(" '").append(path).append("'");

  Napi::Error result = Napi::Error::New(env, message);
  result.Set("code", code.data());
  result.Set("errno", static_cast<double>(error));
  result.Set("syscall", syscall);
  return result;
}

}  // namespace v4l2cuse
