/** Controls that v4l2loopback has, by its ids and names: for the programs that set them. */
import { ControlHandler, CtrlClass, CtrlType } from "../v4l2/index.js";
import type { Hub } from "./hub.js";

/** `V4L2_CID_USER_BASE | 0xf000` */
const BASE = CtrlClass.User | 0x900 | 0xf000;
const MOST_TIMEOUT_MS = 100_000;

/** What they set holds from the next frame on. */
export function loopbackControls(hub: Hub): ControlHandler {
  const handler = new ControlHandler();
  const toggle = (index: number, name: string, value: boolean, set: (isOn: boolean) => void): void => {
    handler.addCustom({
      id: BASE + index,
      name,
      type: CtrlType.Boolean,
      default: value ? 1 : 0,
      set: (isOn) => set(Number(isOn) === 1),
    });
  };
  toggle(0, "keep_format", hub.settings.keepsFormat, (isOn) => (hub.settings.keepsFormat = isOn));
  toggle(1, "sustain_framerate", hub.settings.sustainsRate, (isOn) => (hub.settings.sustainsRate = isOn));
  handler.addCustom({
    id: BASE + 2,
    name: "timeout",
    type: CtrlType.Integer,
    ...{ min: 0, max: MOST_TIMEOUT_MS, default: Math.min(hub.settings.timeoutMs, MOST_TIMEOUT_MS) },
    set: (timeoutMs) => (hub.settings.timeoutMs = timeoutMs),
  });
  toggle(3, "timeout_image_io", false, (isOn) => (hub.settings.takesImage = isOn));
  return handler;
}
