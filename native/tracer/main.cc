// v4l2-cuse-tracer: puts files into other processes. Started by the driver
// (src/graft), which it serves over a socket; protocol.h has the messages.
//
// A process of its own, and one more for each job, because
// - requests to a traced thread must come from the thread that seized it, and a job
//   waits: for the driver's answer, for a client that is frozen, for ever if need be;
// - a thread in the driver would share its children with it. node waits for the
//   children that it has started, and would take a stop of one that we trace for its end;
// - the driver may be killed at any time, and a client must not be left with our
//   registers. These processes see the socket close, and put things right first.
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "../addon/unique-fd.h"
#include "graft.h"
#include "link.h"
#include "mappings.h"
#include "proc.h"
#include "protocol.h"

namespace v4l2cuse::tracer {
namespace {

constexpr int kDriver = 0;  // The socket is our standard input.

bool CanSeize(pid_t thread, unsigned long options) {
  // SAFETY: options are a number.
  return ::ptrace(PTRACE_SEIZE, thread, nullptr, reinterpret_cast<void*>(options)) == 0;
}

// Tried on a child, because it depends on the kernel's configuration, our
// capabilities in the first user namespace, and filters on ourselves.
Abilities TryAbilities() {
  Abilities abilities;
  const pid_t child = ::fork();
  if (child < 0) return abilities;
  if (child == 0) {
    for (;;) ::pause();
  }
  abilities.suspendSeccomp = CanSeize(child, PTRACE_O_SUSPEND_SECCOMP);
  abilities.seize = abilities.suspendSeccomp || CanSeize(child, 0);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, __WALL);
  return abilities;
}

uint32_t Features(const Abilities& abilities) {
  uint32_t features = 0;
  if (abilities.suspendSeccomp) features |= TRACER_SUSPENDS_SECCOMP;
  if (abilities.seize) features |= TRACER_CAN_SEIZE;
  if (HasKcmp()) features |= TRACER_HAS_KCMP;
  return features;
}

// The terminal and supervisors mean the driver, whose end we see on the socket.
// While a client is in our hands, only SIGKILL may end us.
void IgnoreSignals() {
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2}) {
    ::signal(signal, SIG_IGN);
  }
}

bool IsSound(const tracer_job& job, const Received& received) {
  return received.size == sizeof job && job.protocol == TRACER_PROTOCOL && received.fds.size() == 3 && job.thread > 0;
}

void RunJob(const tracer_job& job, Received received, const Abilities& abilities) {
  std::array<int, 2> gate{-1, -1};
  if (::pipe2(gate.data(), O_CLOEXEC) < 0) gate = {-1, -1};
  UniqueFd closed(gate[0]);
  UniqueFd open(gate[1]);
  const pid_t child = ::fork();
  // Nothing to do about failure: the job's socket closes, which says it. Closes the files, then the gate.
  if (child != 0) return received.fds.clear();
  // The job ends when the client has the file alone, so it must not begin while this process's parent has it, too.
  open.reset();
  for (char byte = 0; closed.valid() && ::read(closed.get(), &byte, sizeof byte) < 0 && errno == EINTR;) continue;
  closed.reset();
  // Or the driver would not see the end of the process that serves it.
  ::close(kDriver);
  // received.fds[2] closes when this process ends, at the latest in _exit(2).
  Graft graft(job, std::move(received.fds[0]), std::move(received.fds[1]), abilities);
  graft.Run();
  // What is not stopped is let go by the kernel now.
  ::_exit(0);
}

int Serve() {
  IgnoreSignals();
  const Abilities abilities = TryAbilities();
  // Jobs end by themselves; nobody waits for them. Not earlier: TryAbilities waits.
  ::signal(SIGCHLD, SIG_IGN);

  const tracer_hello hello{TRACER_PROTOCOL, Features(abilities)};
  if (!SendMessage(kDriver, &hello, sizeof hello)) return 1;
  for (;;) {
    tracer_job job{};
    Received received = ReceiveMessage(kDriver, &job, sizeof job);
    if (received.size == 0) return 0;
    if (IsSound(job, received)) RunJob(job, std::move(received), abilities);
  }
}

}  // namespace
}  // namespace v4l2cuse::tracer

// Without arguments, the tracer. "--mappings PID NAME...": see mappings.h.
int main(int count, char** arguments) {
  if (count > 2 && std::strcmp(arguments[1], "--mappings") == 0) {
    ::_exit(v4l2cuse::tracer::PrintMappings(std::atoi(arguments[2]), {arguments + 3, arguments + count}));
  }
  return v4l2cuse::tracer::Serve();
}
