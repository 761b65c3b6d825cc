/**
 * The stateless controls of each frame of a VP9 stream, as "Stateless Codec Control Reference" of the kernel's
 * documentation describes them. One request is one frame, those that are hidden in superframes included.
 */
import { ivfFrames, type IvfFrame } from "../files/index.js";
import {
  defaultTimestampOf,
  flagBits,
  type ControlValues,
  type FrameControls,
  type FrameControlsOptions,
} from "../frame-controls.js";
import { chunkFrames, parseFrame, type Vp9Frame } from "./parse.js";
import { Vp9State } from "./state.js";
import {
  codedCoefficients,
  COEF_PROBS,
  emptyCompressedHeader,
  FIRST_MV_CHANGE,
  MAX_CHANGE,
  NO_CHANGE,
  type Changes,
  type CompressedHeader,
} from "./syntax-compressed.js";
import { FrameType, isIntra, type UncompressedHeader } from "./syntax.js";

type FrameControl = NonNullable<ControlValues["StatelessVp9Frame"]>;
type CompressedControl = NonNullable<ControlValues["StatelessVp9CompressedHdr"]>;

/** V4L2 counts the regular filter before the smooth one; the codes of the stream are the other way round. */
const interpolationFilters = [1, 0, 2, 3, 4] as const;
/** `reset_frame_context`: 0 and 1 reset nothing, 2 one context, 3 all. */
const resetFrameContexts = [0, 0, 1, 2] as const;

/** The words of flags in the FRAME control. */
export const flagsOf = {
  frame: (header: UncompressedHeader): number =>
    flagBits(
      header.frame_type === FrameType.Key,
      header.show_frame,
      header.error_resilient_mode,
      header.intra_only,
      header.allow_high_precision_mv,
      header.refresh_frame_context,
      header.frame_parallel_decoding_mode,
      header.color.subsampling_x,
      header.color.subsampling_y,
      header.color.color_range,
    ),
  filter: ({ loop_filter: filter }: UncompressedHeader): number =>
    flagBits(filter.delta_enabled, filter.delta_update),
  segmentation: ({ segmentation: s }: UncompressedHeader, state: Vp9State): number =>
    flagBits(s.enabled, s.update_map, s.temporal_update, s.update_data, state.absOrDeltaUpdate),
  signBias: ({ ref_frame_sign_bias: bias }: UncompressedHeader): number =>
    flagBits(bias[1] ?? false, bias[2] ?? false, bias[3] ?? false),
} as const;

/** `interpolation_filter` of an inter frame as V4L2 counts. */
export const interpolationFilterOf = ({ interpolation_filter: coded }: UncompressedHeader): number =>
  interpolationFilters[coded] ?? 0;
/** `reset_frame_context` as V4L2 counts. */
export const resetFrameContextOf = ({ reset_frame_context: coded }: UncompressedHeader): number =>
  resetFrameContexts[coded] ?? 0;

/** The value of the FRAME control. @param state - After `apply()` of the header. */
export function frameControl(
  { header, uncompressedHeaderSize, compressed }: Vp9Frame,
  state: Vp9State,
): FrameControl {
  const { color, quantization: quant, size } = header;
  const isInter = !isIntra(header);
  const [last, golden, alternate] = isInter
    ? header.ref_frame_idx.map((slot) => state.slot(slot).timestampNs)
    : [];
  const render = header.render_size ?? size;
  return {
    lf: loopFilterControl(header, state),
    quant: {
      base_q_idx: quant.base_q_idx,
      delta_q_y_dc: quant.delta_q_y_dc ?? 0,
      delta_q_uv_dc: quant.delta_q_uv_dc ?? 0,
      delta_q_uv_ac: quant.delta_q_uv_ac ?? 0,
      reserved: [0, 0, 0, 0],
    },
    seg: segmentationControl(header, state),
    flags: flagsOf.frame(header),
    compressed_header_size: header.header_size_in_bytes,
    uncompressed_header_size: uncompressedHeaderSize,
    frame_width_minus_1: size.width - 1,
    frame_height_minus_1: size.height - 1,
    render_width_minus_1: render.width - 1,
    render_height_minus_1: render.height - 1,
    last_frame_ts: last ?? 0n,
    golden_frame_ts: golden ?? 0n,
    alt_frame_ts: alternate ?? 0n,
    ref_frame_sign_bias: flagsOf.signBias(header),
    reset_frame_context: resetFrameContextOf(header),
    // As in the stream: a driver that resets contexts needs it, and then goes on with context 0 by itself.
    frame_context_idx: header.frame_context_idx,
    profile: header.profile,
    bit_depth: color.bit_depth,
    interpolation_filter: isInter ? interpolationFilterOf(header) : 0,
    tile_cols_log2: header.tile_cols_log2,
    tile_rows_log2: header.tile_rows_log2,
    reference_mode: compressed?.reference_mode ?? 0,
    reserved: [0, 0, 0, 0, 0, 0, 0],
  };
}

