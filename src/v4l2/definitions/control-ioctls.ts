/**
 * Controls: routed to `file.controls` (the file's own, or the device's). What a control accepts is the handler's
 * business; here are the array of the extended ioctls and the way to the payloads it points to.
 */
import type { ArgWriter } from "../ioctl/arg-writer.js";
import type { Call } from "../call.js";
import { standardName } from "../controls/standard.js";
import { classOf } from "../controls/control-types.js";
import { PayloadLog, type CallRecord } from "../ioctl/call-record.js";
import { defineIoctl } from "../ioctl/define-ioctl.js";
import type { IoctlContext, IoctlDefinition, NestedArray } from "../ioctl/define-ioctl.js";
import {
  ControlView,
  ExtControlsView,
  ExtControlView,
  QueryctrlView,
  QueryExtCtrlView,
  QuerymenuView,
  V4L2_CID_MAX_CTRLS,
} from "../gen/index.js";
import type { ControlOps } from "../ops.js";
import { attempt, settle } from "../../settle.js";
import type { ExtControl, ExtControls } from "../values/types-device.js";

const hasControls: IoctlDefinition["valid"] = (device) => device.hasControls;

const queryctrl = defineIoctl({
  name: "VIDIOC_QUERYCTRL",
  arg: QueryctrlView,
  clearAfter: "id",
  ctrl: true,
  scope: hasControls,
  servedBy: "controls.queryctrl",
  run: ({ view, file }) => {
    const reply = file.requireControls().queryctrl(view.id);
    view.id = reply.id;
    view.type = reply.type;
    view.name = reply.name;
    view.minimum = reply.minimum;
    view.maximum = reply.maximum;
    view.step = reply.step;
    view.default_value = reply.defaultValue;
    view.flags = reply.flags;
  },
  asks: ["id"],
  describe: (out, view) => {
    out.hex("id", view.id).int("type", view.type).string("name", view.name);
    out.set("minimum", view.minimum).set("maximum", view.maximum);
    out.item(`min/max=${view.minimum}/${view.maximum}`).int("step", view.step);
    out.int("default", view.default_value).hex("flags", view.flags, 8);
  },
});

const queryExtCtrl = defineIoctl({
  name: "VIDIOC_QUERY_EXT_CTRL",
  arg: QueryExtCtrlView,
  clearAfter: "id",
  ctrl: true,
  scope: hasControls,
  servedBy: "controls.queryExtCtrl",
  run: ({ view, file }) => {
    const reply = file.requireControls().queryExtCtrl(view.id);
    view.id = reply.id;
    view.type = reply.type;
    view.name = reply.name;
    view.minimum = reply.minimum;
    view.maximum = reply.maximum;
    view.step = reply.step;
    view.default_value = reply.defaultValue;
    view.flags = reply.flags;
    view.elem_size = reply.elemSize;
    view.elems = reply.elems;
    view.nr_of_dims = reply.dims.length;
    view.dims.assign(reply.dims);
  },
  asks: ["id"],
  describe: (out, view) => {
    const dims = view.dims.toArray();
    out.hex("id", view.id).int("type", view.type).string("name", view.name);
    out.set("minimum", view.minimum).set("maximum", view.maximum);
    out.item(`min/max=${view.minimum}/${view.maximum}`);
    out.big("step", BigInt.asIntN(64, view.step)).big("default", view.default_value);
    out.hex("flags", view.flags, 8).uint("elem_size", view.elem_size).uint("elems", view.elems);
    out
      .uint("nr_of_dims", view.nr_of_dims)
      .set("dims", dims)
      .item(`dims=${dims.join(",")}`);
  },
});

const querymenu = defineIoctl({
  name: "VIDIOC_QUERYMENU",
  arg: QuerymenuView,
  clearAfter: "index",
  ctrl: true,
  scope: hasControls,
  servedBy: "controls.querymenu",
  run: ({ view, file }) => {
    const { id, index } = view;
    const reply = file.requireControls().querymenu({ id, index });
    if ("name" in reply) view.name = reply.name;
    else view.value = reply.value;
  },
  asks: ["id", "index"],
  describe: (out, view) => void out.hex("id", view.id).int("index", view.index),
});

function describeControl(out: ArgWriter, view: ControlView): void {
  const name = standardName(view.id);
  if (name !== undefined) out.string("name", name);
  out.hex("id", view.id).int("value", view.value);
}

const gCtrl = defineIoctl({
  name: "VIDIOC_G_CTRL",
  arg: ControlView,
  clearAfter: "id",
  ctrl: true,
  scope: hasControls,
  servedBy: "controls.gCtrl",
  run: ({ view, file }) =>
    settle(file.requireControls().gCtrl(view.id), (value) => {
      view.value = value;
    }),
  asks: ["id"],
  describe: describeControl,
});

const sCtrl = defineIoctl({
  name: "VIDIOC_S_CTRL",
  arg: ControlView,
  prio: true,
  ctrl: true,
  scope: hasControls,
  servedBy: "controls.sCtrl",
  run: ({ view, file }) => {
    const { id, value } = view;
    return settle(file.requireControls().sCtrl({ id, value }, file), (set) => {
      view.value = set;
    });
  },
  describe: describeControl,
});

