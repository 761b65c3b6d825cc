import { describe, expect, it } from "vitest";
import { InputView } from "../../src/v4l2/gen/index.js";
import { singleInput } from "../../src/v4l2/single-input.js";
import { hex } from "./support/bytes.js";
import { argOf, errnoOf, Harness } from "./support/fakes.js";

describe("a device with one input", () => {
  const harness = new Harness({ ops: singleInput("Camera") });

  it("names it, and nothing behind it", async () => {
    const view = new InputView(argOf("VIDIOC_ENUMINPUT"));
    expect(harness.ioctl("VIDIOC_ENUMINPUT", view.bytes)).toBe(0);
    expect([view.name, view.type]).toEqual(["Camera", 2]);
    view.index = 1;
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUMINPUT", view.bytes))).toBe("EINVAL");
  });

  it("has chosen it already, and knows no other", async () => {
    const current = hex`ffffffff`;
    expect(harness.ioctl("VIDIOC_G_INPUT", current)).toBe(0);
    expect(current).toEqual(hex`00000000`);
    expect(harness.ioctl("VIDIOC_S_INPUT", hex`00000000`)).toBe(0);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_S_INPUT", hex`01000000`))).toBe("EINVAL");
  });
});
