/** The check of HEVC: controls against slice segment headers, and against what earlier requests say of the pictures before. */
import { CodecError, hevc, RbspBuffer, RecordingReader, SyntaxReader } from "../../codec/index.js";
import type { ControlValues } from "../../codec/index.js";
import { leastBlame, nowhere, type Examination } from "./blame.js";
import {
  compareFields,
  MOST_TOLD,
  isSame,
  type FieldPlaces,
  type Disagreement,
  type ExpectedControl,
} from "./compare.js";
import {
  areEntryPoints,
  isDecodeParams,
  isSliceParams,
  picStructIn,
  SLICE_PARAMS_SIZE,
} from "./hevc-bytes.js";
import { elements, expectedDecodeParams, expectedSliceFlags, expectedSliceParams } from "./hevc-expected.js";
import { placesOnDemand } from "./flags.js";
import {
  alternatives,
  differencesOfPps,
  differencesOfSps,
  noExtensions,
  possibleExtensions,
  ppsOf,
  readsWith,
  setsOf,
  type Extensions,
  type PpsControl,
  type SetsOfControls,
} from "./hevc-sets.js";
import { nalUnitsOf } from "./nal-units.js";
import { noDisagreement, type CheckedRequest, type CheckResult, type StreamCheck } from "./stream-check.js";

const CODEC = "HEVC";
/** Alternatives are tried with so many slices of a picture: a client may send hundreds. */
const TRIED_SLICES = 2;

const rbsp = new RbspBuffer();
const reader = new SyntaxReader(CODEC);

/** What pictures and slices before a request say. */
interface State {
  readonly follower: hevc.SliceFollower;
  /** The slice header before in the same picture, for dependent slice segments. */
  readonly previous: hevc.SliceHeader | undefined;
}

/** What a request looks like, and the state behind it. */
interface Outcome extends Examination, State {
  readonly sets: SetsOfControls;
}

/** A slice segment of a request, read. */
interface ReadUnit extends hevc.CodedSlice {
  /** The slice header before it. */
  readonly before: hevc.SliceHeader | undefined;
}

export class HevcCheck implements StreamCheck {
  #state: State = { follower: new hevc.SliceFollower(), previous: undefined };
  /** Of the coded video sequence. */
  #sets: SetsOfControls | undefined;
  /** By id, as they were last used. */
  readonly #pps = new Map<number, PpsControl>();
  /** Did another PPS take the place of one with the same id? */
  #ppsChanges = false;
  /** Found out by the first slice headers that cannot be read otherwise. */
  #extensions = noExtensions;
  #knowsExtensions = false;
  /** Did slice parameters tell `pic_struct` of all pictures so far? */
  #knowsPicStruct = true;

