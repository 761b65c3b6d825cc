/**
 * G_EXT_CTRLS, S_EXT_CTRLS and TRY_EXT_CTRLS, the counterpart of v4l2-ctrls-api.c.
 *
 * Setting has two phases: all values are fetched and checked, `try` callbacks included, before any is put into
 * effect. A refusal of the first phase leaves everything as it was, and says so with `errorIdx` equal to the number
 * of controls, as the API describes (TRY names the control instead).
 *
 * Differs from v4l2-ctrls-api.c, which fetches and checks payloads while it sets cluster after cluster, so that a bad
 * payload can leave earlier controls changed, with `errorIdx` at the bad one.
 */
import { present } from "../../present.js";
import { V4l2Error } from "../error.js";
import type { AnyFile } from "../ops.js";
import { CtrlWhich } from "../values/types-device.js";
import type { ExtControl, ExtControls } from "../values/types-device.js";
import type { Constant, ControlCluster, ControlImpl } from "./control.js";
import type { ControlTable } from "./table.js";
import { CtrlFlag, PRIVATE_BASE, bareId, classOf } from "./control-types.js";
import { ValueBytes } from "./value-bytes.js";

/** The values of a request: read from after it completed, written to before it is queued. */
export interface RequestValues {
  /** The value in the request; undefined if it has none. */
  get(control: ControlImpl): ValueBytes | undefined;
  /** Takes the control's new value. */
  store(control: ControlImpl): void;
}

/** One control of the client's array, looked up. */
interface Entry {
  readonly ext: ExtControl;
  readonly index: number;
  readonly control: ControlImpl;
  /** The client's payload was corrected, or is not the whole value: it must be written back. */
  corrected: boolean;
  /** A later entry of the same pointer control wins over this one. */
  overruled: boolean;
}

/** Entries of one cluster, at the place of the first. */
interface Group {
  readonly cluster: ControlCluster;
  readonly entries: Entry[];
  generation: number;
}

const CONSTANTS: Readonly<Partial<Record<number, Constant>>> = {
  [CtrlWhich.DefVal]: "default",
  [CtrlWhich.MinVal]: "minimum",
  [CtrlWhich.MaxVal]: "maximum",
};

/** Is `which` one of the special values rather than a control class? Class 0 stands for the current values. */
const isSpecial = (which: number): boolean =>
  which === CtrlWhich.CurVal || (which >= CtrlWhich.DefVal && which <= CtrlWhich.MaxVal);

/** An empty list asks whether there are controls of that class. */
function checkClass(table: ControlTable, which: number): void {
  const shown = classOf(which);
  if (!isSpecial(shown) && table.find(shown | 1) === undefined) {
    throw new V4l2Error("EINVAL", `no controls of class 0x${shown.toString(16)}`);
  }
}

/** Looks all controls up and fits sizes. `errorIdx` is left at the offending control. */
function prepare(
  table: ControlTable,
  request: ExtControls,
  get: boolean,
  values: RequestValues | undefined,
): Entry[] {
  const which = classOf(request.which);
  return request.controls.map((ext, index) => {
    request.errorIdx = index;
    const control = lookUp(table, which, ext, values !== undefined);
    const source = (get ? values?.get(control) : undefined) ?? control.current;
    if (control.isDynamicArray) fitDynamicArray(control, ext, get, source);
    else if (control.isPointer && !control.isString) fitPayload(control, ext, get, source);
    return { ext, index, control, corrected: false, overruled: false };
  });
}

