/** Puts files into clients while these are in a system call that the driver answers. */
import { isLater } from "../settle.js";
import { errnoNumber } from "../linux.js";
import { Channel } from "../native.js";
import { asError } from "../present.js";
import { outcomeOf, overdue, tooMany, withoutTracer, type GraftOutcome } from "./outcome.js";
import { machineProblem, type PendingCall } from "./pending-call.js";
import {
  decodeEvent,
  encodeJob,
  encodeResume,
  EVENT_BYTES,
  EventKind,
  Feature,
  JobFlag,
} from "./tracer-protocol.js";
import { TracerError, TracerProcess } from "./tracer-process.js";
import { Turns, type Turn } from "./turns.js";

/** What both ways of placing a file need. */
interface PlaceRequest {
  /** The thread, as in a FUSE header. */
  readonly tid: number;
  /** Whose it is; so many of a user's are served at a time (turns.ts). Default: root. */
  readonly uid?: number;
  /** The call in which it waits for our answer. */
  readonly call: PendingCall;
  /**
   * The file to place. Stays the caller's, who keeps it open until `placed`, `undone` or `unplaced` is called, or the promise
   * settles. When the client runs on, it has the only descriptor besides the caller's.
   */
  readonly newFd: number;
  /**
   * Answers the pending call. Called once, when the thread can no longer return to its program unseen; not called
   * after an early refusal, so that the caller can still answer otherwise. It must answer soon, but need not at once.
   *
   * Seizing wakes the thread: for a FUSE call the kernel sends FUSE_INTERRUPT, which must not be taken for a signal.
   */
  answer(): void;
  /**
   * The call was answered with success, and is about to end with {@link failWith}: takes back what it has made. The
   * client does not run before this has settled, or the limit of a step has passed. Not called when the tracer is gone.
   */
  undone?(): void | Promise<void>;
  /**
   * The file will not be placed, and the call stays as it ended. The client does not run before this has returned, or
   * the limit of a step has passed. Not called when the tracer is gone.
   */
  unplaced?(): void;
  /** The errno that the pending call ends with, if it was answered with success but the file cannot be placed. */
  readonly failWith?: number;
  readonly limits?: GraftLimits;
  /** @internal For tests: goes on although the call was interrupted, and will be repeated. */
  readonly evenUnfinished?: boolean;
  /** @internal For tests: the tracer waits before a step until `reached` has settled. */
  readonly pause?: { readonly step: number; reached(): void | Promise<void> };
}

export interface GraftRequest extends PlaceRequest {
  /** The client's descriptor; default: the first argument of its call. */
  readonly fdNumber?: number;
  /** `rdev` of `fs.Stats`: the descriptor must still lead to this character device when it is replaced. */
  readonly expectRdev?: number;
  /** The file is in place, and the client does not run yet. */
  placed?(fdNumbers: readonly number[]): void;
}

export interface InstallRequest extends PlaceRequest {
  readonly closeOnExec: boolean;
  /**
   * Where in the client's memory the number is written, an int: over what the answer has written there, and before the
   * client runs. If that cannot be done, the file is taken back and the call ends with EFAULT.
   */
  readonly numberAt?: bigint;
  /**
   * The file is in the client under `fdNumber`, which does not know it yet. @throws to take it back; the call then
   * ends with `failWith`. Not the moment to write to the client: its id may have become another program's.
   */
  placed?(fdNumber: number): void;
}

export interface GraftLimits {
  /** How long the call may take to end after `answer()`; default 10 s. Then the thread is left alone. */
  readonly answerMs?: number;
  /** How long any other step may take before it is given up; default 2 s. */
  readonly stepMs?: number;
}

const DEFAULT_LIMITS = { answerMs: 10_000, stepMs: 2_000 } as const;

/** What this kernel lets this process do. */
export interface GraftAbilities {
  /** Processes can be traced from here at all; whether those of other users, their capabilities and yama decide. */
  readonly canTrace: boolean;
  /** Clients with seccomp filters can be served. */
  readonly suspendsSeccomp: boolean;
  /** Duplicates are recognized with kcmp(2); else with a lock, which works too. */
  readonly hasKcmp: boolean;
}

export class Grafter {
  #tracer: TracerProcess;
  #closed = false;
  readonly #turns = new Turns();

  private constructor(tracer: TracerProcess) {
    this.#tracer = tracer;
  }

  /** @throws {TracerError} It cannot work here: one sentence says why. */
  static async start(): Promise<Grafter> {
    const problem = machineProblem();
    if (problem !== undefined) throw new TracerError(problem);
    return new Grafter(await TracerProcess.start());
  }

  get abilities(): GraftAbilities {
    const { features } = this.#tracer;
    return {
      canTrace: (features & Feature.CanSeize) !== 0,
      suspendsSeccomp: (features & Feature.SuspendsSeccomp) !== 0,
      hasKcmp: (features & Feature.HasKcmp) !== 0,
    };
  }

  /** The tracer's process id, for tests. */
  get pid(): number {
    return this.#tracer.pid;
  }

  /**
   * Replaces the file behind a client's descriptor, and behind its duplicates in that process, by another one. The
   * numbers, close-on-exec, and epoll registrations stay. The flags of the file (access mode, O_NONBLOCK, ...) are
   * those of `newFd`: to open it with the flags that the client's file has is the caller's business.
   */
  graft(request: GraftRequest): Promise<GraftOutcome> {
    const check = request.expectRdev === undefined ? 0 : JobFlag.CheckDevice;
    return this.#place(request, JobFlag.Swap | check, (fds) => request.placed?.(fds));
  }

