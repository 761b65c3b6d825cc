/** What one open file has: its formats, its controls, and the process that decodes for it. */
import type { M2mQueueOps } from "../m2m/index.js";
import type {
  JobCounters,
  StatelessCodec,
  StatelessControls,
  StatelessFile,
  StatelessFormats,
} from "../stateless/index.js";
import { ValueReader } from "../stateless/index.js";
import type { BufType, VideoFormat } from "../v4l2/index.js";
import { Cid, isOutput } from "../v4l2/index.js";
import type { BitDepth } from "./formats.js";
import { decodedFormats, defaultFormats, resetDecoded, setCoded, tryDecoded } from "./formats.js";
import type { Decoding } from "./decoding.js";

export class DecoderFile implements StatelessFile {
  readonly controls: StatelessControls;
  readonly jobs: JobCounters = { done: 0, failed: 0 };
  readonly decoding: Decoding;
  readonly #codecs: readonly StatelessCodec[];
  #formats: StatelessFormats;

  constructor(controls: StatelessControls, codecs: readonly StatelessCodec[], decoding: Decoding) {
    this.controls = controls;
    this.#codecs = codecs;
    this.decoding = decoding;
    const [codec] = codecs;
    if (codec === undefined) throw new Error("a decoder without codecs");
    this.#formats = defaultFormats(codec);
  }

  get formats(): StatelessFormats {
    return this.#formats;
  }

  /** What the sequence that the client described without a request, the last one, has. */
  get bitDepth(): BitDepth {
    const read = new ValueReader(this.controls);
    const bits = {
      h264: () => 8 + read.of(Cid.StatelessH264Sps)().bit_depth_luma_minus8,
      hevc: () => 8 + read.of(Cid.StatelessHevcSps)().bit_depth_luma_minus8,
      vp9: () => read.of(Cid.StatelessVp9Frame)().bit_depth,
      av1: () => read.of(Cid.StatelessAv1Sequence)().bit_depth,
    };
    const { name } = this.#formats.codec;
    return name in bits && bits[name as keyof typeof bits]() === 10 ? 10 : 8;
  }

  /**
   * CAPTURE follows the bit depth of the sequence, as drivers do that decode several.
   * @param isBusy - CAPTURE has buffers: its format stays.
   */
  followSequence(isBusy: boolean): void {
    const { coded, decoded } = this.#formats;
    if (isBusy || decodedFormats(this.bitDepth).includes(decoded.pixelformat)) return;
    const { pixelformat, planes } = resetDecoded({ ...coded, ...decoded }, this.bitDepth);
    this.#formats = { ...this.#formats, decoded: { ...decoded, pixelformat, planes } };
  }

  /** The format of a queue. */
  format(type: BufType): VideoFormat {
    return isOutput(type) ? this.#formats.coded : this.#formats.decoded;
  }

  /** S_FMT of OUTPUT. */
  setCoded(wish: VideoFormat): void {
    this.#formats = setCoded(wish, this.#codecs, 8);
  }

  /** S_FMT of CAPTURE. */
  setDecoded(wish: VideoFormat): void {
    const decoded = tryDecoded(wish, this.#formats.codec, this.bitDepth);
    this.#formats = { ...this.#formats, decoded };
  }

  queueOps(type: BufType): Partial<M2mQueueOps> {
    return {
      bufCleanup: ({ index }) => {
        this.decoding.forget(isOutput(type), index);
      },
    };
  }
}
