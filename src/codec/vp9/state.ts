/** What a VP9 frame leaves for those that follow, apart from probabilities, which a decoder keeps. */
import { CodecError } from "../bits/index.js";
import {
  emptyColorConfig,
  isIntra,
  SEG_FEATURES,
  SEGMENTS,
  type ColorConfig,
  type FrameSize,
  type HeaderContext,
  type LoopFilter,
  type SegmentationParams,
  type UncompressedHeader,
} from "./syntax.js";

/** A picture that later frames may refer to. */
export interface Slot {
  readonly size: FrameSize;
  readonly color: ColorConfig;
  readonly timestampNs: bigint;
}

/** References are at most twice as large and at least a sixteenth, in each direction: 8.5.2.3. */
const MOST_SHRUNK = 2;
const MOST_ENLARGED = 16;

const noFeatures = (): number[][] =>
  Array.from({ length: SEGMENTS }, () => new Array<number>(SEG_FEATURES).fill(0));

/** The state of a decoder. `apply()` makes it that of a frame, `finish()` goes on to the next one. */
export class Vp9State implements HeaderContext {
  color = emptyColorConfig();
  refDeltas: readonly number[] = [1, 0, -1, -1];
  modeDeltas: readonly number[] = [0, 0];
  /** By segment and feature. */
  featureData: readonly (readonly number[])[] = noFeatures();
  /** By segment, one bit for each feature. */
  featureEnabled: readonly number[] = new Array<number>(SEGMENTS).fill(0);
  absOrDeltaUpdate = false;
  treeProbs: readonly number[] = new Array<number>(7).fill(0);
  predProbs: readonly number[] = new Array<number>(3).fill(0);
  readonly #slots: (Slot | undefined)[] = [];

  /** A copy in the same state; what it holds is never changed, only replaced. */
  clone(): Vp9State {
    const copy = Object.assign(new Vp9State(), this);
    for (const [i, slot] of this.#slots.entries()) copy.#slots[i] = slot;
    return copy;
  }

  sizeOf(slot: number): FrameSize | undefined {
    return this.#slots[slot]?.size;
  }

  /** @throws {CodecError} The slot is empty. */
  slot(slot: number): Slot {
    const picture = this.#slots[slot];
    if (picture === undefined) throw refused(`slot ${slot} is empty`, "7.2");
    return picture;
  }

  /** @throws {CodecError} The frame refers to what there is not, or to a picture of another kind. */
  apply(header: UncompressedHeader): void {
    if (header.show_existing_frame) {
      this.slot(header.frame_to_show_map_idx);
      return;
    }
    if (!isIntra(header)) this.#checkReferences(header);
    this.color = header.color;
    if (isIntra(header) || header.error_resilient_mode) this.#setupPastIndependence();
    this.#loopFilter(header.loop_filter);
    this.#segmentation(header.segmentation);
  }

  /** The reference frame update process: 8.10. */
  finish({ refresh_frame_flags, size, color }: UncompressedHeader, timestampNs: bigint): void {
    for (let slot = 0; slot < 8; slot += 1) {
      if (((refresh_frame_flags >> slot) & 1) === 1) this.#slots[slot] = { size, color, timestampNs };
    }
  }

  #checkReferences({ ref_frame_idx, size, color }: UncompressedHeader): void {
    const references = ref_frame_idx.map((slot) => this.slot(slot));
    for (const { color: its } of references) {
      const isSame =
        its.bit_depth === color.bit_depth &&
        its.subsampling_x === color.subsampling_x &&
        its.subsampling_y === color.subsampling_y;
      if (!isSame) throw refused("a reference has another bit depth or subsampling", "7.2");
    }
    // As libvpx: a reference that cannot be scaled is an error only where it is used, unless none can.
    if (!references.some((reference) => canScale(reference.size, size)))
      throw refused(`no reference can be scaled to ${size.width}x${size.height}`, "7.2.5");
  }

  /** `setup_past_independence()`: 7.2. */
  #setupPastIndependence(): void {
    this.featureData = noFeatures();
    this.featureEnabled = this.featureEnabled.map(() => 0);
    this.absOrDeltaUpdate = false;
    this.refDeltas = [1, 0, -1, -1];
    this.modeDeltas = [0, 0];
  }

  #loopFilter(filter: LoopFilter): void {
    if (!filter.delta_update) return;
    this.refDeltas = this.refDeltas.map((old, i) => filter.ref_deltas[i] ?? old);
    this.modeDeltas = this.modeDeltas.map((old, i) => filter.mode_deltas[i] ?? old);
  }

  #segmentation(s: SegmentationParams): void {
    if (s.update_map) {
      this.treeProbs = s.tree_probs.map((prob) => prob ?? 255);
      this.predProbs = s.pred_probs.map((prob) => prob ?? 255);
    }
    if (!s.update_data) return;
    this.absOrDeltaUpdate = s.abs_or_delta_update;
    // The sum turns -0 into 0.
    this.featureData = s.features.map((features) => features.map((value) => (value ?? 0) + 0));
    this.featureEnabled = s.features.map((features) =>
      features.reduce<number>((mask, value, j) => (value === undefined ? mask : mask | (1 << j)), 0),
    );
  }
}

function canScale(from: FrameSize, to: FrameSize): boolean {
  const fits = (source: number, target: number): boolean =>
    MOST_SHRUNK * target >= source && target <= MOST_ENLARGED * source;
  return fits(from.width, to.width) && fits(from.height, to.height);
}

const refused = (sentence: string, section: string): CodecError =>
  new CodecError(sentence, { codec: "VP9", section });
