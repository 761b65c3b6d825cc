/**
 * The stateless controls of each picture of an MPEG-2 stream, as "Stateless Codec Control Reference" of the kernel's
 * documentation describes them. One request is one picture: a frame, or one of two fields, whose requests share a
 * CAPTURE buffer.
 */
import { CodecError } from "../bits/index.js";
import {
  defaultTimestampOf,
  flagBits,
  type ControlValues,
  type FrameControls,
  type FrameControlsOptions,
  type RequestControls,
} from "../frame-controls.js";
import { mpeg2Units } from "./parse.js";
import {
  PictureStructure,
  PictureType,
  type PictureCodingExtension,
  type PictureHeader,
  type QuantMatrixExtension,
  type SequenceExtension,
  type SequenceHeader,
} from "./syntax.js";

type Sequence = NonNullable<ControlValues["StatelessMpeg2Sequence"]>;
type Picture = NonNullable<ControlValues["StatelessMpeg2Picture"]>;
type Quantisation = NonNullable<ControlValues["StatelessMpeg2Quantisation"]>;

/** A reference that there is not, as clients spell it. */
export const NO_REFERENCE = 0xffff_ffff_ffff_ffffn;

/** The unit of `vbv_buffer_size`, in bits. */
const VBV_UNIT = 16 * 1024;
const CHROMA_420 = 1;

/** Default weights of intra blocks, in zigzag order: 6.3.11. */
const defaultIntra: readonly number[] = [
  8, 16, 16, 19, 16, 19, 22, 22, 22, 22, 22, 22, 26, 24, 26, 27, 27, 27, 26, 26, 26, 26, 27, 27, 27, 29, 29,
  29, 34, 34, 34, 29, 29, 29, 27, 27, 29, 29, 32, 32, 34, 34, 37, 38, 37, 35, 35, 34, 35, 38, 38, 40, 40, 40,
  48, 48, 46, 46, 56, 56, 58, 69, 69, 83,
];
const defaultNonIntra: readonly number[] = new Array<number>(64).fill(16);
const noMatrix: readonly number[] = new Array<number>(64).fill(0);

/** The weights in effect, which are replaced and never changed. Each header that sends some replaces those. */
export interface Weights {
  intra: readonly number[];
  nonIntra: readonly number[];
  chromaIntra: readonly number[];
  chromaNonIntra: readonly number[];
}

/** A sequence header resets what it does not send: 6.3.11. */
export function weightsOf(header: SequenceHeader): Weights {
  const intra = header.intra_quantiser_matrix ?? defaultIntra;
  const nonIntra = header.non_intra_quantiser_matrix ?? defaultNonIntra;
  return { intra, nonIntra, chromaIntra: intra, chromaNonIntra: nonIntra };
}

/** New weights for luma are those of chroma, too, unless these are sent: 6.3.11. */
export function updateWeights(weights: Weights, sent: QuantMatrixExtension): void {
  if (sent.intra_quantiser_matrix !== undefined)
    weights.intra = weights.chromaIntra = sent.intra_quantiser_matrix;
  if (sent.non_intra_quantiser_matrix !== undefined)
    weights.nonIntra = weights.chromaNonIntra = sent.non_intra_quantiser_matrix;
  weights.chromaIntra = sent.chroma_intra_quantiser_matrix ?? weights.chromaIntra;
  weights.chromaNonIntra = sent.chroma_non_intra_quantiser_matrix ?? weights.chromaNonIntra;
}

/** The value of the SEQUENCE control. */
export function sequenceControl(header: SequenceHeader, extension: SequenceExtension): Sequence {
  return {
    horizontal_size: header.horizontal_size_value + extension.horizontal_size_extension * 4096,
    vertical_size: header.vertical_size_value + extension.vertical_size_extension * 4096,
    vbv_buffer_size: VBV_UNIT * (header.vbv_buffer_size_value + extension.vbv_buffer_size_extension * 1024),
    profile_and_level_indication: extension.profile_and_level_indication,
    chroma_format: extension.chroma_format,
    flags: flagBits(extension.progressive_sequence),
  };
}