  clone(): HevcCheck {
    const copy = new HevcCheck();
    copy.#state = this.#state;
    copy.#sets = this.#sets;
    copy.#extensions = this.#extensions;
    copy.#knowsExtensions = this.#knowsExtensions;
    copy.#ppsChanges = this.#ppsChanges;
    copy.#knowsPicStruct = this.#knowsPicStruct;
    for (const [id, pps] of this.#pps) copy.#pps.set(id, pps);
    return copy;
  }

  check(request: CheckedRequest): CheckResult {
    const { controls } = request;
    const submitted = submittedSets(controls, this.#state.follower, this.#extensions);
    if (submitted === undefined) return noDisagreement;
    const slices = slicesOf(request);
    const [first] = slices;
    if (first === undefined) return { disagreements: [], problem: "there is no slice in its OUTPUT buffer" };
    const sets = this.#setsFor(first, submitted);
    const before = this.#sets;
    const wrongSets = [...differencesOfSps(sets, submitted), ...differencesOfPps(sets, submitted)];
    const earlier = {
      sps: sets.spsControl === before?.spsControl ? undefined : before?.spsControl,
      pps: this.#pps.get(submitted.ppsControl.pic_parameter_set_id),
      ppsChanges: this.#ppsChanges,
    };
    const keepsPps = earlier.pps !== undefined && isSame(earlier.pps, submitted.ppsControl);
    let outcome = this.#examine(request, slices, sets, this.#state);
    if (isWrong(outcome) && hevc.nalTypeOf(first) === hevc.NalType.CRA) {
      // The OUTPUT buffer does not tell of an end of sequence in front of it.
      const follower = this.#state.follower.clone();
      follower.endSequence();
      const asStart = this.#examine(request, slices, sets, { follower, previous: undefined });
      if (asStart.problem === undefined && asStart.disagreements.length < outcome.disagreements.length) {
        outcome = asStart;
      }
    }
    if (isWrong(outcome) && !this.#knowsExtensions) {
      for (const extensions of possibleExtensions(submitted.spsControl)) {
        const tried = this.#examine(request, slices, setsOf({ ...sets, extensions }), this.#state);
        if (isWrong(tried)) continue;
        this.#extensions = extensions;
        outcome = tried;
        break;
      }
    }
    if (!isWrong(outcome)) this.#knowsExtensions = true;
    if (isWrong(outcome)) {
      const few = slices.slice(0, TRIED_SLICES);
      // What was there before is right, unless something else explains more.
      const isOne = outcome.problem === undefined && outcome.disagreements.length === 1;
      const isSettled = isOne && keepsPps && !this.#ppsChanges;
      const all = alternatives(sets, earlier, isSettled);
      outcome = leastBlame(
        outcome,
        all,
        (tried, most) => this.#examine(request, few, tried, this.#state, most),
        readsWith,
      );
    } else if (earlier.pps !== undefined && !keepsPps) this.#ppsChanges = true;
    this.#state = outcome;
    this.#knowsPicStruct &&= firstPicStruct(request) !== undefined;
    // The sets that explain the request, so that a wrong field is told again in the next one.
    this.#sets = outcome.sets;
    this.#pps.set(submitted.ppsControl.pic_parameter_set_id, outcome.sets.ppsControl);
    return { problem: outcome.problem, disagreements: [...wrongSets, ...outcome.disagreements] };
  }

  /**
   * The SPS is that of the pictures before unless this is a random access point, and the PPS that of the slices before
   * in the same picture, whatever the controls say.
   */
  #setsFor(first: Uint8Array, submitted: SubmittedSets): SetsOfControls {
    const before = this.#sets;
    if (before === undefined) return setsOf(submitted);
    const startsPicture = ((first[2] ?? 0) & 0x80) !== 0;
    if (!startsPicture && this.#state.follower.picture !== undefined) return before;
    const keepsSps =
      !hevc.isIrap(hevc.nalTypeOf(first)) ||
      (isSame(before.spsControl, submitted.spsControl) &&
        isSame(before.stRps, submitted.stRps) &&
        isSame(before.ltRps, submitted.ltRps));
    const ppsControl = isSame(before.ppsControl, submitted.ppsControl)
      ? before.ppsControl
      : submitted.ppsControl;
    if (!keepsSps) return setsOf({ ...submitted, ppsControl });
    const { pictureSet, predictedFrom } = submitted;
    if (pictureSet !== undefined) return setsOf({ ...before, ppsControl, pictureSet, predictedFrom });
    if (ppsControl === before.ppsControl) return before;
    return { ...before, ppsControl, pps: ppsOf(ppsControl, before.extensions) };
  }

  #examine(
    request: CheckedRequest,
    slices: readonly Uint8Array[],
    sets: SetsOfControls,
    state: State,
    most?: number,
  ): Outcome {
    const { timestampNs, holdCapture } = request;
    const follower = state.follower.clone();
    let { previous } = state;
    const picStruct = firstPicStruct(request) ?? 0;
    const read: ReadUnit[] = [];
    let isRead = false;
    try {
      for (const data of slices) {
        isRead = false;
        const before = previous;
        const unit = readSlice(data, before, sets);
        isRead = true;
        const { nal, segment, dataByteOffset } = unit;
        follower.slice({
          nal,
          segment,
          sets,
          dataByteOffset,
          data,
          dataWithStartCode: data,
          streamOffset: 0,
          picStruct,
          timestampNs,
        });
        previous = segment.slice;
        const lists = follower.picture?.slices.at(-1)?.lists;
        if (lists !== undefined)
          read.push({ nal, segment, dataByteOffset, data, dataWithStartCode: data, lists, before });
      }
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      const why = isRead ? "" : "the slice header cannot be read with the submitted SPS and PPS: ";
      const problem = `${why}${error.message}`;
      return { disagreements: [], problem, sets, follower: new hevc.SliceFollower(), previous: undefined };
    }
    const { picture } = follower;
    const disagreements =
      picture === undefined ? [] : compareAll(request, picture, read, sets, this.#knowsPicStruct, most);
    if (!holdCapture) {
      follower.finish();
      previous = undefined;
    }
    return { disagreements, sets, follower, previous };
  }
}

const isWrong = ({ disagreements, problem }: Examination): boolean =>
  disagreements.length > 0 || problem !== undefined;

type SubmittedSets = Omit<SetsOfControls, "sps" | "pps">;

function submittedSets(
  controls: ControlValues,
  follower: hevc.SliceFollower,
  extensions: Extensions,
): SubmittedSets | undefined {
  const { StatelessHevcSps: spsControl, StatelessHevcPps: ppsControl } = controls;
  if (spsControl === undefined || ppsControl === undefined) return undefined;
  const stRps = spsControl.num_short_term_ref_pic_sets === 0 ? [] : (controls.StatelessHevcExtSpsStRps ?? []);
  const ltRps = spsControl.num_long_term_ref_pics_sps === 0 ? [] : (controls.StatelessHevcExtSpsLtRps ?? []);
  const isUnknown = stRps.length < spsControl.num_short_term_ref_pic_sets;
  const pocOf = (timestampNs: bigint): number | undefined =>
    follower.references.find((picture) => picture.timestampNs === timestampNs)?.poc;
  const decode = isUnknown ? controls.StatelessHevcDecodeParams : undefined;
  const pictureSet = decode !== undefined ? hevc.shortTermSetOfPicture(decode, pocOf) : undefined;
  const predictedFrom = pictureSet === undefined ? 0 : (decode?.num_delta_pocs_of_ref_rps_idx ?? 0);
  return {
    spsControl,
    ppsControl,
    stRps: isUnknown ? [] : stRps,
    ltRps,
    pictureSet,
    predictedFrom,
    extensions,
  };
}

type SliceParamsControl = NonNullable<ControlValues["StatelessHevcSliceParams"]>;

/** Frame-based clients need not submit them; no slice has 0 bits. */
function sliceParamsOf(controls: ControlValues): SliceParamsControl | undefined {
  const params = controls.StatelessHevcSliceParams;
  return params?.[0] === undefined || params[0].bit_size === 0 ? undefined : params;
}

/** `pic_struct` of the first slice parameters; undefined where the client submits none. */
function firstPicStruct({ controls, bytesOf }: CheckedRequest): number | undefined {
  const bytes = bytesOf?.("StatelessHevcSliceParams");
  return bytes === undefined ? sliceParamsOf(controls)?.[0]?.pic_struct : picStructIn(bytes);
}

function slicesOf({ bitstream, controls }: CheckedRequest): Uint8Array[] {
  const sizes = (): readonly number[] | undefined =>
    sliceParamsOf(controls)?.map(({ bit_size }) => Math.ceil(bit_size / 8));
  // Slices of layer 0.
  const isWanted = (unit: Uint8Array): boolean =>
    hevc.isSlice(hevc.nalTypeOf(unit)) && ((unit[0] ?? 0) & 1) === 0 && (unit[1] ?? 0) >>> 3 === 0;
  return nalUnitsOf(bitstream, isWanted, sizes);
}

/** @throws {CodecError} */
function readSlice(
  data: Uint8Array,
  previous: hevc.SliceHeader | undefined,
  sets: SetsOfControls,
  coder = reader,
): ReturnType<typeof hevc.readSliceUnit> {
  const read = hevc.readSliceUnit(coder, rbsp, data, previous, (c) => {
    const wrong = hevc.checkPps(sets.pps, sets.sps);
    if (wrong !== undefined) throw c.error(`the PPS does not fit the SPS: ${wrong}`);
    return sets;
  });
  const { slice } = read.segment;
  // A set that is predicted from one that nobody submitted.
  if (sets.pictureSet !== undefined && slice.CurrRps.inter_ref_pic_set_prediction_flag) {
    const { NumDeltaPocsOfRefRpsIdx } = slice.CurrRps;
    slice.CurrRps = { ...sets.pictureSet, NumDeltaPocsOfRefRpsIdx };
  }
  return read;
}

const placesIn = ({ data, before }: ReadUnit, sets: SetsOfControls): (() => FieldPlaces) =>
  placesOnDemand(elements, (sink) => readSlice(data, before, sets, new RecordingReader(CODEC, sink)));

/** False also where there are no bytes, and where only the fields can tell. */
function agreesInBytes(
  request: CheckedRequest,
  picture: hevc.CodedPicture,
  read: readonly ReadUnit[],
  sets: SetsOfControls,
  knowsPicStruct: boolean,
): boolean {
  const { bytesOf } = request;
  const [{ segment }] = picture.slices;
  if (sets.ppsControl.pic_parameter_set_id !== segment.slice_pic_parameter_set_id) return false;
  const decode = bytesOf?.("StatelessHevcDecodeParams");
  if (decode === undefined || !isDecodeParams(decode, picture, knowsPicStruct)) return false;
  if (firstPicStruct(request) === undefined) return true;
  const params = bytesOf?.("StatelessHevcSliceParams");
  if (params?.byteLength !== read.length * SLICE_PARAMS_SIZE) return false;
  for (let i = 0; i < read.length; i += 1) {
    const unit = read[i];
    if (unit === undefined) return false;
    const picStruct = unit.segment.first_slice_segment_in_pic_flag ? undefined : picture.picStruct;
    if (!isSliceParams(params, i, picture, unit, picStruct)) return false;
  }
  return areEntryPoints(bytesOf?.("StatelessHevcEntryPointOffsets"), read);
}

const nothing: readonly Disagreement[] = [];

function compareAll(
  request: CheckedRequest,
  picture: hevc.CodedPicture,
  read: readonly ReadUnit[],
  sets: SetsOfControls,
  knowsPicStruct: boolean,
  most?: number,
): readonly Disagreement[] {
  if (agreesInBytes(request, picture, read, sets, knowsPicStruct)) return nothing;
  const { controls } = request;
  const found: Disagreement[] = [];
  const compare = (expected: ExpectedControl, submitted: object | undefined, unit = read[0]): void => {
    if (submitted === undefined || unit === undefined || found.length > (most ?? MOST_TOLD)) return;
    found.push(...compareFields(expected, submitted, most === undefined ? placesOf(unit) : nowhere, most));
  };
  const places = new Map<ReadUnit, () => FieldPlaces>();
  const placesOf = (unit: ReadUnit): (() => FieldPlaces) => {
    const known = places.get(unit) ?? placesIn(unit, sets);
    places.set(unit, known);
    return known;
  };
  const [{ segment }] = picture.slices;
  const id = { pic_parameter_set_id: segment.slice_pic_parameter_set_id };
  compare({ control: "HEVC_PPS", fields: id }, sets.ppsControl);
  const decode = controls.StatelessHevcDecodeParams;
  const expected = decode === undefined ? undefined : expectedDecodeParams(picture, decode, knowsPicStruct);
  if (expected !== undefined) compare(expected.control, decode);
  const params = sliceParamsOf(controls);
  if (params === undefined) return found;
  const control = "HEVC_SLICE_PARAMS";
  compare({ control, fields: { length: read.length } }, { length: params.length });
  for (const [i, unit] of read.entries()) {
    const picStruct = unit.segment.first_slice_segment_in_pic_flag ? undefined : picture.picStruct;
    const fields = expectedSliceParams(picture, unit, expected?.indices, picStruct);
    compare({ control, prefix: `[${i}]`, fields, flags: expectedSliceFlags(unit) }, params[i], unit);
  }
  const offsets = controls.StatelessHevcEntryPointOffsets;
  const entries = read.flatMap((unit) => unit.segment.entry_point_offset_minus1.map((minus1) => minus1 + 1));
  // The control keeps what an earlier request had where no slice has entry points.
  if (offsets === undefined || entries.length === 0) return found;
  const fields = { length: entries.length, "": entries };
  compare({ control: "HEVC_ENTRY_POINT_OFFSETS", fields }, { length: offsets.length, "": offsets });
  return found;
}
