import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodecError } from "../../../src/codec/bits/index.js";
import { lengthPrefixedUnits, readAvcC, readHvcC, startCodeUnits } from "../../../src/codec/files/index.js";
import { temporaryFolder } from "../support/encode.js";

const folder = temporaryFolder();
const hasFfmpeg = spawnSync("ffmpeg", ["-version"]).status === 0;
if (!hasFfmpeg) console.warn("No ffmpeg: no MP4 files are read.");

function remux(clip: string): { file: Buffer; stream: Buffer } {
  const path = fileURLToPath(new URL(`../../gstreamer/data/${clip}`, import.meta.url));
  const file = `${folder}/${clip}.mp4`;
  const { status, stderr } = spawnSync("ffmpeg", ["-v", "error", "-y", "-i", path, "-c", "copy", file], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return { file: readFileSync(file), stream: readFileSync(path) };
}

/** The content of the first box of a type, found by its name. */
function boxOf(file: Buffer, type: string): Buffer {
  const at = file.indexOf(type);
  return file.subarray(at + 4, at - 4 + file.readUInt32BE(at - 4));
}

function isParameterSet(unit: Uint8Array, codec: "h264" | "hevc"): boolean {
  const first = unit[0] ?? 0;
  return codec === "h264" ? [7, 8].includes(first & 31) : [32, 33, 34].includes((first >> 1) & 63);
}

describe.runIf(hasFfmpeg)("an MP4 file", () => {
  it.each([
    ["h264_main_b.h264", "avcC", readAvcC, "h264"],
    ["hevc_main_b.h265", "hvcC", readHvcC, "hevc"],
  ] as const)(
    "of %s has its parameter sets in %s and its slices behind lengths",
    (clip, type, read, codec) => {
      const { file, stream } = remux(clip);
      const units = [...startCodeUnits(stream)].map(({ data }) => Buffer.from(data));
      const { lengthSize, units: sets } = read(boxOf(file, type));
      const found = sets.filter((unit) => isParameterSet(unit, codec)).map((unit) => Buffer.from(unit));
      expect(found).toEqual(units.filter((unit) => isParameterSet(unit, codec)));
      const samples = [...lengthPrefixedUnits(boxOf(file, "mdat"), lengthSize)].map((unit) =>
        Buffer.from(unit),
      );
      const last = units.at(-1);
      expect(samples.some((unit) => last !== undefined && unit.equals(last))).toBe(true);
    },
  );
});

describe("boxes of any bytes", () => {
  it.each([readAvcC, readHvcC])("%o gives units or a CodecError", (read) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        bytes[0] = 1;
        try {
          expect(read(bytes).units.length).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
        }
      }),
    );
  });
});
