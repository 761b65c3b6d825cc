/** How a graft ends, and in which words. */
import { getSystemErrorName } from "node:util";
import { Step, type TracerEvent } from "./tracer-protocol.js";

/**
 * - `traced`: strace, gdb or another tracer has the thread.
 * - `forbidden`: the kernel, a security module or yama says no.
 * - `seccomp`: the client has filters, and this kernel or this driver's capabilities do not let them sleep.
 * - `other-call`: the thread was not, or not any more, in the call that was expected.
 * - `foreign-code`: a 32-bit or x32 program, or an unknown way into the kernel.
 * - `user-dispatch`: the client handles system calls itself (`PR_SET_SYSCALL_USER_DISPATCH`).
 * - `call-failed`: the pending call itself was answered with an error, or was interrupted.
 * - `other-file`: the client's descriptor has been closed or replaced meanwhile.
 * - `no-memory`: there is no stack to put arguments on.
 * - `step-failed`: a system call failed, in the client or here: too many open files, a security module, ...
 * - `not-received`: a security module kept the file from the client.
 * - `no-answer`: the pending call did not end in time.
 * - `stuck`: a step took too long: a client that is frozen. It will be undone when the step ends.
 * - `cancelled`: by the driver.
 * - `unexpected`: a bug, or a kernel that does what none did before.
 * - `replaced`: another graft has put a file of the same session in its place. The call stays as it was answered.
 * - `busy`: too many clients of the same user are being served, and do not come to an end.
 * - `no-tracer`: the tracer process cannot be started, or was killed.
 */
export type RefusalReason =
  | "traced"
  | "forbidden"
  | "seccomp"
  | "other-call"
  | "foreign-code"
  | "user-dispatch"
  | "call-failed"
  | "other-file"
  | "no-memory"
  | "step-failed"
  | "not-received"
  | "no-answer"
  | "stuck"
  | "cancelled"
  | "unexpected"
  | "replaced"
  | "busy"
  | "no-tracer";

/** The client's numbers lead to the new file. */
export interface Grafted {
  readonly kind: "grafted";
  /** All of the client's numbers that now lead to the new file: the one of the call first, then its duplicates. */
  readonly fdNumbers: readonly number[];
  /** Entries of epoll instances that were made for the old file and now are for the new one. */
  readonly registrations: number;
  /** Entries that are gone, because the kernel refused them for the new file. */
  readonly lostRegistrations: number;
  /** How long the client's thread stood still. */
  readonly stoppedNs: bigint;
}

/** The client runs on as if nothing had been tried, but for `placed`. */
export interface Refused {
  readonly kind: "refused";
  readonly reason: RefusalReason;
  /** One sentence for a log, without a full stop. */
  readonly sentence: string;
  /** `answer()` was called. */
  readonly answered: boolean;
  /** Numbers that lead to the new file all the same; not empty only when the very last steps failed. */
  readonly placed: readonly number[];
}

/** The client's thread has ended: its process too, or another of its threads called `execve(2)`. */
export interface Gone {
  readonly kind: "gone";
  readonly answered: boolean;
  /** What led to the new file when the thread ended. After an `execve(2)` that may still be so. */
  readonly placed: readonly number[];
}

export type GraftOutcome = Grafted | Refused | Gone;

/** By the numbers `TRACER_*` of native/tracer/protocol.h. */
const reasons: Partial<Record<number, RefusalReason>> = {
  2: "traced",
  3: "forbidden",
  4: "seccomp",
  5: "other-call",
  6: "foreign-code",
  7: "user-dispatch",
  8: "call-failed",
  9: "other-file",
  10: "no-memory",
  11: "step-failed",
  12: "not-received",
  13: "no-answer",
  14: "stuck",
  15: "cancelled",
  16: "unexpected",
  17: "replaced",
};
const SUCCESS = 0;
const GONE = 1;

