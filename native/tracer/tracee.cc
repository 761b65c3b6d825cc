#include "tracee.h"

#include <poll.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "failure.h"
#include "protocol.h"

// Linux 6.4; older headers lack it.
#ifndef PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211
#endif

namespace v4l2cuse::tracer {
namespace {

// struct ptrace_sud_config of linux/ptrace.h, which older headers lack.
struct UserDispatch {
  uint64_t mode = 0;
  uint64_t selector = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
};

// Syscall stops are told from signals by this bit (PTRACE_O_TRACESYSGOOD).
constexpr int kCallStop = SIGTRAP | 0x80;
constexpr uint64_t kAllSignals = UINT64_MAX;

}  // namespace

Tracee::Tracee(pid_t thread, uint32_t stepMs, std::function<void()> overdue)
    : thread_(thread), stepMs_(stepMs), overdue_(std::move(overdue)) {
  // Each stop raises SIGCHLD. It comes only while ppoll(2) waits, so that none is
  // missed between asking and waiting. A handler, because what is ignored wakes nobody.
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGCHLD, &action, nullptr);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, &awake_);
  sigdelset(&awake_, SIGCHLD);
}

long Tracee::Request(int request, uint64_t address, const void* data) const {
  // SAFETY: the kernel's own interface takes numbers as pointers.
  const long result = ::ptrace(static_cast<__ptrace_request>(request), thread_, reinterpret_cast<void*>(address), data);
  if (result >= 0) return result;
  // We ask only while it stands still; then this means that it was killed.
  if (errno == ESRCH) throw Gone{};
  throw Refusal{TRACER_UNEXPECTED, errno, request};
}

void Tracee::Seize() {
  // Without PTRACE_O_EXITKILL: if this process dies, the client must not.
  // SAFETY: options are a number.
  const auto options = reinterpret_cast<void*>(PTRACE_O_TRACESYSGOOD);
  if (::ptrace(PTRACE_SEIZE, thread_, nullptr, options) == 0) return;
  if (errno == ESRCH) throw Gone{};
  throw Refusal{TRACER_FORBIDDEN, errno};
}

void Tracee::Interrupt() { Request(PTRACE_INTERRUPT, 0, nullptr); }

int Tracee::WaitStatus(Deadline deadline) const {
  for (;;) {
    // Before it is looked at, so that a limit of zero is always exceeded.
    if (deadline.Passed()) return kTooLate;
    int status = 0;
    const pid_t found = ::waitpid(thread_, &status, __WALL | WNOHANG);
    // ECHILD: an execve(2) in another thread has taken over this thread's id.
    if (found < 0 || (found > 0 && !WIFSTOPPED(status))) throw Gone{};
    if (found > 0) return status;
    const timespec left = deadline.Left();
    pollfd watched{link_, 0, 0};
    if (::ppoll(&watched, 1, &left, &awake_) > 0) return kCancelled;
  }
}

void Tracee::Await(Stop wanted, int request, Deadline deadline) {
  for (;;) {
    const int status = WaitStatus(deadline);
    if (status == kCancelled) throw Refusal{TRACER_CANCELLED};
    if (status == kTooLate) {
      if (!blocked_) throw Refusal{TRACER_NO_ANSWER};
      overdue_();
      deadline = Deadline::Never();
      continue;
    }
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    const Stop stop = event == PTRACE_EVENT_STOP ? Stop::kTrap : signal == kCallStop ? Stop::kCall : Stop::kSignal;
    if (stop == wanted) return;
    if (stop != Stop::kSignal) {
      // A stop of the whole process, or its end: not for this thread just now.
      Resume(request);
    } else if (!blocked_ || signal == SIGSTOP) {
      Resume(request, signal);
    } else {
      // Blocked signals come only when the processor raises them: our instruction is not there any more.
      throw Refusal{TRACER_UNEXPECTED, 0, signal};
    }
  }
}

void Tracee::AwaitStop(int link, Deadline deadline) {
  link_ = link;
  Await(Stop::kTrap, PTRACE_CONT, deadline);
  link_ = -1;
}

void Tracee::LoadState() {
  const int error = LoadRegisters(thread_, state_);
  if (error == ESRCH) throw Gone{};
  if (error != 0) throw Refusal{error == ENOEXEC ? uint32_t{TRACER_FOREIGN_CODE} : uint32_t{TRACER_UNEXPECTED}, error};
  Request(PTRACE_GETSIGMASK, sizeof mask_, &mask_);
}

