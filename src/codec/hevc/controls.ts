/** The V4L2 stateless controls of HEVC that follow from a stream. */
import type {
  ControlValues,
  FrameControls,
  FrameControlsOptions,
  RequestControls,
} from "../frame-controls.js";
import { longTermPictures, ppsControl, scalingMatrix, shortTermSets, spsControl } from "./control-values.js";
import type { MissingReference } from "./dpb.js";
import { decodeParams, sliceParams } from "./picture-controls.js";
import { codedPictures, type CodedPicture, type CodedSlice, type PictureOptions } from "./pictures.js";
import type { Pps } from "./syntax-pps.js";
import type { Sps } from "./syntax-sps.js";

export interface HevcControlsOptions extends FrameControlsOptions, PictureOptions {
  /**
   * `V4L2_CID_STATELESS_HEVC_DECODE_MODE`: a request for each slice segment, or one for each picture, with the
   * parameters of all its slice segments. Default: `slice`.
   */
  readonly decodeMode?: "slice" | "frame";
  /** `V4L2_CID_STATELESS_HEVC_START_CODE`. Default: `annex-b`, with 00 00 01 in front of each NAL unit. */
  readonly startCode?: "annex-b" | "none";
}

export interface HevcFrameControls extends FrameControls {
  /** References that are not there; where a control would have their index, it has 0xff. */
  readonly missing: readonly MissingReference[];
}

/**
 * What a stateless decoder is told to decode a byte stream (Annex B).
 *
 * Pictures that no decoder can decode are left out, see `onNotice`.
 * @throws {CodecError} At the first thing that the specification does not allow.
 */
export function* frameControls(
  stream: Uint8Array,
  options: HevcControlsOptions = {},
): Generator<HevcFrameControls> {
  const sets = new SetControls();
  for (const picture of codedPictures(stream, options)) {
    yield {
      decodeIndex: picture.decodeIndex,
      timestampNs: picture.timestampNs,
      requests: requests(picture, sets, options),
      shown: picture.output,
      streamOffset: picture.streamOffset,
      missing: picture.set.missing,
    };
  }
}

function requests(picture: CodedPicture, sets: SetControls, options: HevcControlsOptions): RequestControls[] {
  const shared: ControlValues = {
    ...sets.of(picture.sps, picture.pps),
    StatelessHevcDecodeParams: decodeParams(picture),
  };
  const request = (slices: readonly CodedSlice[], holdCapture: boolean): RequestControls => ({
    controls: { ...shared, ...sliceControls(picture, slices) },
    payload: payload(slices, options),
    holdCapture,
  });
  if (options.decodeMode === "frame") return [request(picture.slices, false)];
  return picture.slices.map((slice, i) => request([slice], i + 1 < picture.slices.length));
}

function sliceControls(picture: CodedPicture, slices: readonly CodedSlice[]): ControlValues {
  const offsets = slices.flatMap(({ segment }) =>
    segment.entry_point_offset_minus1.map((offset) => offset + 1),
  );
  return {
    StatelessHevcSliceParams: slices.map((slice) => sliceParams(picture, slice)),
    ...(offsets.length === 0 ? {} : { StatelessHevcEntryPointOffsets: offsets }),
  };
}

function payload(slices: readonly CodedSlice[], { startCode }: HevcControlsOptions): Uint8Array {
  const units = slices.map(({ data, dataWithStartCode }) =>
    startCode === "none" ? data : dataWithStartCode,
  );
  const [first] = units;
  return units.length === 1 && first !== undefined ? first : Buffer.concat(units);
}

/** The controls of parameter sets, which are the same for many pictures. */
class SetControls {
  #sps: Sps | undefined;
  #pps: Pps | undefined;
  #controls: ControlValues = {};

  of(sps: Sps, pps: Pps): ControlValues {
    if (sps === this.#sps && pps === this.#pps) return this.#controls;
    this.#sps = sps;
    this.#pps = pps;
    this.#controls = {
      StatelessHevcSps: spsControl(sps),
      StatelessHevcPps: ppsControl(pps),
      StatelessHevcScalingMatrix: scalingMatrix(sps, pps),
      ...(sps.num_short_term_ref_pic_sets === 0 ? {} : { StatelessHevcExtSpsStRps: shortTermSets(sps) }),
      ...(sps.num_long_term_ref_pics_sps === 0 ? {} : { StatelessHevcExtSpsLtRps: longTermPictures(sps) }),
    };
    return this.#controls;
  }
}
