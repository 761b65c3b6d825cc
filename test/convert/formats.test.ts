/** Every format to every other: the same bytes as ffmpeg's own conversion. */
import { afterAll, describe, expect, it } from "vitest";
import { canConvert, convertibleFormats, PictureConverter } from "../../src/convert/index.js";
import { fourcc } from "../../src/v4l2/index.js";
import { bytesOf, convertedByFfmpeg, ffmpegNames, picture, testPicture } from "./pictures.js";

const converter = new PictureConverter();
afterAll(() => {
  converter.close();
});

const names = Object.keys(ffmpegNames);
const SAME = { width: 128, height: 96 };
const OTHER = { width: 96, height: 64 };

describe.each(names)("%s", (name) => {
  const format = ffmpegNames[name] ?? "";
  const bytes = testPicture(format, SAME.width, SAME.height);

  it.each([SAME, OTHER])("becomes what ffmpeg makes of it in %o", async ({ width, height }) => {
    // `scale` leaves a picture of the same format and size alone.
    const filter = `scale=${width}:${height}:flags=bicubic`;
    const expected = convertedByFfmpeg(
      { format, ...SAME, bytes },
      names.map((to) => ({ filter, format: ffmpegNames[to] ?? "" })),
    );
    const source = picture(name, SAME.width, SAME.height, { bytes });
    const differing: string[] = [];
    for (const [i, to] of names.entries()) {
      const destination = picture(to, width, height);
      const { bytesUsed } = await converter.convert(source, destination);
      const made = bytesOf(destination);
      expect(bytesUsed).toBe(made.byteLength);
      if (Buffer.compare(made, expected[i] ?? new Uint8Array()) !== 0) {
        const first = made.findIndex((byte, at) => byte !== expected[i]?.[at]);
        differing.push(`${to} at byte ${first}: ${made[first] ?? ""} for ${expected[i]?.[first] ?? ""}`);
      }
    }
    expect(differing).toEqual([]);
  });
});

describe("the list of formats", () => {
  it("has the formats that ffmpeg judges, and those of tests of their own", () => {
    const others = ["YVU420", "GREY", "Y10", "Y16", "MJPEG", "JPEG"];
    expect(convertibleFormats.map(({ name }) => name).sort()).toEqual([...names, ...others].sort());
  });

  it("has PNG as a source only", () => {
    expect(canConvert(fourcc("PNG "), fourcc("YUYV"))).toBe(true);
    expect(canConvert(fourcc("YUYV"), fourcc("PNG "))).toBe(false);
    expect(canConvert(fourcc("YUYV"), fourcc("H264"))).toBe(false);
  });
});