function lookUp(table: ControlTable, which: number, ext: ExtControl, inRequest: boolean): ControlImpl {
  const id = bareId(ext.id);
  const name = `0x${id.toString(16)}`;
  if (!isSpecial(which) && classOf(id) !== which) {
    throw new V4l2Error("EINVAL", `control ${name} is not of class 0x${which.toString(16)}`);
  }
  if (id >= PRIVATE_BASE) throw new V4l2Error("EINVAL", `${name} is an id for S_CTRL only`);
  const control = table.find(id);
  if (control === undefined) throw new V4l2Error("EINVAL", `no control ${name}`);
  if (inRequest && table.isForeign(control)) {
    throw new V4l2Error("EINVAL", `${control.name} is of another device, requests do not reach it`);
  }
  if ((control.flags & CtrlFlag.Disabled) !== 0) throw new V4l2Error("EINVAL", `${control.name} is disabled`);
  const limits = which === CtrlWhich.MinVal || which === CtrlWhich.MaxVal;
  if (limits && (control.flags & CtrlFlag.HasWhichMinMax) === 0) {
    throw new V4l2Error("EINVAL", `${control.name} does not tell its minimum and maximum`);
  }
  return control;
}

/** Whole elements only. ENOSPC tells the size that is needed (get) or the greatest (set). */
function fitDynamicArray(control: ControlImpl, ext: ExtControl, get: boolean, source: ValueBytes): void {
  const { elemSize, name } = control;
  const offered = elemSize * Math.floor(ext.size / elemSize);
  ext.size = offered;
  if (get) {
    ext.size = source.elems * elemSize;
    if (offered < ext.size)
      throw new V4l2Error("ENOSPC", `${name}: ${ext.size} bytes do not fit into ${offered}`);
    return;
  }
  const greatest = (control.dims[0] ?? 0) * elemSize;
  if (offered > greatest) {
    ext.size = greatest;
    throw new V4l2Error("ENOSPC", `${name}: ${offered} bytes are more than the greatest array, ${greatest}`);
  }
  if (offered === 0) throw new V4l2Error("EFAULT", `${name}: the payload has no element`);
}

/** A payload has one size; a client that offers less to G_EXT_CTRLS asks for it. */
function fitPayload(control: ControlImpl, ext: ExtControl, get: boolean, source: ValueBytes): void {
  const needed = source.elems * source.elemSize;
  if (ext.size < needed) {
    const detail = `${control.name} has ${needed} bytes, ${ext.size} are offered`;
    if (!get) throw new V4l2Error("EFAULT", detail);
    ext.size = needed;
    throw new V4l2Error("ENOSPC", detail);
  }
  ext.size = needed;
}

function groupByCluster(entries: readonly Entry[]): Group[] {
  const groups: Group[] = [];
  let shared: Map<ControlCluster, Group> | undefined;
  for (const entry of entries) {
    const { cluster } = entry.control;
    const known = cluster.members.length > 1 ? shared?.get(cluster) : undefined;
    if (known !== undefined) {
      known.entries.push(entry);
      continue;
    }
    const group: Group = { cluster, entries: [entry], generation: 0 };
    groups.push(group);
    if (cluster.members.length > 1) (shared ??= new Map<ControlCluster, Group>()).set(cluster, group);
  }
  return groups;
}

/** Hands a value to the client. @throws {V4l2Error} ENOSPC - a text does not fit; EFAULT. */
function give(ext: ExtControl, control: ControlImpl, bytes: ValueBytes): void {
  if (control.isString) giveText(ext, control, bytes);
  else if (control.isPointer) givePayload(ext, bytes.payload);
  else if (control.isInt) ext.value = bytes.view.getInt32(0, true);
  else ext.value64 = bytes.view.getBigInt64(0, true);
}

/** A driver may have changed the number of elements since the size was checked; the client's buffer has not grown. */
function givePayload(ext: ExtControl, payload: Uint8Array): void {
  ext.size = Math.min(ext.size, payload.length);
  ext.writePayload(payload.subarray(0, ext.size));
}

