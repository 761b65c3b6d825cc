/**
 * The sensor of the camera that is made of parts: one source pad, modes that show all of its array, and the controls that
 * camera stacks set. As with most sensors the frame rate is a matter of blanking:
 *
 *     frame interval = (width + HBLANK) * (height + VBLANK) / PIXEL_RATE
 *
 * It has no frame interval ioctls besides: v4l2-compliance 1.30 fails every sub-device that has them.
 */
import { SubDevice } from "../subdev/index.js";
import type { PadOps } from "../subdev/index.js";
import { patternNames, Pattern } from "../tpg/index.js";
import {
  Cid,
  Colorspace,
  ControlHandler,
  CtrlFlag,
  Field,
  MbusCode,
  SelectionTarget,
  V4l2Error,
} from "../v4l2/index.js";
import type { Control, MbusFormat, Rect } from "../v4l2/index.js";
import type { Look } from "./camera-controls.js";
import { nearestSize } from "./sizes.js";
import type { Size } from "./sizes.js";

/** Pixels of the array. */
export const SENSOR_SIZE: Size = { width: 1920, height: 1080 };
/** The smaller ones bin its pixels. */
const modes: readonly Size[] = [SENSOR_SIZE, { width: 1280, height: 720 }, { width: 640, height: 360 }];
/** The first is the default. */
export const sensorCodes: readonly number[] = [
  MbusCode.UYVY8_1X16,
  MbusCode.YUYV8_1X16,
  MbusCode.RGB888_1X24,
  MbusCode.Y8_1X8,
];

/** Hz. */
const PIXEL_RATE = 148_500_000n;
/** Pixels from the start of one line to that of the next: all modes take as long for a line. */
const LINE_LENGTH = 2200;
/** Lines from frame to frame at 30 frames per second, and at most. */
const DEFAULT_LINES = 2250;
const MAX_LINES = 65535;
const LEAST_VBLANK = 45;
/** Lines between the end of the exposure and the next frame. */
const EXPOSURE_MARGIN = 4;
const MAX_GAIN = 16;
const DEFAULT_EXPOSURE = DEFAULT_LINES / 2;
const NS_PER_SECOND = 1_000_000_000n;

/** A format of this camera's pads, all of which carry its pictures as they are. An unknown code becomes the first. */
export function mbusFormat({ width, height }: Size, code: number): MbusFormat {
  return {
    width,
    height,
    code: sensorCodes.includes(code) ? code : MbusCode.UYVY8_1X16,
    field: Field.None,
    colorspace: Colorspace.Srgb,
    ycbcrEnc: 0,
    quantization: 0,
    xferFunc: 0,
    flags: 0,
  };
}

const wholeArray: Rect = { left: 0, top: 0, ...SENSOR_SIZE };

/** @throws {V4l2Error} EINVAL - there is no such target. */
function arrayAsTarget(target: number): Rect {
  switch (target) {
    case SelectionTarget.NativeSize:
    case SelectionTarget.CropBounds:
    case SelectionTarget.CropDefault:
    case SelectionTarget.Crop:
      return wholeArray;
    default:
      throw new V4l2Error("EINVAL", `the sensor has no selection target ${target}`);
  }
}

/** The sub-device, its controls, and what follows from them for pictures. */
export class Sensor {
  readonly subDevice: SubDevice;
  readonly #handler = new ControlHandler();
  readonly #vblank: Control<number>;
  readonly #hblank: Control<number>;
  readonly #exposure: Control<number>;
  readonly #gain: Control<number>;

