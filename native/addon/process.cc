#include "process.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "addon-data.h"
#include "arguments.h"
#include "descriptor.h"
#include "error.h"
#include "foreign-worker.h"
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

// A task owns its bytes: so many at a time.
constexpr size_t kPieceBytes = 1024 * 1024;

const char* NameOf(bool reads) { return reads ? "process_vm_readv" : "process_vm_writev"; }

// For a user whom we do not trust with our time: his memory may be a mapping of
// a file whose server lets us wait.
void CopyGuarded(Napi::Env env, uid_t uid, pid_t pid, uint64_t address, const ByteSpan& bytes, bool reads) {
  auto& workers = env.GetInstanceData<AddonData>()->workers;
  for (size_t done = 0; done < bytes.size; done += kPieceBytes) {
    const size_t size = std::min(kPieceBytes, bytes.size - done);
    const auto task = std::make_shared<ForeignTask>();
    task->action = reads ? ForeignTask::Action::kReadMemory : ForeignTask::Action::kWriteMemory;
    task->pid = pid;
    task->address = address + done;
    if (reads) {
      task->bytes.resize(size);
    } else {
      task->bytes.assign(bytes.data + done, bytes.data + done + size);
    }
    const ForeignOutcome outcome = workers.Run(uid, task);
    if (outcome.error == ETIMEDOUT) throw SystemError(env, NameOf(reads), ETIMEDOUT);
    // Before an error as well: what is there may be overwritten.
    if (outcome.error != 0) throw SystemError(env, outcome.syscall, outcome.error);
    if (reads) std::memcpy(bytes.data + done, task->bytes.data(), size);
  }
}

void CopyAll(const Napi::CallbackInfo& info, const char* usage, bool reads) {
  const Napi::Env env = info.Env();
  const pid_t pid = PidArgument(info, 0, usage);
  const uint64_t address = AddressArgument(info, 1, usage);
  const ByteSpan bytes = BytesArgument(info, 2, usage);
  const uid_t uid = Uint32Argument(info, 3, usage);
  if (address > UINT64_MAX - bytes.size) throw SystemError(env, NameOf(reads), EFAULT);
  if (uid != 0) {
    CopyGuarded(env, uid, pid, address, bytes, reads);
    return;
  }
  const int error = CopyProcessMemory(pid, address, bytes.data, bytes.size, reads);
  if (error != 0) throw SystemError(env, NameOf(reads), error);
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

}  // namespace

int CopyProcessMemory(pid_t pid, uint64_t address, uint8_t* bytes, size_t size, bool reads) {
  const auto transfer = reads ? ::process_vm_readv : ::process_vm_writev;
  size_t done = 0;
  while (done < size) {
    const iovec local{bytes + done, size - done};
    // SAFETY: never dereferenced here; the kernel checks it against the other process's map.
    const iovec remote{reinterpret_cast<void*>(address + done), size - done};
    const ssize_t moved = transfer(pid, &local, 1, &remote, 1, 0);
    if (moved < 0) return errno;
    // A short count means that a page is missing, or that the kernel's limit
    // per call was met: the next call tells which.
    if (moved == 0) return EFAULT;
    done += static_cast<size_t>(moved);
  }
  return 0;
}

// `pid` may name any thread. The thread's own view comes first: the leader may
// have exited, or the thread may have a descriptor table of its own.
UniqueFd OpenProcess(pid_t pid) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, PIDFD_THREAD)));
  if (pidfd.valid() || errno != EINVAL) return pidfd;
  // Before 6.9 there are pidfds of whole processes only.
  const pid_t group = ThreadGroup(pid);
  if (group < 0) return pidfd;
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, group, 0)));
}

void ProcessRead(const Napi::CallbackInfo& info) { CopyAll(info, "processRead(pid, address, into, uid)", true); }

void ProcessWrite(const Napi::CallbackInfo& info) { CopyAll(info, "processWrite(pid, address, from, uid)", false); }

Napi::Value TakeFd(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "takeFd(pid, fd, isSocket)";
  const Napi::Env env = info.Env();
  const auto task = std::make_shared<ForeignTask>();
  task->action = ForeignTask::Action::kTakeFd;
  task->pid = PidArgument(info, 0, kUsage);
  task->number = FdArgument(info, 1, kUsage);
  task->kind = BooleanArgument(info, 2, kUsage) ? ForeignKind::kUnixSocket : ForeignKind::kMemory;
  const int64_t user = UserOf(task->pid);
  if (user < 0) throw SystemError(env, "pidfd_open", errno);
  UniqueFd fd;
  auto& workers = env.GetInstanceData<AddonData>()->workers;
  const ForeignOutcome outcome = workers.Run(static_cast<uid_t>(user), task, &fd);
  if (outcome.error != 0) throw SystemError(env, outcome.syscall, outcome.error);
  return OwnedFd::Wrap(env, std::move(fd));
}

Napi::Value SameFile(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "sameFile(pidA, fdA, pidB, fdB)";
  const Napi::Env env = info.Env();
  const pid_t pidA = PidArgument(info, 0, kUsage);
  const int fdA = FdArgument(info, 1, kUsage);
  const pid_t pidB = PidArgument(info, 2, kUsage);
  const int fdB = FdArgument(info, 3, kUsage);
  const long order =
      ::syscall(SYS_kcmp, pidA, pidB, KCMP_FILE, static_cast<unsigned long>(fdA), static_cast<unsigned long>(fdB));
  if (order < 0) throw SystemError(env, "kcmp", errno);
  return Napi::Boolean::New(env, order == 0);
}

}  // namespace v4l2cuse
