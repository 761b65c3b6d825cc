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

/** The families, in the order of the documentation. */
export const families: readonly { readonly title: string; readonly ioctls: readonly IoctlDefinition[] }[] = [
  { title: "Device, priorities, debugging", ioctls: deviceIoctls },
  { title: "Formats", ioctls: formatIoctls },
  { title: "Selection and cropping", ioctls: selectionIoctls },
  { title: "Buffers", ioctls: bufferIoctls },
  { title: "Controls", ioctls: controlIoctls },
  { title: "Events", ioctls: eventIoctls },
  { title: "Inputs, outputs, audio", ioctls: inputIoctls },
  { title: "Standards, timings, EDID", ioctls: timingIoctls },
  { title: "Tuners", ioctls: tunerIoctls },
  { title: "Codecs", ioctls: codecIoctls },
  { title: "Overlays and VBI", ioctls: overlayIoctls },
];

export const definitions: readonly IoctlDefinition[] = families.flatMap(({ ioctls }) => ioctls);
