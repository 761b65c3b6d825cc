/** What follows from a stream for a stateless decoder: the shape that all codecs share. */
import type { Cid, StandardId, StandardValue } from "../v4l2/index.js";

type CidName = keyof typeof Cid;

/** The names of `Cid` that carry what a stateless decoder is told: `StatelessVp8Frame`. */
export type StatelessName = {
  [Name in CidName]: Name extends `Stateless${string}`
    ? (typeof Cid)[Name] extends StandardId
      ? Name
      : never
    : never;
}[CidName];

/** Controls that are arrays, of as many elements as the frame has. */
type ArrayName =
  | "StatelessHevcSliceParams"
  | "StatelessHevcEntryPointOffsets"
  | "StatelessHevcExtSpsStRps"
  | "StatelessHevcExtSpsLtRps"
  | "StatelessAv1TileGroupEntry";

/** Values of controls by their name in `Cid`, each of its own type; arrays for {@link ArrayName}. */
export type ControlValues = {
  readonly [Name in StatelessName]?: Name extends ArrayName
    ? readonly StandardValue<(typeof Cid)[Name]>[]
    : StandardValue<(typeof Cid)[Name]>;
};

/** One media request: one OUTPUT buffer and the controls that go with it. */
export interface RequestControls {
  /** All that the decoder needs for this request, those that did not change included. */
  readonly controls: ControlValues;
  /** What the OUTPUT buffer holds. May borrow the stream. */
  readonly payload: Uint8Array;
  /** More requests for the same CAPTURE buffer follow: `V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF`. */
  readonly holdCapture: boolean;
}

/** One picture in decoding order. Two fields of one frame are one picture with two requests or more. */
export interface FrameControls {
  /** 0 for the first picture, in decoding order. Pictures that are only shown again are not counted. */
  readonly decodeIndex: number;
  /** Of the OUTPUT buffers; later pictures refer to this one by it. In ns. */
  readonly timestampNs: bigint;
  /** Empty where nothing is decoded: VP9's and AV1's `show_existing_frame`. */
  readonly requests: readonly RequestControls[];
  /** Is this picture for display at some time? A hidden frame of VP8, VP9 or AV1 is not. */
  readonly shown: boolean;
  /** The picture that is displayed instead of a decoded one. */
  readonly showsExistingNs?: bigint;
  /** Where the picture starts in what was parsed, in bytes. */
  readonly streamOffset: number;
}

/** The time stamp of a picture by its place in decoding order; must be different for each. In ns. */
export type TimestampOf = (decodeIndex: number) => bigint;

/** What GStreamer's decoders do: microseconds that count the pictures. */
export const defaultTimestampOf: TimestampOf = (decodeIndex) => BigInt(decodeIndex) * 1000n;

/** Options that every codec's `frameControls()` has. */
export interface FrameControlsOptions {
  readonly timestampOf?: TimestampOf;
}

/** The value of a flag word of a control: bit i for the i-th flag, as all of them are numbered. */
export function flagBits(...flags: readonly boolean[]): number {
  let bits = 0;
  for (let i = 0; i < flags.length; i += 1) if (flags[i] === true) bits += 2 ** i;
  return bits;
}
