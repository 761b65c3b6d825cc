/** What the types refuse of sub-devices and tasks. Compiled by `npm run lint:types`, never run. */
import { MbusCode, SubDevice } from "v4l2-cuse";
import type { DriverTasks, MbusFormat, PadOps, SubDeviceOptions, SubdevState } from "v4l2-cuse";

declare const options: SubDeviceOptions;
declare const subDevice: SubDevice;
declare const format: MbusFormat;
declare const state: SubdevState;
declare const tasks: DriverTasks;

// Sub-devices

export const wrongOps: PadOps[] = [
  // @ts-expect-error without initState pads have no format
  { enumMbusCode: () => undefined },
  // @ts-expect-error a setter answers with what was set
  { initState: () => undefined, setFmt: () => undefined },
  // @ts-expect-error a media bus code, not a four-character code
  { initState: () => undefined, enumMbusCode: () => ({ code: "UYVY" }) },
  // @ts-expect-error an interval is a fraction
  { initState: () => undefined, setFrameInterval: () => 0.04 },
  // @ts-expect-error the kernel's names are given in camelCase
  { initState: () => undefined, set_fmt: () => format },
];
export const answers: PadOps = {
  initState: (state) => state.set(0, { format }),
  enumMbusCode: () => ({ code: MbusCode.UYVY8_1X16 }),
};
// @ts-expect-error a pad is a sink or a source
export const wrongPad = new SubDevice({ ...options, pads: ["input"] });
const { pads: _pads, ...padless } = options;
// @ts-expect-error a sub-device has pads
export const withoutPads = new SubDevice(padless);
// @ts-expect-error the framework keeps the active state
subDevice.active = state;

// Tasks

tasks.every(40, (tick) => tick.toFixed());
// @ts-expect-error milliseconds first
tasks.every(() => undefined, 40);
// @ts-expect-error milliseconds are a number
tasks.after("1s", () => undefined);
// @ts-expect-error there is something to do
tasks.soon();
