/** The page's half that reads pictures, against the generator that draws them: every format, colour bars, by pixel. */
import { describe, expect, it } from "vitest";
import { toRgba } from "../../page/src/picture/convert.js";
import { canShow } from "../../page/src/picture/readers.js";
import { fourcc, frameLayout, pixelFormats, TestPattern } from "../../src/tpg/index.js";

const width = 64;
const height = 16;
const LEVEL = 191;
/** What is left of 8 bits, by the name of a format. */
const depthOf = (name: string): number =>
  /332/.test(name)
    ? 2
    : /444$/.test(name) && !/(M|XYUV)$/.test(name) && !/^YUV4(22|20)|^NV|444M/.test(name)
      ? 4
      : /5[56]5|555/.test(name)
        ? 5
        : 8;

describe.each(pixelFormats.map((format) => [format.name, format] as const))("%s", (name, format) => {
  it("shows the bars that were drawn", () => {
    const layout = frameLayout(format, width, height, { alignBytes: 32 });
    const planes = layout.memoryPlanes.map(({ bytesperline, sizeimage }) => ({
      bytes: new Uint8Array(sizeimage),
      bytesperline,
    }));
    const pattern = new TestPattern({ width, height, pixelFormat: format.fourcc });
    pattern.fillPlanes(planes);
    const rgba = toRgba(
      {
        ...{ width, height, pixelformat: format.fourcc, fourcc: name, field: 1, planes: layout.memoryPlanes },
        ...{ colorspace: 8, ycbcrEnc: 0, quantization: 0, xferFunc: 0 },
      },
      Buffer.concat(planes.map(({ bytes }) => bytes)),
      planes.map(({ bytes }) => bytes.byteLength),
    );
    expect(rgba).toMatchObject({ width, height });
    const { data } = rgba ?? { data: new Uint8ClampedArray() };
    const tolerance = 2 ** (8 - depthOf(name)) * (format.encoding === "yuv" ? 2 : 1) + 3;
    for (let bar = 0; bar < 8; bar++) {
      const at = 4 * (8 * width + 8 * bar + 4);
      const bits = 7 - bar;
      const order = [(bits >> 1) & 1, (bits >> 2) & 1, bits & 1];
      const wanted = order.map((bit) => bit * LEVEL);
      const seen = [...data.subarray(at, at + 3)];
      if (format.encoding === "luma") {
        expect(seen[0], `bar ${bar}`).toBe(seen[2]);
        continue;
      }
      const worst = Math.max(...seen.map((value, part) => Math.abs(value - (wanted[part] ?? 0))));
      expect(worst, `bar ${bar}: ${seen.join(" ")} instead of ${wanted.join(" ")}`).toBeLessThanOrEqual(
        tolerance,
      );
    }
    if (format.encoding === "luma") {
      const lumas = Array.from({ length: 8 }, (_none, bar) => data[4 * (8 * width + 8 * bar + 4)] ?? 0);
      expect(lumas).toEqual([...lumas].sort((a, b) => b - a));
      expect(lumas[0]).toBeGreaterThan(170);
      expect(lumas[7]).toBeLessThan(10);
    }
  });
});

it("knows which formats it can show", () => {
  for (const name of ["P010", "MJPG", "JPEG"]) expect(canShow(fourcc(name))).toBe(true);
  for (const name of ["S264", "S265", "VP8F", "0000"]) expect(canShow(fourcc(name))).toBe(false);
});
