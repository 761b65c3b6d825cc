/**
 * The headers of MPEG-2 video (ITU-T H.262, ISO/IEC 13818-2), section 6.2. A unit starts with the last byte of its
 * start code, as `bitPosition`s count.
 */
import type { Coder } from "../bits/index.js";

/** Last bytes of start codes, table 6-1. Slices have 1 to 0xaf. */
export const StartCode = {
  Picture: 0x00,
  FirstSlice: 0x01,
  LastSlice: 0xaf,
  UserData: 0xb2,
  SequenceHeader: 0xb3,
  SequenceError: 0xb4,
  Extension: 0xb5,
  SequenceEnd: 0xb7,
  Group: 0xb8,
} as const;

/** `extension_start_code_identifier`, table 6-2. */
export const ExtensionId = {
  Sequence: 1,
  SequenceDisplay: 2,
  QuantMatrix: 3,
  Copyright: 4,
  SequenceScalable: 5,
  PictureDisplay: 7,
  PictureCoding: 8,
  PictureSpatialScalable: 9,
  PictureTemporalScalable: 10,
} as const;

/** `picture_coding_type`, table 6-12. D pictures are MPEG-1's only. */
export const PictureType = { I: 1, P: 2, B: 3 } as const;

/** `picture_structure`, table 6-14. */
export const PictureStructure = { TopField: 1, BottomField: 2, Frame: 3 } as const;

const COEFFICIENTS = 64;
/** Heights above this have three more bits of the slice's position. */
const TALL = 2800;

/** 64 weights in zigzag order, or undefined where none are sent. */
type Matrix = number[] | undefined;

export interface SequenceHeader {
  horizontal_size_value: number;
  vertical_size_value: number;
  aspect_ratio_information: number;
  frame_rate_code: number;
  bit_rate_value: number;
  vbv_buffer_size_value: number;
  constrained_parameters_flag: boolean;
  intra_quantiser_matrix: Matrix;
  non_intra_quantiser_matrix: Matrix;
}

export const emptySequenceHeader = (): SequenceHeader => ({
  horizontal_size_value: 0,
  vertical_size_value: 0,
  aspect_ratio_information: 0,
  frame_rate_code: 0,
  bit_rate_value: 0,
  vbv_buffer_size_value: 0,
  constrained_parameters_flag: false,
  intra_quantiser_matrix: undefined,
  non_intra_quantiser_matrix: undefined,
});

/** A matrix behind its `load_` flag. Weights are 1 to 255. */
function loadedMatrix(c: Coder, name: string, matrix: Matrix): Matrix {
  if (!c.flag(`load_${name}`, matrix !== undefined)) return undefined;
  const weights: number[] = [];
  for (let i = 0; i < COEFFICIENTS; i++) weights.push(c.uRange(name, 8, matrix?.[i], 1, 255, i));
  return weights;
}

/** `sequence_header()`, 6.2.2.1. */
export function sequenceHeader(c: Coder, header: SequenceHeader): void {
  c.structure("Sequence Header", "6.2.2.1");
  c.fixed("sequence_header_code", 8, StartCode.SequenceHeader);
  header.horizontal_size_value = c.u("horizontal_size_value", 12, header.horizontal_size_value);
  header.vertical_size_value = c.u("vertical_size_value", 12, header.vertical_size_value);
  header.aspect_ratio_information = c.uRange(
    "aspect_ratio_information",
    4,
    header.aspect_ratio_information,
    1,
    15,
  );
  header.frame_rate_code = c.uRange("frame_rate_code", 4, header.frame_rate_code, 1, 15);
  header.bit_rate_value = c.u("bit_rate_value", 18, header.bit_rate_value);
  c.fixed("marker_bit", 1, 1);
  header.vbv_buffer_size_value = c.u("vbv_buffer_size_value", 10, header.vbv_buffer_size_value);
  header.constrained_parameters_flag = c.flag(
    "constrained_parameters_flag",
    header.constrained_parameters_flag,
  );
  header.intra_quantiser_matrix = loadedMatrix(c, "intra_quantiser_matrix", header.intra_quantiser_matrix);
  header.non_intra_quantiser_matrix = loadedMatrix(
    c,
    "non_intra_quantiser_matrix",
    header.non_intra_quantiser_matrix,
  );
}

