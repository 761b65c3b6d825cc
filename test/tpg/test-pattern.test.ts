import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  Field,
  fourcc,
  frameLayout,
  Movement,
  Pattern,
  pixelFormatInfo,
  pixelFormats,
  TestPattern,
  type PlaneMemory,
} from "../../src/tpg/index.js";
import { font8x16 } from "../../src/tpg/font-8x16.js";
import { hasOneField } from "../../src/tpg/values.js";
import { allocate, drawPicture, UNTOUCHED, type Picture } from "./kernel/picture.js";

const NV12 = fourcc("NV12");

function picture(settings: Partial<Picture["settings"]>, rest: Partial<Picture> = {}): Picture {
  return {
    settings: { width: 64, height: 32, pixelFormat: NV12, ...settings },
    advance: 0,
    padding: 0,
    text: undefined,
    ...rest,
  };
}

describe("settings", () => {
  it.each([
    ["an unknown format", { pixelFormat: fourcc("MJPG") }],
    ["an unknown pattern", { pattern: 22 }],
    ["no width", { width: 0 }],
    ["half a line", { height: 1.5 }],
  ])("refuse %s, and stay as they were", (_what, wrong) => {
    const settings = { width: 64, height: 32, pixelFormat: NV12 };
    expect(() => new TestPattern({ ...settings, ...wrong })).toThrow(RangeError);
    const pattern = new TestPattern(settings);
    const before = pattern.settings;
    expect(() => {
      pattern.configure(wrong);
    }).toThrow(RangeError);
    expect(pattern.settings).toBe(before);
  });

  it("show in the next frame, as if they had been there from the start", () => {
    const changes = { pattern: Pattern.Squares100, brightness: 90, pixelFormat: fourcc("YUYV"), width: 32 };
    const { frame, planes } = allocate({ height: 32, ...changes }, 0);
    const pattern = new TestPattern({ width: 64, height: 32, pixelFormat: NV12 });
    pattern.fillPlanes(allocate(pattern.settings, 0).planes);
    pattern.configure(changes);
    pattern.fillPlanes(planes);
    expect(frame).toEqual(drawPicture(picture(changes)));
  });
});