/** One control of the client's array: fields in our copy of the array, payload in the client. */
class ClientExtControl implements ExtControl {
  readonly id: number;
  readonly #view: ExtControlView;
  readonly #call: Call;
  readonly #index: number;
  readonly #record: CallRecord | undefined;

  constructor(bytes: Uint8Array, index: number, { call, record }: Pick<IoctlContext, "call" | "record">) {
    this.#index = index;
    this.#record = record;
    this.#view = new ExtControlView(bytes);
    this.#view.reserved2.assign([]);
    this.id = this.#view.id;
    this.#call = call;
  }

  get size(): number {
    return this.#view.size;
  }
  set size(value: number) {
    this.#view.size = value;
  }

  get value(): number {
    return this.#view.value;
  }
  set value(value: number) {
    this.#view.value = value;
  }

  get value64(): bigint {
    return this.#view.value64;
  }
  set value64(value: bigint) {
    this.#view.value64 = value;
  }

  /** Of a 32-bit program's pointer, the other half of the union is what the program had there. */
  get #address(): bigint {
    const { ptr } = this.#view;
    return this.#call.structs32 === undefined ? ptr : BigInt.asUintN(32, ptr);
  }

  readPayload(sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    if (sizeBytes > 0) this.#call.memory.read(this.#address, bytes);
    if (this.#record !== undefined) (this.#record.askedPayloads ??= new PayloadLog()).add(this.#index, bytes);
    return bytes;
  }

  writePayload(bytes: Uint8Array): void {
    if (bytes.byteLength > 0) this.#call.memory.write(this.#address, bytes);
    if (this.#record !== undefined) (this.#record.givenPayloads ??= new PayloadLog()).add(this.#index, bytes);
  }
}

const controlArray: NestedArray<ExtControlsView> = {
  elementBytes: ExtControlView.SIZE,
  max: V4L2_CID_MAX_CTRLS,
  count: (view) => view.count,
  address: (view) => view.controls,
};

/** The 20 bytes of one control in our copy of the array. */
const element = (array: Uint8Array, index: number): Uint8Array =>
  array.subarray(index * ExtControlView.SIZE, (index + 1) * ExtControlView.SIZE);

function parseExtControls(context: IoctlContext<ExtControlsView>): ExtControls {
  const { view, array } = context;
  const controls: ExtControl[] = [];
  if (array !== undefined) {
    for (let index = 0; index < view.count; index++) {
      controls.push(new ClientExtControl(element(array, index), index, context));
    }
  }
  return { which: view.which, requestFd: view.request_fd, controls, errorIdx: view.count };
}

function describeExtControls(
  out: ArgWriter,
  view: ExtControlsView,
  { array }: { readonly array: Uint8Array | undefined },
): void {
  out.hex("which", view.which).int("count", view.count).int("error_idx", view.error_idx);
  out.int("request_fd", view.request_fd);
  const fetched = Math.floor((array?.byteLength ?? 0) / ExtControlView.SIZE);
  out.list("controls", Math.min(view.count, fetched), (_, index) => {
    if (array === undefined) return;
    const { id, size, value } = new ExtControlView(element(array, index));
    const name = standardName(id);
    if (name !== undefined) out.string("name", name);
    const text = (number: number): string => `0x${(number >>> 0).toString(16)}`;
    out.set("id", id);
    const key = `id/val=${text(id)}/`;
    if (size === 0) out.set("value", value).item(`${key}${text(value)}`, key.length);
    else out.set("size", size).item(`id/size=${text(id)}/${size}`);
  });
}

/** `errorIdx` goes back whether the handler refused or not. */
function defineExtCtrls(
  name: "VIDIOC_G_EXT_CTRLS" | "VIDIOC_S_EXT_CTRLS" | "VIDIOC_TRY_EXT_CTRLS",
  verb: "gExtCtrls" | "sExtCtrls" | "tryExtCtrls",
): IoctlDefinition<ExtControlsView> {
  return defineIoctl({
    name,
    arg: ExtControlsView,
    ...(verb === "sExtCtrls" && { prio: true }),
    ctrl: true,
    alwaysCopy: true,
    nested: controlArray,
    scope: hasControls,
    servedBy: `controls.${verb}`,
    run: (context) => {
      const { view, file, call } = context;
      const controls: ControlOps = file.requireControls();
      view.reserved.assign([]);
      view.error_idx = view.count;
      const request = parseExtControls(context);
      const finish = (): void => {
        view.error_idx = request.errorIdx;
        // A client may name the class by any control in it, and reads the class itself.
        view.which = classOf(request.which);
      };
      return attempt(
        () => controls[verb](request, file, call),
        finish,
        (error) => {
          finish();
          throw error;
        },
      );
    },
    asks: ["which", "count", "request_fd", ...(verb === "gExtCtrls" ? [] : ["controls"])],
    describe: describeExtControls,
  });
}

export const controlIoctls: readonly IoctlDefinition[] = [
  queryctrl,
  queryExtCtrl,
  querymenu,
  gCtrl,
  sCtrl,
  defineExtCtrls("VIDIOC_G_EXT_CTRLS", "gExtCtrls"),
  defineExtCtrls("VIDIOC_S_EXT_CTRLS", "sExtCtrls"),
  defineExtCtrls("VIDIOC_TRY_EXT_CTRLS", "tryExtCtrls"),
];