export interface SequenceExtension {
  profile_and_level_indication: number;
  progressive_sequence: boolean;
  chroma_format: number;
  horizontal_size_extension: number;
  vertical_size_extension: number;
  bit_rate_extension: number;
  vbv_buffer_size_extension: number;
  low_delay: boolean;
  frame_rate_extension_n: number;
  frame_rate_extension_d: number;
}

export const emptySequenceExtension = (): SequenceExtension => ({
  profile_and_level_indication: 0,
  progressive_sequence: false,
  chroma_format: 1,
  horizontal_size_extension: 0,
  vertical_size_extension: 0,
  bit_rate_extension: 0,
  vbv_buffer_size_extension: 0,
  low_delay: false,
  frame_rate_extension_n: 0,
  frame_rate_extension_d: 0,
});

/** `sequence_extension()`, 6.2.2.3, after its identifier. */
export function sequenceExtension(c: Coder, extension: SequenceExtension): void {
  c.structure("Sequence Extension", "6.2.2.3");
  extension.profile_and_level_indication = c.u(
    "profile_and_level_indication",
    8,
    extension.profile_and_level_indication,
  );
  extension.progressive_sequence = c.flag("progressive_sequence", extension.progressive_sequence);
  extension.chroma_format = c.uRange("chroma_format", 2, extension.chroma_format, 1, 3);
  extension.horizontal_size_extension = c.u(
    "horizontal_size_extension",
    2,
    extension.horizontal_size_extension,
  );
  extension.vertical_size_extension = c.u("vertical_size_extension", 2, extension.vertical_size_extension);
  extension.bit_rate_extension = c.u("bit_rate_extension", 12, extension.bit_rate_extension);
  c.fixed("marker_bit", 1, 1);
  extension.vbv_buffer_size_extension = c.u(
    "vbv_buffer_size_extension",
    8,
    extension.vbv_buffer_size_extension,
  );
  extension.low_delay = c.flag("low_delay", extension.low_delay);
  extension.frame_rate_extension_n = c.u("frame_rate_extension_n", 2, extension.frame_rate_extension_n);
  extension.frame_rate_extension_d = c.u("frame_rate_extension_d", 5, extension.frame_rate_extension_d);
}

export interface SequenceDisplayExtension {
  video_format: number;
  colour_description: boolean;
  colour_primaries: number;
  transfer_characteristics: number;
  matrix_coefficients: number;
  display_horizontal_size: number;
  display_vertical_size: number;
}

export const emptySequenceDisplayExtension = (): SequenceDisplayExtension => ({
  video_format: 5,
  colour_description: false,
  colour_primaries: 1,
  transfer_characteristics: 1,
  matrix_coefficients: 1,
  display_horizontal_size: 0,
  display_vertical_size: 0,
});

/** `sequence_display_extension()`, 6.2.2.4, after its identifier. */
export function sequenceDisplayExtension(c: Coder, extension: SequenceDisplayExtension): void {
  c.structure("Sequence Display Extension", "6.2.2.4");
  extension.video_format = c.u("video_format", 3, extension.video_format);
  extension.colour_description = c.flag("colour_description", extension.colour_description);
  if (extension.colour_description) {
    extension.colour_primaries = c.uRange("colour_primaries", 8, extension.colour_primaries, 1, 255);
    extension.transfer_characteristics = c.uRange(
      "transfer_characteristics",
      8,
      extension.transfer_characteristics,
      1,
      255,
    );
    extension.matrix_coefficients = c.uRange("matrix_coefficients", 8, extension.matrix_coefficients, 1, 255);
  }
  extension.display_horizontal_size = c.u("display_horizontal_size", 14, extension.display_horizontal_size);
  c.fixed("marker_bit", 1, 1);
  extension.display_vertical_size = c.u("display_vertical_size", 14, extension.display_vertical_size);
}

