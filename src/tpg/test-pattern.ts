/** The generator itself. */
import { Palette } from "./colors.js";
import { frameLayout, pixelFormatInfo, pixelOffset } from "./pixel-layouts.js";
import type { ComponentLayout, FrameLayout, PixelFormatInfo } from "./pixel-layouts.js";
import { noiseOffset, prepareLines, type PlaneLines } from "./lines.js";
import { Pattern, patternDefinition } from "./patterns.js";
import { rowSources } from "./rows.js";
import { defaultSettings, geometryOf, movementStep } from "./settings.js";
import type { Geometry, InitialSettings, TestPatternSettings } from "./settings.js";
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphNumbers, GlyphRows } from "./glyphs.js";
import { Field, hasOneField, isSequential } from "./values.js";

/** One memory plane of a frame. */
export interface PlaneMemory {
  /** May be larger than the picture; what lies outside the pixels is never touched. */
  readonly bytes: Uint8Array;
  readonly bytesperline: number;
}

/** Copies within a run of equal lines are made in blocks of about this size, which stay in the processor's cache. */
const BLOCK_BYTES = 64 * 1024;

/** Lines of a component plane that follow each other and are equal. */
interface Run {
  readonly start: number;
  readonly count: number;
  readonly source: Uint8Array;
}

