/** What the check of a codec looks like: it follows the requests of one open file, one after the other. */
import type { ControlValues, StatelessName } from "../../codec/index.js";
import type { Disagreement } from "./compare.js";

/** One request as a client submitted it. */
export interface CheckedRequest {
  /** The controls in effect by their name in `Cid`. May be read one by one: look at what is needed. */
  readonly controls: ControlValues;
  /**
   * The bytes of a control, where there are any: a value of two thousand fields takes longer to read than to compare.
   * They are of the time of the call; what is the same in bytes is the same in {@link controls}.
   */
  readonly bytesOf?: ((name: StatelessName) => Uint8Array | undefined) | undefined;
  /** The OUTPUT buffer, or its start: a copy, which no client can change, and which is valid until the check has answered. */
  readonly bitstream: Uint8Array;
  /** Of the OUTPUT buffer; later requests refer to the picture by it. In ns. */
  readonly timestampNs: bigint;
  /** More requests for the same CAPTURE buffer follow: `V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF`. */
  readonly holdCapture: boolean;
}

/** What differs, and in sentences what no field can be blamed for. */
export interface CheckResult {
  readonly disagreements: readonly Disagreement[];
  /** A sentence about the request: the bitstream cannot be read, for one. */
  readonly problem?: string | undefined;
}

/** Nothing is wrong, or nothing can be said. */
export const noDisagreement: CheckResult = { disagreements: [] };

/** The check of one stream. */
export interface StreamCheck {
  /** Compares a request with its bitstream and with the requests before it, and remembers what it establishes. */
  check(request: CheckedRequest): CheckResult;
  /** A copy in the same state, which goes its own way from now on. */
  clone(): StreamCheck;
}
