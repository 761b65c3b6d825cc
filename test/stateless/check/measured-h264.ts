/** H.264 for the mutation measure: which fields the bitstream determines, and why not the others. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  CodecError,
  h264,
  RbspBuffer,
  startCodeUnits,
  SyntaxReader,
  type ControlValues,
} from "../../../src/codec/index.js";
import { H264Check } from "../../../src/stateless/check/h264.js";
import type { CheckedRequest } from "../../../src/stateless/check/stream-check.js";
import * as constants from "../../../src/v4l2/gen/controls.js";
import { vectors } from "../../codec/support/vectors.js";
import { flagNames, type Field, type MeasuredCodec } from "./mutations.js";

const clips = ["h264_main_b.h264", "h264_720p.h264", "h264_resolutions.h264"];
const streams = [
  ...clips.map((name) => fileURLToPath(new URL(`../../gstreamer/data/${name}`, import.meta.url))),
  ...vectors("h264", [".h264", ".264", ".avc"]),
];

const flags = {
  "StatelessH264Sps.flags": flagNames(constants, "V4L2_H264_SPS_FLAG_"),
  "StatelessH264Pps.flags": flagNames(constants, "V4L2_H264_PPS_FLAG_"),
  "StatelessH264SliceParams.flags": flagNames(constants, "V4L2_H264_SLICE_FLAG_"),
  "StatelessH264DecodeParams.flags": flagNames(constants, "V4L2_H264_DECODE_PARAM_FLAG_"),
  "StatelessH264DecodeParams.dpb[].flags": flagNames(constants, "V4L2_H264_DPB_ENTRY_FLAG_"),
};

function* requestsOf(path: string, decodeMode: "slice" | "frame"): Generator<CheckedRequest> {
  for (const { timestampNs, requests } of h264.frameControls(readFileSync(path), { decodeMode })) {
    for (const { controls, payload, holdCapture } of requests) {
      yield { controls, bitstream: payload, timestampNs, holdCapture };
    }
  }
}

/** What a slice header says that controls repeat; a sentence where it cannot be read. */
function readingOf(controls: ControlValues, bitstream: Uint8Array, perSlice: boolean): string {
  const { StatelessH264Sps: spsControl, StatelessH264Pps: ppsControl } = controls;
  if (spsControl === undefined || ppsControl === undefined) throw new Error("a parameter set is missing");
  const sets = { sps: h264.spsOfControl(spsControl), pps: h264.ppsOfControl(ppsControl) };
  const said: unknown[] = [];
  for (const { data } of startCodeUnits(bitstream)) {
    const slice = h264.emptySliceHeader();
    const nal = { nal_ref_idc: 0, nal_unit_type: 0 };
    const reader = new SyntaxReader("H.264", new RbspBuffer().unescape(data, 4096).bytes);
    try {
      h264.nalUnitHeader(reader, nal);
      // A slice that names another PPS than the first one has a control in no request of its own.
      h264.sliceHeader(reader, slice, nal, () => sets);
      h264.sliceDataAlignment(reader, sets.pps);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return error.message;
    }
    const first = said.length === 0;
    if (perSlice && first) {
      const weights = h264.hasWeights(slice, sets.pps) ? slice.weights : [];
      said.push({
        ...slice,
        weights,
        operations: [],
        long_term_reference_flag: 0,
        no_output_of_prior_pics_flag: 0,
      });
    } else if (first) {
      const { frame_num, field_pic_flag, bottom_field_flag, idr_pic_id, pic_order_cnt_lsb } = slice;
      const { delta_pic_order_cnt_bottom, delta_pic_order_cnt } = slice;
      const { dec_ref_pic_marking_bit_size, pic_order_cnt_bit_size } = slice;
      said.push([frame_num, field_pic_flag, bottom_field_flag, idr_pic_id, pic_order_cnt_lsb]);
      said.push([delta_pic_order_cnt_bottom, delta_pic_order_cnt]);
      said.push([dec_ref_pic_marking_bit_size, pic_order_cnt_bit_size]);
    }
  }
  return JSON.stringify(said);
}

/** The header of a request's first slice. */
function firstSlice({ controls, bitstream }: CheckedRequest): {
  nal: h264.NalHeader;
  slice: h264.SliceHeader;
} {
  const { StatelessH264Sps: spsControl, StatelessH264Pps: ppsControl } = controls;
  const [unit] = startCodeUnits(bitstream);
  if (spsControl === undefined || ppsControl === undefined || unit === undefined) throw new Error("no slice");
  const slice = h264.emptySliceHeader();
  const nal = { nal_ref_idc: 0, nal_unit_type: 0 };
  const reader = new SyntaxReader("H.264", new RbspBuffer().unescape(unit.data, 4096).bytes);
  h264.nalUnitHeader(reader, nal);
  const sets = { sps: h264.spsOfControl(spsControl), pps: h264.ppsOfControl(ppsControl) };
  h264.sliceHeader(reader, slice, nal, () => sets);
  return { nal, slice };
}

const { DpbEntryFlag, SliceType } = h264;

