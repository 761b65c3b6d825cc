/**
 * Text: 8x16 glyphs, written a row of pixels at a time. A row of a whole string is put together in a scratch line from
 * glyph rows that were expanded to pixels beforehand, then copied to where it belongs.
 */
import { font8x16 } from "./font-8x16.js";
import type { Pixel, PlaneFormat } from "./pixel-layouts.js";

export const GLYPH_WIDTH = 8;
export const GLYPH_HEIGHT = 16;

/** The string as glyph numbers: code page 437, the order of the font; what it lacks becomes a question mark. */
export function glyphNumbers(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code < 256 ? code : 0x3f;
  });
}

/** Expanded glyph rows of one component plane: for each of the 256 bit patterns the bytes of 8 pixels. */
export class GlyphRows {
  /** Bytes that a glyph takes in a line of this plane; always a multiple of 4. */
  readonly glyphBytes: number;
  readonly #words: number;
  readonly #rows: Uint32Array;
  readonly #scratch: Uint32Array;
  readonly #scratchBytes: Uint8Array;
  readonly #mirrored: boolean;

  /** @param columns - Glyphs that fit beside each other. */
  constructor(plane: PlaneFormat, foreground: Pixel, background: Pixel, mirrored: boolean, columns: number) {
    const samples = GLYPH_WIDTH / plane.hsub;
    const { sampleBytes } = plane;
    // tpg writes a sample's worth of bytes of a drawn pair, whatever they are: of NV12's shared chroma the first, for
    // both. That is the same in every colorspace where grey is grey.
    const ink = samplesOf(plane, foreground);
    const paper = samplesOf(plane, background);
    this.glyphBytes = samples * sampleBytes;
    this.#words = this.glyphBytes / 4;
    this.#mirrored = mirrored;
    const rows = new Uint8Array(256 * this.glyphBytes);
    for (let bits = 0; bits < 256; bits++) {
      for (let sample = 0; sample < samples; sample++) {
        const bit = mirrored ? sample * plane.hsub : 7 - sample * plane.hsub;
        rows.set((bits >> bit) & 1 ? ink : paper, bits * this.glyphBytes + sample * sampleBytes);
      }
    }
    this.#rows = new Uint32Array(rows.buffer);
    this.#scratch = new Uint32Array(Math.max(1, columns) * this.#words);
    this.#scratchBytes = new Uint8Array(this.#scratch.buffer);
  }

  /** Bytes of pixel row `row` (0 to 15) of the glyphs, from left to right; valid until the next call. */
  expand(glyphs: Uint8Array, count: number, row: number): Uint8Array {
    const words = this.#words;
    const rows = this.#rows;
    const scratch = this.#scratch;
    for (let index = 0; index < count; index++) {
      const glyph = glyphs[index] ?? 0;
      const from = (font8x16[glyph * GLYPH_HEIGHT + row] ?? 0) * words;
      const to = (this.#mirrored ? count - 1 - index : index) * words;
      for (let word = 0; word < words; word++) scratch[to + word] = rows[from + word] ?? 0;
    }
    return this.#scratchBytes.subarray(0, count * this.glyphBytes);
  }
}

function samplesOf(plane: PlaneFormat, pixel: Pixel): Uint8Array {
  const pair = new Uint8Array(plane.bytesPerPair);
  plane.writePair(pixel, pixel, pair, 0);
  return pair.subarray(0, plane.sampleBytes);
}
