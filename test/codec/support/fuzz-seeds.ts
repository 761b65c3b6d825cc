/** Short streams of every codec, which fuzzing starts from: headers of many frames in few bytes. */
import { SyntaxWriter } from "../../../src/codec/bits/index.js";
import * as fwht from "../../../src/codec/fwht/index.js";
import {
  isIvf,
  ivfFrames,
  joinNalUnits,
  readIvfHeader,
  startCodeUnits,
  writeIvf,
} from "../../../src/codec/files/index.js";
import { obuHeader, obusOf, ObuType } from "../../../src/codec/av1/index.js";
import { layeredStream } from "../av1/layered-stream.js";
import { difficult } from "../vp9/synthetic.js";

export interface FuzzSeed {
  /** As `v4l2-cuse parse --codec` calls it. */
  readonly codec: string;
  readonly bytes: Uint8Array;
}

/** From the root of the repository. */
const data = (name: string): string => `test/gstreamer/data/${name}`;

/** Of the longest stream; slice data behind it is what no parser reads. */
const MOST_BYTES = 6000;

const clips = [
  ["h264", "h264_main_b.h264"],
  ["h264", "h264_resolutions.h264"],
  ["hevc", "hevc_main_b.h265"],
  ["mpeg2", "mpeg2_b.m2v"],
] as const;
const ivfClips = [
  ["vp8", "vp8.ivf"],
  ["vp9", "vp9.ivf"],
  ["av1", "av1.ivf"],
] as const;

/** A baseline picture of one component: SOI, DQT, SOF0, DHT, SOS, some data, EOI. */
function jpegPicture(): Uint8Array {
  const segment = (marker: number, body: readonly number[]): number[] => {
    const length = body.length + 2;
    return [0xff, marker, length >> 8, length & 255, ...body];
  };
  const weights = new Array<number>(64).fill(16);
  return Uint8Array.from([
    ...[0xff, 0xd8],
    ...segment(0xe0, [...Buffer.from("JFIF\0"), 1, 1, 0, 0, 1, 0, 1, 0, 0]),
    ...segment(0xdb, [0, ...weights]),
    ...segment(0xc0, [8, 0, 16, 0, 16, 1, 1, 0x11, 0]),
    ...segment(0xc4, [0, 1, ...new Array<number>(15).fill(0), 0]),
    ...segment(0xc4, [0x10, 1, ...new Array<number>(15).fill(0), 0]),
    ...segment(0xda, [1, 1, 0, 0, 63, 0]),
    ...[0x12, 0x34, 0xff, 0, 0x56],
    ...[0xff, 0xd9],
  ]);
}

/** A header, and some bytes of a frame. */
function fwhtFrame(): Uint8Array {
  const writer = new SyntaxWriter("FWHT");
  fwht.fwhtHeader(writer, {
    ...fwht.emptyFwhtHeader(),
    version: 3,
    width: 64,
    height: 48,
    flags: 0x400,
    size: 64,
  });
  return Uint8Array.from([...writer.finish(), ...new Array<number>(64).fill(0x5a)]);
}

/** An IVF file with less of each frame than there was: headers are at the start. */
function shortIvf(bytes: Uint8Array, fourcc: string): Uint8Array {
  const header = { fourcc, width: 320, height: 240, timebaseDenominator: 25, timebaseNumerator: 1 };
  const frames = [...ivfFrames(bytes)]
    .filter(({ data: frame }) => frame.byteLength < MOST_BYTES)
    .slice(0, 6)
    .map(({ data: frame }, i) => ({ data: frame, timestamp: BigInt(i) }));
  return writeIvf(header, frames);
}

/** @param read - The bytes of a file, by its path from the root of the repository. */
export function fuzzSeeds(read: (file: string) => Uint8Array): FuzzSeed[] {
  return [
    ...clips.map(([codec, name]) => ({ codec, bytes: read(data(name)).slice(0, MOST_BYTES) })),
    ...ivfClips.map(([codec, name]) => ({
      codec,
      bytes: shortIvf(read(data(name)), { vp8: "VP80", vp9: "VP90", av1: "AV01" }[codec]),
    })),
    { codec: "vp9", bytes: difficult().ivf },
    { codec: "av1", bytes: layeredStream() },
    { codec: "jpeg", bytes: jpegPicture() },
    { codec: "fwht", bytes: fwhtFrame() },
  ];
}

