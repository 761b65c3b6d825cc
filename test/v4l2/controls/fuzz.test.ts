import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  Cid,
  ControlHandler,
  CtrlClass,
  CtrlFlag,
  CtrlNext,
  CtrlType,
} from "../../../src/v4l2/controls/index.js";
import { CtrlWhich } from "../../../src/v4l2/values/types-device.js";
import { FakeFile, ext, extOutcome, outcome } from "./support.js";
import type { ExtOptions, Verb } from "./support.js";

const ID = 0x0098f900;

describe("random payloads", () => {
  const types = Object.entries(CtrlType).filter(([, type]) => type >= 0x100);

  it.each(types)("%s: accepted and stable, or refused without a trace", (_, type) => {
    const controls = new ControlHandler();
    const made = controls.addCustom({ id: ID, name: "Control", type });
    const initial = new Uint8Array(controls.queryExtCtrl(ID).elemSize);
    expect(extOutcome(controls, "gExtCtrls", [ext(ID, { payload: initial })])[0]).toBe("ok");
    const isDefaultLegal =
      extOutcome(controls, "tryExtCtrls", [ext(ID, { payload: initial.slice() })])[0] === "ok";
    const bytes = fc.uint8Array({ minLength: initial.length, maxLength: initial.length });
    /** The default with a few bytes changed gets deeper into the rules than noise does. */
    const mutated = fc
      .array(fc.tuple(fc.nat(initial.length - 1), fc.nat(255)), { maxLength: 4 })
      .map((changes) => {
        const payload = initial.slice();
        for (const [at, value] of changes) payload[at] = value;
        return payload;
      });
    fc.assert(
      fc.property(fc.oneof(bytes, mutated), (payload) => {
        if (isDefaultLegal) extOutcome(controls, "sExtCtrls", [ext(ID, { payload: initial.slice() })]);
        const before = made.value;
        const [code, errorIdx] = extOutcome(controls, "sExtCtrls", [ext(ID, { payload })]);
        if (code === "ok") {
          const corrected = payload.slice();
          expect(extOutcome(controls, "tryExtCtrls", [ext(ID, { payload })])[0]).toBe("ok");
          expect(payload).toEqual(corrected);
        } else {
          expect([code, errorIdx]).toEqual(["EINVAL", 1]);
          expect(made.value).toBe(before);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("random calls", () => {
  function sample(): ControlHandler {
    const controls = new ControlHandler();
    const auto = controls.addStandard(Cid.Autogain, { default: 1 });
    const gain = controls.addStandard(Cid.Gain, { min: -7, max: 100, step: 3, default: 5 });
    controls.autoCluster(
      [auto, gain],
      { manualValue: 0, volatile: true },
      { volatile: () => void (gain.next = 8) },
    );
    controls.addMenu(Cid.PowerLineFrequency, { skip: [1] });
    controls.addStandard(Cid.DoWhiteBalance);
    controls.addStandard(Cid.MinBuffersForCapture, { max: 9 });
    controls.addCustom({ id: ID, name: "Long", type: CtrlType.Integer64, min: -9, max: 9 });
    controls.addCustom({ id: ID + 1, name: "Text", type: CtrlType.String, min: 1, max: 5, step: 2 });
    controls.addCustom({
      id: ID + 2,
      name: "Grid",
      type: CtrlType.U8,
      dims: [2, 2],
      min: 1,
      max: 9,
      step: 4,
    });
    controls.addCustom({ id: ID + 3, name: "Off", type: CtrlType.Boolean, flags: CtrlFlag.Disabled });
    controls.addCompound(Cid.StatelessAv1TileGroupEntry, { dims: [3] });
    controls.addCompound(Cid.StatelessMpeg2Picture);
    return controls;
  }
  const ids = [...sample().controls.map(({ id }) => id), Cid.Hue, 0, 0x08000000, 0xffffffff];
  const id = fc.oneof(fc.constantFrom(...ids), fc.nat(0xffffffff));
  const options: fc.Arbitrary<ExtOptions> = fc.record(
    {
      value: fc.oneof(
        fc.integer({ min: -20, max: 120 }),
        fc.integer(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      ),
      payload: fc.oneof(
        fc
          .constantFrom(4, 6, 16, 32, 48, 64)
          .chain((size) => fc.uint8Array({ minLength: size, maxLength: size, max: 9 })),
        fc.uint8Array({ maxLength: 64 }),
      ),
      size: fc.oneof(fc.nat(70), fc.nat(0xffffffff)),
      fault: fc.constantFrom("read", "write", "both"),
    },
    { requiredKeys: ["value"] },
  );
  const which = fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    fc.constantFrom<number>(...Object.values(CtrlWhich), CtrlClass.User, CtrlClass.CodecStateless),
    fc.nat(0xffffffff),
  );
  const lists = fc.array(fc.tuple(id, options), { maxLength: 5 });
  const state = (controls: ControlHandler): unknown =>
    controls.controls.map(({ value, flags }) => [value, flags]);

  it.each<Verb>(["gExtCtrls", "sExtCtrls", "tryExtCtrls"])(
    "%s never fails in any other way than by an errno",
    (verb) => {
      const controls = sample();
      const file = new FakeFile();
      let accepted = 0;
      fc.assert(
        fc.property(lists, which, (list, special) => {
          const before = state(controls);
          const made = list.map(([each, given]) => ext(each, given));
          const [code, errorIdx] = extOutcome(controls, verb, made, { which: special, file });
          if (code === "ok") accepted++;
          // Values that are in effect and then cannot be written back to the client: the one refusal that comes late.
          const isLate = verb === "sExtCtrls" && code === "EFAULT" && errorIdx < list.length;
          if (code === "ok" ? verb !== "sExtCtrls" : !isLate) expect(state(controls)).toEqual(before);
          if (verb === "sExtCtrls" && code !== "ok" && !isLate) expect(errorIdx).toBe(list.length);
        }),
        { numRuns: 1500 },
      );
      expect(accepted).toBeGreaterThan(0);
    },
  );

  it("the other control ioctls neither", () => {
    const controls = sample();
    const file = new FakeFile();
    fc.assert(
      fc.property(
        id,
        fc.integer(),
        fc.constantFrom(0, CtrlNext.Ctrl, CtrlNext.Compound),
        (some, value, next) => {
          const codes = [
            outcome(() => controls.queryctrl((some | next) >>> 0)),
            outcome(() => controls.queryExtCtrl((some | next) >>> 0)),
            outcome(() => controls.querymenu({ id: some, index: value >>> 0 })),
            outcome(() => controls.gCtrl(some)),
            outcome(() => controls.sCtrl({ id: some, value }, file)),
          ];
          for (const code of codes) expect(["ok", "EINVAL", "EACCES", "ERANGE"]).toContain(code);
        },
      ),
      { numRuns: 500 },
    );
  });
});
