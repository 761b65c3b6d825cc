// A mount namespace of our own, and what is mounted in it.
#pragma once

#include <napi.h>

namespace v4l2cuse {

// unshareMounts(): the calling thread, and processes it starts, get a copy of the mount namespace
void UnshareMounts(const Napi::CallbackInfo& info);
// mount(source, target, type, flags, options): mount(2)
void Mount(const Napi::CallbackInfo& info);
// unmount(target, flags): umount2(2)
void Unmount(const Napi::CallbackInfo& info);
// dropAmbientCapabilities(): programs that this thread starts get none of ours
void DropAmbientCapabilities(const Napi::CallbackInfo& info);

}  // namespace v4l2cuse
