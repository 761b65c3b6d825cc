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
#include <string_view>

#include "addon-data.h"
#include "arguments.h"
#include "error.h"

namespace v4l2cuse {
namespace {

// DMA_BUF_MAGIC of linux/magic.h ("DMAB"), which some distributions' headers lack.
constexpr auto kDmabufMagic = 0x444d4142;

// By its name in /proc, which the kernel gives without asking a file system.
bool IsCalledDmabuf(int fd) {
  std::array<char, 64> link{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  std::array<char, 16> target{};
  if (::readlink(link.data(), target.data(), target.size() - 1) < 0) return false;
  const std::string_view name(target.data());
  return name.substr(0, 8) == "/dmabuf:" || name.substr(0, 10) == "anon_inode";
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
    facts.seals = seals;
  } else if (errno != EINVAL) {
    facts.error = errno;
    return facts;
  } else {
    // stat() and statfs() ask the file system. That can be one whose server lets
    // us wait, or, for ever, one that this very thread serves: a client may pass
    // us anything. So only what calls itself a dma-buf is asked whether it is one.
    struct statfs system {};
    facts.isDmabuf = IsCalledDmabuf(fd) && ::fstatfs(fd, &system) == 0 && system.f_type == kDmabufMagic;
    if (!facts.isDmabuf) {
      facts.error = EINVAL;
      return facts;
    }
  }
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

void SendFd(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "sendFd(socketFd, fd)";
  const Napi::Env env = info.Env();
  const int socket = FdArgument(info, 0, kUsage);
  const int fd = FdArgument(info, 1, kUsage);

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
    // A client chose this socket: it must neither block us nor signal us.
    sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) throw SystemError(env, "sendmsg", errno);
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
  static constexpr const char* kUsage = "createDmabuf(memfd, sizeBytes)";
  const Napi::Env env = info.Env();
  const int memfd = FdArgument(info, 0, kUsage);
  const size_t sizeBytes = SizeArgument(info, 1, kUsage);

  const UniqueFd device(::open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
  if (!device.valid()) {
    // No such node, or a node whose module is absent.
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO) return env.Undefined();
    throw SystemError(env, "open", errno, "/dev/udmabuf");
  }
  udmabuf_create request{};
  request.memfd = static_cast<uint32_t>(memfd);
  request.flags = UDMABUF_FLAGS_CLOEXEC;
  request.size = sizeBytes;
  UniqueFd dmabuf(::ioctl(device.get(), UDMABUF_CREATE, &request));
  if (!dmabuf.valid()) throw SystemError(env, "ioctl(UDMABUF_CREATE)", errno);
  return OwnedFd::Wrap(env, std::move(dmabuf));
}

}  // namespace v4l2cuse
