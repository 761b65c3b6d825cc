#include "proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>

#include "../addon/unique-fd.h"

// The same numbers on every architecture; older headers lack them.
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
// Linux 6.9: a pidfd for one thread.
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

namespace v4l2cuse::tracer {
namespace {

std::string ProcPath(pid_t thread, const char* name) {
  return "/proc/" + (thread == 0 ? std::string("self") : std::to_string(thread)) + "/" + name;
}

std::string ProcPath(pid_t thread, const char* folder, int fd) {
  return ProcPath(thread, folder) + "/" + std::to_string(fd);
}

// A file of /proc, in as few calls as can be: the client stands still meanwhile. The kernel makes such a text in one
// go, so what does not fill the room is its end.
std::optional<std::string> ReadText(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return {};
  std::string text(4096, '\0');
  for (size_t size = 0;;) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0) return {};
    size += static_cast<size_t>(got);
    if (size < text.size()) {
      text.resize(size);
      return text;
    }
    text.resize(2 * size);
  }
}

using File = std::unique_ptr<FILE, int (*)(FILE*)>;

template <typename Visit>
void EachLine(FILE* file, Visit visit) {
  std::array<char, 512> line{};
  while (std::fgets(line.data(), line.size(), file) != nullptr) visit(line.data());
}

template <typename Visit>
void EachLine(std::string& text, Visit visit) {
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    if (end < text.size()) text[end] = '\0';
    visit(text.data() + start);
    start = end + 1;
  }
}

constexpr uint64_t kKillBit = uint64_t{1} << (SIGKILL - 1);

// A range that no program locks, and no other job at this moment: OFD locks belong to
// an open file, so that a lock of one descriptor stands in the way of another unless
// both are the same file; but those of a device node are all of one inode.
// Changes nothing that the client could see, and is gone when this returns.
bool SharesLocks(int first, int second) {
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(INT64_MAX) - 4096 - ::getpid();
  lock.l_len = 1;
  if (::fcntl(first, F_OFD_SETLK, &lock) < 0) {
    // A file that is open for writing only takes no other lock.
    lock.l_type = F_WRLCK;
    if (::fcntl(first, F_OFD_SETLK, &lock) < 0) return false;
  }
  struct flock question = lock;
  question.l_type = F_WRLCK;
  const bool asked = ::fcntl(second, F_OFD_GETLK, &question) == 0;
  lock.l_type = F_UNLCK;
  ::fcntl(first, F_OFD_SETLK, &lock);
  return asked && question.l_type == F_UNLCK;
}

}  // namespace

std::optional<ThreadStatus> ReadStatus(pid_t thread) {
  std::optional<std::string> text = ReadText(ProcPath(thread, "status"));
  if (!text) return {};
  ThreadStatus status;
  EachLine(*text, [&status](const char* line) {
    int value = 0;
    if (std::sscanf(line, "Tgid: %d", &value) == 1) status.process = value;
    if (std::sscanf(line, "TracerPid: %d", &value) == 1) status.tracer = value;
    if (std::sscanf(line, "Seccomp: %d", &value) == 1) status.filtered = value != 0;
    char state = 0;
    if (std::sscanf(line, "State: %c", &state) == 1) status.dead = state == 'Z' || state == 'X';
  });
  // The line is missing when the thread ended between open and read.
  if (status.process == 0) return {};
  return status;
}

bool IsDead(pid_t thread) {
  const std::optional<ThreadStatus> status = ReadStatus(thread);
  return !status || status->dead;
}

bool IsToEnd(const char* status, size_t size) {
  static constexpr char kField[] = "\nSigPnd:\t";
  constexpr size_t kFieldSize = sizeof kField - 1;
  for (size_t at = 0; at + kFieldSize < size; ++at) {
    if (std::memcmp(status + at, kField, kFieldSize) != 0) continue;
    uint64_t pending = 0;
    for (at += kFieldSize; at < size && status[at] != '\n'; ++at) {
      const int digit = status[at];
      pending = pending << 4 | static_cast<uint64_t>(digit >= 'a' ? digit - 'a' + 10 : digit - '0');
    }
    return (pending & kKillBit) != 0;
  }
  return false;
}

std::optional<PendingCall> ReadPendingCall(pid_t thread) {
  // A thread that is about to sleep is "running" still; it will not be for long.
  constexpr int kAttempts = 10;
  constexpr timespec kMoment{0, 100'000};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::optional<std::string> line = ReadText(ProcPath(thread, "syscall"));
    if (!line) return {};
    PendingCall call;
    Arguments& args = call.arguments;
    int64_t number = -1;
    const int found =
        std::sscanf(line->c_str(), "%" SCNd64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64,
                    &number, &args[0], &args[1], &args[2], &args[3], &args[4], &args[5]);
    if (found == 7 && number >= 0) {
      call.number = static_cast<uint64_t>(number);
      return call;
    }
    ::nanosleep(&kMoment, nullptr);
  }
  return {};
}

