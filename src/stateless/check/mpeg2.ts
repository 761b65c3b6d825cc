/**
 * What MPEG-2 in an OUTPUT buffer, and the requests before, say of the SEQUENCE, PICTURE and QUANTISATION controls.
 *
 * Clients pass slices only, so most fields cannot be checked then: what is left is the references, the sequence, which
 * changes with intra pictures only, and the rows that slices cover.
 */
import { CodecError, mpeg2 } from "../../codec/index.js";
import type { ControlValues } from "../../codec/index.js";
import { compareFields, FieldPlaces, type Disagreement, type ExpectedControl } from "./compare.js";
import { expectedFlags, placesOnDemand } from "./flags.js";
import { elements, pictureFlags, sameSequence, sequenceFlags } from "./mpeg2-fields.js";
import { pictureUnits, type PictureUnits } from "./mpeg2-units.js";
import { noDisagreement, type CheckedRequest, type CheckResult, type StreamCheck } from "./stream-check.js";

type Sequence = NonNullable<ControlValues["StatelessMpeg2Sequence"]>;
type Picture = NonNullable<ControlValues["StatelessMpeg2Picture"]>;

const { NO_REFERENCE, PictureStructure, PictureType } = mpeg2;

/** The frame of the request before. */
interface Frame {
  readonly timestampNs: bigint;
  /** `PictureStructure`: of a field, the other one may follow. */
  readonly structure: number;
  readonly isReference: boolean;
}

/** Reference frames before the present one, the older first. Unknown ones are {@link NO_REFERENCE}. */
interface References {
  readonly older: bigint;
  readonly newer: bigint;
}

interface Headers {
  readonly sequence: mpeg2.SequenceHeader;
  readonly extension: mpeg2.SequenceExtension;
  readonly weights: mpeg2.Weights;
}

export class Mpeg2Check implements StreamCheck {
  #references: References = { older: NO_REFERENCE, newer: NO_REFERENCE };
  #frame: Frame | undefined;
  /** The control of the request before. */
  #sequence: Sequence | undefined;
  /** Of clients that pass them. */
  #headers: Headers | undefined;

  clone(): Mpeg2Check {
    const copy = new Mpeg2Check();
    copy.#references = this.#references;
    copy.#frame = this.#frame;
    copy.#sequence = this.#sequence;
    copy.#headers = this.#headers;
    return copy;
  }

  check(request: CheckedRequest): CheckResult {
    const { StatelessMpeg2Sequence: sequence, StatelessMpeg2Picture: picture } = request.controls;
    if (sequence === undefined || picture === undefined) return noDisagreement;
    const lines = this.#linesOf(sequence, picture);
    let units: PictureUnits;
    try {
      units = pictureUnits(request.bitstream, lines);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#follow(picture.picture_coding_type, picture.picture_structure, request.timestampNs);
      return { disagreements: [], problem: `the OUTPUT buffer cannot be parsed: ${error.message}` };
    }
    const places = placesOnDemand(elements, (sink) => pictureUnits(request.bitstream, lines, sink));
    const disagreements = [
      ...this.#compareSequence(units, sequence, picture, places),
      ...this.#comparePicture(units, picture, request.timestampNs, places),
      ...this.#compareWeights(units, request.controls.StatelessMpeg2Quantisation, places),
    ];
    const problem = disagreements.length > 0 ? undefined : problemOf(units, sequence, picture);
    return { disagreements, problem };
  }

