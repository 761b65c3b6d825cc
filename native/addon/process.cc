#include "process.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "arguments.h"
#include "descriptor.h"
#include "error.h"
#include "unique-fd.h"

// The same numbers on every architecture; older headers lack them.
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
// Linux 6.9: a pidfd for one thread. The same value on every architecture but alpha, hppa, sparc.
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

namespace v4l2cuse {
namespace {

using Transfer = ssize_t (*)(pid_t, const iovec*, unsigned long, const iovec*, unsigned long, unsigned long);

void CopyAll(const Napi::CallbackInfo& info, const char* usage, const char* name, Transfer transfer) {
  const Napi::Env env = info.Env();
  const pid_t pid = PidArgument(info, 0, usage);
  const uint64_t address = AddressArgument(info, 1, usage);
  const ByteSpan bytes = BytesArgument(info, 2, usage);
  if (address > UINT64_MAX - bytes.size) throw SystemError(env, name, EFAULT);

  size_t done = 0;
  while (done < bytes.size) {
    const iovec local{bytes.data + done, bytes.size - done};
    // SAFETY: never dereferenced here; the kernel checks it against the other process's map.
    const iovec remote{reinterpret_cast<void*>(address + done), bytes.size - done};
    const ssize_t moved = transfer(pid, &local, 1, &remote, 1, 0);
    if (moved < 0) throw SystemError(env, name, errno);
    // A short count means that a page is missing, or that the kernel's limit
    // per call was met: the next call tells which.
    if (moved == 0) throw SystemError(env, name, EFAULT);
    done += static_cast<size_t>(moved);
  }
}

// The process that a thread belongs to, or -1 with errno.
pid_t ThreadGroup(pid_t thread) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/status", static_cast<int>(thread));
  const std::unique_ptr<FILE, int (*)(FILE*)> status(std::fopen(path, "re"), std::fclose);
  if (!status) {
    if (errno == ENOENT) errno = ESRCH;
    return -1;
  }
  char line[256];
  while (std::fgets(line, sizeof line, status.get()) != nullptr) {
    int group = 0;
    if (std::sscanf(line, "Tgid: %d", &group) == 1) return group;
  }
  errno = ESRCH;
  return -1;
}

// `pid` may name any thread. The thread's own view comes first: the leader may
// have exited, or the thread may have a descriptor table of its own.
UniqueFd OpenPid(Napi::Env env, pid_t pid) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, PIDFD_THREAD)));
  if (!pidfd.valid() && errno == EINVAL) {
    // Before 6.9 there are pidfds of whole processes only.
    const pid_t group = ThreadGroup(pid);
    if (group < 0) throw SystemError(env, "pidfd_open", errno);
    pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, group, 0)));
  }
  if (!pidfd.valid()) throw SystemError(env, "pidfd_open", errno);
  return pidfd;
}

}  // namespace

void ProcessRead(const Napi::CallbackInfo& info) {
  CopyAll(info, "processRead(pid, address, into)", "process_vm_readv", ::process_vm_readv);
}

void ProcessWrite(const Napi::CallbackInfo& info) {
  CopyAll(info, "processWrite(pid, address, from)", "process_vm_writev", ::process_vm_writev);
}

Napi::Value TakeFd(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "takeFd(pid, fd)";
  const Napi::Env env = info.Env();
  const int number = FdArgument(info, 1, kUsage);
  const UniqueFd pidfd = OpenPid(env, PidArgument(info, 0, kUsage));
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
  if (!fd.valid()) throw SystemError(env, "pidfd_getfd", errno);
  return OwnedFd::Wrap(env, std::move(fd));
}

Napi::Value SameFile(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "sameFile(pidA, fdA, pidB, fdB)";
  const Napi::Env env = info.Env();
  const pid_t pidA = PidArgument(info, 0, kUsage);
  const int fdA = FdArgument(info, 1, kUsage);
  const pid_t pidB = PidArgument(info, 2, kUsage);
  const int fdB = FdArgument(info, 3, kUsage);
  const long order = ::syscall(SYS_kcmp, pidA, pidB, KCMP_FILE, static_cast<unsigned long>(fdA),
                               static_cast<unsigned long>(fdB));
  if (order < 0) throw SystemError(env, "kcmp", errno);
  return Napi::Boolean::New(env, order == 0);
}

}  // namespace v4l2cuse
