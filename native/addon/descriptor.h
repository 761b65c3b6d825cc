// Descriptors: one owned by JavaScript, facts about foreign ones, passing them on.
#pragma once

#include <napi.h>

#include <cstdint>

#include "unique-fd.h"

namespace v4l2cuse {

// A descriptor that JavaScript owns: closed by close() or with the object.
class OwnedFd : public Napi::ObjectWrap<OwnedFd> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Object Wrap(Napi::Env env, UniqueFd fd);

  // An empty owner; only Wrap makes full ones.
  explicit OwnedFd(const Napi::CallbackInfo& info);
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;

 private:
  Napi::Value Fd(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  UniqueFd fd_;
};

struct DescriptorFacts {
  int error = 0;           // EBADF; EINVAL: neither a memfd nor a dma-buf. The rest is empty then
  uint64_t sizeBytes = 0;  // of the file behind it
  int seals = 0;           // F_SEAL_*; 0 also for files that have no seals
  bool isDmabuf = false;
};

// Waits for nobody, whatever the descriptor is.
DescriptorFacts Inspect(int fd);

// Sends a duplicate of `fd` over a unix socket, with one byte of data; no SIGPIPE.
// `flags` of sendmsg(2). 0, or an errno.
int SendFile(int socket, int fd, int flags);
// Takes the one descriptor of a message from a unix socket. Never waits. Invalid,
// with `error`, when there is none: EAGAIN, or ENODATA for a message without.
UniqueFd ReceiveFile(int socket, int* error);

// inspectFd(fd): { sizeBytes, seals, isDmabuf }
Napi::Value InspectFd(const Napi::CallbackInfo& info);
// sendFd(socketFd, fd): SCM_RIGHTS with one byte
void SendFd(const Napi::CallbackInfo& info);
// receiveFd(socketFd): OwnedFd
Napi::Value ReceiveFd(const Napi::CallbackInfo& info);
// socketPeer(socketFd): { pid, uid, gid } of who made the other end of a unix socket
Napi::Value SocketPeer(const Napi::CallbackInfo& info);
// createDmabuf(memfd, sizeBytes, offset): OwnedFd | undefined
Napi::Value CreateDmabuf(const Napi::CallbackInfo& info);

}  // namespace v4l2cuse
