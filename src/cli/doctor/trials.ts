/**
 * What this process may do to clients, tried on one: a process of another user that is nobody's child here, as clients
 * are. (A child would not do: yama's ptrace_scope 1 lets a parent do what it forbids to others.)
 */
import { spawnSync } from "node:child_process";
import { Grafter, pendingCall, TracerError } from "../../serve/index.js";
import { CuseError, FuseSession } from "../../cuse/index.js";
import { isSystemError, processRead, processWrite, ProcessFd, socketPair } from "../../native.js";

/** undefined: it can be done; else why not. */
export type Problem = string | undefined;

export interface Trials {
  /** The stranger's user: nobody, or ourselves where we cannot become another. */
  readonly uid: number;
  /** Arguments behind pointers are copied: controls, USERPTR, planes. */
  readonly memory: Problem;
  /** A client's socket is taken over: how the helper gets memory and descriptors. */
  readonly descriptors: Problem;
  /** A client's descriptor is replaced. */
  readonly trace: Problem;
  /** The same in clients with seccomp filters. */
  readonly traceFiltered: Problem;
  /** FUSE files and nodes can be made here. */
  readonly fuse: Problem;
  /** FUSE files can be mapped. */
  readonly passthrough: Problem;
}

const NOBODY = 65_534;
/** The stranger ends by itself, if it cannot be ended. */
const LIFETIME_S = 20;
/** Nothing is ever mapped there: the answer is EFAULT for those who may look, and EPERM for others. */
const UNMAPPED = 4096n;

export async function tryAbilities(): Promise<Trials> {
  const stranger = startStranger();
  const { session, problem: fuse } = startSession();
  try {
    const canMap = session !== undefined && (await session.canMap);
    const { trace, traceFiltered } = await tryToTrace(stranger);
    return {
      uid: stranger.uid,
      memory: tryMemory(stranger),
      descriptors: tryDescriptors(stranger),
      trace,
      traceFiltered: trace ?? traceFiltered,
      fuse,
      passthrough: fuse ?? (canMap ? undefined : "Linux 6.9 with CONFIG_FUSE_PASSTHROUGH has it"),
    };
  } finally {
    await session?.close();
    try {
      process.kill(stranger.pid);
    } catch {
      // Not ours to end: it does so by itself.
    }
  }
}

interface Stranger {
  readonly pid: number;
  readonly uid: number;
}

function startStranger(): Stranger {
  // The shell ends at once: `sleep` becomes the child of init, or of whoever stands in for it.
  const script = ["sh", "-c", `sleep ${LIFETIME_S} <&- >&- 2>&- & echo $!`];
  const other = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"];
  for (const [uid, command] of [
    [NOBODY, [...other, ...script]],
    [process.getuid?.() ?? 0, script],
  ] as const) {
    const [program = "", ...args] = command;
    const { stdout, status } = spawnSync(program, args, { encoding: "utf8" });
    const pid = Number(stdout);
    if (status === 0 && Number.isInteger(pid) && pid > 0) return { pid, uid };
  }
  throw new Error("no program can be started");
}

const NOT_PERMITTED = "this process may not look into others (ptrace)";

/** @param expected - How the call fails for those who may. */
function attempt(step: () => void, expected: string): Problem {
  try {
    step();
    return undefined;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === expected) return undefined;
    return error.code === "EPERM" ? NOT_PERMITTED : `${error.syscall} fails with ${error.code}`;
  }
}

function tryMemory({ pid, uid }: Stranger): Problem {
  const bytes = new Uint8Array(8);
  return (
    attempt(() => processRead(pid, UNMAPPED, bytes, uid), "EFAULT") ??
    attempt(() => processWrite(pid, UNMAPPED, bytes, uid), "EFAULT")
  );
}

/** It has no such descriptor. */
function tryDescriptors({ pid }: Stranger): Problem {
  return attempt(() => ProcessFd.takeSocket(pid, NO_DESCRIPTOR).close(), "EBADF");
}

/** The tracer stops it, finds it in another call than the one that we name, and lets it go. */
async function tryToTrace({ pid, uid }: Stranger): Promise<Pick<Trials, "trace" | "traceFiltered">> {
  let grafter: Grafter;
  try {
    grafter = await Grafter.start();
  } catch (error) {
    if (!(error instanceof TracerError)) throw error;
    return { trace: error.message, traceFiltered: undefined };
  }
  const [own, other] = socketPair();
  try {
    const outcome = await grafter.install({
      tid: pid,
      uid,
      call: pendingCall(NO_CALL),
      newFd: own.fd,
      closeOnExec: true,
      answer: () => undefined,
    });
    const isPermitted = outcome.kind === "refused" && outcome.reason === "other-call";
    const { suspendsSeccomp } = grafter.abilities;
    return {
      trace: isPermitted
        ? undefined
        : outcome.kind === "refused"
          ? outcome.sentence
          : "the process has ended",
      traceFiltered: suspendsSeccomp
        ? undefined
        : "filters cannot be suspended (CAP_SYS_ADMIN, CONFIG_CHECKPOINT_RESTORE)",
    };
  } finally {
    own.close();
    other.close();
    grafter.close();
  }
}

const NO_DESCRIPTOR = 1_000_000;

/** No system call has this number. */
const NO_CALL = 0xffff;

const silent = { warn: () => undefined, error: () => undefined };

function startSession(): { session?: FuseSession; problem: Problem } {
  try {
    return { session: new FuseSession({ log: silent }), problem: undefined };
  } catch (error) {
    if (!(error instanceof CuseError)) throw error;
    return { problem: error.message.replace(/\.$/, "") };
  }
}
