#include "channel.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "arguments.h"
#include "error.h"

namespace v4l2cuse {

struct Channel::Watcher {
  uv_poll_t poll{};
  Channel* channel = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
};

namespace {

constexpr const char* kUsage = "new Channel(source, buffer, onMessage, onClose)";

UniqueFd Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info[0].IsString()) {
    const std::string path = info[0].As<Napi::String>().Utf8Value();
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid()) throw SystemError(env, "open", errno, path);
    return fd;
  }
  UniqueFd fd(::fcntl(FdArgument(info, 0, kUsage), F_DUPFD_CLOEXEC, 0));
  if (!fd.valid()) throw SystemError(env, "fcntl", errno);
  return fd;
}

}  // namespace

Napi::Function Channel::Define(Napi::Env env) {
  return DefineClass(env, "Channel",
                     {
                         InstanceMethod<&Channel::Write>("write"),
                         InstanceMethod<&Channel::CloseFromScript>("close"),
                         InstanceMethod<&Channel::KeepLoopAlive>("ref"),
                         InstanceMethod<&Channel::LetLoopEnd>("unref"),
                         InstanceMethod<&Channel::Counters>("counters"),
                         InstanceAccessor<&Channel::Fd>("fd"),
                     });
}

Channel::Channel(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Channel>(info), fd_(Open(info)) {
  const Napi::Env env = info.Env();
  if (BytesArgument(info, 1, kUsage).size == 0) throw Napi::TypeError::New(env, "Channel: the buffer is empty");
  buffer_ = Napi::Persistent(info[1].As<Napi::Uint8Array>());
  onMessage_ = Napi::Persistent(FunctionArgument(info, 2, kUsage));
  onClose_ = Napi::Persistent(FunctionArgument(info, 3, kUsage));

  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) throw Napi::Error::New(env, "Channel: no event loop");

  auto watcher = std::make_unique<Watcher>();
  watcher->channel = this;
  watcher->poll.data = watcher.get();
  // Also makes a duplicated descriptor non-blocking.
  const int status = uv_poll_init(loop, &watcher->poll, fd_.get());
  if (status < 0) throw SystemError(env, "epoll_ctl", -status);

  // The loop owns the watcher from here on; nothing below throws.
  watcher_ = watcher.release();
  uv_poll_start(&watcher_->poll, UV_READABLE, OnReadable);
  napi_add_async_cleanup_hook(env, OnEnvironmentExit, watcher_, &watcher_->hook);
  Ref();  // An open channel is in use though no script holds it. Undone by OnHandleClosed.
}

Napi::Value Channel::Write(const Napi::CallbackInfo& info) {
  static constexpr const char* kWriteUsage = "write(message, payload?)";
  const Napi::Env env = info.Env();

  // SAFETY: both arrays are rooted by this call and no JavaScript runs before
  // writev(2) returns, so their memory can be neither freed nor detached.
  std::array<iovec, 2> parts{};
  int count = 1;
  const ByteSpan message = BytesArgument(info, 0, kWriteUsage);
  parts[0] = {message.data, message.size};
  if (info.Length() > 1 && !info[1].IsUndefined()) {
    const ByteSpan payload = BytesArgument(info, 1, kWriteUsage);
    parts[1] = {payload.data, payload.size};
    count = 2;
  }

  if (!fd_.valid()) throw SystemError(env, "write", EBADF);
  ssize_t written = 0;
  do {
    written = ::writev(fd_.get(), parts.data(), count);
  } while (written < 0 && errno == EINTR);
  if (written < 0) throw SystemError(env, "write", errno);
  return Napi::Number::New(env, static_cast<double>(written));
}

void Channel::CloseFromScript(const Napi::CallbackInfo& /*info*/) { Close(); }

void Channel::KeepLoopAlive(const Napi::CallbackInfo& /*info*/) {
  // SAFETY: libuv's documented cast; uv_poll_t starts with the members of uv_handle_t.
  if (watcher_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(&watcher_->poll));
}

void Channel::LetLoopEnd(const Napi::CallbackInfo& /*info*/) {
  // SAFETY: as above.
  if (watcher_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(&watcher_->poll));
}

Napi::Value Channel::Fd(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), fd_.get()); }

Napi::Value Channel::Counters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object counters = Napi::Object::New(env);
  counters.Set("wakeups", static_cast<double>(wakeups_));
  counters.Set("reads", static_cast<double>(reads_));
  counters.Set("messages", static_cast<double>(messages_));
  return counters;
}

void Channel::OnReadable(uv_poll_t* poll, int status, int /*events*/) {
  // SAFETY: `data` was set to the watcher in the constructor. The loop calls
  // back only between start and close, and until the close callback the
  // channel is referenced, so it is alive for the whole drain even if a handler closes it.
  Channel* channel = static_cast<Watcher*>(poll->data)->channel;
  try {
    channel->Drain(status < 0);
  } catch (const Napi::Error&) {
    // Only an environment that is being torn down refuses us values, and no C++
    // exception may cross libuv.
    channel->Close();
  }
}