  /** Gives a client a file under a new number, as if the pending call had opened it. */
  install(request: InstallRequest): Promise<GraftOutcome> {
    return this.#place(request, request.closeOnExec ? JobFlag.CloseOnExec : 0, ([fd]) => {
      if (fd === undefined) throw new TracerError("the tracer did not say which number it is");
      request.placed?.(fd);
    });
  }

  /** Jobs that have begun come to their end, or put back what they have changed. Nothing new is accepted. */
  close(): void {
    this.#closed = true;
    this.#tracer.close();
  }

  async #place(
    request: PlaceRequest & Pick<GraftRequest, "fdNumber" | "expectRdev"> & Pick<InstallRequest, "numberAt">,
    flags: number,
    placed: (fds: readonly number[]) => void,
  ): Promise<GraftOutcome> {
    const limits = { ...DEFAULT_LIMITS, ...request.limits };
    const job = encodeJob({
      flags: flags | (request.evenUnfinished === true ? JobFlag.Unfinished : 0),
      thread: request.tid,
      fd: request.fdNumber ?? -1,
      call: request.call.number,
      arguments: request.call.arguments,
      device: BigInt(request.expectRdev ?? 0),
      numberAt: request.numberAt ?? 0n,
      failure: request.failWith ?? 0,
      answerMs: limits.answerMs,
      stepMs: limits.stepMs,
      pauseStep: request.pause?.step ?? 0,
    });
    // Nothing is awaited while the tracer lives and there is room: the usual caller is served as it comes.
    const taken = this.#turns.take(request.uid ?? 0);
    const turn = isLater(taken) ? await taken : taken;
    if (turn === undefined) return tooMany(request.tid);
    try {
      if (!this.#tracer.alive) await this.#restart();
      return await converse(this.#tracer, job, request, limits, placed, turn);
    } catch (error) {
      turn.end();
      if (error instanceof TracerError) return withoutTracer(error.message, false);
      throw error;
    }
  }

  async #restart(): Promise<void> {
    if (this.#closed) throw new TracerError("the grafter is closed");
    const tracer = await TracerProcess.start();
    if (this.#tracer.alive)
      tracer.close(); // Another call was faster.
    else this.#tracer = tracer;
  }
}

/** One job, from its message to its end. Rejects with what `answer` throws. */
function converse(
  tracer: TracerProcess,
  job: Uint8Array,
  request: PlaceRequest,
  limits: Required<GraftLimits>,
  placed: (fds: readonly number[]) => void,
  turn: Turn,
): Promise<GraftOutcome> {
  return new Promise((resolve, reject) => {
    let answered = false;
    // The tracer keeps the limits, unless it sleeps itself: in a page of the client's memory that does not come.
    const watchdog = setTimeout(
      () => {
        end(overdue(request.tid, answered));
      },
      limits.answerMs + STEPS * limits.stepMs,
    );
    const end = (outcome: GraftOutcome): void => {
      clearTimeout(watchdog);
      channel.close();
      if (outcome.kind === "refused" && outcome.reason === "stuck") turn.isLate();
      resolve(outcome);
    };
    const { socket, life } = tracer.submit(job, request.newFd);
    // Closes with the job's process, which may outlive the outcome: see `stuck`.
    const lifeline = new Channel(life.fd, EVENT_BYTES, {
      onMessage: () => undefined,
      onClose: () => turn.end(),
    });
    lifeline.unref();
    life.close(); // The channel has a duplicate.
    const onSeized = (): void => {
      answered = true;
      try {
        request.answer();
      } catch (error) {
        clearTimeout(watchdog);
        channel.close(); // By which the tracer leaves the thread alone.
        reject(asError(error));
      }
    };
    const onPlaced = (fds: readonly number[]): void => {
      let errno = 0;
      try {
        placed(fds);
      } catch {
        errno = request.failWith ?? errnoNumber("EIO");
      }
      resume(errno);
    };
    const resume = (errno: number): void => {
      try {
        channel.write(encodeResume(errno));
      } catch {
        // The tracer was killed: onClose says so.
      }
    };
    const channel = new Channel(socket.fd, EVENT_BYTES, {
      onMessage: (message) => {
        const event = decodeEvent(message);
        if (event === undefined) {
          end(withoutTracer("the tracer process is not of this version", answered));
        } else if (event.kind === EventKind.Seized) {
          onSeized();
        } else if (event.kind === EventKind.Placed) {
          onPlaced(event.fds);
        } else if (event.kind === EventKind.Undone) {
          void (async () => request.undone?.())().finally(() => resume(0));
        } else if (event.kind === EventKind.Unplaced) {
          try {
            request.unplaced?.();
          } finally {
            resume(0);
          }
        } else if (event.kind === EventKind.Paused) {
          void Promise.resolve(request.pause?.reached()).then(() => resume(0));
        } else if (event.kind === EventKind.Done) {
          end(outcomeOf(event, request.tid, answered));
        }
      },
      onClose: () => end(withoutTracer("the tracer process has ended", answered)),
    });
    socket.close(); // The channel has a duplicate.
  });
}

/** How many limits of a step may add up. */
const STEPS = 17;
