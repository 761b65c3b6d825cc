// Unix sockets: pairs to programs that we start, messages that carry descriptors, and a word to who started us.
#pragma once

#include <napi.h>

namespace v4l2cuse {

// socketPair(): [OwnedFd, OwnedFd], connected, keeping message boundaries
Napi::Value SocketPair(const Napi::CallbackInfo& info);
// sendMessage(socketFd, message: Uint8Array, fds: number[]): SCM_RIGHTS; never waits
void SendMessage(const Napi::CallbackInfo& info);
// sendDatagram(path, message: Uint8Array): to a socket with a name, `@` for those without a file; never waits
void SendDatagram(const Napi::CallbackInfo& info);

}  // namespace v4l2cuse