function giveText(ext: ExtControl, control: ControlImpl, bytes: ValueBytes): void {
  // Every value of a text ends with a NUL.
  const text = bytes.payload.subarray(0, bytes.payload.indexOf(0) + 1);
  if (ext.size < text.length) {
    const offered = ext.size;
    ext.size = control.elemSize;
    throw new V4l2Error(
      "ENOSPC",
      `${control.name}: a text of ${text.length} bytes does not fit into ${offered}`,
    );
  }
  ext.writePayload(text);
}

/**
 * G_EXT_CTRLS.
 * @param values - Of a completed request, for `which` REQUEST_VAL.
 * @throws {V4l2Error} EINVAL - unknown control, or not of the class; EACCES - a control is write-only; ENOSPC - a
 *   payload does not fit, the size is in the control; EFAULT.
 */
export function getExtCtrls(
  table: ControlTable,
  request: ExtControls,
  values: RequestValues | undefined,
): void {
  const count = request.controls.length;
  request.errorIdx = count;
  if (count === 0) return checkClass(table, request.which);
  let groups: Group[];
  try {
    groups = groupByCluster(prepare(table, request, true, values));
  } finally {
    request.errorIdx = count;
  }
  for (const { entries } of groups) {
    for (const { control } of entries) {
      if ((control.flags & CtrlFlag.WriteOnly) !== 0)
        throw new V4l2Error("EACCES", `${control.name} is write-only`);
    }
  }
  const constant = CONSTANTS[request.which];
  for (const group of groups) giveGroup(request, group, constant, values);
}

function giveGroup(
  request: ExtControls,
  { cluster, entries }: Group,
  constant: Constant | undefined,
  values: RequestValues | undefined,
): void {
  request.errorIdx = present(entries[0], "a group has entries").index;
  const isVolatile = constant === undefined && values === undefined && cluster.isVolatile;
  if (isVolatile) cluster.readVolatile();
  for (const { ext, control, index } of entries) {
    request.errorIdx = index;
    if (constant !== undefined) give(ext, control, constantOf(control, constant));
    else give(ext, control, values?.get(control) ?? (isVolatile ? control.pending : control.current));
  }
}

function constantOf(control: ControlImpl, constant: Constant): ValueBytes {
  const bytes = new ValueBytes(control.elemSize, control.elems);
  control.fill(bytes, constant);
  return bytes;
}

/** What a try or set is for. */
export interface SetTarget {
  readonly set: boolean;
  readonly file: AnyFile;
  /** Store into these instead of putting into effect. */
  readonly values?: RequestValues | undefined;
}

/**
 * TRY_EXT_CTRLS and S_EXT_CTRLS.
 * @throws {V4l2Error} EINVAL, ERANGE - unknown control or a bad value; EACCES - read-only; EBUSY - grabbed; ENOSPC -
 *   too many elements; EFAULT - too few bytes, or the payload cannot be read.
 */
export function trySetExtCtrls(table: ControlTable, request: ExtControls, target: SetTarget): void {
  const count = request.controls.length;
  request.errorIdx = count;
  if (CONSTANTS[request.which] !== undefined) {
    throw new V4l2Error("EINVAL", "default, minimum and maximum values cannot be set");
  }
  if (count === 0) return checkClass(table, request.which);

  let groups: Group[];
  try {
    groups = check(prepare(table, request, false, target.values), request, target);
  } catch (error) {
    if (target.set) request.errorIdx = count;
    throw error;
  }
  for (const group of groups) {
    request.errorIdx = present(group.entries[0], "a group has entries").index;
    if (target.set) putIntoEffect(group, target);
    for (const entry of group.entries) {
      request.errorIdx = entry.index;
      giveBack(entry);
    }
  }
}

