/**
 * The sequence header that a frame header is read with. Clients need not pass it, and the SEQUENCE control has not all of
 * it: what is missing is guessed, the usual first, and the guess is kept with which a frame agrees with its controls.
 */
import { av1 } from "../../codec/index.js";
import { expectedSequence, type Sequence } from "./av1-expected.js";
import { sequenceFlags } from "./av1-fields.js";
import { compareFields, FieldPlaces, type Disagreement } from "./compare.js";

/** `SELECT_SCREEN_CONTENT_TOOLS` and `SELECT_INTEGER_MV`. */
const SELECT = 2;

/** What a control does not tell, and frame headers depend on. */
type Guess = Pick<
  av1.SequenceHeader,
  | "reduced_still_picture_header"
  | "seq_force_screen_content_tools"
  | "seq_force_integer_mv"
  | "frame_id_numbers_present_flag"
  | "decoder_model_info_present_flag"
  | "equal_picture_interval"
  | "operatingPoints"
>;

const usual: Guess = {
  reduced_still_picture_header: false,
  seq_force_screen_content_tools: SELECT,
  seq_force_integer_mv: SELECT,
  frame_id_numbers_present_flag: false,
  decoder_model_info_present_flag: false,
  equal_picture_interval: false,
  operatingPoints: [],
};

const model = {
  decoder_model_info_present_flag: true,
  operatingPoints: [{ ...av1.emptyOperatingPoint(), decoder_model_present_for_this_op: true }],
};

/** libaom's lengths, in the only streams with frame ids or a decoder model that clients were seen with. */
const lengths = {
  delta_frame_id_length_minus_2: 12,
  additional_frame_id_length_minus_1: 0,
  frame_presentation_time_length_minus_1: 9,
  buffer_removal_time_length_minus_1: 9,
};

const guesses: readonly Guess[] = [
  { ...usual },
  { ...usual, reduced_still_picture_header: true },
  ...[false, true].flatMap((frame_id_numbers_present_flag) =>
    [{}, { ...model, equal_picture_interval: true }, model].flatMap((timing) =>
      [SELECT, 0, 1].flatMap((seq_force_screen_content_tools) =>
        [SELECT, 0, 1].map((seq_force_integer_mv) => ({
          ...usual,
          ...timing,
          frame_id_numbers_present_flag,
          seq_force_screen_content_tools,
          seq_force_integer_mv,
        })),
      ),
    ),
  ),
];

/** The sequence headers that a control may stand for, the likeliest first. */
export function* sequencesOf(control: Sequence): Generator<av1.SequenceHeader> {
  const known = sequenceOf(control);
  for (const guess of guesses) {
    if (guess.reduced_still_picture_header && !known.still_picture) continue;
    yield { ...known, ...guess };
  }
}

function sequenceOf(control: Sequence): av1.SequenceHeader {
  const has = (name: string): boolean => {
    const bit = sequenceFlags.findIndex(([flag]) => flag === name);
    return ((control.flags >>> bit) & 1) === 1;
  };
  const mono_chrome = has("MONO_CHROME");
  return {
    ...av1.emptySequenceHeader(),
    ...lengths,
    seq_profile: control.seq_profile,
    still_picture: has("STILL_PICTURE"),
    use_128x128_superblock: has("USE_128X128_SUPERBLOCK"),
    enable_order_hint: has("ENABLE_ORDER_HINT"),
    enable_warped_motion: has("ENABLE_WARPED_MOTION"),
    enable_ref_frame_mvs: has("ENABLE_REF_FRAME_MVS"),
    enable_superres: has("ENABLE_SUPERRES"),
    enable_cdef: has("ENABLE_CDEF"),
    enable_restoration: has("ENABLE_RESTORATION"),
    mono_chrome,
    numPlanes: mono_chrome ? 1 : 3,
    subsampling_x: has("SUBSAMPLING_X"),
    subsampling_y: has("SUBSAMPLING_Y"),
    film_grain_params_present: has("FILM_GRAIN_PARAMS_PRESENT"),
    separate_uv_delta_q: has("SEPARATE_UV_DELTA_Q"),
    orderHintBits: Math.min(control.order_hint_bits, 8),
    bitDepth: control.bit_depth,
    max_frame_width_minus_1: control.max_frame_width_minus_1,
    max_frame_height_minus_1: control.max_frame_height_minus_1,
    // As many as the size needs is what encoders use.
    frame_width_bits_minus_1: Math.max(31 - Math.clz32(control.max_frame_width_minus_1), 0),
    frame_height_bits_minus_1: Math.max(31 - Math.clz32(control.max_frame_height_minus_1), 0),
  };
}

/** Controls that differ from one in a single field that frame headers depend on. */
export function* alternativesTo(control: Sequence): Generator<Sequence> {
  for (const bit of sequenceFlags.keys()) yield { ...control, flags: control.flags ^ (1 << bit) };
  for (let bits = 0; bits <= 8; bits += 1) {
    if (bits !== control.order_hint_bits) yield { ...control, order_hint_bits: bits };
  }
}

/** @param frame - Its size tells that of the sequence. */
export function* alternativeSizes(
  control: Sequence,
  frame: { readonly upscaled_width: number; readonly frame_height_minus_1: number },
): Generator<Sequence> {
  yield { ...control, max_frame_width_minus_1: frame.upscaled_width - 1 };
  yield { ...control, max_frame_height_minus_1: frame.frame_height_minus_1 };
}

/** The fields in which a control differs from another. @param place - Why the other one is right. */
export const differencesOf = (
  right: Sequence,
  submitted: Sequence,
  place: Disagreement["place"],
): Disagreement[] =>
  compareFields(expectedSequence(right, submitted), submitted, new FieldPlaces()).map((found) => ({
    ...found,
    place,
  }));
