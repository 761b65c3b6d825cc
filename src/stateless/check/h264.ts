/** The check of H.264: controls against slice headers, and against what earlier requests say of the pictures before. */
import { CodecError, h264, RbspBuffer, RecordingReader, SyntaxReader } from "../../codec/index.js";
import { leastBlame, nowhere, type Examination } from "./blame.js";
import {
  compareFields,
  FieldPlaces,
  MOST_TOLD,
  isSame,
  type Disagreement,
  type ExpectedControl,
} from "./compare.js";
import { isDecodeParams, isPredWeights, isSliceParams } from "./h264-bytes.js";
import {
  elements,
  expectedDecodeParams,
  expectedSliceParams,
  expectedWeights,
  kindsOf,
  type PpsControl,
  type SpsControl,
} from "./h264-expected.js";
import {
  alternatives,
  expectedSps,
  readsWith,
  sameSps,
  setsOf,
  type EarlierSets,
  type SetsOfControls,
} from "./h264-sets.js";
import { beyondLevel } from "./h264-level.js";
import { nalUnitsOf } from "./nal-units.js";
import { noDisagreement, type CheckedRequest, type CheckResult, type StreamCheck } from "./stream-check.js";

/** No slice header is longer; see src/codec/h264. */
const HEADER_BYTES = 4096;
/** Alternatives are tried with so many slices of a picture: a client may send a thousand. */
const TRIED_SLICES = 2;
const CODEC = "H.264";
/** `V4L2_STATELESS_H264_DECODE_MODE_FRAME_BASED`. */
const FRAME_BASED = 1;

const rbsp = new RbspBuffer();
const reader = new SyntaxReader(CODEC);

/** What a request looks like, and the state behind it. */
interface Outcome extends Examination {
  readonly follower: h264.SliceFollower;
  readonly sets: SetsOfControls;
}

export class H264Check implements StreamCheck {
  /** Of the pictures before. */
  #follower = new h264.SliceFollower();
  /** Of the coded video sequence. */
  #sets: SetsOfControls | undefined;
  /** By id, as they were last used. */
  readonly #pps = new Map<number, PpsControl>();
  /** Did another PPS take the place of one with the same id? */
  #ppsChanges = false;

  clone(): H264Check {
    const copy = new H264Check();
    copy.#follower = this.#follower;
    copy.#sets = this.#sets;
    copy.#ppsChanges = this.#ppsChanges;
    for (const [id, pps] of this.#pps) copy.#pps.set(id, pps);
    return copy;
  }

  check(request: CheckedRequest): CheckResult {
    const { StatelessH264Sps: spsControl, StatelessH264Pps: ppsControl } = request.controls;
    if (spsControl === undefined || ppsControl === undefined) return noDisagreement;
    const slices = slicesOf(request.bitstream);
    const [first] = slices;
    if (first === undefined) return { disagreements: [], problem: "there is no slice in its OUTPUT buffer" };
    const sets = this.#setsFor(first, spsControl, ppsControl);
    // Until another request confirms it, nobody knows which of two sets has the wrong id.
    const isNewSps = sets.spsControl !== this.#sets?.spsControl;
    const wrongSps = this.#differencesOfSps(sets, spsControl);
    const earlier: EarlierSets = {
      sps: sets.spsControl === this.#sets?.spsControl ? undefined : this.#sets?.spsControl,
      pps: this.#pps.get(ppsControl.pic_parameter_set_id),
      ppsChanges: this.#ppsChanges,
    };
    const keepsPps = earlier.pps !== undefined && isSame(earlier.pps, ppsControl);
    const examine = (from: readonly Uint8Array[], tried: SetsOfControls, most?: number): Outcome =>
      this.#examine(request, from, tried, slices.length, most);
    let outcome = examine(slices, sets);
    if (outcome.disagreements.length > 0 || outcome.problem !== undefined) {
      // What was there before is right, unless something else explains more.
      const isOne = outcome.problem === undefined && outcome.disagreements.length === 1;
      const isSettled = isOne && keepsPps && !this.#ppsChanges;
      const all = alternatives(sets, earlier, isSettled);
      const few = slices.slice(0, TRIED_SLICES);
      outcome = leastBlame(outcome, all, (tried, most) => examine(few, tried, most), readsWith);
    } else if (earlier.pps !== undefined && !keepsPps) this.#ppsChanges = true;
    const wrongSets = isNewSps ? (contradictingIds(sets) ?? beyondLevel(sets.spsControl)) : undefined;
    this.#follower = outcome.follower;
    // The sets that explain the request, so that a wrong field is told again in the next one.
    this.#sets = outcome.sets;
    this.#pps.set(ppsControl.pic_parameter_set_id, outcome.sets.ppsControl);
    const problem = outcome.problem ?? wrongSets;
    return { problem, disagreements: [...wrongSps, ...outcome.disagreements] };
  }

  /** The SPS is that of the pictures before, whatever the control says, unless this is an IDR picture. */
  #setsFor(firstSlice: Uint8Array, spsControl: SpsControl, ppsControl: PpsControl): SetsOfControls {
    const before = this.#sets;
    if (before === undefined) return setsOf(spsControl, ppsControl);
    const idr = ((firstSlice[0] ?? 0) & 31) === h264.NalType.IdrSlice;
    const pps = before.ppsControl === ppsControl ? before.pps : h264.ppsOfControl(ppsControl);
    if (idr && !isSame(before.spsControl, spsControl)) {
      return { spsControl, ppsControl, sps: h264.spsOfControl(spsControl), pps };
    }
    if (before.ppsControl === ppsControl) return before;
    return { spsControl: before.spsControl, ppsControl, sps: before.sps, pps };
  }

