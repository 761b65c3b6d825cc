/**
 * Prepared lines. Every line of a picture is a piece of one of these, so that drawing is copying. They are twice as
 * wide as the (scaled) picture: movement only changes where a piece starts.
 */
import type { Palette } from "./colors.js";
import type { PixelFormatInfo, PlaneFormat } from "./pixel-layouts.js";
import { grey, patternDefinition, Pattern, type SourceColor } from "./patterns.js";
import { geometryOf } from "./settings.js";
import type { TestPatternSettings } from "./settings.js";

/** Pixel pairs that a line has behind twice the picture: what rounding to whole pixels may ask for. */
const SPARE_PAIRS = 2;

/** The lines of one component plane. */
export interface PlaneLines {
  /** By pattern line. */
  readonly plain: readonly Uint8Array[];
  /** Mean of pattern line n and the one after it, for planes of which a line stands for two; else empty. */
  readonly averaged: readonly Uint8Array[];
}

/** A hash of integers, 32 bit: noise that is the same wherever and whenever it is asked for. */
export function noiseHash(seed: number, a: number, b: number): number {
  let hash = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(a + 1, 0xc2b2ae35)) | 0;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ Math.imul(b + 1, 0x27d4eb2f);
  hash = Math.imul(hash ^ (hash >>> 13), 0x297a2d39);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Grey level of noise pixel `x`; the pixels of every line start at {@link noiseOffset} of them. */
export function noiseLevel(seed: number, x: number): number {
  return noiseHash(seed, x, 0) & 0xff;
}

/** Where in the noise line `y` of frame `frame` starts, in pixels: even, below `width` (of the scaled picture). */
export function noiseOffset(seed: number, width: number, frame: number, y: number): number {
  return 2 * (noiseHash(seed, frame, y + 1) % Math.max(1, width >> 1));
}

/**
 * The source pixel behind pixel `x` of a doubled line, which is `scaledWidth` wide for `width` source pixels. tpg
 * mirrors the order of the pairs and swaps the pixels of a pair, so that even pixels come out two off the exact mirror
 * image.
 */
export function sourceColumn(x: number, width: number, scaledWidth: number, hflip: boolean): number {
  const source = (pixel: number): number => Math.floor((pixel * width) / scaledWidth);
  return hflip ? Math.max(0, 2 * width - 2 - source(x ^ 1)) : source(x);
}

function drawLine(plane: PlaneFormat, pairs: number, colorAt: (x: number) => SourceColor, palette: Palette) {
  const line = new Uint8Array(pairs * plane.bytesPerPair);
  for (let pair = 0; pair < pairs; pair++) {
    const left = palette.pixel(colorAt(2 * pair));
    const right = palette.pixel(colorAt(2 * pair + 1));
    plane.writePair(left, right, line, pair * plane.bytesPerPair);
  }
  return line;
}

function average(first: Uint8Array, second: Uint8Array): Uint8Array {
  return first.map((value, index) => (value + (second[index] ?? 0)) >> 1);
}

/** Prepares the lines of every component plane of `format`. */
export function prepareLines(
  settings: TestPatternSettings,
  format: PixelFormatInfo,
  palette: Palette,
): PlaneLines[] {
  const { width, hflip, pattern, noiseSeed } = settings;
  const { scaledWidth } = geometryOf(settings);
  const { lines: count, colorAt } = patternDefinition(pattern);
  const greys = Array.from({ length: 256 }, (_, level) => grey(level));
  const noise = (x: number): SourceColor => greys[noiseLevel(noiseSeed, x)] ?? grey(0);
  return format.planes.map((plane) => {
    const plain = Array.from({ length: count }, (_, line) =>
      drawLine(
        plane,
        scaledWidth + SPARE_PAIRS,
        pattern === Pattern.Noise
          ? noise
          : (x) => colorAt(line, sourceColumn(x, width, scaledWidth, hflip), width),
        palette,
      ),
    );
    const averaged =
      plane.vsub === 1 ? [] : plain.map((line, index) => average(line, plain[(index + 1) % count] ?? line));
    return { plain, averaged };
  });
}
