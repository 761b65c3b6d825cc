/** The values of a handler's controls within one media request, the counterpart of v4l2-ctrls-request.c. */
import { V4l2Error } from "../error.js";
import type { MediaRequest, RequestObject } from "../media-request.js";
import type { ControlCluster, ControlImpl } from "./control.js";
import type { RequestValues } from "./ext.js";
import type { ControlTable } from "./table.js";
import { CtrlFlag } from "./control-types.js";
import type { ValueBytes } from "./value-bytes.js";

interface Stored {
  readonly bytes: ValueBytes;
  /** Taken from the control's pool, to be given back; else shared and not to be written. */
  readonly own: boolean;
  /** Given by the client, not filled in from its cluster. */
  isNew: boolean;
}

/** The values that a request holds for one handler's controls. */
export class ControlRequest implements RequestObject, RequestValues {
  readonly kind = "controls";
  readonly #values = new Map<ControlImpl, Stored>();
  #completed = false;

  /**
   * @param owner - The handler whose controls these are; the request finds this object by it.
   * @param onUnbind - Called when the request drops the object.
   */
  constructor(
    readonly owner: object,
    readonly table: ControlTable,
    readonly request: MediaRequest,
    private readonly onUnbind: (values: ControlRequest) => void,
  ) {}

  get(control: ControlImpl): ValueBytes | undefined {
    return this.#values.get(control)?.bytes;
  }

  /** Does the request set this control? What a driver's validation asks. */
  has(id: number): boolean {
    const control = this.table.find(id);
    return control !== undefined && this.#values.has(control);
  }

  store(control: ControlImpl): void {
    if (!this.table.has(control) || this.table.isForeign(control)) return;
    let stored = this.#values.get(control);
    if (stored?.own !== true) {
      stored = { bytes: control.allocate(), own: true, isNew: false };
      this.#values.set(control, stored);
    }
    stored.bytes.copyFrom(control.pending);
    stored.isNew ||= control.isNew;
  }

  /**
   * Puts the values into effect, cluster by cluster in the order of ids.
   * @throws {V4l2Error} EBUSY - completed already, or a control is grabbed; or as the driver's callbacks.
   */
  apply(): void {
    if (this.#completed) throw new V4l2Error("EBUSY", `request ${this.request.name} is complete`);
    const done = new Set<ControlCluster>();
    for (const control of [...this.#values.keys()].sort((left, right) => left.id - right.id)) {
      const { cluster } = control;
      if (done.has(cluster) || (control.flags & CtrlFlag.ReadOnly) !== 0) continue;
      done.add(cluster);
      this.#layOut(cluster);
      cluster.prepare(true);
      cluster.commit(undefined, 0);
    }
  }

  /**
   * Differs from v4l2-ctrls-request.c: where an automatic control becomes manual, values that the request gives for
   * the others win over those of the hardware, as they do without a request.
   */
  #layOut(cluster: ControlCluster): void {
    cluster.clearNew();
    const { master } = cluster;
    this.#take(master);
    if (master.isInt) cluster.adoptVolatiles(master.pendingInt);
    for (const control of cluster.members) {
      const adopted = control.isNew;
      control.isNew = true;
      if (control !== master && (!adopted || this.#values.get(control)?.isNew === true)) this.#take(control);
    }
  }

  #take(control: ControlImpl): void {
    const stored = this.#values.get(control);
    if (stored === undefined) return control.takeCurrent();
    if (!control.isDynamicArray && stored.bytes.elems !== control.elems) {
      throw new V4l2Error("ENOMEM", `${control.name} has other dimensions than when the request was made`);
    }
    control.pending.copyFrom(stored.bytes);
  }

  /** Keeps what is in effect now for the controls that the request did not set; volatile ones are read. */
  finish(): void {
    this.#completed = true;
    for (const control of this.table.all) {
      if (this.table.isForeign(control)) continue;
      if ((control.flags & CtrlFlag.Volatile) !== 0) this.#storeVolatile(control);
      else if (!this.#values.has(control)) {
        this.#values.set(control, { bytes: control.snapshot(), own: false, isNew: false });
      }
    }
  }

  #storeVolatile(control: ControlImpl): void {
    try {
      control.cluster.readVolatile();
    } catch (error) {
      if (!(error instanceof V4l2Error)) throw error;
    }
    this.store(control);
  }

  unbind(): void {
    this.onUnbind(this);
  }

  release(): void {
    this.onUnbind(this);
    for (const [control, { bytes, own }] of this.#values) if (own) control.recycle(bytes);
    this.#values.clear();
  }
}