describe("memory", () => {
  /** Which bytes of a frame are pixels. */
  function pixelMask(
    settings: Picture["settings"],
    planes: readonly PlaneMemory[],
    bytes: number,
  ): Uint8Array {
    const format = pixelFormatInfo(settings.pixelFormat);
    if (format === undefined) throw new Error("no format");
    const rows = hasOneField(settings.field ?? Field.None) ? settings.height / 2 : settings.height;
    const bytesperline = planes.map((plane) => plane.bytesperline);
    const layout = frameLayout(format, settings.width, rows, { bytesperline });
    const mask = new Uint8Array(bytes);
    for (const component of layout.components) {
      const start = planes[component.memoryPlane]?.bytes.byteOffset ?? 0;
      for (let row = 0; row < component.rows; row++) {
        const at = start + component.offset + row * component.bytesperline;
        mask.fill(1, at, at + component.lineBytes);
      }
    }
    return mask;
  }

  it("is written where pixels are, all of them, and nowhere else", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...pixelFormats),
        fc.record({
          // Whole groups of pixels that share chroma, in each field: other sizes are for drivers to refuse.
          width: fc.integer({ min: 1, max: 35 }).map((value) => 2 * value),
          height: fc.integer({ min: 1, max: 10 }).map((value) => 4 * value),
          pattern: fc.integer({ min: 0, max: 21 }),
          field: fc.constantFrom(...Object.values(Field)),
          moveHorizontal: fc.integer({ min: 0, max: 6 }),
          moveVertical: fc.integer({ min: 0, max: 6 }),
          hflip: fc.boolean(),
          vflip: fc.boolean(),
        }),
        fc.record({
          advance: fc.nat(5),
          padding: fc.constantFrom(0, 4, 32),
          text: fc.record({ x: fc.integer({ min: -9, max: 70 }), y: fc.integer({ min: -9, max: 40 }) }),
        }),
        ({ fourcc: pixelFormat }, settings, rest) => {
          const scene = { settings: { ...settings, pixelFormat }, ...rest };
          const once = drawPicture(scene, UNTOUCHED);
          const again = drawPicture(scene, UNTOUCHED ^ 0xff);
          const written = once.map((byte, index) => (byte === again[index] ? 1 : 0));
          const { planes } = allocate(scene.settings, rest.padding);
          expect(written).toEqual(pixelMask(scene.settings, planes, once.length));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("may be larger than the picture", () => {
    const { planes } = allocate({ width: 64, height: 32, pixelFormat: NV12 }, 0);
    const large = new Uint8Array(64 * 48 + 100).fill(UNTOUCHED);
    const pattern = new TestPattern({ width: 64, height: 32, pixelFormat: NV12 });
    pattern.fillPlanes([{ bytes: large, bytesperline: 64 }]);
    pattern.fillPlanes(planes);
    expect(large.subarray(0, 64 * 48)).toEqual(planes[0]?.bytes);
    expect(large.subarray(64 * 48)).toEqual(new Uint8Array(100).fill(UNTOUCHED));
  });

  it.each([
    ["too few planes", fourcc("NM12"), [{ bytes: new Uint8Array(64 * 32), bytesperline: 64 }]],
    ["a plane that is too small", NV12, [{ bytes: new Uint8Array(64 * 48 - 1), bytesperline: 64 }]],
    ["lines that are too short", NV12, [{ bytes: new Uint8Array(64 * 48), bytesperline: 62 }]],
  ])("is refused: %s", (_what, pixelFormat, planes) => {
    const pattern = new TestPattern({ width: 64, height: 32, pixelFormat });
    expect(() => {
      pattern.fillPlanes(planes);
    }).toThrow(RangeError);
    expect(() => {
      pattern.drawText(planes, 0, 0, "x");
    }).toThrow(RangeError);
  });
});

describe("movement", () => {
  it("depends on the number of frames, not on how many of them were drawn", () => {
    const settings = { moveHorizontal: Movement.PositiveFast, moveVertical: Movement.NegativeSlow };
    const { frame, planes } = allocate({ width: 64, height: 32, pixelFormat: NV12 }, 0);
    const pattern = new TestPattern({ width: 64, height: 32, pixelFormat: NV12, ...settings });
    for (let count = 0; count < 4; count++) {
      pattern.fillPlanes(planes);
      pattern.advance();
    }
    expect(pattern.frame).toBe(4);
    pattern.fillPlanes(planes);
    expect(frame).toEqual(drawPicture(picture(settings, { advance: 4 })));
    pattern.restart();
    pattern.fillPlanes(planes);
    expect(frame).toEqual(drawPicture(picture(settings)));
  });

  it("goes on from where it is when its speed changes", () => {
    const pattern = new TestPattern({ width: 640, height: 2, pixelFormat: fourcc("GREY") });
    pattern.configure({ moveHorizontal: Movement.NegativeFast });
    pattern.advance(); // 16
    pattern.configure({ moveHorizontal: Movement.NegativeSlow });
    pattern.advance(); // 4
    const { frame, planes } = allocate(pattern.settings, 0);
    pattern.fillPlanes(planes);
    const still = new TestPattern({ width: 640, height: 2, pixelFormat: fourcc("GREY") });
    const { frame: unmoved, planes: unmovedPlanes } = allocate(still.settings, 0);
    still.fillPlanes(unmovedPlanes);
    expect(frame.subarray(0, 620)).toEqual(unmoved.subarray(20, 640));
    expect(frame.subarray(620, 640)).toEqual(unmoved.subarray(0, 20));
  });
});

describe("noise", () => {
  const noise = { pattern: Pattern.Noise, pixelFormat: fourcc("YUYV"), width: 256, height: 64 };

  it("is the same for the same seed and frame", () => {
    expect(drawPicture(picture(noise, { advance: 3 }))).toEqual(drawPicture(picture(noise, { advance: 3 })));
  });

  it("differs from frame to frame, and with another seed", () => {
    const first = drawPicture(picture(noise));
    expect(drawPicture(picture(noise, { advance: 1 }))).not.toEqual(first);
    expect(drawPicture(picture({ ...noise, noiseSeed: 2 }))).not.toEqual(first);
  });

  it("is grey, and all of it", () => {
    const frame = drawPicture(picture({ ...noise, pixelFormat: fourcc("RGB3") }));
    const levels = new Set<number>();
    for (let at = 0; at < frame.length; at += 3) {
      expect(frame[at + 1]).toBe(frame[at]);
      expect(frame[at + 2]).toBe(frame[at]);
      levels.add(frame[at] ?? 0);
    }
    expect(levels.size).toBeGreaterThan(150);
  });

  it("has lines that differ", () => {
    const frame = drawPicture(picture(noise));
    const lines = new Set(
      Array.from({ length: 64 }, (_, y) => frame.subarray(512 * y, 512 * (y + 1)).toString()),
    );
    expect(lines.size).toBeGreaterThan(30);
  });
});

describe("text", () => {
  const width = 64;
  const height = 32;

  /** The pixels of a black GREY picture that text changed; there the letters are black on white. */
  function drawn(
    x: number,
    y: number,
    text: string,
  ): { left: number; right: number; top: number; bottom: number } {
    const settings = { width, height, pixelFormat: fourcc("GREY"), pattern: Pattern.Black };
    const { frame, planes } = allocate(settings, 0);
    const pattern = new TestPattern(settings);
    pattern.fillPlanes(planes);
    pattern.drawText(planes, x, y, text);
    const changed = [...frame.keys()].filter((index) => frame[index] !== 0);
    const columns = changed.map((index) => index % width);
    const rows = changed.map((index) => Math.floor(index / width));
    return {
      left: Math.min(...columns),
      right: Math.max(...columns) + 1,
      top: Math.min(...rows),
      bottom: Math.max(...rows) + 1,
    };
  }

  it("is written in the VGA font, whose digest the kernel's has too", () => {
    expect(createHash("sha256").update(font8x16).digest("hex")).toBe(
      "ff3640ffffdd774ec56ee7ecacf7bce8324a67071155ade07f4c6380fa879025",
    );
  });

  it("takes 8x16 pixels for each character", () => {
    expect(drawn(3, 5, "  ")).toEqual({ left: 3, right: 19, top: 5, bottom: 21 });
  });

  it("leaves out the characters that do not fit", () => {
    expect(drawn(30, 0, " ".repeat(20))).toEqual({ left: 30, right: 62, top: 0, bottom: 16 });
  });

  const nothing = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
  it.each([
    [0, 16],
    [56, 0],
    [-1, 0],
    [0, -1],
    [1000, 1000],
  ])("is left out at (%d, %d)", (x, y) => {
    expect(drawn(x, y, " ")).toEqual(nothing);
  });

  it("has the glyph of a newline for a newline, and a question mark for what the font lacks", () => {
    const settings = { width, height, pixelFormat: fourcc("GREY") };
    const draw = (text: string): Uint8Array => {
      const { frame, planes } = allocate(settings, 0);
      new TestPattern(settings).drawText(planes, 0, 0, text);
      return frame;
    };
    expect(draw("a\n€b")).not.toEqual(draw("a  b"));
    expect(draw("a\n€b")).toEqual(draw("a\n?b"));
  });

  it("of nothing is nothing", () => {
    expect(drawn(0, 0, "")).toEqual(nothing);
  });
});
