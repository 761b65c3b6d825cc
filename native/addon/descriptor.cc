#include "descriptor.h"

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "addon-data.h"
#include "arguments.h"
#include "error.h"

namespace v4l2cuse {
namespace {

// TMPFS_MAGIC of linux/magic.h. Not hugetlbfs: it maps whole huge pages only, and
// a page that its owner punches out may be missing when we touch it (SIGBUS).
constexpr auto kShmemMagic = 0x01021994;

// By what only dma-bufs say of themselves in /proc, which the kernel tells without
// asking a file system. A name is not enough: whoever mounts a file system of his
// own and makes it his root can have a file called /dmabuf:anything.
bool IsDmabuf(int fd) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/thread-self/fd/%d", fd);
  std::array<char, 16> target{};
  if (::readlink(path.data(), target.data(), target.size() - 1) < 0) return false;
  if (std::string_view(target.data()).substr(0, 8) != "/dmabuf:") return false;

  std::snprintf(path.data(), path.size(), "/proc/thread-self/fdinfo/%d", fd);
  const std::unique_ptr<FILE, int (*)(FILE*)> facts(std::fopen(path.data(), "re"), std::fclose);
  std::array<char, 256> line{};
  while (facts && std::fgets(line.data(), static_cast<int>(line.size()), facts.get()) != nullptr) {
    if (std::string_view(line.data()).substr(0, 9) == "exp_name:") return true;
  }
  return false;
}

}  // namespace

Napi::Function OwnedFd::Define(Napi::Env env) {
  return DefineClass(env, "OwnedFd",
                     {
                         InstanceMethod<&OwnedFd::Close>("close"),
                         InstanceAccessor<&OwnedFd::Fd>("fd"),
                     });
}

Napi::Object OwnedFd::Wrap(Napi::Env env, UniqueFd fd) {
  const auto* data = env.GetInstanceData<AddonData>();
  const Napi::Object wrapped = data->ownedFd.New({});
  OwnedFd::Unwrap(wrapped)->fd_ = std::move(fd);
  return wrapped;
}

OwnedFd::OwnedFd(const Napi::CallbackInfo& info) : Napi::ObjectWrap<OwnedFd>(info) {}

Napi::Value OwnedFd::Fd(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), fd_.get()); }

void OwnedFd::Close(const Napi::CallbackInfo& /*info*/) { fd_.reset(); }

DescriptorFacts Inspect(int fd) {
  DescriptorFacts facts;
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals >= 0) {
    // Memory, whose file system is the kernel's own.
    struct statfs system {};
    if (::fstatfs(fd, &system) < 0) facts.error = errno;
    if (facts.error == 0 && system.f_type != kShmemMagic) facts.error = EINVAL;
    facts.seals = seals;
  } else if (errno != EINVAL) {
    facts.error = errno;
  } else {
    // stat() and statfs() ask the file system. That can be one whose server lets
    // us wait, or, for ever, one that this very thread serves: a client may pass
    // us anything. A dma-buf's is the kernel's.
    facts.isDmabuf = IsDmabuf(fd);
    if (!facts.isDmabuf) facts.error = EINVAL;
  }
  if (facts.error != 0) return facts;
  struct stat status {};
  if (::fstat(fd, &status) < 0) facts.error = errno;
  facts.sizeBytes = static_cast<uint64_t>(status.st_size);
  return facts;
}

Napi::Value InspectFd(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const DescriptorFacts facts = Inspect(FdArgument(info, 0, "inspectFd(fd)"));
  if (facts.error != 0) throw SystemError(env, "inspect", facts.error);
  Napi::Object result = Napi::Object::New(env);
  result.Set("sizeBytes", static_cast<double>(facts.sizeBytes));
  result.Set("seals", facts.seals);
  result.Set("isDmabuf", facts.isDmabuf);
  return result;
}

int SendFile(int socket, int fd, int flags) {
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
  std::memcpy(CMSG_DATA(header), &fd, sizeof(int));

  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &message, flags | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

UniqueFd ReceiveFile(int socket, int* error) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_LEN(sizeof(int));  // Room for one, without the padding.
  ssize_t received = 0;
  do {
    received = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  *error = received < 0 ? errno : 0;
  if (*error != 0) return {};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int))) {
    *error = ENODATA;
    return {};
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return UniqueFd(fd);
}

void SendFd(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "sendFd(socketFd, fd)";
  const int socket = FdArgument(info, 0, kUsage);
  // A client chose this socket: it must neither block us nor signal us.
  const int error = SendFile(socket, FdArgument(info, 1, kUsage), MSG_DONTWAIT);
  if (error != 0) throw SystemError(info.Env(), "sendmsg", error);
}

Napi::Value ReceiveFd(const Napi::CallbackInfo& info) {
  int error = 0;
  UniqueFd fd = ReceiveFile(FdArgument(info, 0, "receiveFd(socketFd)"), &error);
  if (error != 0) throw SystemError(info.Env(), "recvmsg", error);
  return OwnedFd::Wrap(info.Env(), std::move(fd));
}

Napi::Value SocketPeer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(FdArgument(info, 0, "socketPeer(socketFd)"), SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
    throw SystemError(env, "getsockopt(SO_PEERCRED)", errno);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("pid", peer.pid);
  result.Set("uid", static_cast<double>(peer.uid));
  result.Set("gid", static_cast<double>(peer.gid));
  return result;
}

Napi::Value CreateDmabuf(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "createDmabuf(memfd, sizeBytes, offset)";
  const Napi::Env env = info.Env();
  const int memfd = FdArgument(info, 0, kUsage);
  const size_t sizeBytes = SizeArgument(info, 1, kUsage);
  const uint32_t offset = Uint32Argument(info, 2, kUsage);

  const UniqueFd device(::open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
  if (!device.valid()) {
    // No such node, or a node whose module is absent.
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO) return env.Undefined();
    throw SystemError(env, "open", errno, "/dev/udmabuf");
  }
  udmabuf_create request{};
  request.memfd = static_cast<uint32_t>(memfd);
  request.flags = UDMABUF_FLAGS_CLOEXEC;
  request.offset = offset;
  request.size = sizeBytes;
  UniqueFd dmabuf(::ioctl(device.get(), UDMABUF_CREATE, &request));
  if (!dmabuf.valid()) throw SystemError(env, "ioctl(UDMABUF_CREATE)", errno);
  return OwnedFd::Wrap(env, std::move(dmabuf));
}

}  // namespace v4l2cuse
