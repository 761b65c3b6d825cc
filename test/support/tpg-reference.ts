/**
 * What a test picture must look like, pixel by pixel: the pattern's definition applied to one position at a time, with
 * nothing taken from src/tpg but the font. Device tests hold captured frames against it.
 *
 * Progressive frames, neutral colour controls but for brightness, no noise; Rec. 601 and 709.
 */
import { font8x16 } from "../../src/tpg/font-8x16.js";

export interface Scene {
  /** Pixels of the frame. */
  readonly width: number;
  readonly height: number;
  /** Pixels of the picture that the frame shows a part of; the frame's size if it shows all, unscaled. */
  readonly picture?: { readonly width: number; readonly height: number };
  /** That part, in pixels of the flipped picture. */
  readonly crop?: {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
  /** Four characters: one of {@link referenceFormats}. */
  readonly format: string;
  /** Menu item of the test pattern. */
  readonly pattern?: string;
  /** Menu items of the movements. */
  readonly horizontal?: string;
  readonly vertical?: string;
  readonly hflip?: boolean;
  readonly vflip?: boolean;
  readonly encoding?: "601" | "709";
  readonly fullRange?: boolean;
  /** 0 to 255, 128 is neutral; only for formats with luma and chroma. */
  readonly brightness?: number;
  readonly texts?: readonly { readonly x: number; readonly y: number; readonly text: string }[];
}

/** One memory plane of a captured frame. */
export interface CapturedPlane {
  readonly bytes: Uint8Array;
  readonly bytesperline: number;
}

type Rgb = readonly [number, number, number];
/** Y, Cb, Cr or R, G, B as stored, or luma alone. */
export type Components = readonly number[];

// ---- where bytes lie --------------------------------------------------------------------------------------------

interface Place {
  readonly plane: number;
  /** Line and byte in a component plane that begins `skip` bytes into its memory plane. */
  readonly skip: (stride: number, height: number) => number;
  readonly stride: (stride: number) => number;
  readonly line: (y: number) => number;
  readonly byte: (x: number) => number;
}

const identity = (value: number): number => value;
const half = (value: number): number => Math.floor(value / 2);
const inFirst = { plane: 0, skip: () => 0, stride: identity, line: identity };
const even = (x: number): number => x - (x % 2);

interface Format {
  readonly kind: "yuv" | "rgb" | "rgb565" | "luma";
  readonly places: readonly Place[];
  /** Pixels that share a chroma sample, horizontally and vertically. */
  readonly across: 1 | 2;
  readonly down: 1 | 2;
  /** Cb and Cr alternate byte by byte or word by word: text is drawn over them as if they were one component. */
  readonly interleaved?: boolean;
  /** The first of them is Cr. */
  readonly crFirst?: boolean;
}

/** `order`: which byte of a pair holds luma of the first pixel, Cb, Cr. */
function packed422(luma: number, cb: number, cr: number): Format {
  return {
    kind: "yuv",
    across: 2,
    down: 1,
    interleaved: true,
    crFirst: cr < cb,
    places: [
      { ...inFirst, byte: (x) => 2 * x + luma },
      { ...inFirst, byte: (x) => 2 * even(x) + cb },
      { ...inFirst, byte: (x) => 2 * even(x) + cr },
    ],
  };
}

function semiPlanar(down: 1 | 2, crFirst: boolean, separate: boolean): Format {
  const chroma = {
    plane: separate ? 1 : 0,
    skip: separate ? () => 0 : (stride: number, height: number) => stride * height,
    stride: identity,
    line: down === 2 ? half : identity,
  };
  return {
    kind: "yuv",
    across: 2,
    down,
    interleaved: true,
    crFirst,
    places: [
      { ...inFirst, byte: identity },
      { ...chroma, byte: (x) => even(x) + (crFirst ? 1 : 0) },
      { ...chroma, byte: (x) => even(x) + (crFirst ? 0 : 1) },
    ],
  };
}

function planar(down: 1 | 2, crFirst: boolean, separate = false): Format {
  const chroma = (second: boolean): Place => ({
    plane: separate ? (second ? 2 : 1) : 0,
    skip: (stride, height) =>
      separate ? 0 : stride * height + (second ? half(stride) * (height / down) : 0),
    stride: separate ? identity : half,
    line: down === 2 ? half : identity,
    byte: half,
  });
  return {
    kind: "yuv",
    across: 2,
    down,
    places: [{ ...inFirst, byte: identity }, chroma(crFirst), chroma(!crFirst)],
  };
}

/** Bytes per pixel, and the byte of red, green and blue. */
function bytes(size: number, ...offsets: number[]): Format {
  const places = offsets.map((offset) => ({ ...inFirst, byte: (x: number) => x * size + offset }));
  return { kind: offsets.length === 1 ? "luma" : "rgb", across: 1, down: 1, places };
}

const formats = new Map<string, Format>([
  ["YUYV", packed422(0, 1, 3)],
  ["UYVY", packed422(1, 0, 2)],
  ["YVYU", packed422(0, 3, 1)],
  ["VYUY", packed422(1, 2, 0)],
  ["NV12", semiPlanar(2, false, false)],
  ["NV21", semiPlanar(2, true, false)],
  ["NV16", semiPlanar(1, false, false)],
  ["NV61", semiPlanar(1, true, false)],
  ["NM12", semiPlanar(2, false, true)],
  ["NM21", semiPlanar(2, true, true)],
  ["NM16", semiPlanar(1, false, true)],
  ["YU12", planar(2, false)],
  ["YV12", planar(2, true)],
  ["422P", planar(1, false)],
  ["YM12", planar(2, false, true)],
  ["YM21", planar(2, true, true)],
  ["YM16", planar(1, false, true)],
  ["GREY", bytes(1, 0)],
  ["RGB3", bytes(3, 0, 1, 2)],
  ["BGR3", bytes(3, 2, 1, 0)],
  ["RGBP", { ...bytes(2, 0, 0, 0), kind: "rgb565" }],
  ["XR24", bytes(4, 2, 1, 0)],
  ["AR24", bytes(4, 2, 1, 0)],
  ["BX24", bytes(4, 1, 2, 3)],
  ["BA24", bytes(4, 1, 2, 3)],
]);

/** The formats that this file knows. */
export const referenceFormats: readonly string[] = [...formats.keys()];

function formatOf(scene: Scene): Format {
  const format = formats.get(scene.format);
  if (format === undefined) throw new Error(`the reference does not know ${scene.format}`);
  return format;
}

/** The components of pixel (x, y) as a frame has them. */
export function readPixel(scene: Scene, planes: readonly CapturedPlane[], x: number, y: number): Components {
  const { kind, places } = formatOf(scene);
  const byteAt = (place: Place, extra = 0): number => {
    const { bytes: memory, bytesperline } = planes[place.plane] ?? {
      bytes: new Uint8Array(),
      bytesperline: 0,
    };
    const at = place.skip(bytesperline, scene.height) + place.line(y) * place.stride(bytesperline);
    return memory[at + place.byte(x) + extra] ?? -1;
  };
  const [first] = places;
  if (kind === "rgb565" && first !== undefined) {
    const word = byteAt(first) + 256 * byteAt(first, 1);
    return [Math.floor(word / 2048), Math.floor(word / 32) % 64, word % 32];
  }
  return places.map((place) => byteAt(place));
}

// ---- what they must be ------------------------------------------------------------------------------------------

/** White, yellow, cyan, green, magenta, red, blue, black. */
const barColors: readonly Rgb[] = [
  [1, 1, 1],
  [1, 1, 0],
  [0, 1, 1],
  [0, 1, 0],
  [1, 0, 1],
  [1, 0, 0],
  [0, 0, 1],
  [0, 0, 0],
];

function bar(index: number, level: number): Rgb {
  const [r, g, b] = barColors[index % 8] ?? [0, 0, 0];
  return [r * level, g * level, b * level];
}

const gray = (level: number): Rgb => [level, level, level];
const blackOrWhite = (isWhite: boolean): Rgb => gray(isWhite ? 255 : 0);

/** Colour of the source picture at (x, y), both within it. */
function sourceColor(pattern: string, x: number, y: number, width: number, height: number): Rgb {
  const column = Math.floor((8 * x) / width);
  const row = Math.floor((8 * y) / height);
  const checker = (size: number): boolean => (Math.floor(x / size) + Math.floor(y / size)) % 2 === 1;
  const onCross = (size: number, center: (length: number) => number): boolean =>
    Math.floor((x + half(size)) / size) === center(width) ||
    Math.floor((y + half(size)) / size) === center(height);
  switch (pattern) {
    case "75% Colorbar":
      return bar(column, 191);
    case "100% Colorbar":
      return bar(column, 255);
    case "Horizontal 100% Colorbar":
      return bar(row, 255);
    case "100% Color Squares":
      return bar(row + column, 255);
    case "100% Black":
      return gray(0);
    case "100% White":
      return gray(255);
    case "100% Red":
      return [255, 0, 0];
    case "100% Green":
      return [0, 255, 0];
    case "100% Blue":
      return [0, 0, 255];
    case "16x16 Checkers":
      return blackOrWhite(!checker(16));
    case "2x2 Checkers":
      return blackOrWhite(checker(2));
    case "1x1 Checkers":
      return blackOrWhite(checker(1));
    case "Alternating Hor Lines":
      return blackOrWhite(y % 2 === 1);
    case "Alternating Vert Lines":
      return blackOrWhite(x % 2 === 1);
    case "One Pixel Wide Cross":
      return blackOrWhite(!onCross(1, half));
    case "Two Pixels Wide Cross":
      return blackOrWhite(!onCross(2, (length) => Math.floor(length / 4)));
    case "Ten Pixels Wide Cross":
      return blackOrWhite(!onCross(20, (length) => Math.floor(length / 40)));
    case "Gray Ramp":
      return gray(Math.floor((256 * x) / width));
    default:
      throw new Error(`the reference does not know the pattern ${pattern}`);
  }
}

/** How far the source has moved by frame `frame`: twice the step of a field for each. */
function shift(
  movement: string,
  width: number,
  slow: number,
  size: number,
  frame: number,
  flip: boolean,
): number {
  if (movement === "No Movement") return 0;
  const fast = movement.endsWith("Fast") ? 320 : 640;
  const step = movement.endsWith("Slow") ? slow : 4 * Math.ceil(width / fast);
  const forwards = /Left|Up/.test(movement) !== flip;
  const total = (2 * frame * step) % size;
  return forwards ? total : (size - total) % size;
}

/** What {@link components} has found for a scene: patterns have few colours, and frames many pixels. */
const knownColors = new WeakMap<Scene, Map<number, Components>>();

function storedColor(scene: Scene, kind: Format["kind"], color: Rgb): Components {
  let known = knownColors.get(scene);
  if (known === undefined) knownColors.set(scene, (known = new Map<number, Components>()));
  const key = (color[0] * 256 + color[1]) * 256 + color[2];
  let found = known.get(key);
  if (found === undefined) known.set(key, (found = components(scene, kind, color)));
  return found;
}

/** R'G'B' in 0 to 255 as stored components. */
function components(scene: Scene, kind: Format["kind"], [r, g, b]: Rgb): Components {
  if (kind === "rgb") return [r, g, b];
  if (kind === "rgb565") return [half(half(half(r))), half(half(g)), half(half(half(b)))];
  // 1/65536 of 16 times the value; tpg keeps four fractional bits of R'G'B' and drops those of the sum.
  const scaled = (terms: Rgb): number =>
    Math.floor((16 * (terms[0] * r + terms[1] * g + terms[2] * b)) / 65536);
  if (kind === "luma") return [Math.floor(scaled([13879, 46688, 4713]) / 16)];
  const full = scene.fullRange === true;
  const rounded = (range: number, [x, y, z]: Rgb): Rgb => {
    const coefficient = (value: number): number => Math.trunc(value * range * 256 + 0.5);
    return [coefficient(x), coefficient(y), coefficient(z)];
  };
  const matrix: readonly Rgb[] =
    scene.encoding === "709"
      ? [
          [0.2126, 0.7152, 0.0722],
          [-0.1146, -0.3854, 0.5],
          [0.5, -0.4542, -0.0458],
        ]
      : [
          [0.299, 0.587, 0.114],
          [-0.1687, -0.3313, 0.5],
          [0.5, -0.4187, -0.0813],
        ];
  return matrix.map((row, index) => {
    const range = full ? 255 : index === 0 ? 219 : 224;
    const foot = index > 0 ? 128 : full ? 0 : 16;
    const brighter = index === 0 ? (scene.brightness ?? 128) - 128 : 0;
    const value = Math.floor((scaled(rounded(range, row)) + 16 * foot) / 16) + brighter;
    const [low, high] = full ? [1, 254] : [16, index === 0 ? 235 : 240];
    return Math.min(Math.max(value, low), high);
  });
}

/**
 * Is there text, and if so, is the glyph set at this pixel? `across` and `down`: of a sample that stands for several
 * pixels. Text then takes every second pixel, counted from where it starts.
 */
function glyphAt(scene: Scene, x: number, y: number, across: 1 | 2, down: 1 | 2): boolean | undefined {
  const { width, height, hflip = false, vflip = false, texts = [] } = scene;
  for (const { x: left, y: top, text } of [...texts].reverse()) {
    if (top + 16 >= height || left + 8 >= width) continue;
    const firstColumn = hflip ? width - 8 - left : left;
    const firstRow = vflip ? height - 1 - top : top;
    const atX = across === 2 ? even(x) + (firstColumn % 2) : x;
    const atY = down === 2 ? even(y) + (firstRow % 2) : y;
    const column = (hflip ? width - 1 - atX : atX) - left;
    const row = vflip ? firstRow - atY : atY - firstRow;
    const index = Math.floor(column / 8);
    const fitting = Math.min(text.length, Math.floor((width - left) / 8));
    if (row < 0 || row >= 16 || index < 0 || index >= fitting) continue;
    const bits = font8x16[16 * text.charCodeAt(index) + row] ?? 0;
    return Math.floor(bits / 2 ** (7 - (column % 8))) % 2 === 1;
  }
  return undefined;
}

/**
 * The components that pixel (x, y) of frame `frame` (the first is 0) must have.
 * Of a pixel that shares chroma: the chroma it shares.
 */
export function expectedPixel(scene: Scene, frame: number, x: number, y: number): Components {
  const { pattern = "75% Colorbar", hflip = false, vflip = false } = scene;
  const { width, height } = scene.picture ?? scene;
  const crop = scene.crop ?? { left: 0, top: 0, width, height };
  const format = formatOf(scene);
  const right = shift(scene.horizontal ?? "No Movement", width, 2, width, frame, hflip);
  const down = shift(scene.vertical ?? "No Movement", width, 1, height, frame, false);

  // The picture at the scale of the frame: whole pairs of pixels, as many as fit.
  const scaledWidth = scene.crop === undefined ? width : even(Math.ceil((width * scene.width) / crop.width));
  /** Where pixel \`position\` of the picture begins, in scaled pixels; chroma that is shared begins at even ones. */
  const start = (position: number, paired: boolean): number => {
    const scaled = Math.floor((position * scaledWidth) / width);
    return paired ? even(scaled) : scaled;
  };
  const isPacked =
    format.across === 2 && format.places.every(({ plane, skip }) => plane === 0 && skip(1, 1) === 0);

  const source = (column: number, row: number, paired: boolean): Rgb => {
    const at = column + start(crop.left, paired) + start(right, paired);
    const pixel = (scaled: number): number => Math.floor((scaled * width) / scaledWidth);
    // Flipped, tpg mirrors the source; its even pixels come from two to the left of the mirror image.
    const moved = hflip ? 2 * width - 2 - pixel(at % 2 === 0 ? at + 1 : at - 1) : pixel(at);
    const shown = crop.top + Math.floor((row * crop.height) / scene.height);
    const line = vflip ? height - 1 - shown : shown;
    return sourceColor(pattern, moved % width, (line + down) % height, width, height);
  };
  const stored = (column: number, row: number, paired = isPacked): Components =>
    storedColor(scene, format.kind, source(column, row, paired));

  const [luma = 0, ...own] = stored(x, y);
  const [ink, paper] = pattern === "100% Black" ? [0, 255] : [pattern === "75% Colorbar" ? 191 : 255, 0];
  const letters = (isInk: boolean): Components => storedColor(scene, format.kind, gray(isInk ? ink : paper));
  const glyph = glyphAt(scene, x, y, 1, 1);
  if (format.across === 1) return glyph === undefined ? [luma, ...own] : letters(glyph);

  const firstRow = format.down === 2 ? even(y) : y;
  const mean = (index: number): number => {
    const ofLine = (row: number): number =>
      half((stored(even(x), row, true)[index] ?? 0) + (stored(even(x) + 1, row, true)[index] ?? 0));
    return format.down === 2 ? half(ofLine(firstRow) + ofLine(firstRow + 1)) : ofLine(y);
  };
  const chroma = [1, 2].map((index) => {
    // Interleaved chroma is overwritten byte by byte, each as if it belonged to the pixel above it.
    const isSecond = (index === 1) === (format.crFirst === true);
    const covered =
      format.interleaved === true
        ? glyphAt(scene, even(x) + (isSecond ? 1 : 0), y, 1, format.down)
        : glyphAt(scene, x, y, 2, format.down);
    if (covered === undefined) return mean(index);
    const component = format.interleaved === true ? (format.crFirst === true ? 2 : 1) : index;
    return letters(covered)[component] ?? 0;
  });
  return [glyph === undefined ? luma : (letters(glyph)[0] ?? 0), ...chroma];
}

/** Where and how a frame first differs from what it must be; undefined when it does not. */
export function firstDifference(
  scene: Scene,
  planes: readonly CapturedPlane[],
  frame: number,
): string | undefined {
  for (let y = 0; y < scene.height; y++) {
    for (let x = 0; x < scene.width; x++) {
      const found = readPixel(scene, planes, x, y);
      const expected = expectedPixel(scene, frame, x, y);
      if (found.length !== expected.length || found.some((value, index) => value !== expected[index])) {
        return `${scene.format} frame ${frame} at (${x}, ${y}): ${found.join()}, must be ${expected.join()}`;
      }
    }
  }
  return undefined;
}
