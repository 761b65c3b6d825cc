/** HEVC for the mutation measure: which fields the bitstream determines, and why not the others. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  CodecError,
  hevc,
  RbspBuffer,
  startCodeUnits,
  SyntaxReader,
  type ControlValues,
} from "../../../src/codec/index.js";
import { HevcCheck } from "../../../src/stateless/check/hevc.js";
import type { CheckedRequest } from "../../../src/stateless/check/stream-check.js";
import * as constants from "../../../src/v4l2/gen/controls.js";
import { vectors } from "../../codec/support/vectors.js";
import { flagNames, type Field, type MeasuredCodec } from "./mutations.js";

const streams = [
  fileURLToPath(new URL("../../gstreamer/data/hevc_main_b.h265", import.meta.url)),
  ...vectors("hevc", [".h265", ".265", ".hevc", ".bit"]),
];

const flags = {
  "StatelessHevcSps.flags": flagNames(constants, "V4L2_HEVC_SPS_FLAG_"),
  "StatelessHevcPps.flags": flagNames(constants, "V4L2_HEVC_PPS_FLAG_"),
  "StatelessHevcSliceParams[].flags": flagNames(constants, "V4L2_HEVC_SLICE_PARAMS_FLAG_"),
  "StatelessHevcDecodeParams.flags": flagNames(constants, "V4L2_HEVC_DECODE_PARAM_FLAG_"),
  "StatelessHevcDecodeParams.dpb[].flags": flagNames(constants, "V4L2_HEVC_DPB_ENTRY_"),
  "StatelessHevcExtSpsStRps[].flags": flagNames(constants, "V4L2_HEVC_EXT_SPS_ST_RPS_FLAG_"),
  "StatelessHevcExtSpsLtRps[].flags": flagNames(constants, "V4L2_HEVC_EXT_SPS_LT_RPS_FLAG_"),
};

function* requestsOf(path: string, decodeMode: "slice" | "frame"): Generator<CheckedRequest> {
  for (const { timestampNs, requests } of hevc.frameControls(readFileSync(path), { decodeMode })) {
    for (const { controls, payload, holdCapture } of requests) {
      yield { controls, bitstream: payload, timestampNs, holdCapture };
    }
  }
}

function setsOf(controls: ControlValues): hevc.ActiveSets {
  const { StatelessHevcSps: sps, StatelessHevcPps: pps } = controls;
  if (sps === undefined || pps === undefined) throw new Error("a parameter set is missing");
  const shortTerm = hevc.shortTermSetsOfControls(controls.StatelessHevcExtSpsStRps ?? []);
  return {
    sps: hevc.spsOfControl(sps, shortTerm, controls.StatelessHevcExtSpsLtRps ?? []),
    pps: hevc.ppsOfControl(pps),
  };
}

/** The slice segments of a request. Dependent ones in front have no slice header: there is none before. */
function slicesOf(controls: ControlValues, bitstream: Uint8Array): ReturnType<typeof hevc.readSliceUnit>[] {
  const sets = setsOf(controls);
  const read: ReturnType<typeof hevc.readSliceUnit>[] = [];
  const [buffer, reader] = [new RbspBuffer(), new SyntaxReader("HEVC")];
  for (const { data } of startCodeUnits(bitstream)) {
    const before = read.at(-1)?.segment.slice ?? hevc.emptySliceHeader();
    read.push(
      hevc.readSliceUnit(reader, buffer, data, before, (c) => {
        const wrong = hevc.checkPps(sets.pps, sets.sps);
        if (wrong !== undefined) throw c.error(wrong);
        return sets;
      }),
    );
  }
  return read;
}

/** What slice headers say that controls repeat; a sentence where they cannot be read. */
function readingOf(controls: ControlValues, bitstream: Uint8Array): string {
  try {
    const read = slicesOf(controls, bitstream).map(({ segment, dataByteOffset }) => {
      const { slice, slice_segment_header_extension_data: _data, ...own } = segment;
      const { pic_output_flag: _output, slice_reserved_flag: _reserved, CurrRps, ...said } = slice;
      const { st_ref_pic_set: _set, short_term_ref_pic_set_idx: _index, ...rest } = said;
      const { DeltaPocS0, DeltaPocS1, UsedByCurrPicS0, UsedByCurrPicS1, NumDeltaPocsOfRefRpsIdx } = CurrRps;
      const set = [DeltaPocS0, DeltaPocS1, UsedByCurrPicS0, UsedByCurrPicS1, NumDeltaPocsOfRefRpsIdx];
      return [{ ...own, offset_len_minus1: 0 }, { ...rest }, set, dataByteOffset];
    });
    return JSON.stringify(read);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return error.message;
  }
}

