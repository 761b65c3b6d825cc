// One open /dev/cuse or /dev/fuse descriptor. Moves whole messages; knows no FUSE or V4L2.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "drain-budget.h"
#include "unique-fd.h"

namespace v4l2cuse {

class Channel : public Napi::ObjectWrap<Channel> {
 public:
  static Napi::Function Define(Napi::Env env);

  // new Channel(source: string | number, bufferBytes: number,
  //             onMessage: (length: number) => void, onClose: (error?: Error) => void)
  // `source` is a path to open, or a descriptor to duplicate. Each message is
  // received into the buffer before onMessage(length).
  explicit Channel(const Napi::CallbackInfo& info);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() override;

 private:
  // The libuv handle outlives the call that closes it, so it has an owner of its
  // own: the event loop, until OnHandleClosed.
  struct Watcher;
  // What `exchange` knows the channel by; the function may outlive it.
  struct Link {
    Channel* channel;
  };

  // channel.takeBuffer(): Uint8Array, the receive buffer. Throws the second time: memory is wrapped once.
  Napi::Value TakeBuffer(const Napi::CallbackInfo& info);
  // channel.write(message: Uint8Array, payload?: Uint8Array): number of bytes written
  Napi::Value Write(const Napi::CallbackInfo& info);
  // channel.exchange(answer: Uint8Array): writes it, and receives the next message; its length, or 0 when
  // onMessage has to return first. Only within onMessage.
  static napi_value Exchange(napi_env env, napi_callback_info info);
  void DefineExchange(Napi::Object self);
  static void DropLink(napi_env env, void* link, void* hint);
  void CloseFromScript(const Napi::CallbackInfo& info);
  void KeepLoopAlive(const Napi::CallbackInfo& info);
  void LetLoopEnd(const Napi::CallbackInfo& info);
  Napi::Value Fd(const Napi::CallbackInfo& info);
  // channel.counters(): { wakeups, reads, messages }
  Napi::Value Counters(const Napi::CallbackInfo& info);

  static void OnReadable(uv_poll_t* poll, int status, int events);
  static void OnEnvironmentExit(napi_async_cleanup_hook_handle hook, void* watcher);
  static void OnHandleClosed(uv_handle_t* handle);

  // Receives a message. 0: none, see `outcome_`.
  uint32_t Receive();
  // The same within onMessage. 0 also: it has to return first.
  uint32_t ReceiveNext();
  // 0, or an errno.
  int Send(const void* bytes, size_t size) const;
  // Calls onMessage. False: do not call again now.
  bool Serve(uint32_t length);
  void Drain(bool hungUp);
  // Runs `function(argument)` as the top of a JavaScript stack. False: do not call again now.
  bool CallScript(napi_value function, napi_value argument);
  void Fail(int error);
  void Close();

  // How the last read went.
  enum class Outcome { kMessage, kEmpty, kFailed };

  UniqueFd fd_;
  Watcher* watcher_ = nullptr;
  // Shared with the ArrayBuffer's finalizer: whoever is last frees it.
  std::shared_ptr<uint8_t> buffer_;
  size_t bufferBytes_ = 0;
  bool isBufferTaken_ = false;
  Napi::FunctionReference onMessage_;
  Napi::FunctionReference onClose_;
  DrainBudget budget_;
  Outcome outcome_ = Outcome::kEmpty;
  // Of kFailed: errno, or 0 for the end of the file.
  int error_ = 0;
  // onMessage may receive more before it returns.
  bool mayExchange_ = false;
  std::shared_ptr<Link> link_ = std::make_shared<Link>(Link{this});
  uint64_t wakeups_ = 0;
  uint64_t reads_ = 0;
  uint64_t messages_ = 0;
};

}  // namespace v4l2cuse
