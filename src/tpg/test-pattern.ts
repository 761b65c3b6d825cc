/** The generator itself. */
import { Palette } from "./colors.js";
import { frameLayout, pixelFormatInfo, pixelOffset } from "./formats.js";
import type { ComponentLayout, FrameLayout, PixelFormatInfo } from "./formats.js";
import { noiseOffset, prepareLines, type PlaneLines } from "./lines.js";
import { Pattern, patternDefinition } from "./patterns.js";
import { rowSources } from "./rows.js";
import { defaultSettings, movementStep } from "./settings.js";
import type { InitialSettings, TestPatternSettings } from "./settings.js";
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphNumbers, GlyphRows } from "./text.js";
import { Field, hasOneField, isSequential } from "./values.js";

/** One memory plane of a frame. */
export interface PlaneMemory {
  /** May be larger than the picture; what lies outside the pixels is never touched. */
  readonly bytes: Uint8Array;
  readonly bytesperline: number;
}

/** Copies within a run of equal lines are made in blocks of about this size, which stay in the processor's cache. */
const BLOCK_BYTES = 64 * 1024;

/** Everything that follows from the settings. */
interface Prepared {
  readonly format: PixelFormatInfo;
  readonly lines: readonly PlaneLines[];
  readonly glyphs: readonly GlyphRows[];
  /** Lines of a buffer: half of the picture's when it holds one field. */
  readonly rows: number;
}

/**
 * A picture with a pattern, drawn as tpg draws it, bit for bit (noise excepted: ours is reproducible).
 *
 * Lines are prepared when settings change, with the first use after that; a frame is then made of copies. The picture
 * depends on nothing but the settings and on how often `advance` was called.
 */
export class TestPattern {
  #settings: TestPatternSettings;
  #prepared: Prepared | undefined;
  #layout: { readonly key: string; readonly frame: FrameLayout } | undefined;
  #frame = 0;
  #shiftX = 0;
  #shiftY = 0;

  /** @throws {RangeError} unknown pixel format or pattern, or an empty picture. */
  constructor(settings: InitialSettings) {
    this.#settings = checked({ ...defaultSettings, ...settings });
  }

  get settings(): TestPatternSettings {
    return this.#settings;
  }

  /** Frames since the start, or since {@link restart}. */
  get frame(): number {
    return this.#frame;
  }

  /**
   * Changes some settings; the next frame shows them. The movement goes on from where it is.
   *
   * @throws {RangeError} as the constructor; nothing changes then.
   */
  configure(changes: Partial<TestPatternSettings>): void {
    this.#settings = checked({ ...this.#settings, ...changes });
    this.#prepared = undefined;
    this.#layout = undefined;
  }

