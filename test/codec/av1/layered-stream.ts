/** A stream with what no encoder here writes, made by our writer; ffmpeg is asked whether it reads the same. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  FrameType,
  obuHeader,
  ObuType,
  sequenceHeader,
  tileGroupHeader,
  trailingBits,
  uncompressedHeader,
  type FrameHeader,
  type SequenceHeader,
} from "../../../src/codec/av1/index.js";
import { emptyFilmGrain, emptyFrameHeader } from "../../../src/codec/av1/frame-header.js";
import { emptyReferenceSlots, updateReferences } from "../../../src/codec/av1/references.js";
import { emptySequenceHeader } from "../../../src/codec/av1/syntax-sequence.js";
import { SyntaxWriter } from "../../../src/codec/bits/index.js";
import { writeIvf } from "../../../src/codec/files/index.js";

/** One OBU in the low-overhead format. */
export function obu(
  type: number,
  payload: Uint8Array,
  layer?: { temporal: number; spatial: number },
): Uint8Array {
  const c = new SyntaxWriter("AV1");
  obuHeader(
    c,
    {
      obu_type: type,
      obu_extension_flag: layer !== undefined,
      obu_has_size_field: true,
      temporal_id: layer?.temporal ?? 0,
      spatial_id: layer?.spatial ?? 0,
      obu_size: payload.byteLength,
    },
    0,
  );
  c.writeBytes(payload);
  return c.finish();
}

/** A payload with its trailing bits. */
function payload(write: (c: SyntaxWriter) => void): Uint8Array {
  const c = new SyntaxWriter("AV1");
  write(c);
  trailingBits(c, 8 - (c.position & 7));
  return c.finish();
}

export function layeredSequence(): SequenceHeader {
  const point = {
    operating_point_idc: 0,
    seq_level_idx: 8,
    seq_tier: true,
    decoder_model_present_for_this_op: true,
    decoder_buffer_delay: 700,
    encoder_buffer_delay: 300,
    low_delay_mode_flag: true,
    initial_display_delay_present_for_this_op: true,
    initial_display_delay_minus_1: 3,
  };
  return {
    ...emptySequenceHeader(),
    timing_info_present_flag: true,
    num_units_in_display_tick: 1001,
    time_scale: 30000,
    decoder_model_info_present_flag: true,
    buffer_delay_length_minus_1: 9,
    num_units_in_decoding_tick: 77,
    buffer_removal_time_length_minus_1: 11,
    frame_presentation_time_length_minus_1: 12,
    initial_display_delay_present_flag: true,
    operating_points_cnt_minus_1: 2,
    operatingPoints: [
      { ...point, operating_point_idc: 0x303 },
      { ...point, operating_point_idc: 0x101 },
      { ...point, operating_point_idc: 0x203, seq_level_idx: 4, seq_tier: false },
    ],
    frame_width_bits_minus_1: 9,
    frame_height_bits_minus_1: 8,
    max_frame_width_minus_1: 639,
    max_frame_height_minus_1: 359,
    frame_id_numbers_present_flag: true,
    delta_frame_id_length_minus_2: 9,
    additional_frame_id_length_minus_1: 2,
    enable_order_hint: true,
    enable_ref_frame_mvs: true,
    seq_choose_screen_content_tools: true,
    seq_choose_integer_mv: true,
    orderHintBits: 6,
    enable_superres: true,
    enable_cdef: true,
    enable_restoration: true,
    enable_warped_motion: true,
    separate_uv_delta_q: true,
    film_grain_params_present: true,
    color_description_present_flag: true,
    color_primaries: 9,
    transfer_characteristics: 16,
    matrix_coefficients: 9,
  };
}

const base: Partial<FrameHeader> = {
  frame_size_override_flag: true,
  frame_width_minus_1: 319,
  frame_height_minus_1: 179,
  uniform_tile_spacing_flag: true,
  base_q_idx: 60,
  buffer_removal_time_present_flag: true,
  disable_frame_end_update_cdf: true,
};

