// Another process's memory and descriptors. The caller names a process that is
// blocked in a call to us; the kernel applies its ptrace rules to each of these.
#pragma once

#include <napi.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "unique-fd.h"

namespace v4l2cuse {

// A pidfd, by any of its threads; invalid with errno.
UniqueFd OpenProcess(pid_t pid);
// Reads or writes all of another process's memory at `address`: 0, or an errno.
int CopyProcessMemory(pid_t pid, uint64_t address, uint8_t* bytes, size_t size, bool reads);

// processRead(pid, address, into, uid): all of `into`, or it throws
void ProcessRead(const Napi::CallbackInfo& info);
// processWrite(pid, address, from, uid): all of `from`, or it throws
void ProcessWrite(const Napi::CallbackInfo& info);
// takeFd(pid, fd, isSocket): OwnedFd, a duplicate of that process's descriptor
Napi::Value TakeFd(const Napi::CallbackInfo& info);
// sameFile(pidA, fdA, pidB, fdB): boolean
Napi::Value SameFile(const Napi::CallbackInfo& info);

}  // namespace v4l2cuse
