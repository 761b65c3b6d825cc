// Another process's memory and descriptors. The caller names a process that is
// blocked in a call to us; the kernel applies its ptrace rules to each of these.
#pragma once

#include <napi.h>

namespace v4l2cuse {

// processRead(pid, address, into): all of `into`, or it throws
void ProcessRead(const Napi::CallbackInfo& info);
// processWrite(pid, address, from): all of `from`, or it throws
void ProcessWrite(const Napi::CallbackInfo& info);
// takeFd(pid, fd): OwnedFd, a duplicate of that process's descriptor
Napi::Value TakeFd(const Napi::CallbackInfo& info);
// sameFile(pidA, fdA, pidB, fdB): boolean
Napi::Value SameFile(const Napi::CallbackInfo& info);

}  // namespace v4l2cuse
