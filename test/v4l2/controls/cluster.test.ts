import { describe, expect, it, vi } from "vitest";
import { Cid, ControlHandler, CtrlChange, CtrlFlag, CtrlType } from "../../../src/v4l2/controls/index.js";
import { V4l2Error } from "../../../src/v4l2/error.js";
import { FakeFile, ext, extOutcome, outcome } from "./support.js";

describe("a cluster", () => {
  function sample() {
    const controls = new ControlHandler();
    const seen: unknown[] = [];
    const red = controls.addStandard(Cid.RedBalance, { max: 99 });
    const blue = controls.addStandard(Cid.BlueBalance, { max: 99 });
    const gain = controls.addStandard(Cid.Gain, { max: 99 });
    controls.cluster([red, blue], {
      try: () => {
        if (red.next + blue.next > 100) throw new V4l2Error("EINVAL", "too bright");
      },
      set: () => seen.push([red.next, blue.next, red.isNew, blue.isNew, red.hasChanged, blue.hasChanged]),
    });
    return { controls, seen, red, blue, gain };
  }

  it("is set once, with all new values in sight", () => {
    const { controls, seen } = sample();
    const list = [
      ext(Cid.RedBalance, { value: 10 }),
      ext(Cid.Gain, { value: 5 }),
      ext(Cid.BlueBalance, { value: 20 }),
    ];
    expect(extOutcome(controls, "sExtCtrls", list)[0]).toBe("ok");
    expect(seen).toEqual([[10, 20, true, true, true, true]]);
  });

  it("shows the present value of a control that keeps its own", () => {
    const { controls, seen, red } = sample();
    red.setValue(30);
    controls.sCtrl({ id: Cid.BlueBalance, value: 40 }, new FakeFile());
    expect(seen).toEqual([
      [30, 0, true, false, true, false],
      [30, 40, false, true, false, true],
    ]);
  });

  it("refuses as one", () => {
    const { controls, seen, red, blue, gain } = sample();
    const list = [
      ext(Cid.Gain, { value: 5 }),
      ext(Cid.RedBalance, { value: 80 }),
      ext(Cid.BlueBalance, { value: 30 }),
    ];
    expect(extOutcome(controls, "sExtCtrls", list)).toEqual(["EINVAL", 3]);
    expect(extOutcome(controls, "tryExtCtrls", list)).toEqual(["EINVAL", 1]);
    expect([seen, red.value, blue.value, gain.value]).toEqual([[], 0, 0, 0]);
  });

  it("is busy if the control that is set is grabbed, not if another one is", () => {
    const { controls, blue } = sample();
    blue.grab(true);
    const file = new FakeFile();
    expect(outcome(() => controls.sCtrl({ id: Cid.BlueBalance, value: 1 }, file))).toBe("EBUSY");
    expect(outcome(() => controls.sCtrl({ id: Cid.RedBalance, value: 1 }, file))).toBe("ok");
  });

  it("uses the first control's callbacks when it has none of its own", () => {
    const controls = new ControlHandler();
    const first = vi.fn();
    const other = vi.fn();
    const red = controls.addStandard(Cid.RedBalance, { max: 99, set: first });
    const blue = controls.addStandard(Cid.BlueBalance, { max: 99, set: other });
    controls.cluster([red, blue]);
    blue.setValue(3);
    expect([first.mock.calls.length, other.mock.calls.length]).toEqual([1, 0]);
  });

  it("asks the hardware before any of its controls is read if one is volatile", () => {
    const controls = new ControlHandler();
    const red = controls.addStandard(Cid.RedBalance, { max: 99 });
    const blue = controls.addCustom({
      id: Cid.BlueBalance,
      name: "Blue",
      type: CtrlType.Integer,
      max: 99,
      flags: CtrlFlag.Volatile,
    });
    controls.cluster([red, blue], {
      volatile: () => {
        blue.next = 42;
      },
    });
    expect(controls.gCtrl(Cid.BlueBalance)).toBe(42);
  });

  it("without an automatic control announces values only, and no control of it becomes inactive", () => {
    const { controls } = sample();
    const listener = new FakeFile();
    for (const id of [Cid.RedBalance, Cid.BlueBalance]) listener.listen(controls, id);
    controls.sCtrl({ id: Cid.RedBalance, value: 30 }, new FakeFile());
    expect(listener.changes()).toEqual([[Cid.RedBalance, CtrlChange.Value, 30n]]);
    for (const id of [Cid.RedBalance, Cid.BlueBalance])
      expect(controls.queryctrl(id).flags & (CtrlFlag.Inactive | CtrlFlag.Volatile)).toBe(0);
  });

  it("lets try change a control that the client did not name, of which the client hears, too", () => {
    const controls = new ControlHandler();
    const red = controls.addStandard(Cid.RedBalance, { max: 99 });
    const blue = controls.addStandard(Cid.BlueBalance, { max: 99 });
    controls.cluster([red, blue], { try: () => (blue.next = 99 - red.next) });
    const setter = new FakeFile();
    for (const id of [Cid.RedBalance, Cid.BlueBalance]) setter.listen(controls, id);
    controls.sCtrl({ id: Cid.RedBalance, value: 30 }, setter);
    expect(setter.changes()).toEqual([[Cid.BlueBalance, CtrlChange.Value, 69n]]);
  });

  it("is set up once", () => {
    const { controls, seen } = sample();
    controls.setup();
    expect(seen).toHaveLength(1);
  });

  it("takes controls of its own handler only", () => {
    const { controls } = sample();
    const stranger = new ControlHandler().addStandard(Cid.Gamma, { max: 9 });
    expect(() => controls.cluster([stranger])).toThrow("Gamma is not of this handler");
    // What the types refuse, JavaScript does not.
    expect(() => controls.cluster([] as never)).toThrow("a cluster needs controls");
  });
});

