import { describe, expect, it } from "vitest";
import {
  Cid,
  ControlHandler,
  CtrlChange,
  CtrlFlag,
  CtrlType,
  subscribeControlEvent,
} from "../../../src/v4l2/controls/index.js";
import { EventSubFlag, EventType } from "../../../src/v4l2/values/types-device.js";
import { FakeFile, ext, extOutcome, outcome } from "./support.js";

const PRIVATE = 0x0098f900;

function sample() {
  const controls = new ControlHandler();
  const gain = controls.addStandard(Cid.Gain, { min: -5, max: 100, step: 2, default: 7 });
  controls.addStandard(Cid.DoWhiteBalance);
  controls.addMenu(Cid.PowerLineFrequency, { skip: [1] });
  const grid = controls.addCustom({ id: PRIVATE, name: "Grid", type: CtrlType.U8, dims: [2] });
  controls.addCustom({
    id: PRIVATE + 1,
    name: "Long",
    type: CtrlType.Integer64,
    max: 2n ** 40n,
    default: 2n ** 35n,
  });
  return { controls, gain, grid, file: new FakeFile(), other: new FakeFile() };
}

describe("V4L2_EVENT_CTRL", () => {
  it("needs an existing control, and no other type of event", () => {
    const { controls, file } = sample();
    expect(outcome(() => file.listen(controls, Cid.Hue))).toBe("EINVAL");
    expect(outcome(() => controls.subscribeEvent(file, { type: EventType.Eos, id: 0, flags: 0 }))).toBe(
      "EINVAL",
    );
    expect(
      outcome(() =>
        controls.subscribeEvent(
          { ...file, notifyPoll: () => undefined, events: undefined },
          { type: EventType.Ctrl, id: Cid.Gain, flags: 0 },
        ),
      ),
    ).toBe("ENOTTY");
    expect(file.events.subscribed).toBe(false);
  });

  it("SEND_INITIAL describes the control at once", () => {
    const { controls, file } = sample();
    file.listen(controls, Cid.Gain, EventSubFlag.SendInitial);
    expect(file.drain()).toMatchObject([
      {
        type: EventType.Ctrl,
        id: Cid.Gain,
        payload: {
          kind: "ctrl",
          changes: CtrlChange.Value | CtrlChange.Flags,
          ctrlType: CtrlType.Integer,
          value64: 7n,
          flags: 0,
          minimum: -5,
          maximum: 100,
          step: 2,
          defaultValue: 7,
        },
      },
    ]);
    expect(file.notifications).toBe(1);
  });

  it.each([
    [
      "a write-only control: its flags only",
      Cid.DoWhiteBalance,
      [[Cid.DoWhiteBalance, CtrlChange.Flags, 0n]],
    ],
    ["a class: nothing", Cid.UserClass, []],
    ["a 64-bit integer: all of it", PRIVATE + 1, [[PRIVATE + 1, 3, 2n ** 35n]]],
    ["an array: no value", PRIVATE, [[PRIVATE, 3, 0n]]],
  ])("SEND_INITIAL of %s", (_, id, expected) => {
    const { controls, file } = sample();
    file.listen(controls, id, EventSubFlag.SendInitial);
    expect(file.changes()).toEqual(expected);
  });

  it("tells the others of a change, not the one who made it", () => {
    const { controls, file, other } = sample();
    for (const each of [file, other]) each.listen(controls, Cid.Gain);
    controls.sCtrl({ id: Cid.Gain, value: 9 }, file);
    extOutcome(controls, "sExtCtrls", [ext(Cid.Gain, { value: 11 })], { file });
    expect(file.changes()).toEqual([]);
    expect(other.changes()).toEqual([[Cid.Gain, CtrlChange.Value, 11n]]);
  });

  it("ALLOW_FEEDBACK tells that one too", () => {
    const { controls, file } = sample();
    file.listenToAll(controls, Cid.Gain);
    controls.sCtrl({ id: Cid.Gain, value: 9 }, file);
    expect(file.changes()).toEqual([[Cid.Gain, CtrlChange.Value, 9n]]);
  });

  it("tells everyone of a change by the driver", () => {
    const { controls, gain, file } = sample();
    file.listen(controls, Cid.Gain);
    gain.setValue(-5);
    expect(file.changes()).toEqual([[Cid.Gain, CtrlChange.Value, -5n]]);
  });

  it("says nothing when nothing changed, or the call was refused", () => {
    const { controls, gain, file, other } = sample();
    other.listen(controls, Cid.Gain);
    controls.sCtrl({ id: Cid.Gain, value: 7 }, file);
    extOutcome(controls, "tryExtCtrls", [ext(Cid.Gain, { value: 9 })], { file });
    extOutcome(controls, "sExtCtrls", [ext(Cid.Gain, { value: 9 }), ext(Cid.Hue)], { file });
    gain.grab(true);
    expect(other.changes()).toEqual([[Cid.Gain, CtrlChange.Flags, 7n]]);
    gain.grab(true);
    gain.activate(true);
    expect(other.changes()).toEqual([]);
  });

  it("adds up changes that were not read", () => {
    const { controls, gain, file } = sample();
    file.listen(controls, Cid.Gain);
    gain.setValue(9);
    gain.grab(true);
    gain.activate(false);
    gain.grab(false);
    gain.modifyRange({ max: 50 });
    const [event] = file.drain();
    expect(event).toMatchObject({
      pending: 0,
      sequence: 4,
      payload: { changes: 7, value64: 9n, flags: CtrlFlag.Inactive, maximum: 50 },
    });
  });

  it("tells of a range that moves the value", () => {
    const { controls, gain, file } = sample();
    file.listen(controls, Cid.Gain);
    gain.modifyRange({ min: 9, default: 9 });
    expect(file.changes()).toEqual([[Cid.Gain, CtrlChange.Value | CtrlChange.Range, 9n]]);
  });

  it.each([
    ["nothing", {}, false],
    ["what it was", { min: -5, max: 100, step: 2, default: 7 }, false],
    ["another minimum", { min: -7 }, true],
    ["another maximum", { max: 101 }, true],
    ["another step", { step: 3 }, true],
    ["another default", { default: 9 }, true],
  ])("tells of a range only when it has changed, of any part: %s", (_what, range, isTold) => {
    const { controls, gain, file } = sample();
    file.listen(controls, Cid.Gain);
    gain.modifyRange(range);
    expect(file.changes()).toEqual(isTold ? [[Cid.Gain, CtrlChange.Range, 7n]] : []);
  });

  it("tells of dimensions", () => {
    const { controls, grid, file } = sample();
    file.listen(controls, PRIVATE);
    grid.modifyDimensions([5]);
    expect(file.changes()).toEqual([[PRIVATE, CtrlChange.Value | CtrlChange.Dimensions, 0n]]);
  });

  it("shows 1 as a menu's step", () => {
    const { controls, file } = sample();
    file.listen(controls, Cid.PowerLineFrequency, EventSubFlag.SendInitial);
    expect(file.drain()[0]?.payload).toMatchObject({ step: 1, maximum: 3 });
  });

  it("tells of a button each time", () => {
    const { controls, file, other } = sample();
    other.listen(controls, Cid.DoWhiteBalance);
    controls.sCtrl({ id: Cid.DoWhiteBalance, value: 1 }, file);
    expect(other.changes()).toEqual([[Cid.DoWhiteBalance, CtrlChange.Value, 0n]]);
  });

  it("stops with the subscription, and when the file closes", () => {
    const { controls, gain, file, other } = sample();
    for (const each of [file, other]) each.listen(controls, Cid.Gain);
    file.events.unsubscribe({ type: EventType.Ctrl, id: Cid.Gain });
    other.events.close();
    gain.setValue(9);
    expect([file.events.pending, other.events.pending]).toEqual([0, 0]);
  });

  it("has a ready-made op for devices without other events", () => {
    const { controls, gain, file } = sample();
    const handle = Object.assign(file, { controls });
    subscribeControlEvent(handle, { type: EventType.Ctrl, id: Cid.Gain, flags: 0 });
    gain.setValue(9);
    expect(file.changes()).toHaveLength(1);
    const bare = Object.assign(new FakeFile(), { controls: undefined });
    expect(outcome(() => subscribeControlEvent(bare, { type: EventType.Ctrl, id: Cid.Gain, flags: 0 }))).toBe(
      "EINVAL",
    );
  });

  it("reaches those who listen through a handler that inherits", () => {
    const { controls, gain, file } = sample();
    const inheriting = new ControlHandler();
    inheriting.inherit(controls);
    file.listen(inheriting, Cid.Gain);
    gain.setValue(9);
    expect(file.changes()).toEqual([[Cid.Gain, CtrlChange.Value, 9n]]);
  });
});
