#include "tracer-socket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "arguments.h"
#include "descriptor.h"
#include "error.h"
#include "unique-fd.h"

namespace v4l2cuse {
namespace {

constexpr uint32_t kMostDescriptors = 8;

std::vector<int> FdsArgument(const Napi::CallbackInfo& info, size_t index, const char* usage) {
  if (!info[index].IsArray()) throw Napi::TypeError::New(info.Env(), std::string(usage) + ": fds must be an array");
  const auto array = info[index].As<Napi::Array>();
  if (array.Length() > kMostDescriptors) {
    throw Napi::RangeError::New(info.Env(), std::string(usage) + ": too many descriptors");
  }
  std::vector<int> fds;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value element = array[i];
    const double number = element.IsNumber() ? element.As<Napi::Number>().DoubleValue() : -1;
    if (!(number >= 0 && number <= INT_MAX) || std::trunc(number) != number) {
      throw Napi::TypeError::New(info.Env(), std::string(usage) + ": fds must be descriptors");
    }
    fds.push_back(static_cast<int>(number));
  }
  return fds;
}

}  // namespace

Napi::Value SocketPair(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0) {
    throw SystemError(env, "socketpair", errno);
  }
  UniqueFd first(ends[0]);
  UniqueFd second(ends[1]);
  Napi::Array pair = Napi::Array::New(env, ends.size());
  pair.Set(0U, OwnedFd::Wrap(env, std::move(first)));
  pair.Set(1U, OwnedFd::Wrap(env, std::move(second)));
  return pair;
}

void SendMessage(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "sendMessage(socketFd, message, fds)";
  const Napi::Env env = info.Env();
  const int socket = FdArgument(info, 0, kUsage);
  const std::vector<int> fds = FdsArgument(info, 2, kUsage);
  // SAFETY: rooted by this call, and no JavaScript runs before sendmsg(2) returns.
  const ByteSpan bytes = BytesArgument(info, 1, kUsage);

  iovec data{bytes.data, bytes.size};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    const size_t size = fds.size() * sizeof(int);
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), fds.data(), size);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) throw SystemError(env, "sendmsg", errno);
}

}  // namespace v4l2cuse
