/** All definitions, family by family. */
import type { IoctlDefinition } from "../define-ioctl.js";
import { bufferIoctls } from "./buffer.js";
import { codecIoctls } from "./codec.js";
import { controlIoctls } from "./control.js";
import { deviceIoctls } from "./device.js";
import { eventIoctls } from "./event.js";
import { formatIoctls } from "./format.js";
import { inputIoctls } from "./input.js";
import { overlayIoctls } from "./overlay.js";
import { selectionIoctls } from "./selection.js";
import { timingIoctls } from "./timing.js";
import { tunerIoctls } from "./tuner.js";

export const definitions: readonly IoctlDefinition[] = [
  ...deviceIoctls,
  ...formatIoctls,
  ...selectionIoctls,
  ...bufferIoctls,
  ...controlIoctls,
  ...eventIoctls,
  ...inputIoctls,
  ...timingIoctls,
  ...tunerIoctls,
  ...codecIoctls,
  ...overlayIoctls,
];
