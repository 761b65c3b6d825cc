/** The camera's controls. What they are set to is part of what a frame shows, from the next one on. */
import {
  Movement,
  Pattern,
  horizontalMovementNames,
  patternNames,
  verticalMovementNames,
} from "../tpg/index.js";
import type { TestPatternSettings } from "../tpg/index.js";
import { Cid, ControlHandler, CtrlClass, CtrlType } from "../v4l2/index.js";
import type { Control } from "../v4l2/index.js";

/** Private controls of a class begin here. */
const PRIVATE = 0x1000;
/** Menus named and numbered as vivid's. */
export const MoveHorizontalId = CtrlClass.ImageProc | PRIVATE;
export const MoveVerticalId = MoveHorizontalId + 1;

const OPAQUE = 255;
const NEUTRAL = 128;

/** The generator's settings that controls decide. */
export type Look = Pick<
  TestPatternSettings,
  | "brightness"
  | "contrast"
  | "saturation"
  | "hue"
  | "hflip"
  | "vflip"
  | "alpha"
  | "pattern"
  | "moveHorizontal"
  | "moveVertical"
>;

export interface CameraControls {
  readonly handler: ControlHandler;
  /** Follows the input. */
  readonly pattern: Control<number>;
}

/** @param onChange - Some of the look has changed. */
export function makeControls(onChange: (change: Partial<Look>) => void): CameraControls {
  const handler = new ControlHandler();
  const byte = (key: "brightness" | "contrast" | "saturation" | "alpha", standard: number) => ({
    max: 255,
    default: standard,
    set: (value: number) => {
      onChange({ [key]: value });
    },
  });
  handler.addStandard(Cid.Brightness, byte("brightness", NEUTRAL));
  handler.addStandard(Cid.Contrast, byte("contrast", NEUTRAL));
  handler.addStandard(Cid.Saturation, byte("saturation", NEUTRAL));
  handler.addStandard(Cid.Hue, {
    min: -128,
    max: 128,
    set: (hue) => {
      onChange({ hue });
    },
  });
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
  handler.addStandard(Cid.AlphaComponent, byte("alpha", OPAQUE));
  const pattern = handler.addMenu(Cid.TestPattern, {
    items: patternNames,
    default: Pattern.Bars75,
    set: (value) => {
      onChange({ pattern: value });
    },
  });
  handler.addCustom({
    id: MoveHorizontalId,
    name: "Horizontal Movement",
    type: CtrlType.Menu,
    items: horizontalMovementNames,
    default: Movement.None,
    set: (moveHorizontal) => {
      onChange({ moveHorizontal });
    },
  });
  handler.addCustom({
    id: MoveVerticalId,
    name: "Vertical Movement",
    type: CtrlType.Menu,
    items: verticalMovementNames,
    default: Movement.None,
    set: (moveVertical) => {
      onChange({ moveVertical });
    },
  });
  return { handler, pattern };
}