void Channel::Drain(bool hungUp) {
  ++wakeups_;
  budget_.Begin();
  bool ranDry = false;
  while (fd_.valid() && budget_.More()) {
    const ReadOutcome outcome = ReadOne(hungUp);
    if (outcome == ReadOutcome::kEmpty) {
      ranDry = true;
      break;
    }
    budget_.Took();
    if (outcome == ReadOutcome::kStop) break;
  }
  budget_.End(ranDry);

  if (hungUp && fd_.valid()) {
    // libuv stopped the poll when it reported the error. Messages that still
    // wait are taken in the next rounds; the read that fails ends the channel.
    uv_poll_start(&watcher_->poll, UV_READABLE, OnReadable);
  }
}

Channel::ReadOutcome Channel::ReadOne(bool hungUp) {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);

  // Asked anew each time: a script may have detached the buffer since.
  const napi_value buffer = buffer_.Value();
  void* data = nullptr;
  size_t size = 0;
  if (napi_get_typedarray_info(env, buffer, nullptr, &size, &data, nullptr, nullptr) != napi_ok || size == 0) {
    Fail(EFAULT);
    return ReadOutcome::kStop;
  }

  // SAFETY: `buffer` is rooted by the scope and no JavaScript runs before read(2) returns.
  ssize_t length = 0;
  do {
    ++reads_;
    length = ::read(fd_.get(), data, size);
    // ENOENT: the request was aborted between its arrival and this read; take the next one.
  } while (length < 0 && (errno == EINTR || errno == ENOENT));

  if (length < 0) {
    if ((errno == EAGAIN || errno == EWOULDBLOCK) && !hungUp) return ReadOutcome::kEmpty;
    Fail(errno);
    return ReadOutcome::kStop;
  }
  if (length == 0) {
    Fail(0);
    return ReadOutcome::kStop;
  }

  ++messages_;
  napi_value argument = nullptr;
  // `size` came from a typed array that V8 could index, and messages are far below 4 GiB.
  if (napi_create_uint32(env, static_cast<uint32_t>(length), &argument) != napi_ok) return ReadOutcome::kStop;
  return CallScript(onMessage_.Value(), argument) ? ReadOutcome::kMessage : ReadOutcome::kStop;
}

bool Channel::CallScript(napi_value function, napi_value argument) {
  const napi_env env = Env();
  // The receiver is of no interest to the handlers, but N-API wants an object.
  // make_callback rather than call_function: it runs the promise jobs and
  // nextTick callbacks that the handler left, so replies do not wait for the drain's end.
  const napi_status status = napi_make_callback(env, nullptr, Value(), function, 1, &argument, nullptr);
  if (status == napi_ok) return true;

  if (status == napi_pending_exception) {
    napi_value exception = nullptr;
    if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) {
      // Goes to 'uncaughtException', and ends the process when nobody listens there.
      napi_fatal_exception(env, exception);
    }
  }
  return false;  // Threw, or the environment is being torn down.
}

// `error` 0: end of file.
void Channel::Fail(int error) {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);
  const napi_value handler = onClose_.Value();
  const napi_value argument = error == 0 ? env.Undefined() : SystemError(env, "read", error).Value();
  Close();
  CallScript(handler, argument);
}

void Channel::Close() {
  if (watcher_ == nullptr) return;
  // The poll goes first: libuv must not watch a number that the next open() may get.
  uv_poll_stop(&watcher_->poll);
  // SAFETY: libuv's documented cast; uv_poll_t starts with the members of uv_handle_t.
  uv_close(reinterpret_cast<uv_handle_t*>(&watcher_->poll), OnHandleClosed);
  watcher_ = nullptr;
  fd_.reset();
}

void Channel::OnEnvironmentExit(napi_async_cleanup_hook_handle /*hook*/, void* watcher) {
  // SAFETY: the hook is removed together with its watcher, in OnHandleClosed.
  // Closing twice is harmless; when the script closed before, OnHandleClosed is on its way.
  static_cast<Watcher*>(watcher)->channel->Close();
}

void Channel::OnHandleClosed(uv_handle_t* handle) {
  // SAFETY: `data` was set in the constructor, and libuv calls back once.
  const std::unique_ptr<Watcher> watcher(static_cast<Watcher*>(handle->data));
  Channel* channel = watcher->channel;
  const napi_env env = channel->Env();
  const Napi::HandleScope scope(env);
  channel->onMessage_.Reset();
  channel->onClose_.Reset();
  channel->buffer_.Reset();
  channel->Unref();
  // Last: at exit, node may tear the environment down as soon as its hooks are gone.
  napi_remove_async_cleanup_hook(watcher->hook);
}

}  // namespace v4l2cuse