std::optional<FileFacts> ReadFile(pid_t thread, int fd) {
  std::optional<std::string> text = ReadText(ProcPath(thread, "fdinfo", fd));
  if (!text) return {};
  FileFacts facts;
  bool complete = false;
  EachLine(*text, [&facts, &complete](const char* line) {
    unsigned flags = 0;
    if (std::sscanf(line, "flags: %o", &flags) == 1) facts.closeOnExec = (flags & O_CLOEXEC) != 0;
    static_cast<void>(std::sscanf(line, "mnt_id: %" SCNu64, &facts.mount));
    if (std::sscanf(line, "ino: %" SCNu64, &facts.inode) == 1) complete = true;
  });
  // Since Linux 5.14; without it we could not tell files apart.
  if (!complete) return {};
  return facts;
}

uint64_t ReadDevice(pid_t thread, int fd) {
  struct statx facts {};
  // Cached attributes will do: those of a node do not change.
  if (::statx(AT_FDCWD, ProcPath(thread, "fd", fd).c_str(), AT_STATX_DONT_SYNC, STATX_TYPE, &facts) < 0) return 0;
  if (!S_ISCHR(facts.stx_mode)) return 0;
  return makedev(facts.stx_rdev_major, facts.stx_rdev_minor);
}

std::optional<Descriptors> ListDescriptors(pid_t thread, int fd, Deadline deadline) {
  Descriptors found;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(ProcPath(thread, "fd").c_str()), ::closedir);
  if (!folder) return found;
  const auto target = [&folder](const char* name) {
    std::array<char, PATH_MAX> text{};
    const ssize_t length = ::readlinkat(::dirfd(folder.get()), name, text.data(), text.size());
    return std::string(text.data(), length < 0 ? 0 : static_cast<size_t>(length));
  };
  const std::string ours = target(std::to_string(fd).c_str());
  while (const dirent* entry = ::readdir(folder.get())) {
    if (deadline.Passed()) return {};
    char* end = nullptr;
    const long number = std::strtol(entry->d_name, &end, 10);
    if (end == entry->d_name || *end != '\0') continue;
    const std::string theirs = target(entry->d_name);
    if (theirs == "anon_inode:[eventpoll]") found.epolls.push_back(static_cast<int>(number));
    if (theirs == ours && number != fd) found.alike.push_back(static_cast<int>(number));
  }
  return found;
}

std::optional<std::vector<Registration>> ListRegistrations(pid_t thread, const std::vector<int>& epolls, int fd,
                                                           uint64_t inode, Deadline deadline) {
  std::vector<Registration> found;
  for (const int candidate : epolls) {
    if (deadline.Passed()) return {};
    // Piece by piece: this can be the text of a million entries.
    const File file(std::fopen(ProcPath(thread, "fdinfo", candidate).c_str(), "re"), std::fclose);
    if (!file) continue;
    EachLine(file.get(), [&](const char* line) {
      int number = 0;
      uint64_t node = 0;
      Registration entry;
      entry.epoll = candidate;
      const int fields = std::sscanf(line, "tfd: %d events: %" SCNx32 " data: %" SCNx64 " pos:%*d ino:%" SCNx64,
                                     &number, &entry.events, &entry.data, &node);
      if (fields == 4 && number == fd && node == inode) found.push_back(entry);
    });
  }
  return found;
}

int TakeDescriptor(pid_t thread, int fd) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, thread, PIDFD_THREAD)));
  if (!pidfd.valid() && errno == EINVAL) {
    // Before 6.9 there are pidfds of whole processes only. A thread with a table of
    // its own is then looked up in the wrong one; what it gets is checked by inode.
    const std::optional<ThreadStatus> status = ReadStatus(thread);
    pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, status ? status->process : thread, 0)));
  }
  if (!pidfd.valid()) return -1;
  return static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0));
}

bool SameOpenFile(pid_t thread, int first, int second) {
  const long order = ::syscall(SYS_kcmp, thread, thread, KCMP_FILE, static_cast<unsigned long>(first),
                               static_cast<unsigned long>(second));
  if (order >= 0) return order == 0;
  if (errno != ENOSYS) return false;
  // Nothing is taken from the client in vain: closing it again may ask its file system.
  const std::optional<FileFacts> file = ReadFile(thread, first);
  const std::optional<FileFacts> another = ReadFile(thread, second);
  if (!file || !another || !file->SameInode(*another)) return false;
  const UniqueFd one(TakeDescriptor(thread, first));
  const UniqueFd other(TakeDescriptor(thread, second));
  return one.valid() && other.valid() && SharesLocks(one.get(), other.get());
}

bool IsOpenFile(int ours, pid_t thread, int fd) {
  const long order = ::syscall(SYS_kcmp, ::getpid(), thread, KCMP_FILE, static_cast<unsigned long>(ours),
                               static_cast<unsigned long>(fd));
  if (order >= 0) return order == 0;
  if (errno != ENOSYS) return false;
  const UniqueFd theirs(TakeDescriptor(thread, fd));
  return theirs.valid() && SharesLocks(ours, theirs.get());
}

bool HasKcmp() {
  const pid_t self = ::getpid();
  return ::syscall(SYS_kcmp, self, self, KCMP_FILE, 0UL, 0UL) >= 0;
}

}  // namespace v4l2cuse::tracer
