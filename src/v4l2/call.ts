/**
 * What the V4L2 layer knows about the call it serves: who called, the caller's memory, whether it may wait.
 * src/serve implements these over src/cuse, unit tests with fakes.
 */
import type { Caller } from "../linux.js";
import type { Translation } from "../uapi/translate.js";
import type { Awaitable } from "./values/types.js";

export type { Caller };

/** The calling process; both are looked up when first asked for. */
export interface Client {
  /** Process id (thread group id) in our pid namespace. */
  readonly pid: number;
  /** Name of the process; may hold any bytes, escape before printing. */
  readonly comm: string;
}

/** The caller's memory while it waits in its call. */
export interface ClientMemory {
  /** Fills all of `into`. @throws {V4l2Error} EFAULT */
  read(address: bigint, into: Uint8Array): void;
  /** Writes all of `from`. @throws {V4l2Error} EFAULT */
  write(address: bigint, from: Uint8Array): void;
}

/** The structs of a 32-bit program, in its memory. */
export interface Structs32 {
  /** How a struct is copied that it lays out in another way, by C name. */
  of(struct: string): Translation;
}

/** One call of a client, alive until it is answered. */
export interface Call {
  readonly caller: Caller;
  readonly client: Client;
  readonly memory: ClientMemory;
  /**
   * A 32-bit program calls. V4L2's own structs arrive here as 64-bit programs have them; in the structs of a driver's own
   * ioctls, pointers and longs have 4 bytes.
   */
  readonly is32Bit?: boolean;
  /** How the structs are laid out that the argument points to. Absent: as ours. */
  readonly structs32?: Structs32 | undefined;
  /** Is the file O_NONBLOCK right now? Costs system calls; ask only when the call would wait. */
  nonblocking(): boolean;
  /**
   * `callback` runs once when a signal hits the waiting caller (or the device goes away). Give up then:
   * reject with EINTR, and leave what was waited for where it is.
   */
  onInterrupt(callback: () => void): void;
  /** Has the caller CAP_SYS_ADMIN? */
  isAdmin(): boolean;
  /**
   * Gives the caller a duplicate of an fd of this process, which is not needed any more when this has settled.
   * The call must then succeed at once. Absent when the caller cannot be given any.
   * @throws {V4l2Error} EPIPE - the other end is gone; ENOTTY - it cannot be given any after all.
   */
  sendFd?(fd: number): Awaitable<void>;
}