/** Headers in decoding order: two layers each of a key frame, an intra-only frame and frames that refer. */
export function layeredHeaders(): { header: FrameHeader; temporal: number; spatial: number }[] {
  const make = (values: Partial<FrameHeader>): FrameHeader => ({
    ...emptyFrameHeader(),
    filmGrain: emptyFilmGrain(),
    ...base,
    ...values,
  });
  const inter = { frame_type: FrameType.Inter, frameIsIntra: false, error_resilient_mode: false };
  const large = { frame_width_minus_1: 639, frame_height_minus_1: 359 };
  const delta_frame_id_minus_1 = (ids: readonly number[]): Uint16Array => Uint16Array.from(ids);

  const key = make({
    current_frame_id: 100,
    order_hint: 0,
    allow_screen_content_tools: true,
    allow_intrabc: true,
  });
  const keyLarge = make({
    ...inter,
    ...large,
    current_frame_id: 101,
    order_hint: 1,
    refresh_frame_flags: 0x0f,
    primary_ref_frame: 7,
    ref_frame_idx: Int8Array.from([0, 1, 2, 3, 4, 5, 6]),
    delta_frame_id_minus_1: delta_frame_id_minus_1([0, 0, 0, 0, 0, 0, 0]),
    foundRef: 7,
    render_and_frame_size_different: true,
    renderWidth: 1000,
    renderHeight: 500,
    use_superres: true,
    superresDenom: 12,
  });
  const grain = keyLarge.filmGrain;
  Object.assign(grain, {
    apply_grain: true,
    update_grain: true,
    grain_seed: 4321,
    num_y_points: 2,
    ar_coeff_lag: 2,
  });
  grain.point_y_value.set([10, 200]);
  grain.point_y_scaling.set([30, 90]);
  grain.ar_coeffs_y_plus_128.set([120, 130, 140, 1, 255]);
  Object.assign(grain, {
    num_cb_points: 1,
    num_cr_points: 1,
    cb_mult: 9,
    cr_offset: 500,
    overlap_flag: true,
  });
  keyLarge.lr_type.set([1, 2, 3]);
  keyLarge.lrUnitShift = 2;
  keyLarge.lr_uv_shift = true;
  keyLarge.gmType.set([0, 1, 2, 3, 0, 2, 1, 3]);
  for (let ref = 1; ref < 8; ref += 1) {
    keyLarge.gmParams.set(
      [ref * 8192 - 3 * 8192, -ref * 8192, 65536 + 40 * ref, -600 * ref, 20 * ref, 65536 - 1000 * ref],
      ref * 6,
    );
  }
  const intraOnly = make({
    frame_type: FrameType.IntraOnly,
    show_frame: false,
    showable_frame: true,
    error_resilient_mode: true,
    current_frame_id: 102,
    order_hint: 8,
    refresh_frame_flags: 0x80,
    ref_order_hint: Uint8Array.from([1, 1, 1, 1, 0, 0, 0, 0]),
    loop_filter_delta_update: true,
    update_ref_delta: Uint8Array.from([1, 0, 0, 0, 1, 0, 0, 1]),
    loop_filter_ref_deltas: Int8Array.from([-64, 0, 0, 0, 63, 0, 0, -3]),
    update_mode_delta: Uint8Array.from([0, 1]),
    loop_filter_mode_deltas: Int8Array.from([0, -7]),
    loop_filter_level: Uint8Array.from([10, 20, 30, 40]),
    segmentation_enabled: true,
    featureEnabled: Uint8Array.from({ length: 64 }, (_, i) => (i % 9 === 0 ? 1 : 0)),
    feature_value: Int16Array.from({ length: 64 }, (_, i) => (i < 8 ? -200 : i < 40 ? -64 : 5)),
  });
  intraOnly.feature_value.fill(0, 48);
  const short = make({
    ...inter,
    current_frame_id: 103,
    order_hint: 4,
    refresh_frame_flags: 0x40,
    primary_ref_frame: 0,
    frame_refs_short_signaling: true,
    last_frame_idx: 0,
    gold_frame_idx: 4,
    delta_frame_id_minus_1: delta_frame_id_minus_1([1, 1, 1, 2, 1, 2, 0]),
    foundRef: 3,
    reference_select: true,
    skip_mode_present: true,
    segmentation_enabled: true,
    segmentation_update_map: true,
    segmentation_temporal_update: true,
  });
  const again = make({
    ...inter,
    current_frame_id: 104,
    order_hint: 5,
    refresh_frame_flags: 0x01,
    primary_ref_frame: 2,
    ref_frame_idx: Int8Array.from([6, 1, 2, 3, 4, 5, 7]),
    delta_frame_id_minus_1: delta_frame_id_minus_1([0, 2, 2, 2, 3, 3, 1]),
    foundRef: 1,
  });
  Object.assign(again.filmGrain, { apply_grain: true, grain_seed: 99, film_grain_params_ref_idx: 1 });
  const exists = make({ show_existing_frame: true, frame_to_show_map_idx: 7, display_frame_id: 102 });
  return [
    { header: key, temporal: 0, spatial: 0 },
    { header: keyLarge, temporal: 0, spatial: 1 },
    { header: intraOnly, temporal: 0, spatial: 0 },
    { header: short, temporal: 1, spatial: 0 },
    { header: again, temporal: 1, spatial: 1 },
    { header: exists, temporal: 0, spatial: 0 },
  ];
}

