/** What a conversion does besides the format. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { PictureConverter, PIXELFORMAT_PNG, type Picture } from "../../src/convert/index.js";
import { Colorspace, Quantization } from "../../src/v4l2/index.js";
import {
  bytesOf,
  convertedByFfmpeg,
  ffmpeg,
  ffmpegNames,
  inFolder,
  picture,
  testPicture,
  type Shown,
} from "./pictures.js";

const converter = new PictureConverter();
afterAll(() => {
  converter.close();
});

const WIDTH = 128;
const HEIGHT = 96;
const yuyv = testPicture("yuyv422", WIDTH, HEIGHT);
const camera = (): Shown => picture("YUYV", WIDTH, HEIGHT, { bytes: yuyv });

/** The picture as ffmpeg has it, in a format of its own. */
function expected(filter: string, format: string): Uint8Array {
  const [made] = convertedByFfmpeg({ format: "yuyv422", width: WIDTH, height: HEIGHT, bytes: yuyv }, [
    { filter, format },
  ]);
  return made ?? new Uint8Array();
}

/** Peak signal-to-noise ratio, dB. */
function psnr(one: Uint8Array, other: Uint8Array): number {
  expect(one.byteLength).toBe(other.byteLength);
  const error = one.reduce((sum, byte, at) => sum + (byte - (other[at] ?? 0)) ** 2, 0) / one.byteLength;
  return error === 0 ? Infinity : 10 * Math.log10(255 ** 2 / error);
}

/** One pixel's colours in every pixel. */
const plain = (bytes: readonly number[]): Uint8Array =>
  Uint8Array.from({ length: 64 * 48 * bytes.length }, (_, at) => bytes[at % bytes.length] ?? 0);

describe("sizes", () => {
  it.each([
    { width: 640, height: 480 },
    { width: 97, height: 51 },
    { width: 16, height: 16 },
    { width: 1, height: 1 },
  ])("scales to %o", async ({ width, height }) => {
    for (const name of ["YUYV", "NV12", "YUV420", "RGB24", "NV16", "P010"]) {
      const to = picture(name, width, height, { extraBytes: 4096 });
      await converter.convert(camera(), to);
      const filter = `scale=${width}:${height}:flags=bicubic`;
      const wanted = expected(filter, ffmpegNames[name] ?? "");
      // ffmpeg's files have no rounded-up lines.
      if (width % 2 === 0 || name === "RGB24") expect(psnr(bytesOf(to), wanted)).toBeGreaterThan(45);
      else expect(bytesOf(to).filter((byte) => byte !== 0xa5).byteLength).toBeGreaterThan(0);
    }
  });

  it("keeps to the lines that were named, and writes no plane twice", async () => {
    const line = 200;
    const planes = [
      { offset: 64, bytesPerLine: line },
      { offset: 64 + line * HEIGHT, bytesPerLine: line },
    ];
    const to = picture("NV12", WIDTH, HEIGHT, { planes, extraBytes: 20000 });
    await converter.convert(camera(), to);
    const wanted = expected("null", "nv12");
    for (let y = 0; y < HEIGHT * 1.5; y++) {
      const at = 64 + y * line;
      expect(to.memory.bytes.subarray(at, at + WIDTH)).toEqual(wanted.subarray(y * WIDTH, y * WIDTH + WIDTH));
    }
    expect(to.memory.bytes.subarray(0, 64).every((byte) => byte === 0xa5)).toBe(true);
  });

  it("has the right pixels where planes follow lines of no round length at once", async () => {
    const to = picture("YUV420", 106, 58);
    await converter.convert(camera(), to);
    expect(bytesOf(to)).toEqual(expected("scale=106:58:flags=bicubic", "yuv420p"));
  });

  it("cuts a part out", async () => {
    const to = picture("YUYV", 64, 32);
    await converter.convert(camera(), to, { crop: { left: 10, top: 7, width: 64, height: 32 } });
    expect(bytesOf(to)).toEqual(expected("crop=64:32:10:6:exact=1", "yuyv422"));
  });

  it("refuses a part that is not in the source", async () => {
    const crop = { left: 100, top: 0, width: 64, height: 32 };
    await expect(converter.convert(camera(), picture("YUYV", 64, 32), { crop })).rejects.toMatchObject({
      failure: "outside",
    });
  });

  it("puts black bars beside a picture of another shape, or cuts it", async () => {
    const bars = picture("RGB24", 256, 96);
    await converter.convert(camera(), bars, { fit: "bars" });
    const row = bytesOf(bars).subarray(50 * 768, 51 * 768);
    expect(row.subarray(0, 64 * 3).every((byte) => byte === 0)).toBe(true);
    expect(row.subarray(192 * 3).every((byte) => byte === 0)).toBe(true);
    const whole = picture("RGB24", WIDTH, HEIGHT);
    await converter.convert(camera(), whole);
    expect(row.subarray(64 * 3, 192 * 3)).toEqual(bytesOf(whole).subarray(50 * 384, 51 * 384));

    const cut = picture("YUYV", WIDTH, 48);
    await converter.convert(camera(), cut, { fit: "cut" });
    expect(bytesOf(cut)).toEqual(expected("crop=128:48:0:24:exact=1", "yuyv422"));
  });
});

