// One open /dev/cuse or /dev/fuse descriptor. Moves whole messages; knows no FUSE or V4L2.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cstdint>

#include "drain-budget.h"
#include "unique-fd.h"

namespace v4l2cuse {

class Channel : public Napi::ObjectWrap<Channel> {
 public:
  static Napi::Function Define(Napi::Env env);

  // new Channel(source: string | number, buffer: Uint8Array,
  //             onMessage: (length: number) => void, onClose: (error?: Error) => void)
  // `source` is a path to open, or a descriptor to duplicate. Each message is
  // received into `buffer` before onMessage(length).
  explicit Channel(const Napi::CallbackInfo& info);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

 private:
  // The libuv handle outlives the call that closes it, so it has an owner of its
  // own: the event loop, until OnHandleClosed.
  struct Watcher;

  // channel.write(message: Uint8Array, payload?: Uint8Array): number of bytes written
  Napi::Value Write(const Napi::CallbackInfo& info);
  void CloseFromScript(const Napi::CallbackInfo& info);
  void KeepLoopAlive(const Napi::CallbackInfo& info);
  void LetLoopEnd(const Napi::CallbackInfo& info);
  Napi::Value Fd(const Napi::CallbackInfo& info);
  // channel.counters(): { wakeups, reads, messages }
  Napi::Value Counters(const Napi::CallbackInfo& info);

  static void OnReadable(uv_poll_t* poll, int status, int events);
  static void OnEnvironmentExit(napi_async_cleanup_hook_handle hook, void* watcher);
  static void OnHandleClosed(uv_handle_t* handle);

  enum class ReadOutcome { kMessage, kEmpty, kStop };
  // `hungUp`: the kernel reported an error condition, so an empty read is final too.
  ReadOutcome ReadOne(bool hungUp);
  void Drain(bool hungUp);
  // Runs `function(argument)` as the top of a JavaScript stack. False: do not call again now.
  bool CallScript(napi_value function, napi_value argument);
  void Fail(int error);
  void Close();

  UniqueFd fd_;
  Watcher* watcher_ = nullptr;
  Napi::Reference<Napi::Uint8Array> buffer_;
  Napi::FunctionReference onMessage_;
  Napi::FunctionReference onClose_;
  DrainBudget budget_;
  uint64_t wakeups_ = 0;
  uint64_t reads_ = 0;
  uint64_t messages_ = 0;
};

}  // namespace v4l2cuse
