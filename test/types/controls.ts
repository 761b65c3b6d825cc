/** What the types refuse of controls and events. Compiled by `npm run lint:types`, never run. */
import { Cid, ControlHandler, CtrlType, EventType, queueEvent } from "v4l2-cuse";
import type { FileHandle, VideoDevice } from "v4l2-cuse";

const controls = new ControlHandler();

// Standard controls have the value type of their standard.

const brightness = controls.addStandard(Cid.Brightness, { max: 255 });
export const number: number = brightness.value;
// @ts-expect-error an integer
export const text: string = brightness.value;
// @ts-expect-error the value in effect is changed by setValue, which tells the subscribers
brightness.value = 3;
// @ts-expect-error and takes the same type
brightness.setValue("bright");
// @ts-expect-error a driver's callback gets it, too
controls.addStandard(Cid.Contrast, { set: (value: string) => void value });
// @ts-expect-error a boolean is not a number
controls.addStandard(Cid.Hflip, { max: 1 }).setValue(1);
// @ts-expect-error 64-bit values are bigints
controls.addStandard(Cid.PixelRate, {}).setValue(1);
// @ts-expect-error ids are numbers with a standard
controls.addStandard("brightness", {});
// @ts-expect-error a standard's number, or a custom control
controls.addStandard(0x0098_1900, {});

// Compound ones are structs with the uAPI's fields.

const sps = controls.addCompound(Cid.StatelessH264Sps);
export const width: number = sps.value.pic_width_in_mbs_minus1;
// @ts-expect-error no bytes
sps.setValue(new Uint8Array(1048));
// @ts-expect-error all fields
sps.setValue({ profile_idc: 100 });
// @ts-expect-error the fields' names
void sps.value.picWidth;
// @ts-expect-error one value, not an array of them
void sps.value[0];
const slices = controls.addCompound(Cid.StatelessHevcSliceParams, { dims: [16] });
// @ts-expect-error an array of them
void slices.value.slice_type;

// Menus

// @ts-expect-error items are words
controls.addMenu(Cid.TestPattern, { items: [1, 2] });
// @ts-expect-error of integers
controls.addIntMenu(Cid.LinkFreq, { items: ["fast"] });

// Of the driver's own

const own = { id: 0x0098_1900, name: "Own" };
// @ts-expect-error a type
controls.addCustom(own);
// @ts-expect-error the default has the control's type
controls.addCustom({ ...own, type: CtrlType.String, min: 0, max: 8, default: ["a"] });
// @ts-expect-error and so has the value
export const wrongValue: string = controls.addCustom({ ...own, type: CtrlType.Integer, max: 1 }).value;

// Events

declare const device: VideoDevice<undefined>;
declare const file: FileHandle<undefined>;
const { FrameSync } = EventType;
// @ts-expect-error what it says is in the payload
queueEvent(device.files, { type: FrameSync, id: 0 });
// @ts-expect-error with the payload's fields
queueEvent(device.files, { type: FrameSync, id: 0, payload: { kind: "frame-sync", sequence: 1 } });
// @ts-expect-error to all who listen
queueEvent(file, { type: FrameSync, id: 0, payload: { kind: "none" } });
