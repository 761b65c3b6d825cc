// Threads for system calls that another process can make last: close(2) of its
// file asks that file's own server to flush, and its memory can be a mapping of
// such a file. The thread that serves clients hands those calls over, waits for
// a bounded time, and goes on.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "unique-fd.h"

namespace v4l2cuse {

// What a descriptor must be to be of use here. Of both kinds the kernel itself
// answers everything that we ask.
enum class ForeignKind : uint32_t { kMemory, kUnixSocket };

// One task. A thread that is late keeps it, so it owns all that it works on.
struct ForeignTask {
  enum class Action { kTakeFd, kReadMemory, kWriteMemory, kFindMappings };

  Action action = Action::kTakeFd;
  pid_t pid = 0;
  // kTakeFd
  int number = -1;
  ForeignKind kind = ForeignKind::kMemory;
  // kReadMemory, kWriteMemory
  uint64_t address = 0;
  std::vector<uint8_t> bytes;
  // kFindMappings
  std::vector<std::string> names;
  std::string lines;
  size_t readBytes = 0;

  // Outcome; the descriptor of kTakeFd comes apart.
  int error = 0;
  const char* syscall = "";
};

struct ForeignOutcome {
  // 0, or the errno of `syscall`. ETIMEDOUT: the task is not done, and not to be looked at.
  int error = 0;
  const char* syscall = "wait";
};

// The threads of one environment. Used by its own thread only.
class ForeignWorkers {
 public:
  ForeignWorkers() = default;
  ForeignWorkers(const ForeignWorkers&) = delete;
  ForeignWorkers& operator=(const ForeignWorkers&) = delete;
  ~ForeignWorkers();

  // Has `task` done on behalf of user `uid`, and waits for it. A user's tasks can
  // keep us waiting for a second at once and then for a small part of the time;
  // beyond that, and while four of them have not come back, they fail with
  // ETIMEDOUT at once. `taken` receives the descriptor of kTakeFd.
  ForeignOutcome Run(uid_t uid, const std::shared_ptr<ForeignTask>& task, UniqueFd* taken = nullptr);

 private:
  class Worker;
  struct User {
    std::chrono::milliseconds patience;
    std::chrono::steady_clock::time_point since;
  };

  User& Remembered(uid_t uid);
  std::shared_ptr<Worker> IdleWorker(uid_t uid, int* error);

  std::vector<std::shared_ptr<Worker>> workers_;
  std::map<uid_t, User> users_;
};

// The user that a thread or process runs as; -1 with errno.
int64_t UserOf(pid_t pid);

}  // namespace v4l2cuse