function loopFilterControl(header: UncompressedHeader, state: Vp9State): FrameControl["lf"] {
  const { loop_filter: filter } = header;
  return {
    ref_deltas: state.refDeltas,
    mode_deltas: state.modeDeltas,
    level: filter.level,
    sharpness: filter.sharpness,
    flags: flagsOf.filter(header),
    reserved: [0, 0, 0, 0, 0, 0, 0],
  };
}

function segmentationControl(header: UncompressedHeader, state: Vp9State): FrameControl["seg"] {
  return {
    feature_data: state.featureData,
    feature_enabled: state.featureEnabled,
    tree_probs: state.treeProbs,
    pred_probs: state.predProbs,
    flags: flagsOf.segmentation(header, state),
    reserved: [0, 0, 0, 0, 0],
  };
}

/**
 * `inv_map_table`, 6.3.5: a change is the distance of a probability from the old one, and every thirteenth distance
 * has a code among the shortest.
 */
const distances: readonly number[] = (() => {
  const frequent = Array.from({ length: 20 }, (_, i) => 7 + 13 * i);
  const others = Array.from({ length: 253 }, (_, i) => i + 1).filter((value) => !frequent.includes(value));
  // The last code stands for the same distance as the one before.
  const last = MAX_CHANGE - 1;
  return [...frequent, ...others, last];
})();

/** What the control has for a coded change; 0 is no change. */
export const distanceOf = (change: number): number => (change < 0 ? 0 : (distances[change] ?? 0));
/** Of motion vectors: a new probability, 0 for none. */
export const mvProbabilityOf = (change: number): number => (change < 0 ? 0 : 2 * change + 1);

/** Loops, here and below: every frame has some 2000 of these values, and `Array.from()` takes ten times as long. */
function list(changes: Changes, value = distanceOf, start = 0, end = changes.length): number[] {
  const values: number[] = [];
  for (let i = start; i < end; i += 1) values.push(value(changes[i] ?? NO_CHANGE));
  return values;
}

/** A table of two dimensions. */
function table(changes: Changes, columns: number, value = distanceOf): number[][] {
  const rows: number[][] = [];
  for (let start = 0; start < changes.length; start += columns)
    rows.push(list(changes, value, start, start + columns));
  return rows;
}

/** A further dimension. */
function groups<Item>(items: readonly Item[], size: number): Item[][] {
  const all: Item[][] = [];
  for (let start = 0; start < items.length; start += size) all.push(items.slice(start, start + size));
  return all;
}

type SizeChanges = CompressedControl["coef"][number];

/** Of one transform size: planes, references, bands, contexts and nodes. */
const coefficients = (changes: Changes): SizeChanges => groups(groups(groups(table(changes, 3), 6), 6), 2);
const isUnchanged = (changes: Changes): boolean => changes.every((change) => change === NO_CHANGE);
/** Of a size that the header leaves alone. */
const noCoefficients = coefficients(new Int16Array(COEF_PROBS).fill(NO_CHANGE));

/** The stream has no changes of these. */
const noUvModes: readonly (readonly number[])[] = groups(new Array<number>(10 * 9).fill(0), 9);

/** Places in the COMPRESSED_HDR control of coefficients that the first band has not. */
const uncoded: readonly number[] = emptyCompressedHeader().coef_probs.flatMap(
  ({ byteOffset, length, BYTES_PER_ELEMENT }) =>
    Array.from({ length }, (_, at) => at)
      .filter((at) => !codedCoefficients.includes(at))
      .map((at) => 1 + byteOffset / BYTES_PER_ELEMENT + at),
);
const expected = new Uint8Array(emptyCompressedHeader().all.length);

/**
 * Do the bytes of a COMPRESSED_HDR control say what the header says? Of coefficients that the first band has not, they
 * may say anything.
 */
