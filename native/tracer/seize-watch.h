// PTRACE_SEIZE waits for a lock (cred_guard_mutex) that execve(2) in another thread of
// the client holds, and that waits for our thread to end, and this waits for the answer
// to its call, which comes when we have seized it: a ring. And whatever execve(2) reads
// under that lock may come from a file system that answers when it likes.
//
// The wait is interrupted by signals, and begins anew after each. So the handler of a
// timer looks whether the thread has been told to end, says so and ends this process.
#pragma once

#include <sys/types.h>

#include "deadline.h"
#include "protocol.h"

namespace v4l2cuse::tracer {

// From construction to destruction. One at a time, in a process that serves one job.
class SeizeWatch {
 public:
  // Ends this process when the thread is to end, or at the deadline: `link` is told TRACER_GONE or TRACER_STUCK.
  SeizeWatch(pid_t thread, int link, Deadline deadline);
  ~SeizeWatch();
  SeizeWatch(const SeizeWatch&) = delete;
  SeizeWatch& operator=(const SeizeWatch&) = delete;
};

}  // namespace v4l2cuse::tracer
