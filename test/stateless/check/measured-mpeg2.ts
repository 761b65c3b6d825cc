/** MPEG-2 for the mutation measure: which fields the slices, or all units of a picture, determine, and why not the others. */
import { readFileSync } from "node:fs";
import { mpeg2 } from "../../../src/codec/index.js";
import { Mpeg2Check } from "../../../src/stateless/check/mpeg2.js";
import type { CheckedRequest } from "../../../src/stateless/check/stream-check.js";
import * as constants from "../../../src/v4l2/gen/controls.js";
import { clips } from "../../codec/mpeg2/streams.js";
import { flagNames, type Field, type MeasuredCodec } from "./mutations.js";
import { requestsOf } from "./requests.js";

const { PictureType, PictureStructure, NO_REFERENCE } = mpeg2;

/** Buffers with the headers in front of the slices, as a client may pass them. */
function* withHeaders(path: string): Generator<CheckedRequest> {
  const stream = new Uint8Array(readFileSync(path));
  let start = 0;
  for (const { timestampNs, requests } of mpeg2.frameControls(stream)) {
    for (const { controls, payload, holdCapture } of requests) {
      const end = payload.byteOffset - stream.byteOffset + payload.byteLength;
      yield { controls, bitstream: stream.subarray(start, end), timestampNs, holdCapture };
      start = end;
    }
  }
}

function ofReferences(
  { kind, value }: Field,
  { controls: { StatelessMpeg2Picture: picture } }: CheckedRequest,
): string | undefined {
  const type = picture?.picture_coding_type;
  const isNamed = kind === "forward_ref_ts" ? type !== PictureType.I : type === PictureType.B;
  return isNamed && value !== NO_REFERENCE ? undefined : "it refers to nothing";
}

function ofSlices(field: Field, request: CheckedRequest): string | undefined {
  const { name, kind } = field;
  const { StatelessMpeg2Picture: picture } = request.controls;
  if (kind.endsWith("_ref_ts")) return ofReferences(field, request);
  if (name === "StatelessMpeg2Sequence")
    return picture?.picture_coding_type === PictureType.I ? "slices do not tell the sequence" : undefined;
  if (kind === "picture_structure")
    return picture?.picture_structure === PictureStructure.Frame
      ? undefined
      : "either field has the same rows";
  return "it is in headers that the buffer does not hold";
}

function ofHeaders(field: Field, request: CheckedRequest): string | undefined {
  if (field.kind.endsWith("_ref_ts")) return ofReferences(field, request);
  return field.kind.startsWith("chroma_") &&
    field.name === "StatelessMpeg2Quantisation" &&
    request.controls.StatelessMpeg2Sequence?.chroma_format === 1
    ? "4:2:0 has no weights of its own for chroma"
    : undefined;
}

const row: Omit<MeasuredCodec, "name" | "requestsOf" | "undetermined"> = {
  streams: clips.map(([, file]) => file()),
  start: () => new Mpeg2Check(),
  flags: {
    "StatelessMpeg2Sequence.flags": flagNames(constants, "V4L2_MPEG2_SEQ_FLAG_"),
    "StatelessMpeg2Picture.flags": flagNames(constants, "V4L2_MPEG2_PIC_FLAG_"),
  },
};

export const measuredMpeg2: readonly MeasuredCodec[] = [
  {
    ...row,
    name: "mpeg2, slices",
    requestsOf: (path) => requestsOf(mpeg2.frameControls, path),
    undetermined: ofSlices,
  },
  { ...row, name: "mpeg2, with headers", requestsOf: withHeaders, undetermined: ofHeaders },
];
