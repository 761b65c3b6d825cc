// The two ways in which a graft ends early. Both are thrown, and caught in one place: Graft::Run.
#pragma once

#include <cstdint>

namespace v4l2cuse::tracer {

// The thread has ended, or was taken from us by execve(2) in another thread.
// There is nothing to undo: descriptors that we made are close-on-exec.
struct Gone {};

// We do not, or cannot, go on: the client gets back all that it had.
struct Refusal {
  uint32_t reason = 0;  // TRACER_*
  int error = 0;        // errno
  int64_t detail = 0;
};

}  // namespace v4l2cuse::tracer
