/** The camera's inputs: what each can do, and what it is set to. */
import { Pattern } from "../tpg/index.js";
import type { Fract, Rect } from "../v4l2/index.js";
import type { Mode } from "./modes.js";
import type { Intervals, Size, Sizes } from "./sizes.js";
import { nearestInterval } from "./sizes.js";

export interface InputProfile {
  readonly name: string;
  readonly sizes: Sizes;
  readonly defaultSize: Size;
  /** Of frames of one size: large ones come slower. */
  readonly intervals: (size: Size) => Intervals;
  readonly defaultInterval: Fract;
  /** A `Pattern` number of the generator. */
  readonly defaultPattern: number;
  /** Pixels of the sensor, of which any part can be scaled to the frame; undefined: the sensor follows the frame. */
  readonly sensor: Size | undefined;
  /** Mounted upside down: shows the picture rotated by 180 degrees until the flip controls correct that. */
  readonly isRotated: boolean;
}

const perSecond = (frames: number): Fract => ({ numerator: 1, denominator: frames });

/** Frames per second of the webcam by the frame's width: the rates of the last entry that is not wider. */
const webcamRates: readonly (readonly [width: number, rates: readonly number[]])[] = [
  [0, [60, 50, 30, 25, 15, 10, 5, 1]],
  [1280, [60, 30, 25, 10, 1]],
  [1920, [60, 30, 25, 1]],
  [3840, [30, 15]],
];

/** As webcams are: a list of sizes, from small to large, and a list of rates, the fastest first. No cropping. */
const webcam: InputProfile = {
  name: "Webcam",
  sizes: [
    { width: 320, height: 180 },
    { width: 320, height: 240 },
    { width: 640, height: 360 },
    { width: 640, height: 480 },
    { width: 1280, height: 720 },
    { width: 1920, height: 1080 },
    { width: 3840, height: 2160 },
  ],
  defaultSize: { width: 640, height: 480 },
  intervals: ({ width }) =>
    (webcamRates.filter(([least]) => least <= width).at(-1)?.[1] ?? []).map(perSecond),
  defaultInterval: perSecond(30),
  defaultPattern: Pattern.Bars75,
  sensor: undefined,
  isRotated: false,
};

/** As camera modules are: a sensor with a scaler behind it that makes any size of any part of it. */
const sensor: InputProfile = {
  name: "Sensor, upside down",
  sizes: { least: { width: 16, height: 16 }, most: { width: 1920, height: 1080 }, step: 2 },
  defaultSize: { width: 1280, height: 720 },
  intervals: () => ({ least: perSecond(60), most: perSecond(1) }),
  defaultInterval: perSecond(25),
  defaultPattern: Pattern.Squares100,
  sensor: { width: 1920, height: 1080 },
  isRotated: true,
};

export const inputProfiles: readonly [InputProfile, ...InputProfile[]] = [webcam, sensor];

/** What an input is set to; kept while another one is in use. */
export interface InputState {
  readonly profile: InputProfile;
  mode: Mode;
  interval: Fract;
  pattern: number;
  /** Of the sensor; undefined without one. */
  crop: Rect | undefined;
}

/** Sets the frame interval to the nearest that there is for the frame's size; a wish with a zero gets the default. */
export function setInterval(input: InputState, wish: Fract): void {
  const { intervals, defaultInterval } = input.profile;
  input.interval = nearestInterval(wish, intervals(input.mode), defaultInterval);
}

/** All of a sensor. */
export function wholeOf({ width, height }: Size): Rect {
  return { left: 0, top: 0, width, height };
}