const stepNames: Record<Step, string> = {
  [Step.Seize]: "seizing its thread",
  [Step.Interrupt]: "interrupting its thread",
  [Step.Answer]: "waiting for its call to end",
  [Step.Prepare]: "looking at its registers and descriptors",
  [Step.SocketPair]: "making a socket pair in it",
  [Step.Take]: "taking the socket from it",
  [Step.Send]: "sending it the file",
  [Step.Receive]: "receiving the file in it",
  [Step.Unregister]: "removing its epoll entries",
  [Step.Dup]: "replacing its descriptor",
  [Step.Look]: "looking at its descriptor once more",
  [Step.Register]: "adding its epoll entries again",
  [Step.Close]: "closing what was opened in it",
  [Step.Confirm]: "waiting for the driver",
  [Step.Restore]: "restoring its memory",
  [Step.Settle]: "restoring its registers",
  [Step.Detach]: "letting it go",
};

function stepName(step: number): string {
  const names: Partial<Record<number, string>> = stepNames;
  return names[step] ?? `step ${step}`;
}

function errnoName(errno: number): string {
  return errno === 0 ? "no error" : getSystemErrorName(-errno);
}

type Subject = (event: TracerEvent) => string;

/** Each follows "the client (thread 123) ". */
const sentences: Record<RefusalReason, Subject> = {
  traced: ({ detail }) =>
    detail > 0n
      ? `is already traced, by process ${detail}`
      : "is already traced, by a process that is not visible here",
  forbidden: ({ errno }) => `may not be traced from here (${errnoName(errno)})`,
  seccomp: ({ errno }) =>
    errno === 0
      ? "has seccomp filters, which cannot be suspended from here"
      : `has seccomp filters, which the kernel did not suspend (${errnoName(errno)})`,
  "other-call": ({ detail }) =>
    detail < 0n ? "is not in a system call any more" : `is in another call than expected (number ${detail})`,
  "foreign-code": () => "is no 64-bit program of this machine, or entered the kernel in an unknown way",
  "user-dispatch": () => "handles system calls itself (syscall user dispatch)",
  "call-failed": ({ errno }) => `got ${errnoName(errno)} from the call itself`,
  "other-file": () => "has closed or replaced its descriptor meanwhile",
  "no-memory": () => "has no room on its stack",
  "step-failed": ({ step, errno }) =>
    `could not be served: ${stepName(step)} failed with ${errnoName(errno)}`,
  "not-received": () => "may not receive the file: a security module keeps it away",
  "no-answer": () => "did not come back from its call in time",
  stuck: ({ step }) => `took too long: ${stepName(step)}`,
  cancelled: ({ errno }) =>
    errno === 0 ? "was left alone: the driver is ending" : `was refused with ${errnoName(errno)}`,
  unexpected: ({ step, errno, detail }) =>
    `behaved in an unexpected way: ${stepName(step)} (${errnoName(errno)}, ${detail})`,
  replaced: () => "has been served already, for another thread",
  busy: () => "cannot be served now: those before it do not come to an end",
  "no-tracer": () => "cannot be served: the tracer process has ended",
};

/** @param thread - Of the client, for the sentence. */
export function outcomeOf(event: TracerEvent, thread: number, answered: boolean): GraftOutcome {
  if (event.reason === SUCCESS) {
    return {
      kind: "grafted",
      fdNumbers: event.fds,
      registrations: event.registrationsMoved,
      lostRegistrations: event.registrationsLost,
      stoppedNs: event.stoppedNs,
    };
  }
  if (event.reason === GONE) return { kind: "gone", answered, placed: event.fds };
  const reason = reasons[event.reason] ?? "unexpected";
  const sentence = `the client (thread ${thread}) ${sentences[reason](event)}`;
  return { kind: "refused", reason, sentence, answered, placed: event.fds };
}

export function withoutTracer(sentence: string, answered: boolean): Refused {
  return { kind: "refused", reason: "no-tracer", sentence, answered, placed: [] };
}

/** For a client whose turn does not come. */
export function tooMany(thread: number): Refused {
  const sentence = `the client (thread ${thread}) cannot be served now: too many of its user's are being served, and do not come to an end`;
  return { kind: "refused", reason: "busy", sentence, answered: false, placed: [] };
}

/** For a tracer that does not come back to us. */
export function overdue(thread: number, answered: boolean): Refused {
  const sentence = `the client (thread ${thread}) took too long`;
  return { kind: "refused", reason: "stuck", sentence, answered, placed: [] };
}