/** One of each type that the specification knows. */
const metadata = [
  payload((c) => {
    for (const [value, bits] of [
      [1, 8],
      [1000, 16],
      [400, 16],
    ] as const)
      c.writeU(value, bits);
  }),
  payload((c) => {
    c.writeU(2, 8);
    for (let i = 0; i < 8; i += 1) c.writeU(1000 * i + 1, 16);
    c.writeU(256000, 32);
    c.writeU(82, 32);
  }),
  payload((c) => {
    for (const byte of [3, 14, 0b01111000]) c.writeU(byte, 8);
    for (const size of [320, 180, 640, 360]) c.writeU(size, 16);
    for (const byte of [0, 1, 2, 0b00000001, 3, 0b00110010, 4, 5]) c.writeU(byte, 8);
  }),
  payload((c) => {
    for (const byte of [4, 0xff, 1, 5, 6, 7]) c.writeU(byte, 8);
  }),
  payload((c) => {
    const time = [
      [5, 8],
      [4, 5],
      [1, 1],
      [0, 2],
      [25, 9],
      [59, 6],
      [30, 6],
      [23, 5],
      [7, 5],
      [99, 7],
    ] as const;
    for (const [value, bits] of time) c.writeU(value, bits);
  }),
].map((bytes) => obu(ObuType.Metadata, bytes));

/** The temporal units. */
function layeredUnits(): Uint8Array[] {
  const seq = layeredSequence();
  const slots = emptyReferenceSlots();
  const delimiter = obu(ObuType.TemporalDelimiter, new Uint8Array(0));
  let parts = [
    delimiter,
    obu(
      ObuType.SequenceHeader,
      payload((c) => sequenceHeader(c, seq)),
    ),
    ...metadata,
  ];
  const units = [parts];
  for (const [i, { header, temporal, spatial }] of layeredHeaders().entries()) {
    const context = { seq, slots, temporalId: temporal, spatialId: spatial };
    const layer = { temporal, spatial };
    if (spatial === 0 && i > 0) {
      parts = [delimiter];
      units.push(parts);
    }
    const bits = payload((c) => uncompressedHeader(c, context, header));
    parts.push(obu(ObuType.FrameHeader, bits, layer));
    if (header.show_existing_frame) continue;
    if (spatial === 1) parts.push(obu(ObuType.RedundantFrameHeader, bits, layer));
    const c = new SyntaxWriter("AV1");
    const tg_end = header.tileCols * header.tileRows - 1;
    tileGroupHeader(c, header, 0, { tile_start_and_end_present_flag: false, tg_start: 0, tg_end });
    c.writeBytes(Uint8Array.of(1, 2, 3, 4));
    parts.push(obu(ObuType.TileGroup, c.finish(), layer));
    updateReferences(slots, header);
  }
  parts.push(obu(ObuType.Padding, Uint8Array.of(1, 2, 0x80)));
  return units.map((unit) => Buffer.concat(unit));
}

/** In the low-overhead format. */
export function layeredStream(): Uint8Array {
  return new Uint8Array(Buffer.concat(layeredUnits()));
}

/** The same as an IVF file, whose header tells ffmpeg the size of the picture. */
export function layeredStreamFile(): string {
  const folder = fileURLToPath(new URL("../../../out/codec-av1/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  const header = { fourcc: "AV01", width: 640, height: 360, timebaseDenominator: 25, timebaseNumerator: 1 };
  const frames = layeredUnits().map((data, i) => ({ data, timestamp: BigInt(i) }));
  writeFileSync(`${folder}layered.ivf`, writeIvf(header, frames));
  return `${folder}layered.ivf`;
}