  /** Of the frame: those that requests before told, where the sequence cannot have changed. */
  #linesOf(submitted: Sequence, { picture_coding_type: type }: Picture): number {
    const known = type === PictureType.I ? undefined : this.#sequence;
    return (known ?? submitted).vertical_size;
  }

  #compareSequence(
    { sequence, sequenceExtension }: PictureUnits,
    submitted: Sequence,
    { picture_coding_type: type }: Picture,
    places: () => FieldPlaces,
  ): Disagreement[] {
    if (sequence !== undefined && sequenceExtension !== undefined) {
      const weights = mpeg2.weightsOf(sequence);
      this.#headers = { sequence, extension: sequenceExtension, weights };
      const expected = mpeg2.sequenceControl(sequence, sequenceExtension);
      this.#sequence = expected;
      return compareFields(expectedSequence(expected, submitted), submitted, places);
    }
    const before = this.#sequence;
    if (before === undefined || type === PictureType.I) {
      this.#sequence = submitted;
      return [];
    }
    return compareFields(expectedSequence(before, submitted), submitted, new FieldPlaces()).map((found) => ({
      ...found,
      place: sameSequence,
    }));
  }

  #comparePicture(
    { picture: header, pictureExtension, lastRow }: PictureUnits,
    submitted: Picture,
    timestampNs: bigint,
    places: () => FieldPlaces,
  ): Disagreement[] {
    const type = header?.picture_coding_type ?? this.#typeOf(submitted, timestampNs);
    const rows = rowsOf(this.#sequence);
    // A picture that covers the whole frame is no field.
    const isWhole = rows !== undefined && lastRow === rows.frame && rows.field < rows.frame;
    const structure =
      pictureExtension?.picture_structure ?? (isWhole ? PictureStructure.Frame : submitted.picture_structure);
    const isSecond = this.#follow(type, structure, timestampNs);
    const references = this.#expectedReferences(type, isSecond, submitted, timestampNs);
    if (header !== undefined && pictureExtension !== undefined) {
      const expected = mpeg2.pictureControl(header, pictureExtension, { forward: 0n, backward: 0n });
      const { forward_ref_ts, backward_ref_ts } = references;
      const fields = { ...expected, forward_ref_ts, backward_ref_ts, flags: undefined, reserved: undefined };
      const flags = expectedFlags(pictureFlags, expected.flags, submitted.flags);
      return compareFields({ control: "MPEG2_PICTURE", fields, flags }, submitted, places);
    }
    const fields = {
      ...references,
      picture_coding_type: type,
      picture_structure: isWhole ? structure : undefined,
    };
    return compareFields({ control: "MPEG2_PICTURE", fields }, submitted, () => placesOfSlices);
  }

  /**
   * The type of a picture without its header: as submitted, unless its references are exactly those of another type and
   * not of that one.
   */
  #typeOf(submitted: Picture, timestampNs: bigint): number {
    const { picture_coding_type: type, forward_ref_ts: forward, backward_ref_ts: backward } = submitted;
    const { older, newer } = this.#next(timestampNs);
    if (newer === NO_REFERENCE) return type;
    // 0 is what clients leave where there is no reference, unless a picture has it.
    const isZeroNone = older !== 0n && newer !== 0n;
    const isNone = (timestamp: bigint): boolean =>
      timestamp === NO_REFERENCE || (timestamp === 0n && isZeroNone);
    const alike = [
      isNone(forward) && isNone(backward) && PictureType.I,
      forward === newer && isNone(backward) && PictureType.P,
      forward === older && backward === newer && older !== newer && PictureType.B,
    ].filter((found) => found !== false);
    const [only] = alike;
    if (only === undefined || alike.length > 1 || type === PictureType.I) return type;
    // A second field may refer to the first.
    return this.#frame?.timestampNs === timestampNs ? type : only;
  }

  /** The references of the picture with this time stamp, which ends the frame before unless it is of that frame. */
  #next(timestampNs: bigint): References {
    const before = this.#frame;
    if (before?.isReference !== true || before.timestampNs === timestampNs) return this.#references;
    return { older: this.#references.newer, newer: before.timestampNs };
  }

  #compareWeights(
    { sequence, matrices, picture }: PictureUnits,
    submitted: ControlValues["StatelessMpeg2Quantisation"],
    places: () => FieldPlaces,
  ): Disagreement[] {
    const headers = this.#headers;
    // A client that passes no headers with this picture has told nothing of extensions between the two.
    if (headers === undefined || (sequence ?? picture) === undefined) return [];
    const weights = { ...headers.weights };
    if (matrices !== undefined) mpeg2.updateWeights(weights, matrices);
    this.#headers = { ...headers, weights };
    if (submitted === undefined) return [];
    const { chroma_format } = headers.extension;
    const expected = mpeg2.quantisationControl(weights, chroma_format);
    const fields = {
      ...expected,
      // They mean nothing in 4:2:0.
      ...(chroma_format === 1 && {
        chroma_intra_quantiser_matrix: undefined,
        chroma_non_intra_quantiser_matrix: undefined,
      }),
    };
    return compareFields({ control: "MPEG2_QUANTISATION", fields }, submitted, places);
  }

  /** Goes on to a picture. @returns Is it the second field of the frame before? 6.1.1.4.1 */
  #follow(type: number, structure: number, timestampNs: bigint): boolean {
    const before = this.#frame;
    const isReference = type !== PictureType.B;
    const isSecond =
      before !== undefined &&
      before.structure + structure === PictureStructure.Frame &&
      before.isReference === isReference &&
      before.timestampNs === timestampNs;
    if (isSecond) {
      // Whole now.
      this.#frame = { ...before, structure: PictureStructure.Frame };
      return true;
    }
    if (before?.isReference === true)
      this.#references = { older: this.#references.newer, newer: before.timestampNs };
    this.#frame = { timestampNs, structure, isReference };
    return false;
  }

  /** 7.6.2. What is not known is not compared. */
  #expectedReferences(
    type: number,
    isSecond: boolean,
    { forward_ref_ts: forward }: Picture,
    timestampNs: bigint,
  ): { forward_ref_ts?: bigint; backward_ref_ts?: bigint } {
    const { older, newer } = this.#references;
    if (type === PictureType.P) {
      // The second field may refer to the first one, which is in the same buffer.
      if (newer === NO_REFERENCE || (isSecond && forward === timestampNs)) return {};
      return { forward_ref_ts: newer };
    }
    if (type !== PictureType.B) return {};
    return {
      ...(older !== NO_REFERENCE && { forward_ref_ts: older }),
      ...(newer !== NO_REFERENCE && { backward_ref_ts: newer }),
    };
  }
}

