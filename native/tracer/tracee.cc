#include "tracee.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "failure.h"
#include "proc.h"
#include "protocol.h"

// Linux 6.4; older headers lack it.
#ifndef PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211
#endif

// Linux 5.3; older headers lack it.
#ifndef PTRACE_GET_SYSCALL_INFO
#define PTRACE_GET_SYSCALL_INFO 0x420e
#endif

namespace v4l2cuse::tracer {
namespace {

// The start of struct ptrace_syscall_info of linux/ptrace.h, as of a thread that enters the kernel.
struct CallInfo {
  uint8_t op = 0;
  std::array<uint8_t, 3> reserved{};
  uint32_t arch = 0;
  uint64_t instruction = 0;
  uint64_t stack = 0;
  uint64_t number = 0;
  Arguments arguments{};
};
constexpr uint8_t kEntry = 1;  // PTRACE_SYSCALL_INFO_ENTRY

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

// How often, and after how long at least, a thread is asked why it does not make a call.
constexpr int kQuestions = 3;
constexpr uint32_t kShortestQuestionMs = 1'000;
// While we wait, some ends are looked for, because the kernel does not tell us.
constexpr long kGlanceNs = 100'000'000;

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

void Tracee::SetOptions(unsigned long options) const {
  // SAFETY: options are a number.
  Request(PTRACE_SETOPTIONS, 0, reinterpret_cast<const void*>(options));
}

int Tracee::WaitStatus(Deadline deadline) const {
  for (bool woken = false;; woken = true) {
    // Before it is looked at, so that a limit of zero is always exceeded.
    if (deadline.Passed()) return kTooLate;
    int status = 0;
    const pid_t found = ::waitpid(thread_, &status, __WALL | WNOHANG);
    // ECHILD: an execve(2) in another thread has taken over this thread's id.
    if (found < 0 || (found > 0 && !WIFSTOPPED(status))) throw Gone{};
    if (found > 0) return status;
    // Before that a first thread ends, and we cannot wait for it as long as others are left.
    if (woken && IsDead(thread_)) throw Gone{};
    timespec left = deadline.Left();
    if (left.tv_sec > 0 || left.tv_nsec > kGlanceNs) left = {0, kGlanceNs};
    pollfd watched{link_, 0, 0};
    if (::ppoll(&watched, 1, &left, &awake_) > 0) return kCancelled;
  }
}

void Tracee::Await(Stop wanted, int request, Deadline deadline) {
  for (;;) {
    const std::optional<Seen> seen = Next(deadline);
    if (!seen) {
      if (!blocked_) throw Refusal{TRACER_NO_ANSWER};
      overdue_();
      deadline = Deadline::Never();
    } else if (seen->stop == wanted) {
      return;
    } else {
      Pass(*seen, request);
    }
  }
}

std::optional<Tracee::Seen> Tracee::Next(Deadline deadline) const {
  const int status = WaitStatus(deadline);
  if (status == kCancelled) throw Refusal{TRACER_CANCELLED};
  if (status == kTooLate) return {};
  const int signal = WSTOPSIG(status);
  if (status >> 16 == PTRACE_EVENT_STOP) return Seen{Stop::kTrap, signal};
  return Seen{signal == kCallStop ? Stop::kCall : Stop::kSignal, signal};
}

void Tracee::Pass(const Seen& seen, int request) {
  if (seen.stop != Stop::kSignal) {
    // A stop of the whole process, or its end: not for this thread just now.
    Resume(request);
  } else if (!blocked_ || seen.signal == SIGSTOP) {
    Resume(request, seen.signal);
  } else {
    // Blocked signals come only when the processor raises them: our instruction is not there any more.
    strayed_ = true;
    throw Refusal{TRACER_UNEXPECTED, 0, seen.signal};
  }
}

void Tracee::AwaitEntry(const Registers& start) {
  Deadline deadline = Deadline::In(stepMs_);
  bool asked = false;
  for (int questions = 0;;) {
    const std::optional<Seen> seen = Next(deadline);
    if (!seen) {
      // It is frozen, or it runs other instructions than ours, without an end. The one stops when it thaws.
      overdue_();
      Interrupt();
      asked = true;
      deadline = Deadline::Never();
    } else if (seen->stop == Stop::kCall) {
      return;
    } else if (seen->stop == Stop::kTrap && asked) {
      asked = false;
      Registers now;
      if (LoadRegisters(thread_, now) != 0) throw Gone{};
      if (now.CallInstruction() != start.CallInstruction() || ++questions == kQuestions) {
        strayed_ = true;
        throw Refusal{TRACER_STUCK};
      }
      deadline = Deadline::In(std::max(stepMs_, kShortestQuestionMs));
      Resume(PTRACE_SYSCALL);
    } else {
      Pass(*seen, PTRACE_SYSCALL);
    }
  }
}

bool Tracee::IsAbout(uint64_t number, const Arguments& arguments) const {
  Registers now;
  const int error = LoadRegisters(thread_, now);
  if (error == ESRCH) throw Gone{};
  if (error != 0 || !now.IsNative() || now.CallNumber() != number || now.StackPointer() != state_.StackPointer() ||
      now.CallInstruction() != state_.CallInstruction()) {
    return false;
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (now.Argument(i) != arguments[i]) return false;
  }
  // By which way? An int $0x80 in the instruction's place looks the same so far, and makes the call that has this
  // number in 32-bit programs.
  CallInfo info;
  // SAFETY: the size goes where other requests have an address.
  const auto size = reinterpret_cast<void*>(sizeof info);
  if (::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), thread_, size, &info) < 0) {
    if (errno == ESRCH) throw Gone{};
    // User-Mode Linux, which has one way only.
    return errno == EIO;
  }
  return info.op == kEntry && info.arch == kAuditArch && info.number == number && info.arguments == arguments;
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

void Tracee::OpenMemory() {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/mem", static_cast<int>(thread_));
  UniqueFd memory(::open(path.data(), O_RDWR | O_CLOEXEC));
  const int error = errno;
  // Only now is it known whose that is: this succeeds with a thread only that is ours and stands still, so the id
  // was its own all the time.
  Registers ignored;
  if (LoadRegisters(thread_, ignored) == ESRCH) throw Gone{};
  if (!memory.valid()) throw Refusal{TRACER_FORBIDDEN, error};
  memory_ = std::move(memory);
}

void Tracee::BlockSignals() {
  Request(PTRACE_SETSIGMASK, sizeof kAllSignals, &kAllSignals);
  blocked_ = true;
}

void Tracee::SuspendSeccomp() { suspends_ = true; }

bool Tracee::HasUserDispatch() const {
  UserDispatch config;
  // SAFETY: the size goes where other requests have an address.
  const auto size = reinterpret_cast<void*>(sizeof config);
  const auto request = static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG);
  return ::ptrace(request, thread_, size, &config) == 0 && config.mode != 0;
}

