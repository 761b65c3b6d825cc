/**
 * The one error type of the V4L2 layers: a refusal that the client sees as an errno.
 *
 * Anything else that is thrown is a bug of ours or of the driver; it goes up unchanged and the
 * session answers `EIO`.
 */
import { errnoNumber } from "../linux.js";
import type { ErrnoName } from "../linux.js";

export { errnoNumber, type ErrnoName };

/**
 * Makes an error without recording a stack, which costs more than all the rest of a refused ioctl.
 * @param create - Must not throw.
 */
export function withoutStack<Made extends Error>(create: () => Made): Made {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = create();
  Error.stackTraceLimit = limit;
  return error;
}

/** A refusal the client sees as `errno`. `detail` goes to the log only. */
export class V4l2Error extends Error {
  /** Record where a refusal came from? Off: refusals are everyday answers, and `detail` says why. */
  static recordStacks = false;

  override readonly name = "V4l2Error";
  /** The ioctl's argument goes back to the client although it was refused. Set by dispatch. */
  copyOut = false;

  constructor(
    readonly code: ErrnoName,
    readonly detail: string,
  ) {
    const limit = Error.stackTraceLimit;
    if (!V4l2Error.recordStacks) Error.stackTraceLimit = 0;
    super(`${code}: ${detail}`);
    Error.stackTraceLimit = limit;
  }

  /** The positive errno number. */
  get errno(): number {
    return errnoNumber(this.code);
  }
}
