/** What a VP8 frame leaves for those that follow: RFC 6386, 9.3, 9.6, 9.7, 9.10 and 9.11. */
import { CodecError } from "../bits/index.js";
import type { Vp8Frame } from "./parse.js";
import {
  COEFF_PROBS,
  defaultCoeffProbs,
  defaultMvProbs,
  defaultUvModeProbs,
  defaultYModeProbs,
} from "./probabilities.js";
import type { FrameHeader, KeyFrameHeader, LoopFilterDeltas, Segmentation } from "./syntax.js";

/** Probabilities that last. */
export interface Entropy {
  readonly coeff: Uint8Array;
  readonly mv: Uint8Array;
  readonly yMode: readonly number[];
  readonly uvMode: readonly number[];
}

const defaultEntropy: Entropy = {
  coeff: Uint8Array.from(defaultCoeffProbs),
  mv: Uint8Array.from(defaultMvProbs),
  yMode: defaultYModeProbs,
  uvMode: defaultUvModeProbs,
};

/** The references of a frame, by time stamp in ns. */
export interface References {
  readonly last: bigint;
  readonly golden: bigint;
  readonly alternate: bigint;
}

/** The state of a decoder. `apply()` makes it that of a frame, `finish()` goes on to the next one. */
export class Vp8State {
  size: KeyFrameHeader = { width: 0, height: 0, horizontal_scale: 0, vertical_scale: 0 };
  entropy = defaultEntropy;
  segmentFeatureMode = 0;
  quantizerUpdate: readonly number[] = [0, 0, 0, 0];
  lfUpdate: readonly number[] = [0, 0, 0, 0];
  segmentProbs: readonly number[] = [0, 0, 0];
  refFrameDelta: readonly number[] = [0, 0, 0, 0];
  mbModeDelta: readonly number[] = [0, 0, 0, 0];
  /** Absent before the first key frame. */
  references: References | undefined;
  /** What `entropy` becomes again: `refresh_entropy_probs` is 0. */
  #saved: Entropy | undefined;

  /** A copy in the same state; what it holds is never changed, only replaced. */
  clone(): Vp8State {
    const copy = Object.assign(new Vp8State(), this);
    copy.#saved = this.#saved;
    return copy;
  }

  /** @throws {CodecError} An inter frame comes before any key frame. */
  apply({ key, header }: Vp8Frame): void {
    if (key !== undefined) this.#reset(key);
    else if (this.references === undefined)
      throw new CodecError("an inter frame comes before any key frame", { codec: "VP8", section: "9.1" });
    this.#segmentation(header.segmentation);
    this.#deltas(header.deltas);
    this.#saved = header.refresh_entropy_probs ? undefined : this.entropy;
    this.entropy = updated(this.entropy, header);
  }

  finish({ header }: Vp8Frame, timestampNs: bigint): void {
    this.entropy = this.#saved ?? this.entropy;
    this.#saved = undefined;
    this.references = referencesAfter(this.references, header, timestampNs);
  }

  /** Key frames depend on nothing: 9.3, 9.6, 9.11. */
  #reset(key: KeyFrameHeader): void {
    this.size = key;
    this.entropy = defaultEntropy;
    this.segmentFeatureMode = 0;
    this.quantizerUpdate = this.lfUpdate = this.refFrameDelta = this.mbModeDelta = [0, 0, 0, 0];
    this.segmentProbs = [0, 0, 0];
  }

  #segmentation(s: Segmentation): void {
    if (s.update_segment_feature_data) {
      this.segmentFeatureMode = s.segment_feature_mode;
      this.quantizerUpdate = s.quantizer_update.map(orZero);
      this.lfUpdate = s.lf_update.map(orZero);
    }
    if (s.update_mb_segmentation_map) this.segmentProbs = s.segment_prob.map((prob) => prob ?? 255);
  }

  #deltas(deltas: LoopFilterDeltas): void {
    if (!deltas.mode_ref_lf_delta_update) return;
    this.refFrameDelta = this.refFrameDelta.map((old, i) => orZero(deltas.ref_frame_delta[i] ?? old));
    this.mbModeDelta = this.mbModeDelta.map((old, i) => orZero(deltas.mb_mode_delta[i] ?? old));
  }
}

/** A value that may be absent, or -0, which the syntax can tell from 0. */
export const orZero = (value: number | undefined): number => (value ?? 0) + 0;

const bytesOf = ({ buffer, byteOffset, byteLength }: Int16Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
/** No update of coefficients. */
const nothingSent = bytesOf(new Int16Array(COEFF_PROBS).fill(-1));

/** Those of which none is sent stay the same object. */
function update(probs: Uint8Array, sent: Int16Array): Uint8Array {
  if (sent.length === COEFF_PROBS && Buffer.compare(bytesOf(sent), nothingSent) === 0) return probs;
  let changed = probs;
  for (let i = 0; i < sent.length; i += 1) {
    const value = sent[i] ?? -1;
    if (value < 0) continue;
    if (changed === probs) changed = probs.slice();
    changed[i] = value;
  }
  return changed;
}

function updated(old: Entropy, header: FrameHeader): Entropy {
  return {
    coeff: update(old.coeff, header.coeff_prob),
    mv: update(old.mv, header.mv_prob),
    yMode: header.intra_16x16_prob ?? old.yMode,
    uvMode: header.intra_chroma_prob ?? old.uvMode,
  };
}

/**
 * 9.7. The decoder in the RFC copies to the alternate reference first, so a copy from there to the golden frame gets
 * what was just copied.
 */
function referencesAfter(old: References | undefined, header: FrameHeader, now: bigint): References {
  const { last, golden, alternate } = old ?? { last: now, golden: now, alternate: now };
  const copiedAlternate = [alternate, last, golden][header.copy_buffer_to_alternate] ?? alternate;
  const copiedGolden = [golden, last, copiedAlternate][header.copy_buffer_to_golden] ?? golden;
  return {
    last: header.refresh_last ? now : last,
    golden: header.refresh_golden_frame ? now : copiedGolden,
    alternate: header.refresh_alternate_frame ? now : copiedAlternate,
  };
}