  /** Moves on to the next frame; a buffer that holds a single field moves half as far. */
  advance(): void {
    const { width, height, field } = this.#settings;
    const fields = hasOneField(field) ? 1 : 2;
    const steps = stepsOf(this.#settings);
    this.#frame += 1;
    this.#shiftX = (this.#shiftX + fields * steps.x) % width;
    this.#shiftY = (this.#shiftY + fields * steps.y) % height;
  }

  /** Back to the first frame. */
  restart(): void {
    this.#frame = 0;
    this.#shiftX = 0;
    this.#shiftY = 0;
  }

  /**
   * Draws the picture into a frame: one entry for each memory plane of the format (NV12: one, NV12M: two).
   *
   * @throws {RangeError} planes are missing, or too small for the picture.
   */
  fillPlanes(planes: readonly PlaneMemory[]): void {
    const prepared = this.#prepare();
    const layout = this.#layoutFor(planes, prepared);
    layout.components.forEach((component, index) => {
      const memory = planes[component.memoryPlane];
      const lines = prepared.lines[index];
      if (memory !== undefined && lines !== undefined) this.#fillComponent(memory, component, index, lines);
    });
  }

  /**
   * Writes one line of text, 8x16 pixels for each character, its top left corner at pixel (`x`, `y`) of the buffer.
   * As in tpg: characters that do not fit are left out, and the whole line unless `x` + 8 and `y` + 16 are less than
   * the picture's size; a newline is a glyph like any other; flipped pictures have flipped text.
   * Differs from tpg: negative positions draw nothing, there they leave the buffer.
   *
   * @throws {RangeError} as {@link fillPlanes}.
   */
  drawText(planes: readonly PlaneMemory[], x: number, y: number, text: string): void {
    const { width, field, hflip, vflip } = this.#settings;
    const prepared = this.#prepare();
    const { format, rows } = prepared;
    const layout = this.#layoutFor(planes, prepared);
    if (x < 0 || y < 0 || y + GLYPH_HEIGHT >= rows || x + GLYPH_WIDTH >= width) return;

    const glyphs = glyphNumbers(text);
    const count = Math.min(glyphs.length, Math.floor((width - x) / GLYPH_WIDTH));
    const top = vflip ? rows - y - GLYPH_HEIGHT : y;
    // Glyph rows of a single field: every other one, of both fields one after the other.
    const step = hasOneField(field) ? 2 : 1;
    const divisor = step === 2 || isSequential(field) ? 2 : 1;
    const first = field === Field.Bottom ? 1 : 0;

    format.planes.forEach((plane, index) => {
      const component = layout.components[index];
      const memory = component && planes[component.memoryPlane];
      const expanded = prepared.glyphs[index];
      if (component === undefined || memory === undefined || expanded === undefined) return;
      const left = hflip
        ? pixelSample(plane.hsub, width - x - GLYPH_WIDTH, plane.sampleBytes) -
          (count - 1) * expanded.glyphBytes
        : pixelSample(plane.hsub, x, plane.sampleBytes);
      const fieldRows = Math.floor(rows / plane.vsub / 2);
      for (let row = first; row < GLYPH_HEIGHT; row += plane.vsub * step) {
        const line = top * step + (vflip ? GLYPH_HEIGHT - 1 - row : row);
        let bufferRow = Math.floor(line / (plane.vsub * divisor));
        const second = (Math.floor(row / plane.vsub) & 1) === 1;
        if (isSequential(field) && second === (field === Field.SeqTb)) bufferRow += fieldRows;
        const at = component.offset + bufferRow * component.bytesperline + left;
        memory.bytes.set(expanded.expand(glyphs, count, row), at);
      }
    });
  }

  #prepare(): Prepared {
    if (this.#prepared === undefined) {
      const settings = this.#settings;
      const { width, height, hflip, field } = settings;
      const format = formatOf(settings);
      const palette = new Palette(settings, format.encoding);
      const columns = Math.floor(width / GLYPH_WIDTH);
      this.#prepared = {
        format,
        lines: prepareLines(settings, format, palette),
        glyphs: format.planes.map(
          (plane) => new GlyphRows(plane, palette.textForeground, palette.textBackground, hflip, columns),
        ),
        rows: hasOneField(field) ? height >> 1 : height,
      };
    }
    return this.#prepared;
  }

  #layoutFor(planes: readonly PlaneMemory[], { format, rows }: Prepared): FrameLayout {
    const strides = planes.map(({ bytesperline }) => bytesperline);
    const key = strides.join();
    if (this.#layout?.key !== key) {
      this.#layout = {
        key,
        frame: frameLayout(format, this.#settings.width, rows, { bytesperline: strides }),
      };
    }
    const { frame } = this.#layout;
    frame.memoryPlanes.forEach(({ bytesperline, sizeimage }, index) => {
      const memory = planes[index];
      if (memory === undefined) {
        throw new RangeError(`${format.name} needs ${frame.memoryPlanes.length} planes`);
      }
      if (memory.bytesperline < bytesperline || memory.bytes.length < sizeimage) {
        throw new RangeError(
          `plane ${index} needs ${sizeimage} bytes in lines of ${bytesperline}, ` +
            `got ${memory.bytes.length} in lines of ${memory.bytesperline}`,
        );
      }
    });
    return frame;
  }

  #fillComponent(memory: PlaneMemory, component: ComponentLayout, index: number, lines: PlaneLines): void {
    const { bytesperline, lineBytes, rows } = component;
    const sources = this.#sources(index, lines, lineBytes);
    let start = 0;
    while (start < rows) {
      const source = sources[start];
      let end = start + 1;
      while (end < rows && sources[end] === source) end++;
      if (source !== undefined) {
        fillRun(memory.bytes, component.offset + start * bytesperline, bytesperline, end - start, source);
      }
      start = end;
    }
  }

  /** The piece of a prepared line that each line of a component plane is; equal ones are the same object. */
  #sources(index: number, lines: PlaneLines, lineBytes: number): (Uint8Array | undefined)[] {
    const settings = this.#settings;
    const { format, rows } = this.#prepare();
    const plane = format.planes[index];
    if (plane === undefined) return [];
    const steps = stepsOf(settings);
    const older = { x: this.#shiftX, y: this.#shiftY };
    const newer = { x: (older.x + steps.x) % settings.width, y: (older.y + steps.y) % settings.height };
    const sources = rowSources(settings, plane.vsub, rows, { older: older.y, newer: newer.y });

    const piece = (line: Uint8Array | undefined, x: number): Uint8Array | undefined => {
      const start = pixelOffset(plane, x);
      return line?.subarray(start, start + lineBytes);
    };
    if (settings.pattern === Pattern.Noise) {
      return sources.map(({ bufferRow }) =>
        piece(lines.plain[0], noiseOffset(settings.noiseSeed, settings.width, this.#frame, bufferRow)),
      );
    }
    const piecesAt = (x: number) => ({
      plain: lines.plain.map((line) => piece(line, x)),
      averaged: lines.averaged.map((line) => piece(line, x)),
    });
    const pieces = { older: piecesAt(older.x), newer: piecesAt(newer.x) };
    return sources.map((source) => {
      const side = source.newer ? pieces.newer : pieces.older;
      return (source.averaged ? side.averaged : side.plain)[source.patternLine];
    });
  }
}

/** Movement of one field, modulo the size of the picture. */
function stepsOf({ width, height, hflip, moveHorizontal, moveVertical }: TestPatternSettings) {
  return {
    x: movementStep(moveHorizontal, width, width, 2, hflip),
    y: movementStep(moveVertical, width, height, 1, false),
  };
}

function formatOf({ pixelFormat }: TestPatternSettings): PixelFormatInfo {
  const format = pixelFormatInfo(pixelFormat);
  if (format === undefined) throw new RangeError(`no pixel format 0x${pixelFormat.toString(16)}`);
  return format;
}

function checked(settings: TestPatternSettings): TestPatternSettings {
  const { width, height, pattern } = settings;
  formatOf(settings);
  patternDefinition(pattern);
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new RangeError(`no picture of ${width}x${height}`);
  }
  return settings;
}

/** Offset of a sample without regard to pairs: text may begin at an odd pixel. */
function pixelSample(hsub: number, x: number, sampleBytes: number): number {
  return Math.floor(x / hsub) * sampleBytes;
}

/** Writes `count` equal lines. */
function fillRun(
  bytes: Uint8Array,
  start: number,
  bytesperline: number,
  count: number,
  source: Uint8Array,
): void {
  bytes.set(source, start);
  if (bytesperline !== source.length) {
    // Padding between the lines stays as it is.
    for (let row = 1; row < count; row++) bytes.set(source, start + row * bytesperline);
    return;
  }
  const total = count * bytesperline;
  const block = Math.min(total, Math.max(bytesperline, BLOCK_BYTES - (BLOCK_BYTES % bytesperline)));
  let filled = bytesperline;
  while (filled < block) {
    const size = Math.min(filled, block - filled);
    bytes.copyWithin(start + filled, start, start + size);
    filled += size;
  }
  while (filled < total) {
    const size = Math.min(block, total - filled);
    bytes.copyWithin(start + filled, start, start + size);
    filled += size;
  }
}
