/** The check of VP9's controls: what the mutation measure does not see, namely the place that a sentence names. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { vp9 } from "../../../src/codec/index.js";
import { Vp9Check } from "../../../src/stateless/check/vp9.js";
import { linesOf, linesOfAll, must, requestsOf } from "./requests.js";

const clip = fileURLToPath(new URL("../../gstreamer/data/vp9.ivf", import.meta.url));

/** What the check says of the second request, an inter frame, with another word of sign biases. */
function linesWithSignBias(change: (word: number) => number): string[] {
  const check = new Vp9Check();
  const requests = requestsOf(vp9.frameControls, clip);
  expect(linesOfAll(check, requests.slice(0, 1))).toEqual([]);
  const request = must(requests[1]);
  const frame = must(request.controls.StatelessVp9Frame);
  const changed = { ...frame, ref_frame_sign_bias: change(frame.ref_frame_sign_bias) };
  return linesOf(check, { ...request, controls: { ...request.controls, StatelessVp9Frame: changed } });
}

describe("the check of VP9's ref_frame_sign_bias", () => {
  it("names each bit that is wrong, and its own element and place", () => {
    const places = [1, 2, 4].map((bit) => {
      const lines = linesWithSignBias((word) => word ^ bit);
      expect(lines).toHaveLength(1);
      const name = ["LAST", "GOLDEN", "ALT"][Math.log2(bit)];
      const index = Math.log2(bit) + 1;
      const form = `^VP9_FRAME\\.ref_frame_sign_bias & SIGN_BIAS_${name} is [01], the bitstream says [01] \\(ref_frame_sign_bias\\[${index}\\], bit (\\d+), section 6\\.2\\)$`;
      expect(lines[0]).toMatch(new RegExp(form));
      return Number(new RegExp(form).exec(lines[0] ?? "")?.[1]);
    });
    // 6.2: ref_frame_idx[i], 3 bits, then ref_frame_sign_bias[i + 1], 1 bit.
    const [last = 0] = places;
    expect(places).toEqual([last, last + 4, last + 8]);
  });

  it("names the whole field where bits are set that mean nothing", () => {
    expect(linesWithSignBias((word) => word | 0x80)).toEqual([
      expect.stringMatching(/^VP9_FRAME\.ref_frame_sign_bias is 1\d\d, the bitstream says \d \(/),
    ]);
  });
});