const { SliceType } = hevc;

function undeterminedOfDecode(
  { path, kind, indices: [index = 0] }: Field,
  { controls }: CheckedRequest,
): string | undefined {
  const decode = controls.StatelessHevcDecodeParams;
  if (decode === undefined) throw new Error("decode parameters are missing");
  const counts: Readonly<Record<string, number>> = {
    "poc_st_curr_before[]": decode.num_poc_st_curr_before,
    "poc_st_curr_after[]": decode.num_poc_st_curr_after,
    "poc_lt_curr[]": decode.num_poc_lt_curr,
  };
  const count = counts[kind];
  if (count !== undefined && index >= count) return "the set ends before";
  if (path.startsWith("dpb[") && index >= decode.num_active_dpb_entries) {
    return "nobody looks at an entry that is not in use";
  }
  const entry: unknown = kind in counts ? Reflect.get(decode, kind.slice(0, -2)) : undefined;
  if (Array.isArray(entry) && entry[index] === hevc.NO_REFERENCE) return "no picture is there";
  return undefined;
}

function undeterminedOfSlice(
  { path, indices: [index = 0, entry = 0] }: Field,
  request: CheckedRequest,
): string | undefined {
  if (path === "length") return undefined;
  const read = slicesOf(request.controls, request.bitstream);
  const unit = read[index];
  const params = request.controls.StatelessHevcSliceParams?.[index];
  if (unit === undefined || params === undefined) throw new Error("no slice");
  const { segment } = unit;
  if (path.endsWith(".pic_struct") && segment.first_slice_segment_in_pic_flag)
    return "SEI messages are not in the OUTPUT buffer";
  const type = params.slice_type;
  const hasList = { l0: type !== SliceType.I, l1: type === SliceType.B };
  const list =
    path.includes("l0") && !path.includes("FROM_L0") ? "l0" : path.includes("l1") ? "l1" : undefined;
  const last = list === "l1" ? params.num_ref_idx_l1_active_minus1 : params.num_ref_idx_l0_active_minus1;
  if (list !== undefined && !hasList[list]) return "the slice has no such list";
  if (/ref_idx_l[01]\[/.test(path)) {
    if (entry > last) return "the list ends before";
    const entries = list === "l0" ? params.ref_idx_l0 : params.ref_idx_l1;
    return entries[entry] === hevc.NO_REFERENCE ? "no picture is there" : undefined;
  }
  if (!path.includes("pred_weight_table")) return undefined;
  const { pps, sps } = setsOf(request.controls);
  const isWeighted = type === SliceType.B ? pps.weighted_bipred_flag : pps.weighted_pred_flag && hasList.l0;
  if (!isWeighted) return "the slice has no pred_weight_table()";
  if (path.includes("chroma") && sps.ChromaArrayType === 0) return "the picture has no chroma";
  return list !== undefined && entry > last ? "the list ends before" : undefined;
}

function measured(decodeMode: "slice" | "frame"): MeasuredCodec {
  return {
    name: `hevc, ${decodeMode}-based`,
    streams,
    requestsOf: (path) => requestsOf(path, decodeMode),
    start: () => new HevcCheck(),
    flags,
    undetermined(field, request, changed) {
      const [unit] = startCodeUnits(request.bitstream);
      if (unit === undefined) throw new Error("no slice");
      const isRandomAccess = hevc.isIrap(hevc.nalTypeOf(unit.data));
      const startsPicture = ((unit.data[2] ?? 0) & 0x80) !== 0;
      switch (field.name) {
        case "StatelessHevcSps":
        case "StatelessHevcExtSpsStRps":
        case "StatelessHevcExtSpsLtRps":
          if (!isRandomAccess || !startsPicture) return undefined;
          break;
        case "StatelessHevcPps":
          if (field.path === "pic_parameter_set_id" || !startsPicture) return undefined;
          break;
        case "StatelessHevcDecodeParams":
          return undeterminedOfDecode(field, request);
        case "StatelessHevcSliceParams":
          return undeterminedOfSlice(field, request);
        case "StatelessHevcEntryPointOffsets":
          return undefined;
        default:
          return "the stream has it in SPS and PPS, which are not in the OUTPUT buffer";
      }
      const before = readingOf(request.controls, request.bitstream);
      return before === readingOf(changed, request.bitstream) ? "the slice header reads the same" : undefined;
    },
  };
}

export const measuredHevc: readonly MeasuredCodec[] = [measured("slice"), measured("frame")];
