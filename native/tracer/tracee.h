// One thread of a client, from PTRACE_SEIZE to PTRACE_DETACH: stops it on its way
// out of a system call, runs other system calls in it, and lets it go as it was.
//
// Signals. While it is ours, the thread has all signals blocked, so that they wait
// where the kernel keeps them, in their order and with all that they carry; other
// threads of the process may take those that are for any thread, as ever. SIGSTOP
// cannot be blocked: it is passed on, the process stops as it should, and its
// thread goes on making our calls until it is let go, and then stops too.
//
// Hostile programs. Other threads of the client run on: they can change the bytes of
// the instruction that we use, the memory below the stack pointer, the descriptors,
// and replace the program by another one (execve(2)), one with more rights even.
// - Memory is reached through a descriptor of /proc/<thread>/mem that was opened while
//   the thread was ours and stood still: it stays one of that memory whatever becomes
//   of the process, and of the thread's id. What we write there it could have written
//   itself: it is its own memory, and the pages are those to which its own system calls
//   have just written.
// - Every call is looked at when the thread has entered the kernel for it: where it came
//   from, by which way, its number, its arguments. Another one than ours is cancelled,
//   and no more are made.
// - Seccomp filters sleep from that look to the end of the call, never while the thread
//   runs instructions of its own, whatever these have become meanwhile: its calls up to
//   there stop at the look, all of them, by whichever way they enter the kernel.
// - What the arguments point to can be changed between the look and the kernel's reading
//   it. Of our calls two read memory. recvmsg(2) of a message that is ours (graft.cc looks
//   last): other addresses make it write one byte and one descriptor's number elsewhere,
//   into memory that the thread may write to. epoll_ctl(2): other events and data for its own
//   instance. Neither is more than the thread could do by a call that its filters allow:
//   it has memory of its own to write to, and filters do not see what is in memory.
//
// If this process is killed, the kernel lets the thread go, with the registers that
// it has then: between the first and the last of our calls these are ours.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "../addon/unique-fd.h"
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
  // To be called while it stands where it stopped first: what Read and Write need. Throws Refusal.
  void OpenMemory();
  void BlockSignals();
  // From now on the thread's seccomp filters sleep during our calls, each from when it has been looked at.
  void SuspendSeccomp();
  bool HasUserDispatch() const;
  bool IsAtCallInstruction() const;

  const Registers& state() const { return state_; }
  // What the call returns to the program.
  void SetResult(int64_t value);

  // Runs one system call in the thread: its result, or a negative errno. When the thread has entered the kernel for
  // it, and its arguments can be changed no more, `last` is called, which may throw Refusal: then nothing is done.
  int64_t Call(uint64_t number, const Arguments& arguments, const std::function<void()>& last = {});
  // It made another call than ours, or none: it makes no more for us.
  bool strayed() const { return strayed_; }

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
  struct Seen {
    Stop stop;
    int signal;
  };

  long Request(int request, uint64_t address, const void* data) const;
  void SetOptions(unsigned long options) const;
  // Until it has entered the kernel for a call, whichever.
  void AwaitEntry(const Registers& start);
  bool IsAbout(uint64_t number, const Arguments& arguments) const;
  void Store(const Registers& registers) const;
  void Resume(int request, int signal = 0) const;
  // Until the next stop of the kind `wanted`; others are passed with `request`. With signals
  // blocked it says when this takes too long, and goes on waiting for ever.
  void Await(Stop wanted, int request, Deadline deadline);
  // Its next stop; empty when it is too late.
  std::optional<Seen> Next(Deadline deadline) const;
  // Lets it go on after a stop that is not the one that we wait for. Throws Refusal.
  void Pass(const Seen& seen, int request);
  // Until the thread's next change of state: the status of waitpid(2). Throws Gone. kTooLate, kCancelled.
  int WaitStatus(Deadline deadline) const;
  static constexpr int kTooLate = -1;
  static constexpr int kCancelled = -2;

  pid_t thread_;
  uint32_t stepMs_;
  std::function<void()> overdue_;
  int link_ = -1;     // watched until the first stop
  sigset_t awake_{};  // our own signal mask while we wait
  Registers state_;
  uint64_t mask_ = 0;
  bool blocked_ = false;   // the thread's signals are
  bool moved_ = false;     // it has left its first stop
  bool changed_ = false;   // its registers are not what they were
  bool suspends_ = false;  // filters are to sleep during our calls
  bool strayed_ = false;
  UniqueFd memory_;  // of the client, not of whoever has the thread's id later
};

}  // namespace v4l2cuse::tracer