interface Units {
  readonly units: Uint8Array[];
  readonly join: (units: readonly Uint8Array[]) => Uint8Array;
}

/** NAL units, frames of an IVF file; none of codecs whose whole streams are short. */
function unitsOf({ codec, bytes }: FuzzSeed): Units {
  if (["h264", "hevc", "mpeg2"].includes(codec)) {
    const units = [...startCodeUnits(bytes, codec === "mpeg2")].map(({ data: unit }) => unit);
    return { units, join: joinNalUnits };
  }
  if (!isIvf(bytes)) return { units: [], join: joinNalUnits };
  const header = readIvfHeader(bytes);
  return {
    units: [...ivfFrames(bytes)].map(({ data: unit }) => unit),
    join: (units) =>
      writeIvf(
        header,
        units.map((unit, i) => ({ data: unit, timestamp: BigInt(i) })),
      ),
  };
}

function cutUnit(codec: string, unit: Uint8Array, length: number): Uint8Array {
  return codec === "av1" ? cutTemporalUnit(unit, length) : unit.subarray(0, length);
}

/** The tile data is cut, and its OBU tells the new size. */
function cutTemporalUnit(unit: Uint8Array, length: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { header, bytes, payloadOffset } of obusOf(unit, "low_overhead")) {
    const hasTiles = header.obu_type === ObuType.Frame || header.obu_type === ObuType.TileGroup;
    const size = hasTiles ? Math.min(header.obu_size, length) : header.obu_size;
    const writer = new SyntaxWriter("AV1");
    obuHeader(writer, { ...header, obu_size: size }, 0);
    parts.push(writer.finish(), bytes.subarray(payloadOffset, payloadOffset + size));
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** Bytes that units are cut to, the fewest first: the first that leaves the headers whole is taken. */
const LENGTHS = [32, 64, 128, 256, 512, 1024, 2048, MOST_BYTES];
/** Of one stream. */
const MOST_SHORT = 12;
/** Behind the first picture of a stream, whose units parameter sets are in front of. */
const MOST_CONTEXT = 8;

/**
 * Streams of the first picture of a stream and one other unit, with what they need in front, cut behind their headers.
 * @param isWhole - Can a stream be read without an error?
 */
export function shortSeeds(seeds: readonly FuzzSeed[], isWhole: (seed: FuzzSeed) => boolean): FuzzSeed[] {
  return seeds.flatMap((seed) => {
    const { join, units } = unitsOf(seed);
    const found: FuzzSeed[] = [];
    const whole = (list: readonly Uint8Array[]): FuzzSeed | undefined => {
      const short = { codec: seed.codec, bytes: join(list) };
      return isWhole(short) ? short : undefined;
    };
    // The shortest start that is a stream, and its units as short as they can be.
    const count =
      units.findIndex((_, i) => i < MOST_CONTEXT && whole(units.slice(0, i + 1)) !== undefined) + 1;
    if (count === 0) return [];
    const context = units.slice(0, count);
    for (let i = 0; i < count; i += 1) cut(seed.codec, context, i, (list) => whole(list) !== undefined);
    for (let i = count; i < units.length && found.length < MOST_SHORT; i += 1) {
      const list = [...context, units[i] ?? new Uint8Array()];
      if (!cut(seed.codec, list, count, (shorter) => whole(shorter) !== undefined)) continue;
      found.push({ codec: seed.codec, bytes: join(list) });
    }
    return found.length > 0 ? found : [{ codec: seed.codec, bytes: join(context) }];
  });
}

/** Cuts one of the units to the first length that does. @returns Is there one? */
function cut(
  codec: string,
  units: Uint8Array[],
  at: number,
  isGood: (units: readonly Uint8Array[]) => boolean,
): boolean {
  const unit = units[at] ?? new Uint8Array();
  for (const length of LENGTHS) {
    const shorter = [...units];
    shorter[at] = cutUnit(codec, unit, length);
    if (!isGood(shorter)) continue;
    units[at] = shorter[at] ?? unit;
    return true;
  }
  return false;
}
