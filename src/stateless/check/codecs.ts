/** The codecs whose requests are checked with what earlier ones established. A new one is a line below. */
import type { ControlValues } from "../../codec/index.js";
import { Cid } from "../../v4l2/index.js";
import type { ValueReader } from "../codec.js";
import type { StreamCheck } from "./request.js";
import { Vp8Check } from "./vp8.js";
import { Vp9Check } from "./vp9.js";

/** How a codec's requests are checked. */
export interface CodecCheck {
  /** The controls in effect that the check looks at. */
  readonly controls: (read: ValueReader) => ControlValues;
  /** Of one open file. */
  readonly start: () => StreamCheck;
}

/** By the name of the codec. */
export const codecChecks: ReadonlyMap<string, CodecCheck> = new Map<string, CodecCheck>([
  [
    "vp8",
    {
      controls: (read) => ({ StatelessVp8Frame: read.of(Cid.StatelessVp8Frame)() }),
      start: () => new Vp8Check(),
    },
  ],
  [
    "vp9",
    {
      controls: (read) => ({
        StatelessVp9Frame: read.of(Cid.StatelessVp9Frame)(),
        StatelessVp9CompressedHdr: read.of(Cid.StatelessVp9CompressedHdr)(),
      }),
      start: () => new Vp9Check(),
    },
  ],
]);
