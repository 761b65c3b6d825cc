/**
 * How pixels are read from a picture's bytes, for every format that the test pattern generator draws, and P010. The
 * generator's table says how a pixel is written; where its bits go is found by writing single ones.
 */
import {
  fourcc,
  frameLayout,
  pixelFormats,
  type Pixel,
  type PixelFormatInfo,
  type PlaneFormat,
} from "../../../src/tpg/pixel-layouts.js";

/** Bits of a component that lie in one byte: `(byte >> shift) & mask`, then moved up by `up`. */
interface Piece {
  readonly at: number;
  readonly shift: number;
  readonly mask: number;
  readonly up: number;
}

/** A component of a pixel: its value is 0 to 255. */
interface Component {
  readonly plane: number;
  readonly pieces: readonly Piece[];
  /** The least significant bit that the format keeps: lower ones are filled up. */
  readonly lowest: number;
}

/** A format, as it is read. */
export interface ReadableFormat {
  readonly name: string;
  readonly encoding: "rgb" | "yuv" | "luma";
  readonly planes: readonly { readonly bytesPerPair: number; readonly vsub: 1 | 2 }[];
  /** c0, c1 and c2 of the left and the right pixel of a pair. */
  readonly pair: readonly [readonly Component[], readonly Component[]];
  /** Where planes are. */
  layout(width: number, height: number, bytesperline: readonly number[]): readonly PlanePlace[];
}

/** A component plane in the picture's bytes. */
export interface PlanePlace {
  readonly memoryPlane: number;
  readonly offset: number;
  readonly bytesperline: number;
}

const black: Pixel = { c0: 0, c1: 0, c2: 0, alpha: 0 };
const members = ["c0", "c1", "c2"] as const;

/** Where the bits of a component of the left (0) or right (1) pixel go, in the bytes of a pair. */
function piecesIn(plane: PlaneFormat, member: (typeof members)[number], side: 0 | 1): Piece[] {
  const pieces: Piece[] = [];
  for (let bit = 0; bit < 8; bit++) {
    const lit: Pixel = { ...black, [member]: 1 << bit };
    const bytes = new Uint8Array(plane.bytesPerPair);
    plane.writePair(side === 0 ? lit : black, side === 1 ? lit : black, bytes, 0);
    // Chroma that both share is their mean: half of what one of them has.
    const both = new Uint8Array(plane.bytesPerPair);
    plane.writePair(lit, lit, both, 0);
    const [found, own] = [placeOf(both), placeOf(bytes)];
    const isShared =
      found !== undefined && (own === undefined || own.bit !== found.bit || own.at !== found.at);
    const place = isShared && countOf(both) === 1 ? found : own;
    if (place === undefined) continue;
    const last = pieces.at(-1);
    const offset = place.bit - bit;
    if (last !== undefined && last.at === place.at && last.shift - last.up === offset) {
      pieces[pieces.length - 1] = { ...last, mask: (last.mask << 1) | 1 };
    } else pieces.push({ at: place.at, shift: place.bit, mask: 1, up: bit });
  }
  return pieces;
}

const countOf = (bytes: Uint8Array): number =>
  bytes.reduce((sum, byte) => sum + [...byte.toString(2)].filter((digit) => digit === "1").length, 0);

function placeOf(bytes: Uint8Array): { readonly at: number; readonly bit: number } | undefined {
  const at = bytes.findIndex((byte) => byte !== 0);
  return at < 0 ? undefined : { at, bit: 31 - Math.clz32(bytes[at] ?? 0) };
}

function readable(info: PixelFormatInfo): ReadableFormat {
  const componentsOf = (side: 0 | 1): readonly Component[] =>
    members.map((member) => {
      for (const [index, plane] of info.planes.entries()) {
        const pieces = piecesIn(plane, member, side);
        if (pieces.length > 0) return { plane: index, pieces, lowest: pieces[0]?.up ?? 0 };
      }
      return { plane: 0, pieces: [], lowest: 0 };
    });
  return {
    name: info.name,
    encoding: info.encoding,
    planes: info.planes.map(({ bytesPerPair, vsub }) => ({ bytesPerPair, vsub })),
    pair: [componentsOf(0), componentsOf(1)],
    layout: (width, height, bytesperline) => frameLayout(info, width, height, { bytesperline }).components,
  };
}

/** Ten bits for each sample, in the upper ones of 16; the upper eight are what a screen shows. */
function p010(): ReadableFormat {
  const high = (plane: number, at: number): Component => ({
    plane,
    pieces: [{ at, shift: 0, mask: 0xff, up: 0 }],
    lowest: 0,
  });
  const chroma = [high(1, 1), high(1, 3)];
  return {
    name: "P010",
    encoding: "yuv",
    planes: [
      { bytesPerPair: 4, vsub: 1 },
      { bytesPerPair: 4, vsub: 2 },
    ],
    pair: [
      [high(0, 1), ...chroma],
      [high(0, 3), ...chroma],
    ],
    layout: (width, height, [line = 0]) => {
      const bytesperline = Math.max(line, 4 * Math.ceil(width / 2));
      return [
        { memoryPlane: 0, offset: 0, bytesperline },
        { memoryPlane: 0, offset: bytesperline * height, bytesperline },
      ];
    },
  };
}

const known = new Map<number, ReadableFormat>([[fourcc("P010"), p010()]]);
const infos = new Map(pixelFormats.map((info) => [info.fourcc, info]));
/** What a browser decodes. */
const compressed: ReadonlySet<number> = new Set([fourcc("MJPG"), fourcc("JPEG")]);

/** @returns undefined: pixels of that format cannot be read. */
export function readableFormat(pixelformat: number): ReadableFormat | undefined {
  const code = pixelformat >>> 0;
  const found = known.get(code);
  if (found !== undefined) return found;
  const info = infos.get(code);
  if (info === undefined) return undefined;
  const format = readable(info);
  known.set(code, format);
  return format;
}

export const isCompressed = (pixelformat: number): boolean => compressed.has(pixelformat >>> 0);

/** Can pictures of the format be shown? */
export const canShow = (pixelformat: number): boolean =>
  isCompressed(pixelformat) || readableFormat(pixelformat) !== undefined;

/** The value of a component at `start`, where the bytes of its pair begin. */
export function componentAt(bytes: Uint8Array, start: number, { pieces, lowest }: Component): number {
  let value = 0;
  for (const { at, shift, mask, up } of pieces) value |= (((bytes[start + at] ?? 0) >> shift) & mask) << up;
  // 5 bits 11111 are white, not 248.
  return lowest === 0
    ? value
    : value | (value >> (8 - lowest)) | (lowest > 4 ? value >> (2 * (8 - lowest)) : 0);
}

export type { Component };
