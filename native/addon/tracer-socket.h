// The sockets to the tracer process (native/tracer): pairs of them, and messages that carry descriptors.
#pragma once

#include <napi.h>

namespace v4l2cuse {

// socketPair(): [OwnedFd, OwnedFd], connected, keeping message boundaries
Napi::Value SocketPair(const Napi::CallbackInfo& info);
// sendMessage(socketFd, message: Uint8Array, fds: number[]): SCM_RIGHTS; never waits
void SendMessage(const Napi::CallbackInfo& info);

}  // namespace v4l2cuse
