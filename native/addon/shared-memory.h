// Memory behind a descriptor (memfd or dma-buf), mapped once and seen by JavaScript as bytes.
#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>

#include "unique-fd.h"

namespace v4l2cuse {

class SharedMemory : public Napi::ObjectWrap<SharedMemory> {
 public:
  static Napi::Function Define(Napi::Env env);

  // new SharedMemory(name: string, sizeBytes: number): a new memfd
  // new SharedMemory(fd: number, sizeBytes: number, writable: boolean, offset: number): maps a duplicate of `fd`
  explicit SharedMemory(const Napi::CallbackInfo& info);
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

 private:
  // A mapping that is undone once, by close() or by the last owner's end.
  class Mapping;

  // sharedMemory.takeBytes(): Uint8Array. Throws the second time: one mapping is wrapped once.
  Napi::Value TakeBytes(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  Napi::Value Fd(const Napi::CallbackInfo& info);

  UniqueFd fd_;
  // Shared with the ArrayBuffer's finalizer: bytes that outlive this object stay valid.
  std::shared_ptr<Mapping> mapping_;
  Napi::Reference<Napi::ArrayBuffer> buffer_;  // Weak: only to detach it.
};

// createMemfd(name: string, sizeBytes: number): OwnedFd
Napi::Value CreateMemfd(const Napi::CallbackInfo& info);
// punchHole(fd, offset, sizeBytes): the pages go back to the system
void PunchHole(const Napi::CallbackInfo& info);
// isHeldElsewhere(fd): boolean, are there other open files of this one's inode, or mappings through such?
Napi::Value IsHeldElsewhere(const Napi::CallbackInfo& info);

}  // namespace v4l2cuse
