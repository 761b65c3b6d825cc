/**
 * The patterns: which colour a pixel of the source picture has. Names and order are those of tpg, so that a driver
 * can offer them as its test pattern menu.
 */
import type { Triple } from "./colorimetry.js";

/** A colour before any conversion: sRGB, 0 to 255. */
export interface SourceColor {
  readonly rgb: Triple;
  /** Belongs to the bars that the CSC pattern converts to the colorspace in use. */
  readonly csc: boolean;
  /** Takes alpha when only red shall be opaque. */
  readonly red: boolean;
}

/** White, yellow, cyan, green, magenta, red, blue, black: the ITU-R order, by falling luma. */
function bars(high: number, low: number, csc: boolean): readonly SourceColor[] {
  const names = ["rgb", "rg", "gb", "g", "rb", "r", "b", ""];
  return names.map((on) => {
    const level = (component: string): number => (on.includes(component) ? high : low);
    return { rgb: [level("r"), level("g"), level("b")], csc, red: on === "r" };
  });
}

function pick(colors: readonly SourceColor[], index: number): SourceColor {
  const color = colors[index % 8];
  if (color === undefined) throw new RangeError(`no colour ${index}`);
  return color;
}

const bars100 = bars(255, 0, false);
const bars75 = bars(191, 0, false);
/** In range of every colorspace: no component clips when the primaries change. */
const cscBars = bars(191, 50, true);
const ramp = Array.from({ length: 256 }, (_, level) => grey(level));

export function grey(level: number): SourceColor {
  return { rgb: [level, level, level], csc: false, red: false };
}

export const white = pick(bars100, 0);
export const black = pick(bars100, 7);
export const cscBlack = pick(cscBars, 7);
export const grey75 = pick(bars75, 0);
export const cscWhite = pick(cscBars, 0);
const green = pick(bars100, 3);
const red = pick(bars100, 5);
const blue = pick(bars100, 6);

/** Pattern numbers: the menu's, and tpg's. */
export const Pattern = {
  Bars75: 0,
  Bars100: 1,
  CscBars: 2,
  HorizontalBars100: 3,
  Squares100: 4,
  Black: 5,
  White: 6,
  Red: 7,
  Green: 8,
  Blue: 9,
  Checkers16x16: 10,
  Checkers2x2: 11,
  Checkers1x1: 12,
  RedGreenCheckers2x2: 13,
  RedGreenCheckers1x1: 14,
  HorizontalLines: 15,
  VerticalLines: 16,
  Cross1: 17,
  Cross2: 18,
  Cross10: 19,
  GrayRamp: 20,
  Noise: 21,
} as const;

export interface PatternDefinition {
  /** The menu item. */
  readonly name: string;
  /** How many different lines the pattern has. */
  readonly lines: number;
  /** Which of them is line `y` of a picture of `height` lines; 0 when left out. */
  readonly lineAt?: (y: number, height: number) => number;
  /** The colour of pixel `x` of that line; `x` may be up to twice `width`, where the pattern repeats. */
  readonly colorAt: (line: number, x: number, width: number) => SourceColor;
}

function plain(name: string, color: SourceColor): PatternDefinition {
  return { name, lines: 1, colorAt: () => color };
}

function verticalBars(name: string, colors: readonly SourceColor[]): PatternDefinition {
  return { name, lines: 1, colorAt: (_line, x, width) => pick(colors, Math.floor((x * 8) / width)) };
}

const eighth = (y: number, height: number): number => Math.floor((y * 8) / height);

/** Squares of 2^`shift` pixels; `first` is the colour of the top left one. */
function checkers(name: string, shift: number, first: SourceColor, second: SourceColor): PatternDefinition {
  return {
    name,
    lines: 2,
    lineAt: (y) => (y >> shift) & 1,
    colorAt: (line, x) => (((x >> shift) & 1) === line ? first : second),
  };
}

/** Black lines through the middle. `isMiddle` decides for columns of a width and lines of a height alike. */
function cross(name: string, isMiddle: (position: number, size: number) => boolean): PatternDefinition {
  return {
    name,
    lines: 2,
    lineAt: (y, height) => (isMiddle(y, height) ? 1 : 0),
    colorAt: (line, x, width) => (line === 1 || isMiddle(x % width, width) ? black : white),
  };
}

const definitions: readonly PatternDefinition[] = [
  verticalBars("75% Colorbar", bars75),
  verticalBars("100% Colorbar", bars100),
  verticalBars("CSC Colorbar", cscBars),
  {
    name: "Horizontal 100% Colorbar",
    lines: 8,
    lineAt: eighth,
    colorAt: (line) => pick(bars100, line),
  },
  {
    name: "100% Color Squares",
    lines: 8,
    lineAt: eighth,
    colorAt: (line, x, width) => pick(bars100, line + Math.floor((x * 8) / width)),
  },
  plain("100% Black", black),
  plain("100% White", white),
  plain("100% Red", red),
  plain("100% Green", green),
  plain("100% Blue", blue),
  checkers("16x16 Checkers", 4, white, black),
  checkers("2x2 Checkers", 1, black, white),
  checkers("1x1 Checkers", 0, black, white),
  // The names say green, tpg draws blue. So do we.
  checkers("2x2 Red/Green Checkers", 1, blue, red),
  checkers("1x1 Red/Green Checkers", 0, blue, red),
  {
    name: "Alternating Hor Lines",
    lines: 2,
    lineAt: (y) => y & 1,
    colorAt: (line) => (line === 1 ? white : black),
  },
  { name: "Alternating Vert Lines", lines: 1, colorAt: (_line, x) => ((x & 1) === 1 ? white : black) },
  cross("One Pixel Wide Cross", (position, size) => position === size >> 1),
  cross("Two Pixels Wide Cross", (position, size) => (position + 1) >> 1 === size >> 2),
  cross(
    "Ten Pixels Wide Cross",
    (position, size) => Math.floor((position + 10) / 20) === Math.floor(size / 40),
  ),
  {
    name: "Gray Ramp",
    lines: 1,
    colorAt: (_line, x, width) => ramp[Math.floor(((x % width) * 256) / width)] ?? white,
  },
  // Noise is made of random pixels, not of source colours; see lines.ts.
  plain("Noise", black),
];

/** Menu items by {@link Pattern} number. */
export const patternNames: readonly string[] = definitions.map(({ name }) => name);

/** @throws {RangeError} there is no such pattern. */
export function patternDefinition(pattern: number): PatternDefinition {
  const definition = definitions[pattern];
  if (definition === undefined) throw new RangeError(`no test pattern ${pattern}`);
  return definition;
}
