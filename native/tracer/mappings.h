// Who has which part of a file mapped: lines of /proc/<pid>/maps of all processes.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace v4l2cuse::tracer {

// Prints the lines that contain one of `names`, of all processes but `except`.
// A process whose memory is busy (a file system that it has mapped does not
// answer, say) lets us wait for ever: after a moment it is passed over. Returns an
// exit status, and the process must then end: threads may still wait.
int PrintMappings(pid_t except, std::vector<std::string> names);

}  // namespace v4l2cuse::tracer
