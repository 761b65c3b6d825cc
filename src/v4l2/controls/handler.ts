/**
 * The controls of a device or of one open file: what `struct v4l2_ctrl_handler` is in the kernel.
 *
 *     const controls = new ControlHandler();
 *     controls.addStandard(Cid.Brightness, { max: 255, default: 128, set: (value) => sensor.setBrightness(value) });
 *     const sps = controls.addCompound(Cid.StatelessH264Sps);   // sps.value is a CtrlH264Sps
 *     controls.setup();
 *
 * A driver sees plain values; bytes, sizes, ranges, errors, events and requests are dealt with here.
 */
import type { Call } from "../call.js";
import { V4l2Error } from "../error.js";
import { eventQueue } from "../events.js";
import type { EventFile, EventHooks } from "../events.js";
import type { AnyFile, ControlOps } from "../ops.js";
import type { MediaRequest, RequestResolver } from "../media-request.js";
import { CtrlWhich, EventType } from "../values/types-device.js";
import type {
  EventPayload,
  EventSubscription,
  ExtControls,
  QueryCtrlReply,
  QueryExtCtrlReply,
  QueryMenuReply,
} from "../values/types-device.js";
import type {
  ArrayOptions,
  CompoundOptions,
  Control,
  ControlCallbacks,
  IntMenuOptions,
  MenuOptions,
  StandardOptions,
} from "./api.js";
import { Cluster } from "./cluster.js";
import type { AutoMode, Members } from "./cluster.js";
import { ControlImpl } from "./control.js";
import type { ControlCluster, ControlSpec } from "./control.js";
import { customSpec, standardSpec } from "./declare.js";
import type { CustomArrayOptions, CustomOptions, CustomPayloadOptions } from "./declare.js";
import { getExtCtrls, trySetExtCtrls } from "./ext.js";
import { logLine } from "./log-status.js";
import { queryExtCtrl, queryctrl, querymenu } from "./query.js";
import { ControlRequest } from "./request-values.js";
import { standardControl } from "./standard.js";
import type { StandardId, StandardValue } from "./standard.js";
import { ControlTable } from "./table.js";
import { COMPOUND_TYPES, CtrlFlag, CtrlType, classOf } from "./control-types.js";
import type { ElementValue } from "./control-types.js";

/** How a handler deals with requests, and which of the newer parts of the API it shows. */
export interface ControlHandlerOptions {
  /** Finds the requests that clients name; without it REQUEST_VAL is EINVAL. */
  readonly requests?: RequestResolver | undefined;
  /**
   * Report `CtrlFlag.HasWhichMinMax` and serve MIN_VAL and MAX_VAL for simple controls, as kernels from 6.15 do. Off
   * by default: older tools print the flag as a number.
   */
  readonly minMaxValues?: boolean | undefined;
}

/** Ors the changes of events that were not read. */
const orChanges = (older: EventPayload, newer: EventPayload): EventPayload =>
  older.kind === "ctrl" && newer.kind === "ctrl"
    ? { ...newer, changes: older.changes | newer.changes }
    : newer;

/** The controls of a device or a file: declared with the add methods, then served without any op of the driver. */
export class ControlHandler implements ControlOps {
  /** Finds the requests that clients name. */
  requests: RequestResolver | undefined;
  readonly #minMaxValues: boolean;
  readonly #table = new ControlTable();
  /** Added here, not inherited; in that order. */
  readonly #own: ControlImpl[] = [];
  readonly #live = new Set<ControlRequest>();

  constructor(options: ControlHandlerOptions = {}) {
    this.requests = options.requests;
    this.#minMaxValues = options.minMaxValues ?? false;
  }

  // ---- Declaring controls -------------------------------------------------------------------------------------------

  /** A standard control that is neither a menu nor compound: number, boolean, button, text, bitmask. */
  addStandard<Id extends StandardId>(
    id: Id,
    options: StandardOptions<StandardValue<Id>> = {},
  ): Control<StandardValue<Id>> {
    return this.#add(standardSpec(id, "simple", options), options);
  }

  /** A standard menu, or a standard control whose menu the driver makes up. The value is an item's index. */
  addMenu(id: StandardId, options: MenuOptions = {}): Control<number> {
    return this.#add(standardSpec(id, "menu", options), options);
  }

  /** A standard menu of integers. The value is an item's index; the integer is `control.intItems[index]`. */
  addIntMenu(id: StandardId, options: IntMenuOptions = {}): Control<number> {
    return this.#add(standardSpec(id, "int-menu", options), options);
  }