/** First phase: everything that can be refused is refused here. */
function check(entries: readonly Entry[], request: ExtControls, target: SetTarget): Group[] {
  for (const entry of entries) {
    request.errorIdx = entry.index;
    checkAccess(entry, target.set);
  }
  const last = new Map<ControlImpl, Entry>();
  for (const entry of entries) {
    if (!entry.control.isPointer) continue;
    request.errorIdx = entry.index;
    fetch(entry);
    const earlier = last.get(entry.control);
    if (earlier !== undefined) earlier.overruled = true;
    last.set(entry.control, entry);
  }
  const groups = groupByCluster(entries);
  for (const group of groups) {
    request.errorIdx = present(group.entries[0], "a group has entries").index;
    layOut(group, target.set && target.values === undefined);
  }
  return groups;
}

function checkAccess({ ext, control }: Entry, set: boolean): void {
  if ((control.flags & CtrlFlag.ReadOnly) !== 0)
    throw new V4l2Error("EACCES", `${control.name} is read-only`);
  if (set && (control.flags & CtrlFlag.Grabbed) !== 0)
    throw new V4l2Error("EBUSY", `${control.name} is grabbed`);
  if (control.isPointer) return;
  // The client sees the corrected value even if another control is refused.
  if (control.isInt) ext.value = control.validateInt(ext.value);
  else ext.value64 = control.validateInt64(ext.value64);
}

/** Fetches and checks a payload, apart from what drivers see. */
function fetch(entry: Entry): void {
  const { control, ext } = entry;
  if (control.isString) return fetchText(entry);
  const { staged } = control;
  const sent = ext.readPayload(ext.size);
  staged.assign(sent, control.isDynamicArray ? ext.size / control.elemSize : control.elems);
  control.validate(staged);
  entry.corrected = Buffer.compare(sent, staged.payload) !== 0;
}

/** A text ends at its first NUL, or where the client's buffer ends; then it must not be longer than the maximum. */
function fetchText(entry: Entry): void {
  const { control, ext } = entry;
  if (ext.size === 0) throw new V4l2Error("ERANGE", `${control.name}: no text`);
  const { staged, elemSize } = control;
  const sent = ext.readPayload(Math.min(ext.size, elemSize));
  const text = new Uint8Array(elemSize);
  // As in the kernel the last byte that was sent gives way to the NUL, whatever it is.
  text.set(sent.subarray(0, sent.length - 1));
  const isWhole = text.indexOf(0) < elemSize - 1 || sent[sent.length - 1] === 0;
  if (!isWhole)
    throw new V4l2Error("ERANGE", `${control.name}: the text is longer than ${elemSize - 1} bytes`);
  staged.assign(text, 1);
  control.validate(staged);
  entry.corrected = Buffer.compare(sent, text.subarray(0, sent.length)) !== 0;
}

/** Makes the client's values the new values of their cluster and asks the driver about them. */
function layOut(group: Group, set: boolean): void {
  const { cluster, entries } = group;
  cluster.clearNew();
  const master = entries.findLast(({ control }) => control === cluster.master);
  if (master !== undefined && master.control.isInt) cluster.adoptVolatiles(master.ext.value);
  for (const { control, ext } of entries) {
    if (control.isPointer) control.pending.copyFrom(control.staged);
    else if (control.isInt) control.pendingInt = ext.value;
    else control.pendingInt64 = ext.value64;
    control.isNew = true;
  }
  cluster.prepare(set);
  group.generation = cluster.generation;
}

/** Second phase. */
function putIntoEffect(group: Group, { file, values }: SetTarget): void {
  const { cluster } = group;
  // A driver that reacts to an earlier control may have set one of these meanwhile.
  if (cluster.generation !== group.generation) layOut(group, values === undefined);
  if (values === undefined) return cluster.commit(file, 0);
  for (const control of cluster.members) values.store(control);
}

/**
 * The client gets the values as they are now.
 * Differs from v4l2-ctrls-api.c: a payload that did not change is not written again, which saves a system call for
 * each, and lets clients pass constants.
 */
function giveBack({ ext, control, corrected, overruled }: Entry): void {
  if (overruled) return;
  if (control.isPointer && !corrected && control.staged.equals(control.pending)) return;
  give(ext, control, control.pending);
}
