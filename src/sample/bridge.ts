/** What lies between sensor and memory: takes any part of what arrives, and scales it to any size. */
import type { PadOps, PadState, SubdevState } from "../subdev/index.js";
import { SelectionTarget, V4l2Error } from "../v4l2/index.js";
import type { Rect } from "../v4l2/index.js";
import { wholeOf } from "./inputs.js";
import { mbusFormat, SENSOR_SIZE, sensorCodes } from "./sensor.js";
import { nearestSize, within } from "./sizes.js";
import type { Size, Sizes } from "./sizes.js";

export const SINK = 0;
export const SOURCE = 1;

/** What leaves has the code of what arrives. */
const codesOf = (state: SubdevState, pad: number): readonly number[] =>
  pad === SINK ? sensorCodes : [state.at(SINK).format.code];

/** Of what it takes, and of what it makes. */
export const bridgeSizes: Exclude<Sizes, readonly Size[]> = {
  least: { width: 16, height: 16 },
  most: SENSOR_SIZE,
  step: 2,
};

/** A part of `whole`: even numbers, not smaller than the least size. */
function partOf({ width, height }: Size, wish: Rect): Rect {
  const { least, step } = bridgeSizes;
  const size = {
    width: within(wish.width, least.width, width, step),
    height: within(wish.height, least.height, height, step),
  };
  return {
    ...size,
    left: within(Math.max(0, wish.left), 0, width - size.width, step),
    top: within(Math.max(0, wish.top), 0, height - size.height, step),
  };
}

const cropOf = (sink: PadState): Rect => sink.crop ?? wholeOf(sink.format);

export const bridgeOps: PadOps = {
  initState: (state) => {
    const format = mbusFormat(SENSOR_SIZE, 0);
    state.set(SINK, { format, crop: wholeOf(format) });
    state.set(SOURCE, { format });
  },
  enumMbusCode: (state, { pad, index }) => {
    const code = codesOf(state, pad)[index];
    return code === undefined ? undefined : { code };
  },
  enumFrameSize: (state, { pad, index, code }) => {
    const { least, most } = bridgeSizes;
    if (index !== 0 || !codesOf(state, pad).includes(code)) return undefined;
    return { minWidth: least.width, maxWidth: most.width, minHeight: least.height, maxHeight: most.height };
  },
  /** A format of the sink is that of the source, too, until that gets another size. */
  setFmt: (state, { pad, format }) => {
    const { code } = pad === SINK ? format : state.at(SINK).format;
    const set = mbusFormat(nearestSize(format, bridgeSizes), code);
    if (pad === SINK) state.set(SINK, { format: set, crop: wholeOf(set) });
    state.at(SOURCE).format = set;
    return set;
  },
  getSelection: (state, { pad, target }) => {
    const sink = state.at(SINK);
    if (pad === SINK && target === SelectionTarget.Crop) return cropOf(sink);
    if (pad === SINK && (target === SelectionTarget.CropBounds || target === SelectionTarget.CropDefault))
      return wholeOf(sink.format);
    throw new V4l2Error("EINVAL", `pad ${pad} has no selection target ${target}`);
  },
  setSelection: (state, { pad, target, rect }) => {
    if (pad !== SINK || target !== SelectionTarget.Crop)
      throw new V4l2Error("EINVAL", `selection target ${target} of pad ${pad} cannot be set`);
    const sink = state.at(SINK);
    sink.crop = partOf(sink.format, rect);
    return sink.crop;
  },
};
