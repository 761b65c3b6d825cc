#include "channel.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
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

constexpr const char* kUsage = "new Channel(source, bufferBytes, onMessage, onClose)";

// The kernel copies to and from a message page by page: whole pages make it one piece.
constexpr size_t kPageBytes = 4096;

std::shared_ptr<uint8_t> AllocatePages(size_t bytes) {
  const size_t whole = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  auto* memory = static_cast<uint8_t*>(std::aligned_alloc(kPageBytes, whole));
  if (memory == nullptr) return nullptr;
  std::memset(memory, 0, whole);
  return {memory, std::free};
}

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
                         InstanceMethod<&Channel::TakeBuffer>("takeBuffer"),
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
  bufferBytes_ = SizeArgument(info, 1, kUsage);
  buffer_ = AllocatePages(bufferBytes_);
  if (!buffer_) throw SystemError(env, "aligned_alloc", ENOMEM);
  onMessage_ = Napi::Persistent(FunctionArgument(info, 2, kUsage));
  onClose_ = Napi::Persistent(FunctionArgument(info, 3, kUsage));

  DefineExchange(info.This().As<Napi::Object>());

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

Channel::~Channel() { link_->channel = nullptr; }

Napi::Value Channel::TakeBuffer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (isBufferTaken_) throw Napi::Error::New(env, "takeBuffer(): taken before");
  isBufferTaken_ = true;
  // SAFETY: the memory stays until the finalizer and this object have both let go of it.
  auto owner = std::make_unique<std::shared_ptr<uint8_t>>(buffer_);
  const Napi::ArrayBuffer bytes = Napi::ArrayBuffer::New(
      env, buffer_.get(), bufferBytes_,
      [](Napi::Env /*env*/, void* /*data*/, std::shared_ptr<uint8_t>* last) { delete last; }, owner.get());
  static_cast<void>(owner.release());
  return Napi::Uint8Array::New(env, bufferBytes_, bytes, 0);
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

// Not a method: to find the object behind a method's receiver takes four times as long as all else here.
void Channel::DefineExchange(Napi::Object self) {
  const Napi::Env env = self.Env();
  auto link = std::make_unique<std::shared_ptr<Link>>(link_);
  napi_value function = nullptr;
  if (napi_create_function(env, "exchange", NAPI_AUTO_LENGTH, Exchange, link.get(), &function) != napi_ok ||
      napi_add_finalizer(env, function, link.get(), DropLink, nullptr, nullptr) != napi_ok) {
    throw Napi::Error::New(env);
  }
  static_cast<void>(link.release());  // Dropped by the finalizer.
  self.Set("exchange", Napi::Value(env, function));
}

void Channel::DropLink(napi_env /*env*/, void* link, void* /*hint*/) {
  // SAFETY: DefineExchange() gave it up to the finalizer, which runs once.
  delete static_cast<std::shared_ptr<Link>*>(link);
}

napi_value Channel::Exchange(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value answer = nullptr;
  void* data = nullptr;
  napi_typedarray_type type = napi_int8_array;
  void* bytes = nullptr;
  size_t size = 0;
  if (napi_get_cb_info(env, info, &count, &answer, nullptr, &data) != napi_ok ||
      napi_get_typedarray_info(env, answer, &type, &size, &bytes, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, nullptr, "exchange(answer): argument 1 must be a Uint8Array");
    return nullptr;
  }
  // SAFETY: the function that is being called keeps the link.
  Channel* channel = (*static_cast<std::shared_ptr<Link>*>(data))->channel;
  if (const int error = channel == nullptr ? EBADF : channel->Send(bytes, size); error != 0) {
    SystemError(env, "write", error).ThrowAsJavaScriptException();
    return nullptr;
  }
  napi_value length = nullptr;
  napi_create_uint32(env, channel->ReceiveNext(), &length);
  return length;
}

// SAFETY: no JavaScript runs before write(2) returns, so the bytes can be neither freed nor detached.
int Channel::Send(const void* bytes, size_t size) const {
  if (!fd_.valid()) return EBADF;
  ssize_t written = 0;
  do {
    written = ::write(fd_.get(), bytes, size);
  } while (written < 0 && errno == EINTR);
  return written < 0 ? errno : 0;
}

uint32_t Channel::ReceiveNext() { return mayExchange_ && budget_.More() ? Receive() : 0; }

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
  outcome_ = Outcome::kMessage;
  while (outcome_ == Outcome::kMessage && fd_.valid() && budget_.More()) {
    const uint32_t length = Receive();
    if (length == 0) break;
    // The handler may receive more, but not from a channel that is about to end.
    mayExchange_ = !hungUp;
    const bool served = Serve(length);
    mayExchange_ = false;
    if (!served) break;
  }
  budget_.End(outcome_ == Outcome::kEmpty);
  if (outcome_ == Outcome::kEmpty && hungUp) Fail(EAGAIN);
  if (outcome_ == Outcome::kFailed) Fail(error_);

  if (hungUp && fd_.valid()) {
    // libuv stopped the poll when it reported the error. Messages that still
    // wait are taken in the next rounds; the read that fails ends the channel.
    uv_poll_start(&watcher_->poll, UV_READABLE, OnReadable);
  }
}

uint32_t Channel::Receive() {
  // SAFETY: the memory is ours, whatever scripts do with their view of it.
  ssize_t length = 0;
  do {
    ++reads_;
    length = ::read(fd_.get(), buffer_.get(), bufferBytes_);
    // ENOENT: the request was aborted between its arrival and this read; take the next one.
  } while (length < 0 && (errno == EINTR || errno == ENOENT));

  if (length > 0) {
    ++messages_;
    budget_.Took();
    outcome_ = Outcome::kMessage;
    // Messages are far below 4 GiB.
    return static_cast<uint32_t>(length);
  }
  error_ = length == 0 ? 0 : errno;
  const bool isEmpty = length < 0 && (error_ == EAGAIN || error_ == EWOULDBLOCK);
  outcome_ = isEmpty ? Outcome::kEmpty : Outcome::kFailed;
  return 0;
}

bool Channel::Serve(uint32_t length) {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);
  napi_value argument = nullptr;
  return napi_create_uint32(env, length, &argument) == napi_ok && CallScript(onMessage_.Value(), argument);
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
  channel->Unref();
  // Last: at exit, node may tear the environment down as soon as its hooks are gone.
  napi_remove_async_cleanup_hook(watcher->hook);
}

}  // namespace v4l2cuse
