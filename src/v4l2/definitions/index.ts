/** All definitions, family by family. */
import type { IoctlDefinition } from "../ioctl/define-ioctl.js";
import { bufferIoctls } from "./buffer-ioctls.js";
import { codecIoctls } from "./codec-ioctls.js";
import { controlIoctls } from "./control-ioctls.js";
import { deviceIoctls, logStatus } from "./device-ioctls.js";
import { eventIoctls } from "./event-ioctls.js";
import { formatIoctls } from "./format-ioctls.js";
import { inputIoctls } from "./input-ioctls.js";
import { overlayIoctls } from "./overlay-ioctls.js";
import { selectionIoctls } from "./selection-ioctls.js";
import { subdevIoctls } from "./subdev-ioctls.js";
import { timingIoctls } from "./timing-ioctls.js";
import { tunerIoctls } from "./tuner-ioctls.js";

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

export { subdevIoctls };

/**
 * Of sub-devices, which share controls, events and LOG_STATUS with video devices.
 * Differs from a kernel with CONFIG_VIDEO_ADV_DEBUG, where they have registers too.
 */
export const subdevDefinitions: readonly IoctlDefinition[] = [
  ...subdevIoctls,
  logStatus,
  ...controlIoctls,
  ...eventIoctls,
];