export interface QuantMatrixExtension {
  intra_quantiser_matrix: Matrix;
  non_intra_quantiser_matrix: Matrix;
  chroma_intra_quantiser_matrix: Matrix;
  chroma_non_intra_quantiser_matrix: Matrix;
}

export const emptyQuantMatrixExtension = (): QuantMatrixExtension => ({
  intra_quantiser_matrix: undefined,
  non_intra_quantiser_matrix: undefined,
  chroma_intra_quantiser_matrix: undefined,
  chroma_non_intra_quantiser_matrix: undefined,
});

/** `quant_matrix_extension()`, 6.2.3.2, after its identifier. */
export function quantMatrixExtension(c: Coder, extension: QuantMatrixExtension): void {
  c.structure("Quant Matrix Extension", "6.2.3.2");
  for (const name of quantMatrices) extension[name] = loadedMatrix(c, name, extension[name]);
}

const quantMatrices = [
  "intra_quantiser_matrix",
  "non_intra_quantiser_matrix",
  "chroma_intra_quantiser_matrix",
  "chroma_non_intra_quantiser_matrix",
] as const;

export interface GroupHeader {
  time_code: number;
  closed_gop: boolean;
  broken_link: boolean;
}

export const emptyGroupHeader = (): GroupHeader => ({
  time_code: 0,
  closed_gop: false,
  broken_link: false,
});

/** `group_of_pictures_header()`, 6.2.2.6. */
export function groupHeader(c: Coder, group: GroupHeader): void {
  c.structure("Group of Pictures Header", "6.2.2.6");
  c.fixed("group_start_code", 8, StartCode.Group);
  group.time_code = c.u("time_code", 25, group.time_code);
  group.closed_gop = c.flag("closed_gop", group.closed_gop);
  group.broken_link = c.flag("broken_link", group.broken_link);
}

export interface PictureHeader {
  temporal_reference: number;
  picture_coding_type: number;
  vbv_delay: number;
  full_pel_forward_vector: boolean;
  forward_f_code: number;
  full_pel_backward_vector: boolean;
  backward_f_code: number;
  extra_information_picture: number[];
}

export const emptyPictureHeader = (): PictureHeader => ({
  temporal_reference: 0,
  picture_coding_type: 0,
  vbv_delay: 0,
  full_pel_forward_vector: false,
  forward_f_code: 7,
  full_pel_backward_vector: false,
  backward_f_code: 7,
  extra_information_picture: [],
});

/** Bytes behind a 1 each, and a 0 at the end. */
function extraInformation(c: Coder, unit: "picture" | "slice", bytes: number[]): number[] {
  const seen: number[] = [];
  for (let i = 0; c.flag(`extra_bit_${unit}`, i < bytes.length, i); i++) {
    seen.push(c.u(`extra_information_${unit}`, 8, bytes[i], i));
  }
  return seen;
}

/** `picture_header()`, 6.2.3. */
export function pictureHeader(c: Coder, picture: PictureHeader): void {
  c.structure("Picture Header", "6.2.3");
  c.fixed("picture_start_code", 8, StartCode.Picture);
  picture.temporal_reference = c.u("temporal_reference", 10, picture.temporal_reference);
  picture.picture_coding_type = c.uRange("picture_coding_type", 3, picture.picture_coding_type, 1, 4);
  picture.vbv_delay = c.u("vbv_delay", 16, picture.vbv_delay);
  const type = picture.picture_coding_type;
  if (type === PictureType.P || type === PictureType.B) {
    picture.full_pel_forward_vector = c.flag("full_pel_forward_vector", picture.full_pel_forward_vector);
    picture.forward_f_code = c.uRange("forward_f_code", 3, picture.forward_f_code, 1, 7);
  }
  if (type === PictureType.B) {
    picture.full_pel_backward_vector = c.flag("full_pel_backward_vector", picture.full_pel_backward_vector);
    picture.backward_f_code = c.uRange("backward_f_code", 3, picture.backward_f_code, 1, 7);
  }
  picture.extra_information_picture = extraInformation(c, "picture", picture.extra_information_picture);
}