  /** A standard compound control; with `dims` an array (of up to so many elements if it is dynamic by its standard). */
  addCompound<Id extends StandardId>(
    id: Id,
    options?: CompoundOptions<StandardValue<Id>>,
  ): Control<StandardValue<Id>>;
  addCompound<Id extends StandardId>(
    id: Id,
    options: ArrayOptions<StandardValue<Id>>,
  ): Control<readonly StandardValue<Id>[]>;
  addCompound<Id extends StandardId>(
    id: Id,
    options: CompoundOptions<StandardValue<Id>> | ArrayOptions<StandardValue<Id>> = {},
  ): Control<unknown> {
    return this.#add<unknown>(standardSpec(id, "compound", options), options);
  }

  /** A control of the driver's own: name, type and all. */
  addCustom<Type extends CtrlType>(options: CustomOptions<Type>): Control<ElementValue<Type>>;
  addCustom<Type extends CtrlType>(options: CustomArrayOptions<Type>): Control<readonly ElementValue<Type>[]>;
  addCustom<Value>(options: CustomPayloadOptions<Value>): Control<Value>;
  addCustom(
    options: CustomOptions<CtrlType> | CustomArrayOptions<CtrlType> | CustomPayloadOptions<unknown>,
  ): Control<unknown> {
    return this.#add<unknown>(customSpec(options), options);
  }

