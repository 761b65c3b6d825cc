/** FWHT for the mutation measure: which fields a frame determines with its header and without, and why not the others. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fwht } from "../../../src/codec/index.js";
import { FwhtCheck } from "../../../src/stateless/check/fwht.js";
import type { CheckedRequest } from "../../../src/stateless/check/stream-check.js";
import * as constants from "../../../src/v4l2/gen/controls.js";
import { flagNames, type Field, type MeasuredCodec } from "./mutations.js";
import { must, requestsOf } from "./requests.js";

const { V4L2_FWHT_FL_I_FRAME: I_FRAME } = constants;
/** The others are numbers of several bits. */
const flags = Object.fromEntries(
  Object.entries(flagNames(constants, "V4L2_FWHT_FL_")).filter(
    ([name]) => !/^(COMPONENTS|PIXENC)_/.test(name),
  ),
);

/** Buffers with the header in front of the frame, as a client may pass them. */
function* withHeaders(path: string): Generator<CheckedRequest> {
  const stream = new Uint8Array(readFileSync(path));
  for (const request of requestsOf(fwht.frameControls, path)) {
    const start = request.bitstream.byteOffset - fwht.FWHT_HEADER_BYTES;
    yield {
      ...request,
      bitstream: stream.slice(start, start + fwht.FWHT_HEADER_BYTES + request.bitstream.byteLength),
    };
  }
}

/** Without headers, and as if all frames but the first were predicted: the file has I frames only. */
function predicted(path: string): CheckedRequest[] {
  const requests = requestsOf(fwht.frameControls, path);
  return requests.map((request, i) => {
    const before = requests[i - 1];
    if (before === undefined) return request;
    const params = must(request.controls.StatelessFwhtParams);
    const changed = { ...params, flags: params.flags & ~I_FRAME, backward_ref_ts: before.timestampNs };
    return { ...request, controls: { StatelessFwhtParams: changed } };
  });
}

const isIntra = ({ controls }: CheckedRequest): boolean =>
  (must(controls.StatelessFwhtParams).flags & I_FRAME) !== 0;

function ofFrame({ kind }: Field, request: CheckedRequest): string | undefined {
  if (isIntra(request)) return "an I frame shares nothing with the one before";
  const shared = /^(backward_ref_ts|version|width|height|flags & CHROMA_FULL_\w+)$/;
  return shared.test(kind) ? undefined : "it is in the header that the buffer does not hold";
}

const row = {
  streams: [fileURLToPath(new URL("../../gstreamer/data/x.fwht", import.meta.url))],
  start: () => new FwhtCheck(),
  flags: { "StatelessFwhtParams.flags": flags },
};

export const measuredFwht: readonly MeasuredCodec[] = [
  {
    ...row,
    name: "fwht",
    requestsOf: predicted,
    undetermined: ofFrame,
  },
  {
    ...row,
    name: "fwht, with headers",
    requestsOf: withHeaders,
    undetermined: ({ kind }, request) =>
      kind === "backward_ref_ts" && isIntra(request) ? "an I frame refers to nothing" : undefined,
  },
];
