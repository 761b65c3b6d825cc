/** Short streams of every codec, which fuzzing starts from: headers of many frames in few bytes. */
import { fileURLToPath } from "node:url";
import { SyntaxWriter } from "../../../src/codec/bits/index.js";
import * as fwht from "../../../src/codec/fwht/index.js";
import { ivfFrames, writeIvf } from "../../../src/codec/files/index.js";
import { layeredStream } from "../av1/layered-stream.js";
import { difficult } from "../vp9/synthetic.js";

export interface FuzzSeed {
  /** As `v4l2-cuse parse --codec` calls it. */
  readonly codec: string;
  readonly bytes: Uint8Array;
}

const data = (name: string): string =>
  fileURLToPath(new URL(`../../gstreamer/data/${name}`, import.meta.url));

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

/** @param read - The bytes of a file. */
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
