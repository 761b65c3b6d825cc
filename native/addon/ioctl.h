// ioctl(2) on a descriptor of ours, for asking device nodes about themselves.
#pragma once

#include <napi.h>

namespace v4l2cuse {

// ioctl(fd, command, argument, offset?, array?): number, the call's result
Napi::Value Ioctl(const Napi::CallbackInfo& info);

}  // namespace v4l2cuse
