// What /proc tells about a client. Nothing here asks the file systems of the
// client's files, which might never answer.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deadline.h"
#include "machine.h"

namespace v4l2cuse::tracer {

struct ThreadStatus {
  pid_t process = 0;
  pid_t tracer = 0;       // process that traces it; 0: none
  bool filtered = false;  // has seccomp filters
  bool dead = false;      // only waits to be waited for
};
// Empty when there is no such thread.
std::optional<ThreadStatus> ReadStatus(pid_t thread);

// Has the thread ended?
bool IsDead(pid_t thread);

// Does /proc/<thread>/status say that SIGKILL is pending for it? It ends then when it leaves the kernel, whatever it
// waits for. Safe in a signal's handler.
bool IsToEnd(const char* status, size_t size);

struct PendingCall {
  uint64_t number = 0;
  Arguments arguments{};
};
// The system call in which a thread sleeps. Empty where the kernel does not tell
// (User-Mode Linux), and when the thread stays awake.
std::optional<PendingCall> ReadPendingCall(pid_t thread);

struct FileFacts {
  uint64_t inode = 0;
  uint64_t mount = 0;  // id of the mount through which it was opened
  bool closeOnExec = false;

  bool SameInode(const FileFacts& other) const { return inode == other.inode && mount == other.mount; }
};
// What is behind a descriptor of a thread (0: of this process). Empty when there is none.
std::optional<FileFacts> ReadFile(pid_t thread, int fd);

// Device number of the special file behind a descriptor; 0 for other files and on failure.
uint64_t ReadDevice(pid_t thread, int fd);

// Of a thread's descriptors, of which there can be a million, those that matter here.
struct Descriptors {
  std::vector<int> alike;   // that may lead to the same file as the one asked about
  std::vector<int> epolls;  // epoll instances
};
// Empty when there is no time for it.
std::optional<Descriptors> ListDescriptors(pid_t thread, int fd, Deadline deadline);

// An entry of an epoll instance.
struct Registration {
  int epoll = 0;  // the instance's descriptor in the client
  uint32_t events = 0;
  uint64_t data = 0;
};
// The entries made under the number `fd`, for a file with this inode. Empty when there is no time for it.
std::optional<std::vector<Registration>> ListRegistrations(pid_t thread, const std::vector<int>& epolls, int fd,
                                                           uint64_t inode, Deadline deadline);

// A duplicate of a thread's descriptor: a descriptor, or -1 with errno.
int TakeDescriptor(pid_t thread, int fd);

// Are two descriptors of a thread one open file? False when that cannot be told.
bool SameOpenFile(pid_t thread, int first, int second);

// Is a descriptor of ours the same open file as one of a thread?
bool IsOpenFile(int ours, pid_t thread, int fd);

bool HasKcmp();

}  // namespace v4l2cuse::tracer
