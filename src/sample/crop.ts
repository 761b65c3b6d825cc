/** G_SELECTION and S_SELECTION of an input with a sensor: which part of it is scaled to the frame. */
import type { Rect, SetSelectionRequest } from "../v4l2/index.js";
import { BufType, SelectionFlag, SelectionTarget, V4l2Error } from "../v4l2/index.js";
import type { InputState } from "./inputs.js";
import { wholeOf } from "./inputs.js";
import type { Size } from "./sizes.js";
import { within } from "./sizes.js";

/** Crops begin and end at even pixels, where formats with shared chroma can be cut. */
const STEP = 2;
/** Times that a crop may be enlarged to the sensor's size, in each direction. */
const MAX_ZOOM = 8;

/**
 * @throws {V4l2Error} ENODATA - the input cannot crop; EINVAL - another queue, or a target that nobody has here.
 */
export function getSelection(input: InputState, request: { type: BufType; target: number }): Rect {
  const { sensor, crop } = croppable(input, request.type);
  switch (request.target) {
    case SelectionTarget.Crop:
      return crop;
    case SelectionTarget.CropDefault:
    case SelectionTarget.CropBounds:
    case SelectionTarget.NativeSize:
      return wholeOf(sensor);
    default:
      throw new V4l2Error("EINVAL", `no selection target 0x${request.target.toString(16)}`);
  }
}

/**
 * The crop that the sensor makes of a wish.
 * @throws {V4l2Error} as {@link getSelection}; EINVAL - not `Crop`; ERANGE - nothing satisfies the flags.
 */
export function nearestCrop(input: InputState, request: SetSelectionRequest): Rect {
  const { sensor } = croppable(input, request.type);
  const { target, rect, flags } = request;
  if (target !== SelectionTarget.Crop)
    throw new V4l2Error("EINVAL", `selection target 0x${target.toString(16)} cannot be set`);
  const upwards = (flags & SelectionFlag.Ge) !== 0;
  const length = (wish: number, most: number): number => {
    const least = Math.ceil(most / MAX_ZOOM / STEP) * STEP;
    return within(upwards ? wish + (wish % STEP) : wish, least, most, STEP);
  };
  const width = length(rect.width, sensor.width);
  const height = length(rect.height, sensor.height);
  const isTooSmall = width < rect.width || height < rect.height;
  const isTooLarge = width > rect.width || height > rect.height;
  if ((upwards && isTooSmall) || ((flags & SelectionFlag.Le) !== 0 && isTooLarge))
    throw new V4l2Error("ERANGE", `the nearest to ${rect.width}x${rect.height} is ${width}x${height}`);
  return {
    left: within(Math.max(0, rect.left), 0, sensor.width - width, STEP),
    top: within(Math.max(0, rect.top), 0, sensor.height - height, STEP),
    width,
    height,
  };
}

function croppable({ profile, crop }: InputState, type: BufType): { sensor: Size; crop: Rect } {
  if (type !== BufType.VideoCapture)
    throw new V4l2Error("EINVAL", `nothing to select of buffer type ${type}`);
  const { sensor, name } = profile;
  if (sensor === undefined || crop === undefined)
    throw new V4l2Error("ENODATA", `input "${name}" cannot crop`);
  return { sensor, crop };
}
