// Errors of system calls as JavaScript sees them: `code`, `errno`, `syscall`.
#pragma once

#include <napi.h>

#include <string_view>

namespace v4l2cuse {

// `error` is a positive errno. Message: "ENOENT: no such file or directory, open '/dev/cuse'".
Napi::Error SystemError(Napi::Env env, const char* syscall, int error, std::string_view path = {});

}  // namespace v4l2cuse
