/**
 * Ioctls of 32-bit programs: what devices get is the call as a 64-bit program makes it, and the answer goes back in the
 * program's own layout.
 */
import type { IoctlRequest } from "../cuse/index.js";
import type { Caller } from "../linux.js";
import { attempt } from "../settle.js";
import { ioctls32, V4l2Error } from "../v4l2/index.js";
import type { Awaitable, Ioctl32, Ioctls32 } from "../v4l2/index.js";
import { AdapterCall } from "./client-call.js";
import type { LastClient } from "./client-call.js";

/** A 32-bit program's call, with the number and the argument of a 64-bit program's. */
class TranslatedRequest implements IoctlRequest {
  readonly cmd: number;
  readonly arg: Uint8Array;
  readonly #request: IoctlRequest;
  readonly #theirs: Uint8Array;
  readonly #ioctl: Ioctl32;

  constructor(request: IoctlRequest, ioctl: Ioctl32) {
    this.#request = request;
    this.#ioctl = ioctl;
    this.#theirs = request.arg;
    this.cmd = ioctl.number;
    this.arg = new Uint8Array(ioctl.arg.ourSize);
    ioctl.arg.toOurs(this.#theirs, this.arg);
  }

  /** The answer, in the program's layout. */
  giveBack(): void {
    this.#ioctl.arg.toTheirs(this.arg, this.#theirs);
  }

  get caller(): Caller {
    return this.#request.caller;
  }

  get argAddress(): bigint {
    return this.#request.argAddress;
  }

  get compat(): boolean {
    return this.#request.compat;
  }

  get isAnonymous(): boolean {
    return this.#request.isAnonymous;
  }

  nonblocking(): boolean {
    return this.#request.nonblocking();
  }

  onInterrupt(callback: () => void): void {
    this.#request.onInterrupt(callback);
  }

  uninterruptible(): void {
    this.#request.uninterruptible();
  }
}

/**
 * Serves an ioctl of a 32-bit program.
 * @param serve - As for a 64-bit program.
 * @returns What `serve` does.
 */
export function serve32(
  request: IoctlRequest,
  clients: LastClient,
  serve: (request: IoctlRequest, call: AdapterCall) => Awaitable<number>,
  table: Ioctls32 = ioctls32(),
): Awaitable<number> {
  const ioctl = table.find(request.cmd);
  if (ioctl === undefined) {
    // The same in all programs, or the driver's own.
    const call = new AdapterCall(request, clients);
    call.is32Bit = true;
    return serve(request, call);
  }
  const translated = new TranslatedRequest(request, ioctl);
  const call = new AdapterCall(translated, clients);
  call.is32Bit = true;
  call.structs32 = ioctl.structs;
  return attempt<number, number>(
    () => serve(translated, call),
    (result) => {
      translated.giveBack();
      return result;
    },
    (error) => {
      if (error instanceof V4l2Error && error.copyOut) translated.giveBack();
      throw error;
    },
  );
}