void Tracee::BlockSignals() {
  Request(PTRACE_SETSIGMASK, sizeof kAllSignals, &kAllSignals);
  blocked_ = true;
}

void Tracee::SuspendSeccomp() {
  // SAFETY: options are a number.
  const auto options = reinterpret_cast<void*>(PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP);
  if (::ptrace(PTRACE_SETOPTIONS, thread_, nullptr, options) == 0) return;
  if (errno == ESRCH) throw Gone{};
  throw Refusal{TRACER_SECCOMP, errno};
}

bool Tracee::HasUserDispatch() const {
  UserDispatch config;
  // SAFETY: the size goes where other requests have an address.
  const auto size = reinterpret_cast<void*>(sizeof config);
  const auto request = static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG);
  return ::ptrace(request, thread_, size, &config) == 0 && config.mode != 0;
}

bool Tracee::IsAtCallInstruction() const {
  // Word by word: unlike process_vm_readv(2), this reads pages that may only be executed.
  const uint64_t address = state_.CallInstruction();
  const uint64_t start = address & ~uint64_t{7};
  std::array<uint8_t, 16> bytes{};
  for (uint64_t offset = 0; start + offset < address + kCallInstruction.size; offset += sizeof(long)) {
    errno = 0;
    // SAFETY: an address in the other process, which the kernel checks.
    const long word = ::ptrace(PTRACE_PEEKTEXT, thread_, reinterpret_cast<void*>(start + offset), nullptr);
    if (errno != 0) return false;
    std::memcpy(bytes.data() + offset, &word, sizeof word);
  }
  return std::memcmp(bytes.data() + (address - start), kCallInstruction.bytes.data(), kCallInstruction.size) == 0;
}

void Tracee::Store(const Registers& registers) const {
  const int error = StoreRegisters(thread_, registers);
  if (error == ESRCH) throw Gone{};
  if (error != 0) throw Refusal{TRACER_UNEXPECTED, error};
}

void Tracee::Resume(int request, int signal) const {
  // SAFETY: a signal's number goes where other requests have a pointer.
  Request(request, 0, reinterpret_cast<const void*>(static_cast<intptr_t>(signal)));
}

int64_t Tracee::Call(uint64_t number, const Arguments& arguments) {
  Registers registers = state_;
  registers.PrepareCall(number, arguments);
  Store(registers);
  moved_ = true;
  changed_ = true;

  Resume(PTRACE_SYSCALL);
  Await(Stop::kCall, PTRACE_SYSCALL, Deadline::In(stepMs_));
  const int error = LoadRegisters(thread_, registers);
  if (error == ESRCH) throw Gone{};
  const bool ours = error == 0 && registers.CallNumber() == number;

  Resume(PTRACE_SYSCALL);
  Await(Stop::kCall, PTRACE_SYSCALL, Deadline::In(stepMs_));
  // Said only now: a thread that is about to make a call cannot be given other registers.
  if (!ours) throw Refusal{TRACER_UNEXPECTED, error};
  if (LoadRegisters(thread_, registers) != 0) throw Gone{};
  return registers.Result();
}

void Tracee::SetResult(int64_t value) {
  state_.SetResult(value);
  changed_ = true;
}

void Tracee::Settle() {
  if (!changed_) return;
  // Twice: the first makes the thread whole if we should be killed now; the second
  // also undoes what the kernel makes of our last call on the way to the stop.
  Store(state_);
  if (!moved_) return;
  Interrupt();
  Resume(PTRACE_CONT);
  Await(Stop::kTrap, PTRACE_CONT, Deadline::In(stepMs_));
  Store(state_);
}

void Tracee::Detach() {
  if (blocked_) Request(PTRACE_SETSIGMASK, sizeof mask_, &mask_);
  Request(PTRACE_DETACH, 0, nullptr);
}

bool Tracee::Read(uint64_t address, void* into, size_t size) const {
  const iovec local{into, size};
  // SAFETY: never dereferenced here; the kernel checks it against the other process's map.
  const iovec remote{reinterpret_cast<void*>(address), size};
  return ::process_vm_readv(thread_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

bool Tracee::Write(uint64_t address, const void* from, size_t size) const {
  // SAFETY: process_vm_writev(2) only reads the local part; remote as above.
  const iovec local{const_cast<void*>(from), size};
  const iovec remote{reinterpret_cast<void*>(address), size};
  return ::process_vm_writev(thread_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

}  // namespace v4l2cuse::tracer
