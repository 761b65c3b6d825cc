// What a FUSE server needs besides its channel: a mount that nobody sees, and who has what of it open.
#pragma once

#include <napi.h>

namespace v4l2cuse {

// mountFuse(channelFd): OwnedFd of the root of a detached mount
Napi::Value MountFuse(const Napi::CallbackInfo& info);
// readReady(fd, into): number, -1 when nothing is there to be read
Napi::Value ReadReady(const Napi::CallbackInfo& info);
// openFileFacts(pid, fd): { flags, mountId, ino } | undefined, from /proc/<pid>/fdinfo/<fd>
Napi::Value OpenFileFacts(const Napi::CallbackInfo& info);

}  // namespace v4l2cuse
