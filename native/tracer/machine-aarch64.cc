// arm64: number in x8, arguments in x0 to x5, result in x0.
#ifdef __aarch64__

#include <elf.h>
#include <linux/audit.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include <cerrno>

#include "machine.h"

// Older headers lack it.
#ifndef NT_ARM_SYSTEM_CALL
#define NT_ARM_SYSTEM_CALL 0x404
#endif

namespace v4l2cuse::tracer {
namespace {

constexpr uint64_t kMode32Bit = 0x10;  // PSR_MODE32_BIT of pstate

}  // namespace

const uint32_t kAuditArch = AUDIT_ARCH_AARCH64;
const bool kHasFirstArgument = false;                                // The result takes its register.
const Instruction kCallInstruction = {4, {0x01, 0x00, 0x00, 0xd4}};  // svc #0

bool Registers::IsNative() const { return (raw.pstate & kMode32Bit) == 0; }

// The kernel forgets the number before it stops the thread, so x8 has to do: it
// survives the call. That an svc stands before the program counter is checked by
// the caller. A call that is to be repeated already stands before its svc here,
// and is refused therefore.
bool Registers::IsBehindCall() const { return true; }

uint64_t Registers::CallNumber() const { return raw.regs[8]; }

uint64_t Registers::Argument(size_t index) const {
  const Arguments all = {raw.regs[0], raw.regs[1], raw.regs[2], raw.regs[3], raw.regs[4], raw.regs[5]};
  return all.at(index);
}

int64_t Registers::Result() const { return static_cast<int64_t>(raw.regs[0]); }

void Registers::SetResult(int64_t value) { raw.regs[0] = static_cast<uint64_t>(value); }

uint64_t Registers::CallInstruction() const { return raw.pc - kCallInstruction.size; }

uint64_t Registers::StackPointer() const { return raw.sp; }

void Registers::PrepareCall(uint64_t number, const Arguments& arguments) {
  raw.pc = CallInstruction();
  raw.regs[8] = number;
  for (size_t i = 0; i < arguments.size(); ++i) raw.regs[i] = arguments[i];
}

int LoadRegisters(pid_t thread, Registers& registers) {
  iovec place{&registers.raw, sizeof registers.raw};
  if (::ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &place) < 0) return errno;
  // A 32-bit program has fewer.
  return place.iov_len == sizeof registers.raw ? 0 : ENOEXEC;
}

int StoreRegisters(pid_t thread, const Registers& registers) {
  Registers copy = registers;
  iovec place{&copy.raw, sizeof copy.raw};
  return ::ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &place) < 0 ? errno : 0;
}

int CancelCall(pid_t thread) {
  // x8 would be too late: the kernel has read the number already.
  int number = -1;
  iovec place{&number, sizeof number};
  return ::ptrace(PTRACE_SETREGSET, thread, NT_ARM_SYSTEM_CALL, &place) < 0 ? errno : 0;
}

}  // namespace v4l2cuse::tracer

#endif