describe("colours", () => {
  const pixel = async (from: Shown, to: Shown, bytes: number): Promise<number[]> => {
    await converter.convert(from, to);
    const at = 24 * (to.planes[0]?.bytesPerLine ?? 0);
    return [...to.memory.bytes.subarray(at, at + bytes)];
  };
  const red = (more: Partial<Picture> = {}): Shown =>
    picture("RGB24", 64, 48, { bytes: plain([255, 0, 0]), ...(more as object) });

  // Of BT.601 and BT.709: Kr 0.299 and 0.2126, Kb 0.114 and 0.0722.
  it.each([
    { colorspace: Colorspace.Srgb, quantization: 0, yuv: [81, 90, 240] },
    { colorspace: Colorspace.Srgb, quantization: Quantization.FullRange, yuv: [76, 85, 255] },
    { colorspace: Colorspace.Jpeg, quantization: 0, yuv: [76, 85, 255] },
    { colorspace: Colorspace.Rec709, quantization: 0, yuv: [63, 102, 240] },
    { colorspace: Colorspace.Rec709, quantization: Quantization.FullRange, yuv: [54, 99, 255] },
    { colorspace: Colorspace.Bt2020, quantization: 0, yuv: [74, 97, 240] },
    { colorspace: Colorspace.Smpte240m, quantization: 0, yuv: [62, 102, 240] },
  ])("makes red $yuv in $colorspace, $quantization", async ({ colorspace, quantization, yuv }) => {
    const to = picture("YUYV", 64, 48, { colorspace, quantization });
    const [y = 0, u = 0, , v = 0] = await pixel(red(), to, 4);
    for (const [i, value] of [y, u, v].entries())
      expect(Math.abs(value - (yuv[i] ?? 0))).toBeLessThanOrEqual(1);
    const back = picture("RGB24", 64, 48);
    const [r = 0, g = 255, b = 255] = await pixel({ ...to }, back, 3);
    expect(r).toBeGreaterThanOrEqual(250);
    expect(Math.max(g, b)).toBeLessThanOrEqual(5);
  });

  it("changes matrix and range between two Y'CbCr formats", async () => {
    const from = picture("YUYV", 64, 48, { bytes: plain([81, 90, 81, 240]) });
    const to = picture("NV12", 64, 48, { colorspace: Colorspace.Rec709 });
    const [y = 0] = await pixel(from, to, 1);
    expect(Math.abs(y - 63)).toBeLessThanOrEqual(1);
    const full = picture("YUYV", 64, 48, { quantization: Quantization.FullRange });
    expect(Math.abs(((await pixel(from, full, 1))[0] ?? 0) - 76)).toBeLessThanOrEqual(1);
  });

  it.each([
    ["GREY", 1],
    ["Y10", 2],
    ["Y16", 2],
  ] as const)("takes the luma of %s as it is, and gives it back", async (name, size) => {
    const from = picture("YUYV", 64, 48, { bytes: plain([81, 90, 81, 240]) });
    const grey = picture(name, 64, 48);
    const bytes = await pixel(from, grey, size);
    const value = (bytes[0] ?? 0) + 256 * (bytes[1] ?? 0);
    expect(value >> { GREY: 0, Y10: 2, Y16: 8 }[name]).toBe(81);
    expect(await pixel(grey, picture("YUYV", 64, 48), 4)).toEqual([81, 128, 81, 128]);
    expect(await pixel(grey, picture("NV24", 64, 48), 1)).toEqual([81]);
  });

  it("swaps the chroma planes of YVU420", async () => {
    const to = picture("YVU420", 64, 48);
    await converter.convert(camera(), to);
    const straight = picture("YUV420", 64, 48);
    await converter.convert(to, straight);
    const chroma = (64 * 48) / 4;
    const [swapped, made] = [bytesOf(to), bytesOf(straight)];
    expect(swapped.subarray(64 * 48, 64 * 48 + chroma)).toEqual(made.subarray(64 * 48 + chroma));
    expect(swapped.subarray(64 * 48 + chroma)).toEqual(made.subarray(64 * 48, 64 * 48 + chroma));
  });

  it("greys a picture: no colours, and darker", async () => {
    const from = picture("RGB24", 64, 48, { bytes: plain([200, 200, 200]) });
    const to = picture("RGB24", 64, 48);
    await converter.convert(from, to, { greyed: true });
    expect([...to.memory.bytes.subarray(0, 3)]).toEqual([125, 125, 125]);
    const of = picture("YUYV", 64, 48);
    await converter.convert(red(), of, { greyed: true });
    expect([of.memory.bytes[1], of.memory.bytes[3]]).toEqual([128, 128]);
  });
});

