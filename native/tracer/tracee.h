// One thread of a client, from PTRACE_SEIZE to PTRACE_DETACH: stops it on its way
// out of a system call, runs other system calls in it, and lets it go as it was.
//
// Signals. While it is ours, the thread has all signals blocked, so that they wait
// where the kernel keeps them, in their order and with all that they carry; other
// threads of the process may take those that are for any thread, as ever. SIGSTOP
// cannot be blocked: it is passed on, the process stops as it should, and its
// thread goes on making our calls until it is let go, and then stops too.
//
// If this process is killed, the kernel lets the thread go, with the registers that
// it has then: between the first and the last of our calls these are ours.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "deadline.h"
#include "machine.h"

namespace v4l2cuse::tracer {

class Tracee {
 public:
  // `overdue` is called, once for each, when a call in the thread takes longer than `stepMs`. The
  // wait goes on: a thread can only be left when it stands still.
  Tracee(pid_t thread, uint32_t stepMs, std::function<void()> overdue);
  Tracee(const Tracee&) = delete;
  Tracee& operator=(const Tracee&) = delete;

  // Takes the thread, which does not notice. Throws Refusal.
  void Seize();
  // Asks it to stop before it returns from the kernel.
  void Interrupt();
  // Until it has stopped. Throws Refusal TRACER_NO_ANSWER, or TRACER_CANCELLED when the other side of `link` closes:
  // it still runs then, and is let go when this process ends.
  void AwaitStop(int link, Deadline deadline);

  // From here the thread stands still. All throw Gone.

  void LoadState();  // registers and signal mask
  void BlockSignals();
  // Lets the thread's seccomp filters sleep until it is let go. Throws Refusal.
  void SuspendSeccomp();
  bool HasUserDispatch() const;
  bool IsAtCallInstruction() const;

  const Registers& state() const { return state_; }
  // What the call returns to the program.
  void SetResult(int64_t value);

  // Runs one system call in the thread: its result, or a negative errno.
  int64_t Call(uint64_t number, const Arguments& arguments);

  // The thread's memory. False when not all of it is there.
  bool Read(uint64_t address, void* into, size_t size) const;
  bool Write(uint64_t address, const void* from, size_t size) const;

  // Puts the registers back and makes the thread stand where it stood first, which
  // is where the kernel looks after signals and calls to be repeated.
  void Settle();
  // Lets it go.
  void Detach();

 private:
  enum class Stop { kTrap, kCall, kSignal };

  long Request(int request, uint64_t address, const void* data) const;
  void Store(const Registers& registers) const;
  void Resume(int request, int signal = 0) const;
  // Until the next stop of the kind `wanted`; others are passed with `request`.
  void Await(Stop wanted, int request, Deadline deadline);
  // Until the thread's next change of state: the status of waitpid(2). Throws Gone. kTooLate, kCancelled.
  int WaitStatus(Deadline deadline) const;
  static constexpr int kTooLate = -1;
  static constexpr int kCancelled = -2;

  pid_t thread_;
  uint32_t stepMs_;
  std::function<void()> overdue_;
  int link_ = -1;       // watched until the first stop
  sigset_t awake_{};    // our own signal mask while we wait
  Registers state_;
  uint64_t mask_ = 0;
  bool blocked_ = false;  // the thread's signals are
  bool moved_ = false;    // it has left its first stop
  bool changed_ = false;  // its registers are not what they were
};

}  // namespace v4l2cuse::tracer
