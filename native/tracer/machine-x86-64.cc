// x86-64: number in rax (kept in orig_rax), arguments in rdi, rsi, rdx, r10, r8, r9.
#ifdef __x86_64__

#include <linux/audit.h>
#include <sys/ptrace.h>

#include <cerrno>

#include "machine.h"

namespace v4l2cuse::tracer {
namespace {

// Code segment of 64-bit programs; 0x23 is that of 32-bit ones.
constexpr uint64_t kUserCs = 0x33;
// Set in the number of a call of an x32 program, whose structures are not ours.
constexpr uint64_t kX32Bit = 0x40000000;
constexpr uint64_t kNoCall = UINT64_MAX;

}  // namespace

const bool kHasFirstArgument = true;
const uint32_t kAuditArch = AUDIT_ARCH_X86_64;
const Instruction kCallInstruction = {2, {0x0f, 0x05}};  // syscall

bool Registers::IsNative() const {
  return raw.cs == kUserCs && (raw.orig_rax == kNoCall || (raw.orig_rax & kX32Bit) == 0);
}

// Interrupts and faults leave a negative orig_rax.
bool Registers::IsBehindCall() const { return static_cast<int64_t>(raw.orig_rax) >= 0; }

uint64_t Registers::CallNumber() const { return raw.orig_rax; }

uint64_t Registers::Argument(size_t index) const {
  const Arguments all = {raw.rdi, raw.rsi, raw.rdx, raw.r10, raw.r8, raw.r9};
  return all.at(index);
}

int64_t Registers::Result() const { return static_cast<int64_t>(raw.rax); }

void Registers::SetResult(int64_t value) { raw.rax = static_cast<uint64_t>(value); }

uint64_t Registers::CallInstruction() const { return raw.rip - kCallInstruction.size; }

uint64_t Registers::StackPointer() const { return raw.rsp; }

void Registers::PrepareCall(uint64_t number, const Arguments& arguments) {
  raw.rip = CallInstruction();
  raw.rax = number;
  // Or the kernel, on its way to the instruction, could take `number` for the
  // result of the interrupted call and repeat that one.
  raw.orig_rax = kNoCall;
  raw.rdi = arguments[0];
  raw.rsi = arguments[1];
  raw.rdx = arguments[2];
  raw.r10 = arguments[3];
  raw.r8 = arguments[4];
  raw.r9 = arguments[5];
}

// Not PTRACE_GETREGSET: User-Mode Linux has it only since 6.13 or so.
int LoadRegisters(pid_t thread, Registers& registers) {
  return ::ptrace(PTRACE_GETREGS, thread, nullptr, &registers.raw) < 0 ? errno : 0;
}

int StoreRegisters(pid_t thread, const Registers& registers) {
  Registers copy = registers;
  return ::ptrace(PTRACE_SETREGS, thread, nullptr, &copy.raw) < 0 ? errno : 0;
}

int CancelCall(pid_t thread) {
  Registers registers;
  if (const int error = LoadRegisters(thread, registers)) return error;
  registers.raw.orig_rax = kNoCall;
  return StoreRegisters(thread, registers);
}

}  // namespace v4l2cuse::tracer

#endif
