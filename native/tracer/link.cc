#include "link.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace v4l2cuse::tracer {
namespace {

constexpr size_t kMostDescriptors = 3;

}  // namespace

bool SendMessage(int socket, const void* message, size_t size) {
  return ::send(socket, message, size, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(size);
}

int SendDescriptor(int socket, int fd) {
  // SCM_RIGHTS needs at least one byte of data to travel with.
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ? 0 : errno;
}

int UnreadBytes(int socket) {
  int bytes = 0;
  return ::ioctl(socket, SIOCOUTQ, &bytes) < 0 ? -1 : bytes;
}

Received ReceiveMessage(int socket, void* into, size_t room) {
  iovec data{into, room};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  Received received;
  do {
    received.size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (received.size < 0 && errno == EINTR);
  if (received.size <= 0) return {};
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      received.fds.emplace_back(fd);
    }
  }
  return received;
}

ssize_t ReceiveUntil(int socket, void* into, size_t room, Deadline deadline) {
  for (;;) {
    const timespec left = deadline.Left();
    pollfd watched{socket, POLLIN, 0};
    const int ready = ::ppoll(&watched, 1, &left, nullptr);
    if (ready < 0 && errno != EINTR) return 0;
    if (ready > 0) {
      const ssize_t size = ::recv(socket, into, room, MSG_DONTWAIT);
      if (size >= 0) return size;
      if (errno != EAGAIN && errno != EINTR) return 0;
    }
    if (deadline.Passed()) return -1;
  }
}

bool IsHungUp(int socket) {
  pollfd watched{socket, 0, 0};
  return ::poll(&watched, 1, 0) > 0;
}

}  // namespace v4l2cuse::tracer