/** The value of the QUANTISATION control. Weights of chroma mean nothing in 4:2:0, and clients leave them 0. */
export function quantisationControl(weights: Weights, chromaFormat: number): Quantisation {
  const hasChroma = chromaFormat !== CHROMA_420;
  return {
    intra_quantiser_matrix: weights.intra,
    non_intra_quantiser_matrix: weights.nonIntra,
    chroma_intra_quantiser_matrix: hasChroma ? weights.chromaIntra : noMatrix,
    chroma_non_intra_quantiser_matrix: hasChroma ? weights.chromaNonIntra : noMatrix,
  };
}

/** The value of the PICTURE control. */
export function pictureControl(
  header: PictureHeader,
  extension: PictureCodingExtension,
  references: { readonly forward: bigint; readonly backward: bigint },
): Picture {
  return {
    backward_ref_ts: references.backward,
    forward_ref_ts: references.forward,
    flags: flagBits(
      extension.top_field_first,
      extension.frame_pred_frame_dct,
      extension.concealment_motion_vectors,
      extension.q_scale_type,
      extension.intra_vlc_format,
      extension.alternate_scan,
      extension.repeat_first_field,
      extension.progressive_frame,
    ),
    f_code: extension.f_code,
    picture_coding_type: header.picture_coding_type,
    picture_structure: extension.picture_structure,
    intra_dc_precision: extension.intra_dc_precision,
    reserved: [0, 0, 0, 0, 0],
  };
}

/** A picture whose slices are being collected. */
interface Collected {
  readonly header: PictureHeader;
  readonly offset: number;
  extension: PictureCodingExtension | undefined;
  /** Of the slices in the stream, from the first start code to the end of the last. */
  slices: { readonly start: number; end: number } | undefined;
}

/** A frame, whole or with one of its fields. */
interface Frame {
  readonly decodeIndex: number;
  readonly timestampNs: bigint;
  readonly streamOffset: number;
  readonly requests: RequestControls[];
  /** `PictureStructure` of the first request. */
  readonly structure: number;
  readonly isReference: boolean;
}

/**
 * What a client submits for each frame of a stream.
 * @throws {CodecError} The stream is not MPEG-2, a header is violated, or a picture lacks what it needs.
 */
export function* frameControls(
  stream: Uint8Array,
  options: FrameControlsOptions = {},
): Generator<FrameControls> {
  const deriver = new Deriver(stream, options.timestampOf ?? defaultTimestampOf);
  for (const { unit, offset, data } of mpeg2Units(stream)) {
    switch (unit.kind) {
      case "sequence":
        yield* deriver.endOfPicture();
        deriver.header = unit.header;
        deriver.weights = weightsOf(unit.header);
        break;
      case "sequence-extension":
        deriver.extension = unit.extension;
        break;
      case "quant-matrix-extension":
        updateWeights(deriver.weights, unit.extension);
        break;
      case "picture":
        yield* deriver.endOfPicture();
        deriver.picture = { header: unit.picture, offset, extension: undefined, slices: undefined };
        break;
      case "picture-coding-extension":
        if (deriver.picture !== undefined) deriver.picture.extension = unit.extension;
        break;
      case "slice":
        deriver.slice(data);
        break;
      case "group":
      case "other":
        yield* deriver.endOfPicture();
        break;
      case "sequence-display-extension":
        break;
    }
  }
  yield* deriver.endOfPicture();
  yield* deriver.endOfFrame();
}

class Deriver {
  header: SequenceHeader | undefined;
  extension: SequenceExtension | undefined;
  weights: Weights = {
    intra: defaultIntra,
    nonIntra: defaultNonIntra,
    chromaIntra: defaultIntra,
    chromaNonIntra: defaultNonIntra,
  };
  picture: Collected | undefined;

