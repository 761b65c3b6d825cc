/**
 * The messages of `native/tracer/protocol.h`, as bytes. A test compares numbers and offsets with the header.
 * All fields are in the machine's own order, which is little-endian on the machines that the tracer knows.
 */
export const PROTOCOL = 3;

export const Feature = { SuspendsSeccomp: 0x1, HasKcmp: 0x2, CanSeize: 0x4 } as const;

export const JobFlag = { Swap: 0x1, CloseOnExec: 0x2, CheckDevice: 0x4, Unfinished: 0x8 } as const;

export const EventKind = { Seized: 1, Placed: 2, Done: 3, Paused: 4, Undone: 5, Unplaced: 6 } as const;

/** `TRACER_STEP_*`, in the order in which they are taken. */
export const Step = {
  Seize: 1,
  Interrupt: 2,
  Answer: 3,
  Prepare: 4,
  SocketPair: 5,
  Take: 6,
  Send: 7,
  Receive: 8,
  Unregister: 9,
  Dup: 10,
  Look: 11,
  Register: 12,
  Close: 13,
  Confirm: 14,
  Restore: 15,
  Settle: 16,
  Detach: 17,
} as const;
export type Step = (typeof Step)[keyof typeof Step];

/** How many numbers an event has room for: a client's further duplicates keep the old file. */
export const MAX_FDS = 32;

export const HELLO_BYTES = 8;
export const JOB_BYTES = 104;
export const EVENT_BYTES = 176;
const ARGUMENTS = 3;

export interface Hello {
  readonly protocol: number;
  readonly features: number;
}

/** `struct tracer_hello`. Undefined: not one. */
export function decodeHello(message: Uint8Array): Hello | undefined {
  if (message.byteLength !== HELLO_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  return { protocol: view.getUint32(0, true), features: view.getUint32(4, true) };
}

/** An argument of a system call: `value` in those bits that `mask` has. */
export interface MaskedArgument {
  readonly value: bigint;
  readonly mask: bigint;
}

export interface Job {
  readonly flags: number;
  readonly thread: number;
  /** -1: the first argument of the call. */
  readonly fd: number;
  readonly call: bigint;
  /** At most three. */
  readonly arguments: readonly MaskedArgument[];
  readonly device: bigint;
  /** Where in the client's memory a new number is written; 0: nowhere. */
  readonly numberAt: bigint;
  readonly failure: number;
  readonly answerMs: number;
  readonly stepMs: number;
  readonly pauseStep: number;
}

/** `struct tracer_job`. */
export function encodeJob(job: Job): Uint8Array {
  const bytes = new Uint8Array(JOB_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, PROTOCOL, true);
  view.setUint32(4, job.flags, true);
  view.setInt32(8, job.thread, true);
  view.setInt32(12, job.fd, true);
  view.setBigUint64(16, job.call, true);
  for (let index = 0; index < ARGUMENTS; index++) {
    const { value, mask } = job.arguments[index] ?? { value: 0n, mask: 0n };
    view.setBigUint64(24 + 8 * index, value, true);
    view.setBigUint64(48 + 8 * index, mask, true);
  }
  view.setBigUint64(72, job.device, true);
  view.setBigUint64(80, job.numberAt, true);
  view.setUint32(88, job.failure, true);
  view.setUint32(92, job.answerMs, true);
  view.setUint32(96, job.stepMs, true);
  view.setUint32(100, job.pauseStep, true);
  return bytes;
}

export interface TracerEvent {
  readonly kind: number;
  readonly reason: number;
  readonly step: number;
  readonly errno: number;
  readonly detail: bigint;
  readonly stoppedNs: bigint;
  readonly registrationsMoved: number;
  readonly registrationsLost: number;
  readonly fds: readonly number[];
}

/** `struct tracer_event`. Undefined: not one. */
export function decodeEvent(message: Uint8Array): TracerEvent | undefined {
  if (message.byteLength !== EVENT_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const count = Math.min(view.getUint32(40, true), MAX_FDS);
  return {
    kind: view.getUint32(0, true),
    reason: view.getUint32(4, true),
    step: view.getUint32(8, true),
    errno: view.getUint32(12, true),
    detail: view.getBigInt64(16, true),
    stoppedNs: view.getBigUint64(24, true),
    registrationsMoved: view.getUint32(32, true),
    registrationsLost: view.getUint32(36, true),
    fds: Array.from({ length: count }, (_, index) => view.getInt32(44 + 4 * index, true)),
  };
}

/** `struct tracer_resume`. */
export function encodeResume(errno: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(errno).buffer);
}