describe("an automatic cluster", () => {
  function sample() {
    const controls = new ControlHandler();
    const hardware = { gain: 40, failing: false, failure: new V4l2Error("EIO", "no answer") as Error };
    const set = vi.fn();
    const asked = vi.fn(() => {
      if (hardware.failing) throw hardware.failure;
      gain.next = hardware.gain;
    });
    const auto = controls.addStandard(Cid.Autogain, { default: 1 });
    const gain = controls.addStandard(Cid.Gain, { max: 99, default: 10 });
    controls.autoCluster(
      [auto, gain],
      { manualValue: 0, volatile: true },
      { set: () => void set(auto.next, gain.next), volatile: asked },
    );
    return { controls, hardware, asked, set, auto, gain };
  }
  const flags = (controls: ControlHandler, id: number) => controls.queryctrl(id).flags;
  const file = new FakeFile();

  it("hides and reads the others while automatic", () => {
    const { controls, hardware } = sample();
    expect(flags(controls, Cid.Autogain)).toBe(CtrlFlag.Update);
    expect(flags(controls, Cid.Gain)).toBe(CtrlFlag.Inactive | CtrlFlag.Volatile);
    expect(controls.gCtrl(Cid.Gain)).toBe(40);
    hardware.gain = 50;
    const list = [ext(Cid.Gain), ext(Cid.Autogain)];
    extOutcome(controls, "gExtCtrls", list);
    expect(list.map(({ value }) => value)).toEqual([50, 1]);
  });

  it("starts manual mode with what the hardware chose", () => {
    const { controls, set, gain } = sample();
    controls.sCtrl({ id: Cid.Autogain, value: 0 }, file);
    expect(set.mock.calls).toEqual([[false, 40]]);
    expect([gain.value, flags(controls, Cid.Gain), controls.gCtrl(Cid.Gain)]).toEqual([40, 0, 40]);
  });

  it("lets the client's own value win over the hardware's", () => {
    const { controls, gain } = sample();
    const list = [ext(Cid.Gain, { value: 7 }), ext(Cid.Autogain, { value: 0 })];
    expect(extOutcome(controls, "sExtCtrls", list)[0]).toBe("ok");
    expect([gain.value, list[0]?.value]).toEqual([7, 7]);
  });

  it("goes back to automatic mode and its flags", () => {
    const { controls } = sample();
    for (const value of [0, 1]) controls.sCtrl({ id: Cid.Autogain, value }, file);
    expect(flags(controls, Cid.Gain)).toBe(CtrlFlag.Inactive | CtrlFlag.Volatile);
  });

  it("announces the others' new flags to everyone, the one who switched included", () => {
    const { controls } = sample();
    const switcher = new FakeFile();
    for (const id of [Cid.Autogain, Cid.Gain]) switcher.listen(controls, id);
    controls.sCtrl({ id: Cid.Autogain, value: 0 }, switcher);
    expect(switcher.changes()).toEqual([[Cid.Gain, CtrlChange.Value | CtrlChange.Flags, 40n]]);
  });

  it("asks the hardware only when it becomes manual, not when it is or stays automatic", () => {
    const { controls, asked, gain } = sample();
    controls.sCtrl({ id: Cid.Autogain, value: 1 }, file);
    // No value of the automatic control, though it is the one that means manual.
    controls.sCtrl({ id: Cid.Gain, value: 0 }, file);
    expect(asked).not.toHaveBeenCalled();
    controls.sCtrl({ id: Cid.Autogain, value: 0 }, file);
    controls.sCtrl({ id: Cid.Gain, value: 7 }, file);
    controls.sCtrl({ id: Cid.Autogain, value: 0 }, file);
    expect([asked.mock.calls.length, gain.value]).toEqual([1, 7]);
  });

  it("announces only new flags when it becomes automatic again", () => {
    const { controls } = sample();
    controls.sCtrl({ id: Cid.Autogain, value: 0 }, file);
    const listener = new FakeFile();
    listener.listen(controls, Cid.Gain);
    controls.sCtrl({ id: Cid.Autogain, value: 1 }, file);
    expect(listener.changes()).toEqual([[Cid.Gain, CtrlChange.Flags, 40n]]);
  });

  it("is busy while a control is grabbed that would take the hardware's value; a try is not", () => {
    const { controls, gain } = sample();
    gain.grab(true);
    const manual = [ext(Cid.Autogain, { value: 0 })];
    expect(extOutcome(controls, "tryExtCtrls", manual)).toEqual(["ok", 0]);
    expect(extOutcome(controls, "sExtCtrls", manual)).toEqual(["EBUSY", 1]);
    expect(outcome(() => controls.sCtrl({ id: Cid.Autogain, value: 0 }, file))).toBe("EBUSY");
  });

  it("passes a bug of the driver on", () => {
    const { controls, hardware } = sample();
    Object.assign(hardware, { failing: true, failure: new TypeError("a bug") });
    expect(() => controls.sCtrl({ id: Cid.Autogain, value: 0 }, file)).toThrow("a bug");
  });

  it("whose automatic control is volatile itself reads that in manual mode, too", () => {
    const controls = new ControlHandler();
    let reads = 0;
    const auto = controls.addStandard(Cid.Autogain, { default: 0, flags: CtrlFlag.Volatile });
    const gain = controls.addStandard(Cid.Gain, { max: 99 });
    controls.autoCluster([auto, gain], { manualValue: 0, volatile: false }, { volatile: () => void reads++ });
    expect(extOutcome(controls, "gExtCtrls", [ext(Cid.Autogain)])).toEqual(["ok", 0]);
    expect(reads).toBe(1);
  });

  it("keeps the old values if the hardware does not answer", () => {
    const { controls, hardware, gain } = sample();
    hardware.failing = true;
    expect(outcome(() => controls.gCtrl(Cid.Gain))).toBe("EIO");
    controls.sCtrl({ id: Cid.Autogain, value: 0 }, file);
    expect(gain.value).toBe(10);
  });

  it("that starts manual leaves the others to the client from the start", () => {
    const controls = new ControlHandler();
    const auto = controls.addStandard(Cid.Autogain, { default: 0 });
    const gain = controls.addStandard(Cid.Gain, { max: 99, default: 10 });
    controls.autoCluster([auto, gain], { manualValue: 0, volatile: true });
    expect([flags(controls, Cid.Autogain), flags(controls, Cid.Gain)]).toEqual([CtrlFlag.Update, 0]);
    auto.setValue(true);
    expect(flags(controls, Cid.Gain)).toBe(CtrlFlag.Inactive | CtrlFlag.Volatile);
    // Nobody tells what the hardware chose: the value stays.
    auto.setValue(false);
    expect([gain.value, flags(controls, Cid.Gain)]).toEqual([10, 0]);
  });

  it("without volatile values only hides the others", () => {
    const controls = new ControlHandler();
    const auto = controls.addStandard(Cid.HueAuto, { default: 1 });
    const hue = controls.addStandard(Cid.Hue, { max: 9, default: 2 });
    const seen: boolean[] = [];
    const heard = vi.fn();
    hue.onChange(heard);
    controls.autoCluster(
      [auto, hue],
      { manualValue: 0, volatile: false },
      { set: () => void seen.push(hue.isNew) },
    );
    file.listen(controls, Cid.Hue);
    expect(flags(controls, Cid.Hue) & ~CtrlFlag.Slider).toBe(CtrlFlag.Inactive);
    auto.setValue(false);
    expect(flags(controls, Cid.Hue) & ~CtrlFlag.Slider).toBe(0);
    expect(hue.value).toBe(2);
    expect(file.changes()).toEqual([[Cid.Hue, CtrlChange.Flags, 2n]]);
    auto.setValue(true);
    expect(flags(controls, Cid.Hue) & ~CtrlFlag.Slider).toBe(CtrlFlag.Inactive);
    expect([seen, heard.mock.calls.length]).toEqual([[false, false], 0]);
  });
});