  readonly #stream: Uint8Array;
  readonly #timestampOf: (decodeIndex: number) => bigint;
  #decoded = 0;
  #frame: Frame | undefined;
  /** The reference frames before the present one, the older first. */
  #older = NO_REFERENCE;
  #newer = NO_REFERENCE;

  constructor(stream: Uint8Array, timestampOf: (decodeIndex: number) => bigint) {
    this.#stream = stream;
    this.#timestampOf = timestampOf;
  }

  slice(data: Uint8Array): void {
    const picture = this.picture;
    if (picture === undefined)
      throw new CodecError("a slice comes before any picture header", { codec: "MPEG-2", section: "6.2.2" });
    const start = data.byteOffset - this.#stream.byteOffset;
    const end = start + data.byteLength;
    if (picture.slices === undefined) picture.slices = { start: start - 3, end };
    else picture.slices.end = end;
  }

  /** What was collected is a request now, and perhaps completes a frame. */
  *endOfPicture(): Generator<FrameControls> {
    const picture = this.picture;
    if (picture?.slices === undefined) return;
    this.picture = undefined;
    const { header, extension, slices } = picture;
    if (this.header === undefined || this.extension === undefined || extension === undefined) {
      throw new CodecError("a picture has no sequence extension or picture coding extension, as in MPEG-1", {
        codec: "MPEG-2",
        section: "6.1.1.6",
      });
    }
    const structure = extension.picture_structure;
    const isSecond = this.#isSecondField(structure, header);
    if (!isSecond) yield* this.endOfFrame();
    const frame = (this.#frame ??= {
      decodeIndex: this.#decoded,
      timestampNs: this.#timestampOf(this.#decoded++),
      streamOffset: picture.offset,
      requests: [],
      structure,
      isReference: header.picture_coding_type !== PictureType.B,
    });
    frame.requests.push({
      controls: {
        StatelessMpeg2Sequence: sequenceControl(this.header, this.extension),
        StatelessMpeg2Picture: pictureControl(header, extension, this.#references(header)),
        StatelessMpeg2Quantisation: quantisationControl(this.weights, this.extension.chroma_format),
      },
      payload: this.#stream.subarray(slices.start, slices.end),
      holdCapture: structure !== PictureStructure.Frame && !isSecond,
    });
    if (structure === PictureStructure.Frame || isSecond) yield* this.endOfFrame();
  }

  *endOfFrame(): Generator<FrameControls> {
    const frame = this.#frame;
    if (frame === undefined) return;
    this.#frame = undefined;
    if (frame.isReference) {
      this.#older = this.#newer;
      this.#newer = frame.timestampNs;
    }
    const { decodeIndex, timestampNs, requests, streamOffset } = frame;
    yield { decodeIndex, timestampNs, requests, shown: true, streamOffset };
  }

  /** The other field of a frame whose first field is there: 6.1.1.4.1. */
  #isSecondField(structure: number, header: PictureHeader): boolean {
    const first = this.#frame;
    return (
      first !== undefined &&
      first.structure + structure === PictureStructure.Frame &&
      first.isReference === (header.picture_coding_type !== PictureType.B)
    );
  }

  /** 7.6.2. The first field of the same frame, which a second one may refer to, has no time stamp to be named by. */
  #references({ picture_coding_type: type }: PictureHeader): { forward: bigint; backward: bigint } {
    switch (type) {
      case PictureType.P:
        return { forward: this.#newer, backward: NO_REFERENCE };
      case PictureType.B:
        return { forward: this.#older, backward: this.#newer };
      case PictureType.I:
        return { forward: NO_REFERENCE, backward: NO_REFERENCE };
      default:
        throw new CodecError("a picture is of type D, which only MPEG-1 has", {
          codec: "MPEG-2",
          section: "6.3.9",
        });
    }
  }
}
