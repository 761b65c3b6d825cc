import { describe, expect, it } from "vitest";
import { fourcc, frameLayout, pixelFormatInfo, pixelFormats } from "../../src/tpg/index.js";

function format(code: number) {
  const info = pixelFormatInfo(code);
  if (info === undefined) throw new Error(`no format 0x${code.toString(16)}`);
  return info;
}

describe("fourcc", () => {
  it("packs four characters as videodev2.h does", () => {
    expect(fourcc("NV12")).toBe(0x3231564e);
    expect(fourcc("Y10")).toBe(0x20303159);
    expect(fourcc("Y16", true)).toBe(0xa0363159);
  });
});

describe("pixelFormatInfo", () => {
  it("knows every format by one fourcc and one name", () => {
    expect(new Set(pixelFormats.map((info) => info.fourcc)).size).toBe(pixelFormats.length);
    expect(new Set(pixelFormats.map((info) => info.name)).size).toBe(pixelFormats.length);
    for (const info of pixelFormats) expect(pixelFormatInfo(info.fourcc)).toBe(info);
  });

  it("takes a fourcc with bit 31 as a signed number too", () => {
    expect(pixelFormatInfo(fourcc("XR15", true) | 0)?.name).toBe("XRGB555X");
  });

  it("does not know compressed formats", () => {
    expect(pixelFormatInfo(fourcc("MJPG"))).toBeUndefined();
  });
});

/** bytesperline and sizeimage of each memory plane, as v4l2_fill_pixfmt() computes them. */
describe("frameLayout", () => {
  it.each([
    ["YUYV", 640, 480, [[1280, 614400]]],
    ["NV12", 640, 480, [[640, 460800]]],
    ["NV12", 1280, 720, [[1280, 1382400]]],
    ["NV21", 640, 480, [[640, 460800]]],
    ["NV16", 640, 480, [[640, 614400]]],
    ["NV24", 640, 480, [[640, 921600]]],
    ["YU12", 640, 480, [[640, 460800]]],
    ["YV12", 176, 144, [[176, 38016]]],
    ["422P", 640, 480, [[640, 614400]]],
    ["RGB3", 641, 480, [[1923, 923040]]],
    ["XR24", 640, 480, [[2560, 1228800]]],
    ["RGBP", 640, 480, [[1280, 614400]]],
    ["GREY", 640, 480, [[640, 307200]]],
    ["Y16", 640, 480, [[1280, 614400]]],
    [
      "NM12",
      640,
      480,
      [
        [640, 307200],
        [640, 153600],
      ],
    ],
    [
      "YM12",
      640,
      480,
      [
        [640, 307200],
        [320, 76800],
        [320, 76800],
      ],
    ],
  ] as const)("%s %dx%d", (name, width, height, expected) => {
    const { memoryPlanes } = frameLayout(format(fourcc(name)), width, height);
    expect(memoryPlanes.map((plane) => [plane.bytesperline, plane.sizeimage])).toEqual(expected);
  });

  it("puts the chroma of one memory plane after the luma, with strides that follow luma's", () => {
    const { components, memoryPlanes } = frameLayout(format(fourcc("YU12")), 320, 240, {
      bytesperline: [384],
    });
    expect(memoryPlanes).toEqual([{ bytesperline: 384, sizeimage: 384 * 360 }]);
    expect(components).toEqual([
      { memoryPlane: 0, offset: 0, bytesperline: 384, lineBytes: 320, rows: 240 },
      { memoryPlane: 0, offset: 384 * 240, bytesperline: 192, lineBytes: 160, rows: 120 },
      { memoryPlane: 0, offset: 384 * 300, bytesperline: 192, lineBytes: 160, rows: 120 },
    ]);
  });

  it("raises a wish that is too small, and aligns", () => {
    const bytesperline = (wish: number, alignBytes?: number): number | undefined => {
      const wishes = { bytesperline: [wish], ...(alignBytes === undefined ? {} : { alignBytes }) };
      return frameLayout(format(fourcc("YUYV")), 100, 10, wishes).memoryPlanes[0]?.bytesperline;
    };
    expect(bytesperline(0)).toBe(200);
    expect(bytesperline(199)).toBe(200);
    expect(bytesperline(201)).toBe(201);
    expect(bytesperline(0, 64)).toBe(256);
    expect(bytesperline(257, 64)).toBe(320);
  });

  it("has room for the chroma of odd sizes", () => {
    const { components } = frameLayout(format(fourcc("NM12")), 33, 17);
    expect(components.map(({ bytesperline, rows }) => [bytesperline, rows])).toEqual([
      [34, 17],
      [34, 9],
    ]);
  });
});
