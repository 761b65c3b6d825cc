/** What a picture looks like, apart from where it is in its movement. */
import { Pattern } from "./patterns.js";
import { Colorspace, Field, Quantization, XferFunc, YcbcrEncoding } from "./values.js";

/** Movement per frame, by tpg's numbers. Negative: to the left or up. */
export const Movement = {
  NegativeFast: 0,
  Negative: 1,
  NegativeSlow: 2,
  None: 3,
  PositiveSlow: 4,
  Positive: 5,
  PositiveFast: 6,
} as const;

/** Menu items by {@link Movement} number, as in vivid. */
export const horizontalMovementNames: readonly string[] = [
  "Move Left Fast",
  "Move Left",
  "Move Left Slow",
  "No Movement",
  "Move Right Slow",
  "Move Right",
  "Move Right Fast",
];

/** The same for vertical movement. */
export const verticalMovementNames: readonly string[] = horizontalMovementNames.map((name) =>
  name.replace("Left", "Up").replace("Right", "Down"),
);

/** A part of the picture, in pixels. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** All that decides what the pictures look like. */
export interface TestPatternSettings {
  /** Pixels of the picture, at least 1. */
  readonly width: number;
  /** Lines of the picture: of the whole frame, also when `field` says that a buffer holds one field only. */
  readonly height: number;
  /** What frames show of the picture, after flipping; all of it when undefined. Lines are those of whole frames. */
  readonly crop: Area | undefined;
  /** Pixels of a frame, to which the crop is scaled (to the nearest pixel); the crop's own size when undefined. */
  readonly frameSize: { readonly width: number; readonly height: number } | undefined;
  /** A fourcc that `pixelFormatInfo` knows. */
  readonly pixelFormat: number;
  /** A {@link Field} number; with `Alternate` set the field of each buffer. */
  readonly field: number;
  /** Both fields of a frame are taken at the same instant (`V4L2_FIELD_ALTERNATE` sources). */
  readonly fieldAlternate: boolean;
  /** A {@link Pattern} number. */
  readonly pattern: number;
  readonly colorspace: number;
  readonly ycbcrEncoding: number;
  readonly quantization: number;
  readonly xferFunc: number;
  /** 0 to 255, 128 is neutral; so are contrast and saturation. */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** -128 to 128 for -180 to 180 degrees. */
  readonly hue: number;
  readonly hflip: boolean;
  readonly vflip: boolean;
  /** A {@link Movement} number. */
  readonly moveHorizontal: number;
  readonly moveVertical: number;
  /** 0 to 255, for the formats with alpha. */
  readonly alpha: number;
  /** Everything but red has alpha 0. */
  readonly alphaRedOnly: boolean;
  /** Any integer; equal seeds make equal noise. */
  readonly noiseSeed: number;
}

/** tpg's own defaults. */
export const defaultSettings = {
  crop: undefined,
  frameSize: undefined,
  field: Field.None,
  fieldAlternate: false,
  pattern: Pattern.Bars75,
  colorspace: Colorspace.Srgb,
  ycbcrEncoding: YcbcrEncoding.Default,
  quantization: Quantization.Default,
  xferFunc: XferFunc.Default,
  brightness: 128,
  contrast: 128,
  saturation: 128,
  hue: 0,
  hflip: false,
  vflip: false,
  moveHorizontal: Movement.None,
  moveVertical: Movement.None,
  alpha: 0,
  alphaRedOnly: false,
  noiseSeed: 1,
} as const satisfies Omit<TestPatternSettings, "width" | "height" | "pixelFormat">;

/** What must be given; the rest has defaults. */
export type InitialSettings = Partial<TestPatternSettings> &
  Pick<TestPatternSettings, "width" | "height" | "pixelFormat">;

/**
 * Pixels (or lines) by which a movement shifts the source per field, modulo `size`; a frame moves twice as far.
 * tpg: the width decides for both directions, and flipping horizontally keeps the direction that a viewer sees.
 */
export function movementStep(mode: number, width: number, size: number, slow: number, flip: boolean): number {
  const speed = (pixels: number): number => Math.ceil(width / pixels) * 4;
  const steps = [speed(320), speed(640), slow, 0, slow, speed(640), speed(320)];
  const step = steps[mode] ?? 0;
  const backwards = mode > Movement.None !== flip;
  return backwards ? size - step : step;
}

/** How a picture becomes a frame. */
export interface Geometry {
  readonly crop: Area;
  /** Size of the frame: of the whole one, also when a buffer holds one field only. */
  readonly width: number;
  readonly height: number;
  /** Width that the whole picture would have at the scale of the frame. */
  readonly scaledWidth: number;
}

export function geometryOf(settings: TestPatternSettings): Geometry {
  const { width, height, crop = { left: 0, top: 0, width, height } } = settings;
  const { width: frameWidth, height: frameHeight } = settings.frameSize ?? crop;
  // tpg: whole pairs of pixels, rounded down, but for a picture that is neither cropped nor scaled.
  const scaled = Math.ceil((width * frameWidth) / crop.width);
  const scaledWidth =
    settings.crop === undefined && settings.frameSize === undefined
      ? width
      : Math.max(2, scaled - (scaled % 2));
  return { crop, width: frameWidth, height: frameHeight, scaledWidth };
}