  /** @param onChange - Pictures look different from the next one on. */
  constructor(name: string, driver: string, onChange: (look: Partial<Look>) => void) {
    const { width, height } = SENSOR_SIZE;
    const handler = this.#handler;
    handler.addStandard(Cid.Hflip, {
      set: (hflip) => {
        onChange({ hflip });
      },
    });
    handler.addStandard(Cid.Vflip, {
      set: (vflip) => {
        onChange({ vflip });
      },
    });
    this.#exposure = handler.addStandard(Cid.Exposure, {
      min: 1,
      max: DEFAULT_LINES - EXPOSURE_MARGIN,
      default: DEFAULT_EXPOSURE,
      set: (lines) => {
        onChange({ brightness: brightness(lines, this.#gain.value) });
      },
    });
    this.#gain = handler.addStandard(Cid.AnalogueGain, {
      min: 1,
      max: MAX_GAIN,
      default: 1,
      set: (gain) => {
        onChange({ brightness: brightness(this.#exposure.value, gain) });
      },
    });
    this.#vblank = handler.addStandard(Cid.Vblank, {
      ...vblankRange(height),
      set: (lines) => {
        const { height: active } = this.subDevice.active.at(0).format;
        this.#exposure.modifyRange({
          min: 1,
          max: active + lines - EXPOSURE_MARGIN,
          default: Math.min(DEFAULT_EXPOSURE, active + lines - EXPOSURE_MARGIN),
        });
      },
    });
    this.#hblank = handler.addStandard(Cid.Hblank, { ...hblankRange(width), flags: CtrlFlag.ReadOnly });
    handler.addStandard(Cid.PixelRate, { min: PIXEL_RATE, max: PIXEL_RATE, default: PIXEL_RATE });
    handler.addMenu(Cid.TestPattern, {
      items: patternNames,
      default: Pattern.Bars75,
      set: (pattern) => {
        onChange({ pattern });
      },
    });
    this.subDevice = new SubDevice({
      name,
      driver,
      title: "sensor",
      pads: ["source"],
      ops: this.#padOps(),
      controls: handler,
      logStatus: (print) => {
        handler.logStatus(print);
      },
    });
  }

  /** Puts all controls into effect. */
  setup(): void {
    this.#handler.setup();
  }

  /** Time between frames. */
  get intervalNs(): bigint {
    const { height } = this.subDevice.active.at(0).format;
    return (BigInt(LINE_LENGTH * (height + this.#vblank.value)) * NS_PER_SECOND) / PIXEL_RATE;
  }

  #padOps(): PadOps {
    return {
      initState: (state) => {
        state.set(0, { format: mbusFormat(SENSOR_SIZE, 0) });
      },
      enumMbusCode: (_state, { index }) => {
        const code = sensorCodes[index];
        return code === undefined ? undefined : { code };
      },
      enumFrameSize: (_state, { index, code }) => {
        const mode = modes[index];
        if (mode === undefined || !sensorCodes.includes(code)) return undefined;
        const { width, height } = mode;
        return { minWidth: width, maxWidth: width, minHeight: height, maxHeight: height };
      },
      setFmt: (state, { pad, format }) => {
        const set = mbusFormat(nearestSize(format, modes), format.code);
        const isOther = set.height !== state.at(pad).format.height;
        state.at(pad).format = set;
        if (isOther && state === this.subDevice.active) this.#modeChanged(set);
        return set;
      },
      getSelection: (_state, { target }) => arrayAsTarget(target),
      /** All of the array is read, whatever a client wants. */
      setSelection: (_state, { target }) => {
        if (target !== SelectionTarget.Crop) throw new V4l2Error("EINVAL", `target ${target} cannot be set`);
        return arrayAsTarget(target);
      },
    };
  }

  /** Another mode has other blanking, and begins with the default frame rate. */
  #modeChanged({ width, height }: Size): void {
    const vblank = vblankRange(height);
    this.#hblank.modifyRange(hblankRange(width));
    this.#vblank.modifyRange(vblank);
    this.#vblank.setValue(vblank.default);
  }
}

const hblankRange = (width: number) => {
  const pixels = LINE_LENGTH - width;
  return { min: pixels, max: pixels, default: pixels };
};

const vblankRange = (height: number) => ({
  min: LEAST_VBLANK,
  max: MAX_LINES - height,
  default: DEFAULT_LINES - height,
});

/** The picture generator's: twice the light is so many steps more. */
function brightness(exposureLines: number, gain: number): number {
  const stops = Math.log2((exposureLines * gain) / DEFAULT_EXPOSURE);
  return Math.min(255, Math.max(0, Math.round(NEUTRAL + STEPS_PER_STOP * stops)));
}

const NEUTRAL = 128;
const STEPS_PER_STOP = 32;