export function isCompressedControl({ tx_mode, all }: CompressedHeader, bytes: Uint8Array): boolean {
  expected.fill(0);
  expected[0] = tx_mode;
  // Most values are no change: two of them are looked at together.
  const pairs = new Int32Array(all.buffer, all.byteOffset, all.length / 2);
  for (let i = 0; i < pairs.length; i += 1) {
    if (pairs[i] === NO_CHANGE) continue;
    for (let at = 2 * i; at < 2 * i + 2; at += 1) {
      const change = all[at] ?? NO_CHANGE;
      expected[at + 1] = at < FIRST_MV_CHANGE ? distanceOf(change) : mvProbabilityOf(change);
    }
  }
  if (Buffer.compare(expected, bytes) === 0) return true;
  for (const at of uncoded) expected[at] = bytes[at] ?? 0;
  return Buffer.compare(expected, bytes) === 0;
}

/** The value of the COMPRESSED_HDR control. */
export function compressedControl(header: CompressedHeader): CompressedControl {
  return {
    tx_mode: header.tx_mode,
    tx8: table(header.tx_probs_8x8, 1),
    tx16: table(header.tx_probs_16x16, 2),
    tx32: table(header.tx_probs_32x32, 3),
    coef: header.coef_probs.map((changes) => (isUnchanged(changes) ? noCoefficients : coefficients(changes))),
    skip: list(header.skip_prob),
    inter_mode: table(header.inter_mode_probs, 3),
    interp_filter: table(header.interp_filter_probs, 2),
    is_inter: list(header.is_inter_prob),
    comp_mode: list(header.comp_mode_prob),
    single_ref: table(header.single_ref_prob, 2),
    comp_ref: list(header.comp_ref_prob),
    y_mode: table(header.y_mode_probs, 9),
    uv_mode: noUvModes,
    partition: table(header.partition_probs, 3),
    mv: {
      joint: list(header.mv_joint_probs, mvProbabilityOf),
      sign: list(header.mv_sign_prob, mvProbabilityOf),
      classes: table(header.mv_class_probs, 10, mvProbabilityOf),
      class0_bit: list(header.mv_class0_bit_prob, mvProbabilityOf),
      bits: table(header.mv_bits_prob, 10, mvProbabilityOf),
      class0_fr: groups(table(header.mv_class0_fr_probs, 3, mvProbabilityOf), 2),
      fr: table(header.mv_fr_probs, 3, mvProbabilityOf),
      class0_hp: list(header.mv_class0_hp_prob, mvProbabilityOf),
      hp: list(header.mv_hp_prob, mvProbabilityOf),
    },
  };
}

/**
 * What a client submits for each frame of an IVF file.
 * @throws {CodecError} The file is not IVF, a header is violated, or a frame refers to what there is not.
 */
export function frameControls(
  stream: Uint8Array,
  options: FrameControlsOptions = {},
): Generator<FrameControls> {
  return controlsOf(ivfFrames(stream), options);
}

/** As {@link frameControls}, for chunks that came in another container. */
export function* controlsOf(
  chunks: Iterable<Pick<IvfFrame, "data" | "dataOffset">>,
  options: FrameControlsOptions = {},
): Generator<FrameControls> {
  const timestampOf = options.timestampOf ?? defaultTimestampOf;
  const state = new Vp9State();
  let decodeIndex = 0;
  for (const { data: chunk, dataOffset } of chunks) {
    for (const { data, offset } of chunkFrames(chunk)) {
      const frame = parseFrame(data, state);
      const { header, compressed } = frame;
      state.apply(header);
      const timestampNs = timestampOf(decodeIndex);
      const picture = {
        decodeIndex,
        timestampNs,
        shown: header.show_frame,
        streamOffset: dataOffset + offset,
      };
      if (compressed === undefined) {
        const showsExistingNs = state.slot(header.frame_to_show_map_idx).timestampNs;
        yield { ...picture, requests: [], showsExistingNs };
        continue;
      }
      const controls = {
        StatelessVp9Frame: frameControl(frame, state),
        StatelessVp9CompressedHdr: compressedControl(compressed),
      };
      yield { ...picture, requests: [{ controls, payload: data, holdCapture: false }] };
      state.finish(header, timestampNs);
      decodeIndex += 1;
    }
  }
}