function undeterminedOfDpb(
  { path, kind, indices: [index = 0] }: Field,
  request: CheckedRequest,
): string | undefined {
  const entry = request.controls.StatelessH264DecodeParams?.dpb[index];
  const inUse = ((entry?.flags ?? 0) & DpbEntryFlag.Active) !== 0;
  if (!inUse && !path.endsWith("& ACTIVE")) return "nobody looks at an entry that is not in use";
  if (kind === "dpb[].top_field_order_cnt" && !decodedFields(entry, 1)) return "the field is not there";
  if (kind === "dpb[].bottom_field_order_cnt" && !decodedFields(entry, 2)) return "the field is not there";
  return undefined;
}

/** A field that is no reference any more may or may not have been decoded; without the other one it is not there. */
function decodedFields(entry: { fields: number; flags: number } | undefined, field: number): boolean {
  if (entry === undefined) return false;
  return (entry.flags & DpbEntryFlag.Field) === 0 || (entry.fields & field) !== 0;
}

function undeterminedOfDecode(field: Field, request: CheckedRequest, perSlice: boolean): string | undefined {
  if (field.path.startsWith("dpb[")) return undeterminedOfDpb(field, request);
  const { slice } = firstSlice(request);
  if (field.path === "top_field_order_cnt" && slice.bottom_field_flag) return "the picture has no top field";
  const isBottom = !slice.field_pic_flag || slice.bottom_field_flag;
  if (field.path === "bottom_field_order_cnt" && !isBottom) return "the picture has no bottom field";
  const isFrameType = field.path.endsWith("PFRAME") || field.path.endsWith("BFRAME");
  const setsOne = isFrameType && field.value === false;
  const incomplete = perSlice && request.holdCapture;
  const type = h264.sliceType(slice);
  if (setsOne && incomplete && type === SliceType.I) return "slices of other types may follow";
  return undefined;
}

function undeterminedOfSlice(
  { path, indices: [index = 0] }: Field,
  request: CheckedRequest,
): string | undefined {
  const { slice } = firstSlice(request);
  const list = /^(?:ref_pic_list|num_ref_idx_l)(\d)/.exec(path)?.[1];
  if (list === undefined) return undefined;
  const which = list === "0" ? 0 : 1;
  if (!h264.hasList(slice, which)) return "the slice has no such list";
  if (!path.startsWith("ref_pic_list")) return undefined;
  if (index > slice.num_ref_idx_active_minus1[which]) return "the list ends before";
  const entries =
    request.controls.StatelessH264SliceParams?.[which === 0 ? "ref_pic_list0" : "ref_pic_list1"];
  return entries?.[index]?.index === h264.NO_REFERENCE ? "no picture is there" : undefined;
}

function undeterminedOfWeights({ path, indices }: Field, request: CheckedRequest): string | undefined {
  const { slice } = firstSlice(request);
  const sps = request.controls.StatelessH264Sps;
  const pps = request.controls.StatelessH264Pps;
  if (sps === undefined || pps === undefined) throw new Error("a parameter set is missing");
  if (!h264.hasWeights(slice, h264.ppsOfControl(pps))) return "the slice has no pred_weight_table()";
  const isSeparate = (sps.flags & h264.SpsFlag.SeparateColourPlane) !== 0;
  if (path.includes("chroma") && (sps.chroma_format_idc === 0 || isSeparate))
    return "the picture has no chroma";
  if (!path.startsWith("weight_factors")) return undefined;
  const [list = 0, entry = 0] = indices;
  const which = list === 0 ? 0 : 1;
  if (!h264.hasList(slice, which)) return "the slice has no such list";
  return entry > slice.num_ref_idx_active_minus1[which] ? "the list ends before" : undefined;
}

function measured(decodeMode: "slice" | "frame"): MeasuredCodec {
  const perSlice = decodeMode === "slice";
  return {
    name: `h264, ${decodeMode}-based`,
    streams,
    requestsOf: (path) => requestsOf(path, decodeMode),
    start: () => new H264Check(),
    flags,
    undetermined(field, request, changed) {
      switch (field.name) {
        case "StatelessH264Sps": {
          const { nal } = firstSlice(request);
          if (nal.nal_unit_type !== h264.NalType.IdrSlice) return undefined;
          break;
        }
        case "StatelessH264Pps":
          if (field.path === "pic_parameter_set_id") return undefined;
          if (field.path === "seq_parameter_set_id") {
            const { nal } = firstSlice(request);
            return nal.nal_unit_type === h264.NalType.IdrSlice ? "SPS and PPS may both be new" : undefined;
          }
          break;
        case "StatelessH264DecodeParams":
          return undeterminedOfDecode(field, request, perSlice);
        case "StatelessH264SliceParams":
          return undeterminedOfSlice(field, request);
        case "StatelessH264PredWeights":
          return undeterminedOfWeights(field, request);
        default:
          return "the stream has it in SPS and PPS, which are not in the OUTPUT buffer";
      }
      const before = readingOf(request.controls, request.bitstream, perSlice);
      const after = readingOf(changed, request.bitstream, perSlice);
      return before === after ? "the slice header reads the same" : undefined;
    },
  };
}

export const measuredH264: readonly MeasuredCodec[] = [measured("slice"), measured("frame")];
