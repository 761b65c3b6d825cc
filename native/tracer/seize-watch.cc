#include "seize-watch.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "proc.h"

namespace v4l2cuse::tracer {
namespace {

// What a client waits longer for an answer because of this.
constexpr suseconds_t kIntervalUs = 10'000;

// For the handler, which has no other way to it. Complete before the timer runs.
struct Watched {
  std::array<char, 32> path{};
  int link = -1;
  Deadline deadline = Deadline::Never();
};
Watched watched;

// Everything here may be called in a signal's handler.
void Tell(uint32_t reason) {
  tracer_event event{};
  event.kind = TRACER_DONE;
  event.reason = reason;
  event.step = TRACER_STEP_SEIZE;
  static_cast<void>(::send(watched.link, &event, sizeof event, MSG_NOSIGNAL | MSG_DONTWAIT));
  ::_exit(0);
}

void Look(int) {
  const int error = errno;
  const int file = ::open(watched.path.data(), O_RDONLY | O_CLOEXEC);
  std::array<char, 4096> text{};
  const ssize_t size = file < 0 ? 0 : ::read(file, text.data(), text.size());
  if (file >= 0) ::close(file);
  if (size <= 0 || IsToEnd(text.data(), static_cast<size_t>(size))) Tell(TRACER_GONE);
  if (watched.deadline.Passed()) Tell(TRACER_STUCK);
  errno = error;
}

void Every(suseconds_t microseconds) {
  const itimerval timer{{0, microseconds}, {0, microseconds}};
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

SeizeWatch::SeizeWatch(pid_t thread, int link, Deadline deadline) {
  std::snprintf(watched.path.data(), watched.path.size(), "/proc/%d/status", static_cast<int>(thread));
  watched.link = link;
  watched.deadline = deadline;
  struct sigaction action {};
  action.sa_handler = Look;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGALRM, &action, nullptr);
  Every(kIntervalUs);
}

SeizeWatch::~SeizeWatch() {
  Every(0);
  ::signal(SIGALRM, SIG_IGN);
}

}  // namespace v4l2cuse::tracer