export interface PictureCodingExtension {
  /** `[forward, backward][horizontal, vertical]`, 1 to 9, or 15 where it is not used. */
  f_code: [[number, number], [number, number]];
  intra_dc_precision: number;
  picture_structure: number;
  top_field_first: boolean;
  frame_pred_frame_dct: boolean;
  concealment_motion_vectors: boolean;
  q_scale_type: boolean;
  intra_vlc_format: boolean;
  alternate_scan: boolean;
  repeat_first_field: boolean;
  chroma_420_type: boolean;
  progressive_frame: boolean;
  composite_display_flag: boolean;
  v_axis: boolean;
  field_sequence: number;
  sub_carrier: boolean;
  burst_amplitude: number;
  sub_carrier_phase: number;
}

export const emptyPictureCodingExtension = (): PictureCodingExtension => ({
  f_code: [
    [15, 15],
    [15, 15],
  ],
  intra_dc_precision: 0,
  picture_structure: 3,
  top_field_first: false,
  frame_pred_frame_dct: false,
  concealment_motion_vectors: false,
  q_scale_type: false,
  intra_vlc_format: false,
  alternate_scan: false,
  repeat_first_field: false,
  chroma_420_type: false,
  progressive_frame: false,
  composite_display_flag: false,
  v_axis: false,
  field_sequence: 0,
  sub_carrier: false,
  burst_amplitude: 0,
  sub_carrier_phase: 0,
});

/** 1 to 9, or 15. */
function fCode(c: Coder, value: number, s: number, t: number): number {
  const code = c.uRange("f_code", 4, value, 1, 15, s, t);
  if (code > 9 && code < 15) throw c.error(`f_code[${s}][${t}] is ${code}, which is reserved`);
  return code;
}

/** `picture_coding_extension()`, 6.2.3.1, after its identifier. */
export function pictureCodingExtension(c: Coder, extension: PictureCodingExtension): void {
  c.structure("Picture Coding Extension", "6.2.3.1");
  const [forward, backward] = extension.f_code;
  extension.f_code = [
    [fCode(c, forward[0], 0, 0), fCode(c, forward[1], 0, 1)],
    [fCode(c, backward[0], 1, 0), fCode(c, backward[1], 1, 1)],
  ];
  extension.intra_dc_precision = c.u("intra_dc_precision", 2, extension.intra_dc_precision);
  extension.picture_structure = c.uRange("picture_structure", 2, extension.picture_structure, 1, 3);
  extension.top_field_first = c.flag("top_field_first", extension.top_field_first);
  extension.frame_pred_frame_dct = c.flag("frame_pred_frame_dct", extension.frame_pred_frame_dct);
  extension.concealment_motion_vectors = c.flag(
    "concealment_motion_vectors",
    extension.concealment_motion_vectors,
  );
  extension.q_scale_type = c.flag("q_scale_type", extension.q_scale_type);
  extension.intra_vlc_format = c.flag("intra_vlc_format", extension.intra_vlc_format);
  extension.alternate_scan = c.flag("alternate_scan", extension.alternate_scan);
  extension.repeat_first_field = c.flag("repeat_first_field", extension.repeat_first_field);
  extension.chroma_420_type = c.flag("chroma_420_type", extension.chroma_420_type);
  extension.progressive_frame = c.flag("progressive_frame", extension.progressive_frame);
  extension.composite_display_flag = c.flag("composite_display_flag", extension.composite_display_flag);
  if (!extension.composite_display_flag) return;
  extension.v_axis = c.flag("v_axis", extension.v_axis);
  extension.field_sequence = c.u("field_sequence", 3, extension.field_sequence);
  extension.sub_carrier = c.flag("sub_carrier", extension.sub_carrier);
  extension.burst_amplitude = c.u("burst_amplitude", 7, extension.burst_amplitude);
  extension.sub_carrier_phase = c.u("sub_carrier_phase", 8, extension.sub_carrier_phase);
}