  #differencesOfSps(sets: SetsOfControls, submitted: SpsControl): readonly Disagreement[] {
    if (isSame(sets.spsControl, submitted)) return [];
    return compareFields(expectedSps(sets.spsControl), submitted, new FieldPlaces()).map((found) => {
      return { ...found, place: sameSps };
    });
  }

  #examine(
    request: CheckedRequest,
    slices: readonly Uint8Array[],
    sets: SetsOfControls,
    sliceCount: number,
    most?: number,
  ): Outcome {
    const { controls, timestampNs, holdCapture } = request;
    const follower = this.#follower.clone();
    let first: h264.CodedSlice | undefined;
    let isRead = false;
    try {
      for (const data of slices) {
        isRead = false;
        const parsed = readSlice(data, (id) => this.#setsOf(id, sets, first === undefined));
        isRead = true;
        if (parsed === undefined) break;
        if (parsed.slice.redundant_pic_cnt > 0) continue;
        const { nal, slice, sets: own } = parsed;
        follower.slice({ nal, slice, sets: own, data, streamOffset: 0, timestampNs });
        first ??= follower.picture?.slices.at(-1);
      }
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      const why = isRead ? "" : "the slice header cannot be read with the submitted SPS and PPS: ";
      return lost(`${why}${error.message}`, sets);
    }
    const { picture } = follower;
    if (first === undefined || picture === undefined) return { disagreements: [], follower, sets };
    const perSlice = controls.StatelessH264DecodeMode !== FRAME_BASED;
    const allSlices = !perSlice || (!holdCapture && picture.slices.length === sliceCount);
    const disagreements = compareAll(request, picture, first, sets, {
      knowsReferences: follower.knowsReferences || picture.idr,
      allSlices,
      perSlice,
      isNewSps: sets.spsControl !== this.#sets?.spsControl,
      placesOf: most === undefined ? once(() => placesIn(slices, sets)) : nowhere,
      most,
    });
    if (holdCapture) return { disagreements, follower, sets };
    try {
      follower.end();
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return { ...lost(error.message, sets), disagreements };
    }
    return { disagreements, follower, sets };
  }

  /** Slices of a picture may name different PPSs, and a request has the control of one: the others are as they were. */
  #setsOf(id: number, sets: SetsOfControls, isFirst: boolean): h264.ActiveSets | undefined {
    if (isFirst || id === sets.pps.pic_parameter_set_id) return sets;
    const control = this.#pps.get(id);
    return control === undefined ? undefined : { sps: sets.sps, pps: h264.ppsOfControl(control) };
  }
}

/** What comes after it cannot be known before the next IDR picture. */
const lost = (problem: string, sets: SetsOfControls): Outcome => {
  return { disagreements: [], problem, follower: new h264.SliceFollower(), sets };
};

const slicesOf = (bitstream: Uint8Array): Uint8Array[] =>
  nalUnitsOf(bitstream, ([first]) => h264.isSlice(first));

interface ReadSlice {
  readonly nal: h264.NalHeader;
  readonly slice: h264.SliceHeader;
  readonly sets: h264.ActiveSets;
}

