/**
 * A call of a client as V4L2 sees it, over src/cuse's: brings the caller's memory, process and rights to it, and turns
 * a V4l2Error into the refusal that src/cuse knows.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { CharDeviceError, processOf } from "../cuse/index.js";
import type { PendingCall } from "../cuse/index.js";
import { isSystemError, processRead, processWrite } from "../native.js";
import { attempt, unchanged } from "../settle.js";
import type { Awaitable, Call, Caller, Client, ClientMemory, Structs32 } from "../v4l2/index.js";
import { V4l2Error, withoutStack } from "../v4l2/index.js";
import { ClientSocket } from "./client-socket.js";

/** Bit of CAP_SYS_ADMIN in `/proc/<pid>/status`. */
const CAP_SYS_ADMIN = 21n;

/** The process of a thread, looked up once and only if somebody asks. */
export class LazyClient implements Client {
  readonly #tid: number;
  #known: Client | undefined;

  constructor(tid: number) {
    this.#tid = tid;
  }

  get pid(): number {
    return this.#lookUp().pid;
  }

  get comm(): string {
    return this.#lookUp().comm;
  }

  #lookUp(): Client {
    return (this.#known ??= processOf(this.#tid) ?? { pid: this.#tid, comm: "?" });
  }
}

/** Why memory of a caller cannot be had. */
const accessErrors: Readonly<Record<string, string>> = {
  EFAULT: "bad address",
  ETIMEDOUT: "it does not answer; is it a mapping of a file that somebody should serve?",
};

/** The memory of a thread that waits in a call to us. */
export class ProcessMemory implements ClientMemory {
  readonly #tid: number;
  readonly #uid: number;

  constructor({ tid, uid }: Pick<Caller, "tid" | "uid">) {
    this.#tid = tid;
    this.#uid = uid;
  }

  read(address: bigint, into: Uint8Array): void {
    this.#access(() => {
      processRead(this.#tid, address, into, this.#uid);
    });
  }

  write(address: bigint, from: Uint8Array): void {
    this.#access(() => {
      processWrite(this.#tid, address, from, this.#uid);
    });
  }

  #access(copy: () => void): void {
    if (this.#tid === 0) throw new V4l2Error("EFAULT", "the caller is not visible in our pid namespace");
    try {
      copy();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      const detail = accessErrors[error.code] ?? `${error.code}, are we allowed to trace it?`;
      throw new V4l2Error("EFAULT", `memory of the caller: ${detail}`);
    }
  }
}

/**
 * The process that called last. Most callers call again, and looking one up takes three system calls; a name that
 * changed since (exec) or a thread id in new hands is seen too late, which matters for the log only.
 */
export class LastClient {
  #tid = -1;
  #client: Client = new LazyClient(0);

  of(tid: number): Client {
    if (tid !== this.#tid) {
      this.#tid = tid;
      this.#client = new LazyClient(tid);
    }
    return this.#client;
  }
}

/** A {@link PendingCall} with what V4L2 wants to know besides. */
export class AdapterCall implements Call {
  readonly #pending: PendingCall;
  readonly #clients: LastClient;
  #client: Client | undefined;
  #memory: ClientMemory | undefined;
  sendFd?: (fd: number) => Awaitable<void>;
  is32Bit = false;
  structs32: Structs32 | undefined = undefined;

  constructor(pending: PendingCall, clients: LastClient) {
    this.#pending = pending;
    this.#clients = clients;
  }

  get caller(): Caller {
    return this.#pending.caller;
  }

  get client(): Client {
    // Kept: what is said of the call at its end may find that the thread has ended.
    return (this.#client ??= this.#clients.of(this.#pending.caller.tid));
  }

  get memory(): ClientMemory {
    return (this.#memory ??= new ProcessMemory(this.#pending.caller));
  }

  nonblocking(): boolean {
    return this.#pending.nonblocking();
  }

  onInterrupt(callback: () => void): void {
    this.#pending.onInterrupt(callback);
  }

  isAdmin(): boolean {
    return hasAdminRights(this.#pending.caller.tid);
  }
}

/**
 * Has the thread CAP_SYS_ADMIN now, where it means something to us: in our own user namespace? Anybody can have all
 * capabilities in a namespace of his own. Not if it cannot be seen.
 */
export function hasAdminRights(tid: number): boolean {
  if (tid === 0) return false;
  try {
    if (readlinkSync(`/proc/${tid}/ns/user`) !== readlinkSync("/proc/self/ns/user")) return false;
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${tid}/status`, "latin1"))?.[1];
    return effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
  } catch {
    return false;
  }
}

/** Throws what the session understands: a V4l2Error is a refusal, the rest stays what it is. */
export function refuse(error: unknown): never {
  if (!(error instanceof V4l2Error)) throw error;
  const { code, detail, copyOut } = error;
  throw withoutStack(() => new CharDeviceError(code, detail, { copyOut, cause: error }));
}

/** Runs a handler; its V4l2Errors become refusals that the session understands. */
export function answer<Result>(handler: () => Awaitable<Result>): Awaitable<Result> {
  return attempt<Result, Result>(handler, unchanged, refuse);
}

/** Sends `fd` to the caller, who named one end of its own socket pair. @throws {V4l2Error} see {@link ClientSocket}. */
export function sendOver({ caller }: Call, socketNumber: number, fd: number): void {
  // Not the process that the log remembers: this one gets an fd.
  const process = processOf(caller.tid);
  if (process === undefined) throw new V4l2Error("ESRCH", "the caller cannot be seen");
  const socket = ClientSocket.take(process.pid, socketNumber);
  try {
    socket.send(fd);
  } finally {
    socket.close();
  }
}