/** Of fields that slices and references tell, for want of a picture header. */
const placesOfSlices = new FieldPlaces({
  ...elements,
  "MPEG2_PICTURE.picture_coding_type": { element: "type of picture with these references", section: "7.6.2" },
  "MPEG2_PICTURE.picture_structure": { element: "slice_vertical_position", section: "6.1.1.4" },
});

const expectedSequence = (sequence: Sequence, submitted: Sequence): ExpectedControl => ({
  control: "MPEG2_SEQUENCE",
  fields: { ...sequence, flags: undefined },
  flags: expectedFlags(sequenceFlags, sequence.flags, submitted.flags),
});

/** Rows of macroblocks in a frame and in one of its fields: 6.3.3. */
function rowsOf(sequence: Sequence | undefined): { frame: number; field: number } | undefined {
  if (sequence === undefined) return undefined;
  const field = Math.ceil(sequence.vertical_size / 32);
  const isProgressive = (sequence.flags & 1) !== 0;
  return { frame: isProgressive ? Math.ceil(sequence.vertical_size / 16) : 2 * field, field };
}

function problemOf(units: PictureUnits, sequence: Sequence, picture: Picture): string | undefined {
  if (units.slices === 0) return "there is no slice in its OUTPUT buffer";
  const { frame, field } = rowsOf(sequence) ?? { frame: 0, field: 0 };
  const rows = picture.picture_structure === PictureStructure.Frame ? frame : field;
  if (units.lastRow <= rows) return undefined;
  return (
    `a slice is in row ${units.lastRow} of macroblocks, and with a vertical_size of ${sequence.vertical_size} ` +
    `the picture has ${rows} (MPEG2_SEQUENCE, MPEG2_PICTURE.picture_structure; section 6.3.16)`
  );
}
