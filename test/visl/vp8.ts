/** A client that decodes VP8. */
import type { Buffer } from "../../src/v4l2/index.js";
import { Cid } from "../../src/v4l2/index.js";
import { CtrlVp8FrameView, V4L2_VP8_FRAME_FLAG_KEY_FRAME } from "../../src/v4l2/gen/index.js";
import type { Request } from "../../src/media/index.js";
import type { Client } from "./client.js";
import { Bench, CAPTURE, OUTPUT } from "./client.js";

/** What a test says of a frame. */
export interface Vp8 {
  readonly key?: boolean;
  readonly last?: bigint;
  readonly golden?: bigint;
  readonly alt?: bigint;
}

/** The bytes of a VP8 frame control. */
export function vp8Frame({ key = false, last = 0n, golden: goldenNs = 0n, alt = goldenNs }: Vp8): Uint8Array {
  const view = new CtrlVp8FrameView(new Uint8Array(CtrlVp8FrameView.SIZE));
  view.num_dct_parts = 1;
  view.flags = key ? BigInt(V4L2_VP8_FRAME_FLAG_KEY_FRAME) : 0n;
  view.last_frame_ts = last;
  view.golden_frame_ts = goldenNs;
  view.alt_frame_ts = alt;
  return view.bytes;
}

/** A client that decodes VP8, with two OUTPUT and ten CAPTURE buffers, streaming. */
export function vp8Client(bench = new Bench(), width = 320, height = 240): Client {
  const client = bench.open();
  client.setCoded("VP8F", width, height);
  client.reqbufs(OUTPUT, 2);
  client.reqbufs(CAPTURE, 10);
  client.streamon(OUTPUT);
  client.streamon(CAPTURE);
  return client;
}

let nextFd = 100;

/** Queues one VP8 frame in a request of its own, OUTPUT only. */
export function submit(
  client: Client,
  index: number,
  timestampNs: bigint,
  frame: Vp8,
  planes?: Buffer["planes"],
): Request {
  const fd = nextFd++;
  const request = client.bench.request(fd);
  client.setControls(fd, [Cid.StatelessVp8Frame, vp8Frame(frame)]);
  client.qbuf(OUTPUT, index, { requestFd: fd, timestampNs, ...(planes && { planes }) });
  request.queue();
  return request;
}