/** @returns Undefined: the slice names a PPS that nobody submitted. @throws {CodecError} */
function readSlice(
  data: Uint8Array,
  setsOfId: (id: number) => h264.ActiveSets | undefined,
  coder = reader,
): ReadSlice | undefined {
  coder.load(rbsp.unescape(data, HEADER_BYTES).bytes);
  const nal = { nal_ref_idc: 0, nal_unit_type: 0 };
  const slice = h264.emptySliceHeader();
  let known = true;
  h264.nalUnitHeader(coder, nal);
  try {
    const sets = h264.sliceHeader(coder, slice, nal, (id) => {
      const found = setsOfId(id);
      known = found !== undefined;
      return found;
    });
    h264.sliceDataAlignment(coder, sets.pps);
    return { nal, slice, sets };
  } catch (error) {
    if (known) throw error;
    return undefined;
  }
}

/** Where the elements of the first slice are. */
function placesIn([first]: readonly Uint8Array[], sets: SetsOfControls): FieldPlaces {
  const found = new FieldPlaces(elements);
  if (first !== undefined) readSlice(first, () => sets, new RecordingReader(CODEC, found));
  return found;
}

function once<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => (made ??= make());
}

interface Comparison {
  readonly knowsReferences: boolean;
  readonly allSlices: boolean;
  readonly perSlice: boolean;
  readonly isNewSps: boolean;
  readonly placesOf: () => FieldPlaces;
  /** After so many wrong fields and one more, nothing is compared. */
  readonly most: number | undefined;
}

function compareAll(
  request: CheckedRequest,
  picture: h264.CodedPicture,
  slice: h264.CodedSlice,
  sets: SetsOfControls,
  comparison: Comparison,
): readonly Disagreement[] {
  const { spsControl, ppsControl, sps, pps } = sets;
  const { knowsReferences, allSlices, perSlice, isNewSps, placesOf, most } = comparison;
  const { controls } = request;
  if (agreesInBytes(request, picture, slice, sets, comparison)) return nothing;
  const found: Disagreement[] = [];
  const compare = (expected: ExpectedControl | undefined, submitted: object | undefined): void => {
    if (expected === undefined || submitted === undefined || found.length > (most ?? MOST_TOLD)) return;
    found.push(...compareFields(expected, submitted, placesOf, most));
  };
  const { header } = slice;
  const { pic_parameter_set_id } = header;
  const { seq_parameter_set_id } = spsControl;
  const fields = isNewSps ? { pic_parameter_set_id } : { pic_parameter_set_id, seq_parameter_set_id };
  compare({ control: "H264_PPS", fields }, ppsControl);
  const decode = controls.StatelessH264DecodeParams;
  if (decode === undefined) return found;
  const expected = expectedDecodeParams(picture, decode, knowsReferences, allSlices);
  compare(expected.control, decode);
  if (!perSlice) return found;
  compare(expectedSliceParams(slice, expected.indices), controls.StatelessH264SliceParams);
  compare(expectedWeights(header, sps, pps), controls.StatelessH264PredWeights);
  return found;
}

const nothing: readonly Disagreement[] = [];

/** False also where there are no bytes, and where only the fields can tell. */
function agreesInBytes(
  { bytesOf }: CheckedRequest,
  picture: h264.CodedPicture,
  slice: h264.CodedSlice,
  { spsControl, ppsControl, sps, pps }: SetsOfControls,
  { knowsReferences, allSlices, perSlice, isNewSps }: Comparison,
): boolean {
  const decode = bytesOf?.("StatelessH264DecodeParams");
  if (decode === undefined) return false;
  const { header } = slice;
  if (ppsControl.pic_parameter_set_id !== header.pic_parameter_set_id) return false;
  if (!isNewSps && ppsControl.seq_parameter_set_id !== spsControl.seq_parameter_set_id) return false;
  const { first, most } = kindsOf(picture.slices, allSlices);
  if (!isDecodeParams(decode, picture, knowsReferences, first, most)) return false;
  if (!perSlice) return true;
  const params = bytesOf?.("StatelessH264SliceParams");
  if (params === undefined || !isSliceParams(params, slice, knowsReferences)) return false;
  if (!h264.hasWeights(header, pps)) return true;
  const weights = bytesOf?.("StatelessH264PredWeights");
  const hasChroma = sps.chroma_format_idc !== 0 && !sps.separate_colour_plane_flag;
  return weights !== undefined && isPredWeights(weights, header, hasChroma);
}

function contradictingIds({ spsControl, ppsControl }: SetsOfControls): string | undefined {
  const [own, named] = [spsControl.seq_parameter_set_id, ppsControl.seq_parameter_set_id];
  if (own === named) return undefined;
  return `H264_SPS.seq_parameter_set_id is ${own}, and H264_PPS.seq_parameter_set_id is ${named}`;
}
