/** A control of a compound type, and what setting it makes of a client's bytes. */
import { expect } from "vitest";
import { ControlHandler } from "../../../src/v4l2/controls/index.js";
import type { Control, CtrlType } from "../../../src/v4l2/controls/index.js";
import type { ViewClass } from "../../../src/v4l2/gen/index.js";
import { ext, extOutcome } from "./support.js";

const ID = 0x0098f900;

/** A handler with one control of that compound type, and its payload of defaults. */
export function control<Type extends CtrlType>(type: Type) {
  const controls = new ControlHandler();
  const made = controls.addCustom({ id: ID, name: "Control", type });
  const { elemSize } = controls.queryExtCtrl(ID);
  const payload = new Uint8Array(elemSize);
  expect(extOutcome(controls, "gExtCtrls", [ext(ID, { payload })])[0]).toBe("ok");
  return { controls, made: made as Control, payload };
}

/** Sets what `change` makes of the default, and returns the errno and the bytes that the client has then. */
export function set<View>(type: CtrlType, view: ViewClass<View>, change: (view: View) => void) {
  const { controls, payload } = control(type);
  change(new view(payload));
  const [code] = extOutcome(controls, "sExtCtrls", [ext(ID, { payload })]);
  return { code, result: new view(payload) };
}