export interface PictureDisplayExtension {
  frame_centre_horizontal_offset: number[];
  frame_centre_vertical_offset: number[];
}

/** `picture_display_extension()`, 6.2.3.3, after its identifier. @param count - `number_of_frame_centre_offsets`. */
export function pictureDisplayExtension(c: Coder, extension: PictureDisplayExtension, count: number): void {
  c.structure("Picture Display Extension", "6.2.3.3");
  const { frame_centre_horizontal_offset: horizontal, frame_centre_vertical_offset: vertical } = extension;
  for (let i = 0; i < count; i++) {
    horizontal[i] = c.i("frame_centre_horizontal_offset", 16, horizontal[i], i);
    c.fixed("marker_bit", 1, 1, i);
    vertical[i] = c.i("frame_centre_vertical_offset", 16, vertical[i], i);
    c.fixed("marker_bit", 1, 1, i);
  }
}

/** `number_of_frame_centre_offsets`, 6.3.12. */
export function frameCentreOffsets(sequence: SequenceExtension, picture: PictureCodingExtension): number {
  if (sequence.progressive_sequence) {
    if (!picture.repeat_first_field) return 1;
    return picture.top_field_first ? 3 : 2;
  }
  if (picture.picture_structure !== PictureStructure.Frame) return 1;
  return picture.repeat_first_field ? 3 : 2;
}

export interface SliceHeader {
  /** The last byte of the start code. */
  slice_vertical_position: number;
  slice_vertical_position_extension: number;
  quantiser_scale_code: number;
  /** `slice_extension_flag`: `intra_slice` and what follows it are there. */
  slice_extension_flag: boolean;
  intra_slice: boolean;
  slice_picture_id_enable: boolean;
  slice_picture_id: number;
  extra_information_slice: number[];
}

export const emptySliceHeader = (): SliceHeader => ({
  slice_vertical_position: 1,
  slice_vertical_position_extension: 0,
  quantiser_scale_code: 1,
  slice_extension_flag: false,
  intra_slice: false,
  slice_picture_id_enable: false,
  slice_picture_id: 0,
  extra_information_slice: [],
});

/**
 * The header in `slice()`, 6.2.4, down to its macroblocks.
 * @param verticalSize - Lines of the frame, which decide whether a slice's position has three bits more.
 */
export function sliceHeader(c: Coder, slice: SliceHeader, verticalSize: number): void {
  c.structure("Slice Header", "6.2.4");
  slice.slice_vertical_position = c.uRange(
    "slice_vertical_position",
    8,
    slice.slice_vertical_position,
    StartCode.FirstSlice,
    StartCode.LastSlice,
  );
  if (verticalSize > TALL) {
    slice.slice_vertical_position_extension = c.u(
      "slice_vertical_position_extension",
      3,
      slice.slice_vertical_position_extension,
    );
  }
  slice.quantiser_scale_code = c.uRange("quantiser_scale_code", 5, slice.quantiser_scale_code, 1, 31);
  slice.slice_extension_flag = c.nextBits(1, slice.slice_extension_flag ? 1 : 0) === 1;
  if (!slice.slice_extension_flag) {
    c.fixed("extra_bit_slice", 1, 0);
    return;
  }
  c.fixed("slice_extension_flag", 1, 1);
  slice.intra_slice = c.flag("intra_slice", slice.intra_slice);
  slice.slice_picture_id_enable = c.flag("slice_picture_id_enable", slice.slice_picture_id_enable);
  slice.slice_picture_id = c.u("slice_picture_id", 6, slice.slice_picture_id);
  slice.extra_information_slice = extraInformation(c, "slice", slice.extra_information_slice);
}
