/** Frame sizes and frame intervals that an input has, as a list or as a range, and the one nearest to a wish. */
import type { Fract, FrameInterval, FrameSize } from "../v4l2/index.js";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A list, or all between two sizes in steps of so many pixels. */
export type Sizes = readonly Size[] | { readonly least: Size; readonly most: Size; readonly step: number };

/** Seconds per frame: a list, or all between two. */
export type Intervals = readonly Fract[] | { readonly least: Fract; readonly most: Fract };

function isList<T>(values: readonly T[] | object): values is readonly T[] {
  return Array.isArray(values);
}

/** Rounds down to a multiple of `step`, within bounds that are multiples too. */
export function within(value: number, least: number, most: number, step: number): number {
  return Math.min(Math.max(value - (value % step), least), most);
}

/** Of a list the one with the least difference in width and height, as v4l2_find_nearest_size counts it. */
export function nearestSize({ width, height }: Size, sizes: Sizes): Size {
  if (!isList<Size>(sizes)) {
    const { least, most, step } = sizes;
    return {
      width: within(width, least.width, most.width, step),
      height: within(height, least.height, most.height, step),
    };
  }
  const distance = (size: Size): number => Math.abs(size.width - width) + Math.abs(size.height - height);
  return sizes.reduce((best, size) => (distance(size) < distance(best) ? size : best));
}

/** ENUM_FRAMESIZES. */
export function frameSizeAt(sizes: Sizes, index: number): FrameSize | undefined {
  if (isList<Size>(sizes)) {
    const size = sizes[index];
    return size && { kind: "discrete", ...size };
  }
  const { least, most, step } = sizes;
  if (index !== 0) return undefined;
  return {
    kind: "stepwise",
    minWidth: least.width,
    maxWidth: most.width,
    stepWidth: step,
    minHeight: least.height,
    maxHeight: most.height,
    stepHeight: step,
  };
}

export function hasSize(sizes: Sizes, { width, height }: Size): boolean {
  const nearest = nearestSize({ width, height }, sizes);
  return nearest.width === width && nearest.height === height;
}

const seconds = ({ numerator, denominator }: Fract): number => numerator / denominator;

/** A wish with a zero in it is none, and gets the default (as S_PARM demands). */
export function nearestInterval(wish: Fract, intervals: Intervals, fallback: Fract): Fract {
  if (wish.numerator === 0 || wish.denominator === 0) return fallback;
  const wanted = seconds(wish);
  if (!isList<Fract>(intervals)) {
    const { least, most } = intervals;
    if (wanted <= seconds(least)) return least;
    return wanted >= seconds(most) ? most : wish;
  }
  const distance = (interval: Fract): number => Math.abs(seconds(interval) - wanted);
  return intervals.reduce((best, interval) => (distance(interval) < distance(best) ? interval : best));
}

/** ENUM_FRAMEINTERVALS. */
export function frameIntervalAt(intervals: Intervals, index: number): FrameInterval | undefined {
  if (isList<Fract>(intervals)) {
    const interval = intervals[index];
    return interval && { kind: "discrete", interval };
  }
  if (index !== 0) return undefined;
  const { least, most } = intervals;
  return { kind: "continuous", min: least, max: most, step: { numerator: 1, denominator: 1 } };
}