  #add<Value>(spec: ControlSpec, callbacks: ControlCallbacks<Value>): Control<Value> {
    this.#addClass(spec);
    if (this.#own.some(({ id }) => id === spec.id))
      throw new RangeError(`control ${spec.name} exists already`);
    const control = new ControlImpl<Value>({ ...spec, flags: this.#flags(spec, callbacks) }, callbacks);
    this.#table.add(control, false);
    this.#own.push(control);
    return control;
  }

  #flags({ type, flags }: ControlSpec, callbacks: ControlCallbacks<unknown>): number {
    let all = flags;
    if (callbacks.volatile !== undefined) all |= CtrlFlag.Volatile;
    if (type === CtrlType.Button) all |= CtrlFlag.WriteOnly | CtrlFlag.ExecuteOnWrite;
    else if (type === CtrlType.CtrlClass) all |= CtrlFlag.ReadOnly;
    else if (this.#minMaxValues && type < COMPOUND_TYPES && type !== CtrlType.String)
      all |= CtrlFlag.HasWhichMinMax;
    return all;
  }

  /** The first simple control of a class brings the class's heading. */
  #addClass({ id, name, type }: { readonly id: number; readonly name: string; readonly type: number }): void {
    const heading = classOf(id) | 1;
    if (type >= COMPOUND_TYPES || id === heading || this.#table.find(heading) !== undefined) return;
    if (standardControl(heading) === undefined) {
      throw new RangeError(
        `control ${name}: its class has no name; add control 0x${heading.toString(16)} first`,
      );
    }
    this.#add(standardSpec(heading, "simple", {}), {});
  }

  /**
   * Shows another handler's controls here too, but for its private ones, and ids that are here already
   * (`v4l2_ctrl_add_handler`). Headings come with them.
   * @param options.filter - Only the controls for which it is true.
   * @param options.foreign - Belongs to another device: not part of this handler's requests.
   */
  inherit(
    from: ControlHandler,
    options: { readonly filter?: (control: Control) => boolean; readonly foreign?: boolean } = {},
  ): void {
    for (const control of from.#table.all) {
      if (control.isPrivate || control.type === CtrlType.CtrlClass || options.filter?.(control) === false)
        continue;
      const heading = from.#table.find(classOf(control.id) | 1);
      if (heading !== undefined && standardControl(heading.id) === undefined) this.#table.add(heading, true);
      this.#addClass(control);
      this.#table.add(control, options.foreign ?? false);
    }
  }

  /**
   * Sets these controls together: callbacks (by default those of the first control) see all new values at once.
   * @param controls - Of this handler.
   */
  cluster(
    controls: readonly [Control<unknown>, ...Control<unknown>[]],
    callbacks?: ControlCallbacks<unknown>,
  ): void {
    this.#cluster(controls, callbacks, undefined);
  }

  /**
   * A cluster whose first control is automatic (autogain): while it is, the others are inactive, and volatile if
   * `mode.volatile` (then the callbacks need `volatile`, which assigns `next` of the others).
   */
  autoCluster<Value>(
    controls: readonly [Control<Value>, ...Control[]],
    mode: AutoMode,
    callbacks?: ControlCallbacks<Value>,
  ): void {
    const cluster = this.#cluster(controls, callbacks, mode);
    const [master, ...others] = cluster.members;
    master.flags |= CtrlFlag.Update;
    if (cluster.isManual) return;
    for (const control of others)
      control.flags |= CtrlFlag.Inactive | (mode.volatile ? CtrlFlag.Volatile : 0);
  }

  #cluster(
    controls: readonly Control<unknown>[],
    callbacks: ControlCallbacks<unknown> | undefined,
    mode: AutoMode | undefined,
  ): ControlCluster {
    const [master, ...others] = controls.map((control) => {
      if (control instanceof ControlImpl && this.#own.includes(control)) return control as ControlImpl;
      throw new RangeError(`control ${control.name} is not of this handler`);
    });
    if (master === undefined) throw new RangeError("a cluster needs controls");
    const members: Members<ControlImpl> = [master, ...others];
    const cluster = new Cluster(members, callbacks ?? master.cluster.callbacks, mode);
    for (const control of members) control.cluster = cluster;
    return cluster;
  }

  // ---- For drivers --------------------------------------------------------------------------------------------------

  /** All controls shown here, by ascending id. */
  get controls(): readonly Control[] {
    return this.#table.all;
  }

  /** The control of that id, or undefined. */
  find<Id extends StandardId>(id: Id): Control<StandardValue<Id>> | undefined;
  find(id: number): Control | undefined;
  find(id: number): Control<unknown> | undefined {
    return this.#table.find(id);
  }

  /** Without a request: tells the driver all present values. @throws {V4l2Error} As the callbacks. */
  setup(): void;
  /** Puts a queued request's values into effect. @throws {V4l2Error} As the callbacks; EBUSY - not queued. */
  setup(request: MediaRequest): void;
  setup(request?: MediaRequest): void {
    if (request === undefined) return this.#setupAll();
    if (request.state !== "queued") throw new V4l2Error("EBUSY", `request ${request.name} is not queued`);
    this.inRequest(request)?.apply();
  }

  #setupAll(): void {
    const done = new Set<ControlCluster>();
    for (const { cluster, type, flags } of this.#own) {
      if (done.has(cluster) || type === CtrlType.Button || (flags & CtrlFlag.ReadOnly) !== 0) continue;
      done.add(cluster);
      cluster.apply();
    }
  }

  /** The driver is done with the request: what it did not set is recorded as it is now, for G_EXT_CTRLS. */
  complete(request: MediaRequest): void {
    let values = this.inRequest(request);
    if (values === undefined) {
      values = this.#newRequest(request);
      try {
        request.bind(values);
      } catch (error) {
        // Reading its controls will be ENOMEM, as in the kernel.
        this.#live.delete(values);
        if (error instanceof V4l2Error) return;
        throw error;
      }
    }
    values.finish();
    request.complete(values);
  }

  /** This handler's values in a request, to ask which it sets; undefined if it sets none. */
  inRequest(request: MediaRequest): ControlRequest | undefined {
    const object = request.find(this);
    return object instanceof ControlRequest ? object : undefined;
  }

  /** The device or file goes: requests forget this handler. */
  close(): void {
    for (const values of [...this.#live]) values.request.unbind(values);
    this.#live.clear();
  }

  /**
   * SUBSCRIBE_EVENT for `Ctrl` events, to be called from the driver's `subscribeEvent` op.
   * @throws {V4l2Error} EINVAL - another type, or no such control; ENOTTY - the device has no events.
   */
  subscribeEvent(file: EventFile, subscription: EventSubscription): void {
    if (subscription.type !== EventType.Ctrl)
      throw new V4l2Error("EINVAL", `no event of type ${subscription.type}`);
    eventQueue(file).subscribe(subscription, 1, this.#eventHooks);
  }

  readonly #eventHooks: EventHooks = {
    add: (subscription) => {
      const control = this.#table.find(subscription.id);
      if (control === undefined)
        throw new V4l2Error("EINVAL", `no control 0x${subscription.id.toString(16)}`);
      control.subscribe(subscription);
    },
    del: (subscription) => {
      this.#table.find(subscription.id)?.subscriptions.delete(subscription);
    },
    replace: orChanges,
    merge: orChanges,
  };

  // ---- For clients --------------------------------------------------------------------------------------------------

  queryctrl(id: number): QueryCtrlReply {
    return queryctrl(this.#table, id);
  }

  queryExtCtrl(id: number): QueryExtCtrlReply {
    return queryExtCtrl(this.#table, id);
  }

  querymenu({ id, index }: { readonly id: number; readonly index: number }): QueryMenuReply {
    return querymenu(this.#table, id, index);
  }

  /** @throws {V4l2Error} EINVAL - no such control, or not of 32 bits; EACCES - write-only. */
  gCtrl(id: number): number {
    const control = this.#simple(id);
    if ((control.flags & CtrlFlag.WriteOnly) !== 0)
      throw new V4l2Error("EACCES", `${control.name} is write-only`);
    if ((control.flags & CtrlFlag.Volatile) === 0) return control.currentInt;
    control.cluster.readVolatile();
    return control.pendingInt;
  }

  /** @throws {V4l2Error} EINVAL - no such control, or not of 32 bits; EACCES - read-only; EBUSY - grabbed; ERANGE. */
  sCtrl({ id, value }: { readonly id: number; readonly value: number }, file: AnyFile): number {
    const control = this.#simple(id);
    if ((control.flags & CtrlFlag.ReadOnly) !== 0)
      throw new V4l2Error("EACCES", `${control.name} is read-only`);
    control.pendingInt = value;
    control.cluster.setOne(control, file, 0);
    return control.currentInt;
  }

  #simple(id: number): ControlImpl {
    const control = this.#table.find(id);
    if (control === undefined) throw new V4l2Error("EINVAL", `no control 0x${id.toString(16)}`);
    if (!control.isInt) throw new V4l2Error("EINVAL", `${control.name} needs the extended control ioctls`);
    return control;
  }

  /** @throws {V4l2Error} Also EACCES - the request is not complete. */
  gExtCtrls(request: ExtControls, _file: AnyFile, call: Call): void {
    if (request.which !== CtrlWhich.RequestVal) return getExtCtrls(this.#table, request, undefined);
    const media = this.#resolve(request, call);
    if (media.state !== "complete") throw new V4l2Error("EACCES", `request ${media.name} is not complete`);
    getExtCtrls(this.#table, request, this.#existing(media));
  }

  /** @throws {V4l2Error} Also EBUSY - the request is queued. */
  sExtCtrls(request: ExtControls, file: AnyFile, call: Call): void {
    if (request.which !== CtrlWhich.RequestVal)
      return trySetExtCtrls(this.#table, request, { set: true, file });
    const media = this.#updatable(request, call);
    let values = this.inRequest(media);
    if (values === undefined) {
      values = this.#newRequest(media);
      media.bind(values);
    }
    trySetExtCtrls(this.#table, request, { set: true, file, values });
  }

  /** @throws {V4l2Error} Also EBUSY - the request is queued; ENOMEM - it has no controls yet (the kernel's answer). */
  tryExtCtrls(request: ExtControls, file: AnyFile, call: Call): void {
    if (request.which !== CtrlWhich.RequestVal)
      return trySetExtCtrls(this.#table, request, { set: false, file });
    const values = this.#existing(this.#updatable(request, call));
    trySetExtCtrls(this.#table, request, { set: false, file, values });
  }

  logStatus(print: (line: string) => void): void {
    for (const control of this.#own) {
      const line = logLine(control);
      if (line !== undefined) print(line);
    }
  }

  // ---- Requests -----------------------------------------------------------------------------------------------------

  #resolve({ requestFd }: ExtControls, call: Call): MediaRequest {
    if (this.requests === undefined) throw new V4l2Error("EINVAL", "the device has no requests");
    if (requestFd < 0) throw new V4l2Error("EINVAL", `request fd ${requestFd}`);
    return this.requests.byFd(call, requestFd);
  }

  #updatable(request: ExtControls, call: Call): MediaRequest {
    const media = this.#resolve(request, call);
    if (media.state !== "idle" && media.state !== "updating") {
      throw new V4l2Error("EBUSY", `request ${media.name} is ${media.state}`);
    }
    return media;
  }

  #existing(media: MediaRequest): ControlRequest {
    const values = this.inRequest(media);
    if (values === undefined) throw new V4l2Error("ENOMEM", `request ${media.name} has no controls`);
    return values;
  }

  #newRequest(media: MediaRequest): ControlRequest {
    const values = new ControlRequest(this, this.#table, media, (gone) => this.#live.delete(gone));
    this.#live.add(values);
    return values;
  }
}

/**
 * `v4l2_ctrl_subscribe_event`: a `subscribeEvent` op for devices whose only events are those of controls.
 * @throws {V4l2Error} EINVAL - another type, or no such control.
 */
export function subscribeControlEvent(
  file: EventFile & { readonly controls: ControlOps | undefined },
  subscription: EventSubscription,
): void {
  if (!(file.controls instanceof ControlHandler)) throw new V4l2Error("EINVAL", "the file has no controls");
  file.controls.subscribeEvent(file, subscription);
}
