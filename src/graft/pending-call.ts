/** In which system call a client's thread is expected to be: by this a graft knows that it has the right one. */
import type { MaskedArgument } from "./tracer-protocol.js";

export interface PendingCall {
  readonly number: bigint;
  /** What its first arguments must be; at most three. */
  readonly arguments: readonly MaskedArgument[];
}

const ANYTHING: MaskedArgument = { value: 0n, mask: 0n };

const word = (value: number | bigint): MaskedArgument => ({
  value: BigInt.asUintN(32, BigInt(value)),
  mask: 0xffff_ffffn,
});

/** Numbers of ioctl(2). The tracer knows no other machines. */
const ioctlNumbers: Partial<Record<NodeJS.Architecture, bigint>> = { x64: 16n, arm64: 29n };

/** Why this machine's programs cannot be traced; undefined where they can. */
export function machineProblem(): string | undefined {
  return process.arch in ioctlNumbers ? undefined : `unknown kind of machine: ${process.arch}`;
}

/** The ioctl of a FUSE or CUSE request: the kernel looks at 32 bits of the command, and at all of the pointer. */
export function pendingIoctl(request: { readonly cmd: number; readonly argAddress: bigint }): PendingCall {
  return {
    number: ioctlNumbers[process.arch] ?? -1n,
    arguments: [ANYTHING, word(request.cmd), { value: request.argAddress, mask: 0xffff_ffff_ffff_ffffn }],
  };
}

/** Any call with this number, for tests. @param fd - Its first argument. */
export function pendingCall(number: number, fd?: number): PendingCall {
  return { number: BigInt(number), arguments: fd === undefined ? [] : [word(fd)] };
}
