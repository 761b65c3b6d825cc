/** The probabilities of VP8 as bytes of the FRAME control. */
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { vp8 } from "../../../src/codec/index.js";
import { isEntropyControl } from "../../../src/stateless/check/vp8.js";
import { CtrlVp8FrameView } from "../../../src/v4l2/gen/index.js";
import { bytesOf, must, requestsOf } from "./requests.js";

it("are compared where the struct has them, and nothing else is", () => {
  const clip = fileURLToPath(new URL("../../gstreamer/data/vp8.ivf", import.meta.url));
  const { controls, bitstream } = must(requestsOf(vp8.frameControls, clip)[0]);
  const frame = vp8.parseFrame(bitstream);
  const state = new vp8.Vp8State();
  state.apply(frame);
  const bytes = must(bytesOf(controls)("StatelessVp8Frame"));
  expect(isEntropyControl(frame, state, bytes)).toBe(true);
  const decisive = [...bytes.keys()].filter((at) => {
    const other = bytes.slice();
    other[at] = (other[at] ?? 0) ^ 1;
    return !isEntropyControl(frame, state, other);
  });
  const { entropy } = new CtrlVp8FrameView(bytes);
  const start = entropy.bytes.byteOffset - bytes.byteOffset;
  const count = entropy.bytes.length - entropy.padding.length;
  expect(decisive).toEqual(Array.from({ length: count }, (_, i) => start + i));
});
