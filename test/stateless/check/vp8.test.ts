/** The check of VP8's FRAME control: silent on correct requests, exact about a wrong field, one message for bad data. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { vp8 } from "../../../src/codec/index.js";
import { Vp8Check } from "../../../src/stateless/check/vp8.js";
import { vectors } from "../../codec/support/vectors.js";
import { linesOf, linesOfAll, must, requestsOf } from "./requests.js";

const clip = fileURLToPath(new URL("../../gstreamer/data/vp8.ivf", import.meta.url));
const larger = fileURLToPath(new URL("../../gstreamer/data/vp8_720p.ivf", import.meta.url));

describe("the check of VP8", () => {
  it.each([clip, larger, ...vectors("vp8", [".ivf"])])(
    "has nothing to say about correct requests of %s",
    (path) => {
      const requests = requestsOf(vp8.frameControls, path);
      expect(requests.length).toBeGreaterThan(0);
      expect(linesOfAll(new Vp8Check(), requests)).toEqual([]);
    },
  );

  it("says what an earlier request established, and where the present frame says it", () => {
    const requests = requestsOf(vp8.frameControls, clip);
    const check = new Vp8Check();
    expect(linesOfAll(check, requests.slice(0, 5))).toEqual([]);
    const request = must(requests[5]);
    const frame = must(request.controls.StatelessVp8Frame);
    const golden = { ...frame, golden_frame_ts: 77n, lf: { ...frame.lf, level: 63 } };
    expect(linesOf(check, { ...request, controls: { StatelessVp8Frame: golden } })).toEqual([
      expect.stringMatching(
        /^VP8_FRAME\.lf\.level is 63, the bitstream says \d+ \(loop_filter_level, bit \d+, section 19\.2\)$/,
      ),
      `VP8_FRAME.golden_frame_ts is 77, the bitstream says ${frame.golden_frame_ts} ` +
        "(golden frame as earlier requests left it, derived, section 9.7)",
    ]);
  });

  it("names the one flag that is wrong", () => {
    const [request] = requestsOf(vp8.frameControls, clip);
    const { controls, ...rest } = must(request);
    const frame = must(controls.StatelessVp8Frame);
    const lf = { ...frame.lf, flags: frame.lf.flags ^ 4 };
    expect(linesOf(new Vp8Check(), { ...rest, controls: { StatelessVp8Frame: { ...frame, lf } } })).toEqual([
      expect.stringMatching(
        /^VP8_FRAME\.lf\.flags & FILTER_TYPE_SIMPLE is 1, the bitstream says 0 \(filter_type, bit/,
      ),
    ]);
  });

  it("has one message for a frame that cannot be parsed, and none until the next key frame", () => {
    const requests = requestsOf(vp8.frameControls, clip);
    const check = new Vp8Check();
    expect(linesOf(check, must(requests[0]))).toEqual([]);
    const cut = { ...must(requests[1]), bitstream: must(requests[1]).bitstream.subarray(0, 5) };
    expect(linesOf(check, cut)).toEqual([expect.stringContaining("the frame cannot be parsed: VP8: ")]);
    expect(linesOfAll(check, requests.slice(2))).toEqual([]);
    const again = linesOfAll(check, [must(requests[0]), { ...must(requests[1]), timestampNs: 1n }]);
    expect(again).toEqual([]);
    const lines = linesOf(check, must(requests[2]));
    expect(lines).toEqual([expect.stringMatching(/last_frame_ts is 1000, the bitstream says 1 /)]);
  });
});
