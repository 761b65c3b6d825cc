/** How large frames are, and what of a buffer they fill; what they show is in golden tests. */
import { describe, expect, it } from "vitest";
import { anyFormat, fourcc } from "../../src/v4l2/index.js";
import { Picture } from "../../src/visl/picture.js";

const picture = (name: string, width: number, height: number): Picture =>
  new Picture({ ...anyFormat, pixelformat: fourcc(name), width, height });

describe("a picture", () => {
  it.each([
    ["NV12", 64, 48, 64 * 48 * 1.5],
    ["YU12", 64, 48, 64 * 48 * 1.5],
    // An odd height alone: chroma begins where luma ends, and has half of the lines, rounded up.
    ["NV12", 64, 47, 64 * 47 + 64 * 24],
    // An odd width alone: chroma lines are 64 bytes long, each 65 after the last.
    ["NV12", 65, 48, 65 * 48 + 65 * 23 + 64],
    ["NV12", 65, 47, 65 * 47 + 65 * 23 + 64],
    // Lines of 32 bytes. The third plane begins after half of 47 such lines.
    ["YU12", 65, 47, 65 * 47 + Math.floor((32 * 47) / 2) + 32 * 24],
    ["YU12", 64, 47, 64 * 47 + Math.floor((32 * 47) / 2) + 32 * 24],
  ])("in %s of %ix%i takes so many bytes", (name, width, height, sizeBytes) => {
    const drawn = picture(name, width, height);
    expect(drawn.sizeBytes).toBe(sizeBytes);
    // No byte less will do, none more is touched, and the last is written.
    expect(() => {
      drawn.draw(new Uint8Array(sizeBytes - 1), []);
    }).toThrow(RangeError);
    const bytes = new Uint8Array(sizeBytes + 100).fill(0xa5);
    drawn.draw(bytes, []);
    expect(bytes.subarray(sizeBytes)).toEqual(new Uint8Array(100).fill(0xa5));
    const others = new Uint8Array(sizeBytes + 100).fill(0x5a);
    drawn.draw(others, []);
    expect(bytes[sizeBytes - 1]).toBe(others[sizeBytes - 1]);
  });

  it("is refused in a format that cannot be drawn", () => {
    expect(() => picture("ABCD", 64, 48)).toThrow("no picture in pixel format");
  });
});