bool Tracee::IsAtCallInstruction() const {
  // Word by word: the memory is not open yet.
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

int64_t Tracee::Call(uint64_t number, const Arguments& arguments, const std::function<void()>& last) {
  if (strayed_) throw Refusal{TRACER_UNEXPECTED};
  Registers registers = state_;
  registers.PrepareCall(number, arguments);
  Store(registers);
  moved_ = true;
  changed_ = true;

  Resume(PTRACE_SYSCALL);
  AwaitEntry(registers);
  std::optional<Refusal> refusal;
  try {
    if (!IsAbout(number, arguments)) {
      strayed_ = true;
      throw Refusal{TRACER_UNEXPECTED};
    }
    if (last) last();
    if (suspends_) SetOptions(PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP);
  } catch (const Refusal& reason) {
    refusal = reason;
    const int error = CancelCall(thread_);
    if (error == ESRCH) throw Gone{};
    // Its filters would be asked about call number -1.
    if (error == 0 && suspends_) SetOptions(PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP);
  }

  // A thread that is about to make a call cannot be given other registers: the call ends first.
  Resume(PTRACE_SYSCALL);
  Await(Stop::kCall, PTRACE_SYSCALL, Deadline::In(stepMs_));
  if (suspends_) SetOptions(PTRACE_O_TRACESYSGOOD);
  if (refusal) throw *refusal;
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
  return ::pread(memory_.get(), into, size, static_cast<off_t>(address)) == static_cast<ssize_t>(size);
}

bool Tracee::Write(uint64_t address, const void* from, size_t size) const {
  return ::pwrite(memory_.get(), from, size, static_cast<off_t>(address)) == static_cast<ssize_t>(size);
}

}  // namespace v4l2cuse::tracer