/** Everything that follows from the settings. */
interface Prepared {
  readonly format: PixelFormatInfo;
  readonly geometry: Geometry;
  readonly lines: readonly PlaneLines[];
  readonly glyphs: readonly GlyphRows[];
  /** Lines of a buffer: half of the frame's when it holds one field. */
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
  #layout: { readonly strides: readonly number[]; readonly frame: FrameLayout } | undefined;
  /** Of each component plane, for this frame and layout. */
  #runs: readonly (readonly Run[])[] | undefined;
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
    this.#runs = undefined;
  }

  /** Moves on to the next frame; a buffer that holds a single field moves half as far. */
  advance(): void {
    const { width, height } = this.#settings;
    const steps = this.#frameSteps();
    this.#move(this.#frame + 1, (this.#shiftX + steps.x) % width, (this.#shiftY + steps.y) % height);
  }

  /**
   * Goes to frame `frame` as if `advance` had been called so often since the start, with these settings.
   * @param frame - At most 2^32.
   */
  seek(frame: number): void {
    const { width, height } = this.#settings;
    const steps = this.#frameSteps();
    this.#move(frame, (frame * steps.x) % width, (frame * steps.y) % height);
  }

  /** Back to the first frame. */
  restart(): void {
    this.#move(0, 0, 0);
  }

  #frameSteps() {
    const fields = hasOneField(this.#settings.field) ? 1 : 2;
    const { x, y } = stepsOf(this.#settings);
    return { x: fields * x, y: fields * y };
  }

  #move(frame: number, shiftX: number, shiftY: number): void {
    const isSame = shiftX === this.#shiftX && shiftY === this.#shiftY;
    if (!isSame || this.#settings.pattern === Pattern.Noise) this.#runs = undefined;
    this.#frame = frame;
    this.#shiftX = shiftX;
    this.#shiftY = shiftY;
  }

  /**
   * Draws the picture into a frame: one entry for each memory plane of the format (NV12: one, NV12M: two).
   *
   * @throws {RangeError} planes are missing, or too small for the picture.
   */
  fillPlanes(planes: readonly PlaneMemory[]): void {
    const layout = this.#layoutFor(planes, this.#prepare());
    const runs = (this.#runs ??= layout.components.map((component, index) => this.#runsOf(component, index)));
    for (const [index, component] of layout.components.entries()) {
      const memory = planes[component.memoryPlane];
      if (memory === undefined) continue;
      const { offset, bytesperline } = component;
      for (const { start, count, source } of runs[index] ?? []) {
        fillRun(memory.bytes, offset + start * bytesperline, bytesperline, count, source);
      }
    }
  }

  /**
   * Writes one line of text, 8x16 pixels for each character, its top left corner at pixel (`x`, `y`) of the buffer.
   * As in tpg: characters that do not fit are left out, and the whole line unless `x` + 8 and `y` + 16 are less than
   * the frame's size; a newline is a glyph like any other; flipped pictures have flipped text.
   * Differs from tpg: negative positions draw nothing, there they leave the buffer.
   *
   * @throws {RangeError} as {@link fillPlanes}.
   */
  drawText(planes: readonly PlaneMemory[], x: number, y: number, text: string): void {
    const { field, hflip, vflip } = this.#settings;
    const prepared = this.#prepare();
    const { format, rows } = prepared;
    const { width } = prepared.geometry;
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
      const { hflip, field } = settings;
      const format = formatOf(settings);
      const geometry = geometryOf(settings);
      const palette = new Palette(settings, format.encoding);
      const columns = Math.floor(geometry.width / GLYPH_WIDTH);
      this.#prepared = {
        format,
        geometry,
        lines: prepareLines(settings, format, palette),
        glyphs: format.planes.map(
          (plane) => new GlyphRows(plane, palette.textForeground, palette.textBackground, hflip, columns),
        ),
        rows: hasOneField(field) ? geometry.height >> 1 : geometry.height,
      };
    }
    return this.#prepared;
  }

  #layoutFor(planes: readonly PlaneMemory[], { format, geometry, rows }: Prepared): FrameLayout {
    const known = this.#layout;
    const isKnown =
      known?.strides.length === planes.length &&
      planes.every(({ bytesperline }, index) => bytesperline === known.strides[index]);
    if (known === undefined || !isKnown) {
      const strides = planes.map(({ bytesperline }) => bytesperline);
      const frame = frameLayout(format, geometry.width, rows, { bytesperline: strides });
      this.#layout = { strides, frame };
      this.#runs = undefined;
      return this.#checkedLayout(planes, format, frame);
    }
    return this.#checkedLayout(planes, format, known.frame);
  }

  #checkedLayout(planes: readonly PlaneMemory[], format: PixelFormatInfo, frame: FrameLayout): FrameLayout {
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

  /** The lines of a component plane in runs of equal ones. */
  #runsOf({ lineBytes, rows }: ComponentLayout, index: number): Run[] {
    const sources = this.#sources(index, lineBytes);
    const runs: Run[] = [];
    let start = 0;
    while (start < rows) {
      const source = sources[start];
      let end = start + 1;
      while (end < rows && sources[end] === source) end++;
      if (source !== undefined) runs.push({ start, count: end - start, source });
      start = end;
    }
    return runs;
  }

  /** The piece of a prepared line that each line of a component plane is; equal ones are the same object. */
  #sources(index: number, lineBytes: number): (Uint8Array | undefined)[] {
    const settings = this.#settings;
    const { format, rows, lines: planeLines, geometry } = this.#prepare();
    const plane = format.planes[index];
    const lines = planeLines[index];
    if (plane === undefined || lines === undefined) return [];
    const steps = stepsOf(settings);
    const older = { x: this.#shiftX, y: this.#shiftY };
    const newer = { x: (older.x + steps.x) % settings.width, y: (older.y + steps.y) % settings.height };
    const sources = rowSources(settings, plane.vsub, rows, { older: older.y, newer: newer.y });

    const scaled = (x: number): number => Math.floor((x * geometry.scaledWidth) / settings.width);
    const left = pixelOffset(plane, scaled(geometry.crop.left));
    const piece = (line: Uint8Array | undefined, x: number): Uint8Array | undefined => {
      const start = left + pixelOffset(plane, x);
      return line?.subarray(start, start + lineBytes);
    };
    if (settings.pattern === Pattern.Noise) {
      return sources.map(({ bufferRow }) =>
        piece(lines.plain[0], noiseOffset(settings.noiseSeed, geometry.scaledWidth, this.#frame, bufferRow)),
      );
    }
    const piecesAt = (x: number) => ({
      plain: lines.plain.map((line) => piece(line, scaled(x))),
      averaged: lines.averaged.map((line) => piece(line, scaled(x))),
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
  const { width, height, pattern, crop, frameSize } = settings;
  formatOf(settings);
  patternDefinition(pattern);
  const isSize = (...lengths: number[]): boolean => lengths.every((n) => Number.isInteger(n) && n >= 1);
  if (!isSize(width, height)) throw new RangeError(`no picture of ${width}x${height}`);
  if (frameSize !== undefined && !isSize(frameSize.width, frameSize.height)) {
    throw new RangeError(`no frame of ${frameSize.width}x${frameSize.height}`);
  }
  if (crop === undefined) return settings;
  const { left, top } = crop;
  const isInside =
    isSize(crop.width, crop.height, left + 1, top + 1) &&
    left + crop.width <= width &&
    top + crop.height <= height;
  if (!isInside) throw new RangeError(`no crop of ${crop.width}x${crop.height} at (${left}, ${top})`);
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
