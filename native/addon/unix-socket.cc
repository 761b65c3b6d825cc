#include "unix-socket.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstddef>
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

void SendDatagram(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "sendDatagram(path, message)";
  const Napi::Env env = info.Env();
  const std::string path = TextArgument(info, 0, kUsage);
  // SAFETY: rooted by this call, and no JavaScript runs before sendto(2) returns.
  const ByteSpan bytes = BytesArgument(info, 1, kUsage);

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) throw SystemError(env, "sendto", EINVAL, path);
  std::memcpy(address.sun_path, path.data(), path.size());
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  if (path[0] == '@') {
    // A name without a file: systemd writes the NUL before it so.
    address.sun_path[0] = 0;
  } else {
    length += 1;
  }
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) throw SystemError(env, "socket", errno);
  ssize_t sent = 0;
  do {
    // SAFETY: every address begins with its family; the call reads no more than `length`.
    const auto* to = reinterpret_cast<const sockaddr*>(&address);
    sent = ::sendto(socket.get(), bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL, to, length);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) throw SystemError(env, "sendto", errno, path);
}

}  // namespace v4l2cuse