describe("compressed pictures", () => {
  const rgb = testPicture("rgb24", WIDTH, HEIGHT);

  it.each(["YUYV", "NV12", "RGB24", "GREY", "YUV422P"])(
    "makes a JPEG of %s that ffmpeg reads, and reads it",
    async (name) => {
      const from = picture(name, WIDTH, HEIGHT);
      await converter.convert(picture("RGB24", WIDTH, HEIGHT, { bytes: rgb }), from);
      const jpeg = picture("MJPEG", WIDTH, HEIGHT);
      const { bytesUsed } = await converter.convert(from, jpeg, { jpegQuality: 95 });
      expect(bytesUsed).toBeLessThan(WIDTH * HEIGHT * 2);
      const read = inFolder((folder) => {
        const file = join(folder, "in.jpg");
        ffmpeg("-f", "mjpeg", "-i", write(file, jpeg.memory.bytes.subarray(0, bytesUsed)), ...out(folder));
        return new Uint8Array(readFileSync(join(folder, "out")));
      });
      const back = picture("RGB24", WIDTH, HEIGHT);
      await converter.convert({ ...jpeg, bytesUsed }, back);
      expect(psnr(bytesOf(back), read)).toBeGreaterThan(35);
      const straight = picture("RGB24", WIDTH, HEIGHT);
      await converter.convert(from, straight);
      expect(psnr(bytesOf(back), bytesOf(straight))).toBeGreaterThan(28);
    },
  );

  it.each(["yuvj420p", "yuvj422p", "yuvj444p", "gray"])("reads ffmpeg's JPEG of %s", async (format) => {
    const jpeg = inFolder((folder) => {
      ffmpeg(
        ...["-f", "lavfi", "-i", `testsrc2=s=${WIDTH}x${HEIGHT}`, "-frames:v", "1", "-pix_fmt", format],
        ...["-q:v", "2", "-f", "mjpeg", join(folder, "out")],
      );
      return new Uint8Array(readFileSync(join(folder, "out")));
    });
    const read = inFolder((folder) => {
      ffmpeg("-f", "mjpeg", "-i", write(join(folder, "in"), jpeg), ...out(folder));
      return new Uint8Array(readFileSync(join(folder, "out")));
    });
    const from = picture("JPEG", 0, 0, { bytes: jpeg, bytesUsed: jpeg.byteLength });
    const to = picture("RGB24", WIDTH, HEIGHT);
    await converter.convert(from, to);
    expect(psnr(bytesOf(to), read)).toBeGreaterThan(30);
  });

  it("reads a PNG file of any size into a picture", async () => {
    const png = inFolder((folder) => {
      ffmpeg("-f", "lavfi", "-i", "color=red:s=50x20,format=rgb24", "-frames:v", "1", join(folder, "a.png"));
      return new Uint8Array(readFileSync(join(folder, "a.png")));
    });
    const from = {
      ...picture("JPEG", 0, 0, { bytes: png, bytesUsed: png.byteLength }),
      pixelformat: PIXELFORMAT_PNG,
    };
    const to = picture("RGB24", 64, 64);
    await converter.convert(from, to, { fit: "bars" });
    expect([...bytesOf(to).subarray(0, 3)]).toEqual([0, 0, 0]);
    const middle = 32 * 64 * 3 + 32 * 3;
    const [r = 0, g = 255, b = 255] = bytesOf(to).subarray(middle, middle + 3);
    expect([r > 250, g < 5, b < 5]).toEqual([true, true, true]);
  });

  it("chooses a lower quality when the buffer is small, and says when none is low enough", async () => {
    const noise = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, at) => (at * 2654435761) >>> 24);
    const from = picture("RGB24", WIDTH, HEIGHT, { bytes: noise });
    const jpeg = picture("MJPEG", WIDTH, HEIGHT);
    const high = await converter.convert(from, jpeg, { jpegQuality: 100 });
    const offset = jpeg.memory.sizeBytes - (high.bytesUsed - 1);
    const planes = [{ offset, bytesPerLine: 0 }];
    const low = await converter.convert(from, { ...jpeg, planes }, { jpegQuality: 100 });
    expect(low.bytesUsed).toBeLessThan(high.bytesUsed);
    const nearlyFull = [{ offset: jpeg.memory.sizeBytes - 100, bytesPerLine: 0 }];
    await expect(converter.convert(from, { ...jpeg, planes: nearlyFull })).rejects.toMatchObject({
      failure: "too-large",
    });
  });
});

function write(path: string, bytes: Uint8Array): string {
  writeFileSync(path, bytes);
  return path;
}
const out = (folder: string): readonly string[] => [
  ...["-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", join(folder, "out")],
];
