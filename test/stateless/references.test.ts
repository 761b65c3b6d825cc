/** Which references a frame cannot do without. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { h264 } from "../../src/codec/index.js";
import { StatelessControls, statelessCodecs, type CodedFrame } from "../../src/stateless/index.js";
import { Cid } from "../../src/v4l2/index.js";

const GAPS_ALLOWED = 0x8;

/** An H.264 frame that refers to two others. */
function frame(flags: number): CodedFrame {
  const codec = statelessCodecs.find(({ name }) => name === "h264");
  if (codec === undefined) throw new Error("there is no H.264");
  const controls = new StatelessControls({ codecs: [codec], newer: true });
  const stream = readFileSync(new URL("../gstreamer/data/h264_main_b.h264", import.meta.url));
  for (const { requests } of h264.frameControls(stream)) {
    for (const { controls: values } of requests) {
      for (const [name, value] of Object.entries(values)) {
        controls.find(Cid[name as keyof typeof Cid])?.setValue(value);
      }
    }
    const sps = controls.find(Cid.StatelessH264Sps);
    sps?.setValue({ ...sps.value, flags: sps.value.flags | flags });
    const made = codec.frame(controls);
    if (made.usedReferences().length >= 2) return made;
  }
  throw new Error("no such frame");
}

describe("a reference that is not there", () => {
  it("is the first of those that a frame uses", () => {
    const made = frame(0);
    const [first, second] = made.usedReferences();
    expect(made.missingReference(() => true)).toBeUndefined();
    expect(made.missingReference((timestamp) => timestamp !== second)).toBe(second);
    expect(made.missingReference(() => false)).toBe(first);
  });

  it("may be one that no stream had, where H.264 allows gaps in frame_num", () => {
    const made = frame(GAPS_ALLOWED);
    const [first, second] = made.usedReferences();
    expect(made.missingReference((timestamp) => timestamp !== second)).toBeUndefined();
    expect(made.missingReference(() => false)).toBe(first);
  });
});
