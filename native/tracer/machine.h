// What differs between processors: where a thread keeps the number, the arguments
// and the result of a system call, and what the instruction looks like.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace v4l2cuse::tracer {

using Arguments = std::array<uint64_t, 6>;

// All general registers of a stopped thread.
struct Registers {
  user_regs_struct raw{};

  // Of a thread of this machine's own kind, which has all registers that we know:
  // no 32-bit program, no x32.
  bool IsNative() const;

  // While the thread stands behind a system call that it has just made:
  bool IsBehindCall() const;
  uint64_t CallNumber() const;
  // Arguments 1 to 5; argument 0 before the call, afterwards only where the processor keeps it (HasFirstArgument).
  uint64_t Argument(size_t index) const;
  int64_t Result() const;
  void SetResult(int64_t value);
  // Where the instruction is, by which it entered the kernel.
  uint64_t CallInstruction() const;

  uint64_t StackPointer() const;

  // Makes the thread call `number` next when it runs, with the instruction that it has just used.
  void PrepareCall(uint64_t number, const Arguments& arguments);
};

// 0, or an errno; ESRCH: the thread is not stopped any more.
int LoadRegisters(pid_t thread, Registers& registers);
int StoreRegisters(pid_t thread, const Registers& registers);

// While the thread is about to make a system call: it makes none. 0, or an errno as above.
int CancelCall(pid_t thread);

// AUDIT_ARCH_* of the calls that we make: the machine's own.
extern const uint32_t kAuditArch;

// Does the result register still have the first argument after the call?
extern const bool kHasFirstArgument;

constexpr size_t kLongestInstruction = 4;
// The bytes of the system call instruction.
struct Instruction {
  size_t size;
  std::array<uint8_t, kLongestInstruction> bytes;
};
extern const Instruction kCallInstruction;

// Bytes below the stack pointer that a function may use without saying so.
constexpr uint64_t kRedZone = 128;

}  // namespace v4l2cuse::tracer
