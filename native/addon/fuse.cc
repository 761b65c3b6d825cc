#include "fuse.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "arguments.h"
#include "descriptor.h"
#include "error.h"
#include "unique-fd.h"

// The same numbers on every architecture; older headers lack them.
#ifndef SYS_fsopen
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif

namespace v4l2cuse {
namespace {

void Configure(Napi::Env env, int context, unsigned int command, const char* key, const char* value) {
  if (::syscall(SYS_fsconfig, context, command, key, value, 0) < 0) {
    throw SystemError(env, "fsconfig", errno, key == nullptr ? "" : key);
  }
}

}  // namespace

Napi::Value MountFuse(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string channel = std::to_string(FdArgument(info, 0, "mountFuse(channelFd)"));

  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC)));
  if (!context.valid()) throw SystemError(env, "fsopen", errno, "fuse");
  const auto set = [&](const char* key, const std::string& value) {
    Configure(env, context.get(), FSCONFIG_SET_STRING, key, value.c_str());
  };
  set("source", "v4l2-cuse");
  set("subtype", "v4l2-cuse");
  set("fd", channel);
  set("rootmode", "40000");  // S_IFDIR, in octal
  set("user_id", std::to_string(::geteuid()));
  set("group_id", std::to_string(::getegid()));
  // Other users are given descriptors of its files, and may use those.
  Configure(env, context.get(), FSCONFIG_SET_FLAG, "allow_other", nullptr);
  // Asks the server nothing: INIT waits in the channel when this returns.
  Configure(env, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr);

  // Attached to no path: it ends when this descriptor and the last file on it are closed.
  UniqueFd mount(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC,
                                            MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)));
  if (!mount.valid()) throw SystemError(env, "fsmount", errno);
  return OwnedFd::Wrap(env, std::move(mount));
}

Napi::Value ReadReady(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "readReady(fd, into)";
  const Napi::Env env = info.Env();
  const int fd = FdArgument(info, 0, kUsage);
  // SAFETY: the array is rooted by this call and no JavaScript runs before read(2) returns.
  const ByteSpan into = BytesArgument(info, 1, kUsage);
  ssize_t length = 0;
  do {
    length = ::read(fd, into.data, into.size);
  } while (length < 0 && errno == EINTR);
  if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Napi::Number::New(env, -1);
  if (length < 0) throw SystemError(env, "read", errno);
  return Napi::Number::New(env, static_cast<double>(length));
}

Napi::Value OpenFileFacts(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "openFileFacts(pid, fd)";
  const Napi::Env env = info.Env();
  const pid_t pid = PidArgument(info, 0, kUsage);
  const int number = FdArgument(info, 1, kUsage);

  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/fdinfo/%d", static_cast<int>(pid), number);
  const UniqueFd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    // No such process or descriptor.
    if (errno == ENOENT || errno == ESRCH) return env.Undefined();
    throw SystemError(env, "open", errno, path.data());
  }
  // The lines that every file has come first.
  std::array<char, 256> text{};
  const ssize_t length = ::read(file.get(), text.data(), text.size() - 1);
  if (length < 0 && (errno == ENOENT || errno == ESRCH)) return env.Undefined();
  if (length < 0) throw SystemError(env, "read", errno, path.data());
  unsigned int flags = 0;
  int mountId = 0;
  uint64_t inode = 0;
  const int found = std::sscanf(text.data(), "pos: %*d flags: %o mnt_id: %d ino: %" SCNu64, &flags, &mountId, &inode);
  // Linux before 5.14 does not tell the inode.
  if (found != 3) throw SystemError(env, "read", ENOSYS, path.data());

  Napi::Object facts = Napi::Object::New(env);
  facts.Set("flags", flags);
  facts.Set("mountId", mountId);
  facts.Set("ino", static_cast<double>(inode));
  return facts;
}

}  // namespace v4l2cuse
