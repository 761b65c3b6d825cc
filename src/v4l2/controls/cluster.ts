/**
 * Controls that are set together: the callbacks see all new values at once. Every control is in a cluster, most of
 * them alone. The counterpart of the cluster half of v4l2-ctrls-core.c.
 */
import { V4l2Error } from "../error.js";
import type { AnyFile } from "../ops.js";
import type { Control, ControlCallbacks } from "./api.js";
import { CtrlChange, CtrlFlag } from "./control-types.js";
import type { ValueBytes } from "./value-bytes.js";

/** How an automatic control (autogain) rules the others (gain) of its cluster. */
export interface AutoMode {
  /** Value of the first control that leaves the others to the client. */
  readonly manualValue: number;
  /** Do the others follow the hardware while automatic? */
  readonly volatile: boolean;
}

/** A control as its cluster needs it; `ControlImpl` is one. */
export interface ClusterMember extends Control<unknown> {
  flags: number;
  /** Was a new value given in the present try or set? */
  isNew: boolean;
  /** Does the new value differ from the current one? Valid within `set`. */
  hasChanged: boolean;
  readonly isInt: boolean;
  readonly currentInt: number;
  readonly pendingInt: number;
  readonly pending: ValueBytes;
  validate(bytes: ValueBytes): void;
  isUnchanged(): boolean;
  /** Forgets the new value: it is the current one again. */
  takeCurrent(): void;
  /** The current value becomes the new one. */
  makeCurrent(): void;
  notify(origin: AnyFile | undefined, changes: number): void;
  callListener(): void;
}

export type Members<Member> = readonly [Member, ...Member[]];

/** Controls that are set together, the first of them their master. */
export class Cluster<Member extends ClusterMember = ClusterMember> {
  /** Is any control read from the hardware, at least while automatic? */
  readonly hasVolatiles: boolean;
  /** Grows with each layout of new values; tells whether they are still those that one left. */
  generation = 0;
  readonly #callbacks: ControlCallbacks<unknown>;
  readonly #auto: AutoMode | undefined;

  constructor(
    readonly members: Members<Member>,
    callbacks: ControlCallbacks<unknown>,
    auto?: AutoMode,
  ) {
    this.#callbacks = callbacks;
    this.#auto = auto;
    this.hasVolatiles = auto?.volatile ?? members.some(({ flags }) => (flags & CtrlFlag.Volatile) !== 0);
  }

  get callbacks(): ControlCallbacks<unknown> {
    return this.#callbacks;
  }

  get master(): Member {
    return this.members[0];
  }

  /** Does an automatic control leave the others to the client at present? False for clusters without one. */
  get isManual(): boolean {
    return this.#auto !== undefined && this.master.currentInt === this.#auto.manualValue;
  }

  /** Must the hardware be asked before a value is read? */
  get isVolatile(): boolean {
    return (this.master.flags & CtrlFlag.Volatile) !== 0 || (this.hasVolatiles && !this.isManual);
  }

  /** Lets the hardware's values be the new values. @throws {V4l2Error} As the callback. */
  readVolatile(): void {
    this.generation++;
    for (const control of this.members) control.takeCurrent();
    const value = this.#callbacks.volatile?.(this.master);
    if (value !== undefined && this.#auto === undefined) this.master.next = value;
  }

  /** Starts a new set of values: none given yet. */
  clearNew(): void {
    this.generation++;
    for (const control of this.members) control.isNew = false;
  }

  /**
   * An automatic control is about to become manual: what the hardware chose so far is where the others start.
   * To be called before the client's own values are laid out.
   * @param master - New value of the first control.
   */
  adoptVolatiles(master: number): void {
    const auto = this.#auto;
    if (auto === undefined || !auto.volatile || this.isManual || master !== auto.manualValue) return;
    const [, ...others] = this.members;
    for (const control of others) control.takeCurrent();
    try {
      this.#callbacks.volatile?.(this.master);
    } catch (error) {
      if (error instanceof V4l2Error) return;
      throw error;
    }
    for (const control of others) control.isNew = true;
  }

  /**
   * Completes the new values and asks the driver.
   * @param set - Is this for good, not just a try?
   * @throws {V4l2Error} EBUSY - a control is grabbed; or as the `try` callback.
   */
  prepare(set: boolean): void {
    for (const control of this.members) {
      if (!control.isNew) control.takeCurrent();
      else if (set && (control.flags & CtrlFlag.Grabbed) !== 0) {
        throw new V4l2Error("EBUSY", `${control.name} is grabbed`);
      }
    }
    this.#callbacks.try?.(this.master);
  }

  /**
   * Puts prepared values into effect, if they change anything.
   * @param origin - File that made the change; it gets no event.
   * @param changes - `CtrlChange` bits to announce besides `Value`.
   * @throws {V4l2Error} As the `set` callback.
   */
  commit(origin: AnyFile | undefined, changes: number): void {
    if (!this.#detectChanges()) return;
    const { master } = this;
    this.#callbacks.set?.(master.next, master);

    const auto = this.#auto;
    const becomesManual = auto !== undefined && master.pendingInt === auto.manualValue;
    const modeChanged = becomesManual !== this.isManual;
    for (const control of this.members) {
      const isRuled = modeChanged && control !== master;
      // What was volatile so far stays as the hardware had it.
      if (isRuled && becomesManual && this.hasVolatiles) control.hasChanged = true;
      this.#makeCurrent(control, origin, isRuled ? changes | CtrlChange.Flags : changes);
    }
  }

  /** Sets one control of the cluster whose new value is laid out already. */
  setOne(control: Member, origin: AnyFile | undefined, changes: number): void {
    this.clearNew();
    control.validate(control.pending);
    if (control === this.master && control.isInt) this.adoptVolatiles(control.pendingInt);
    control.isNew = true;
    this.prepare(true);
    this.commit(origin, changes);
  }

  /** `setup()`: tells the driver the present values as if all were new. */
  apply(): void {
    this.generation++;
    for (const control of this.members) {
      control.takeCurrent();
      control.isNew = true;
    }
    this.#callbacks.set?.(this.master.next, this.master);
  }

  #detectChanges(): boolean {
    let changed = false;
    for (const control of this.members) {
      const execute = (control.flags & CtrlFlag.ExecuteOnWrite) !== 0;
      if (execute) changed = true;
      // A volatile value of its own has no change to announce.
      control.hasChanged = (control.flags & CtrlFlag.Volatile) === 0 && (execute || !control.isUnchanged());
      changed ||= control.hasChanged;
    }
    return changed;
  }

  #makeCurrent(control: Member, origin: AnyFile | undefined, changes: number): void {
    const changed = control.hasChanged;
    if (changed) control.makeCurrent();
    let exempt = origin;
    if ((changes & CtrlChange.Flags) !== 0) {
      control.flags &= ~(CtrlFlag.Inactive | CtrlFlag.Volatile);
      if (!this.isManual) {
        control.flags |= CtrlFlag.Inactive | (this.hasVolatiles ? CtrlFlag.Volatile : 0);
      }
      exempt = undefined;
    }
    if (!changed && changes === 0) return;
    // Who changed a control that the client did not name? The driver, so everyone is told.
    if (!control.isNew) exempt = undefined;
    control.notify(exempt, changed ? changes | CtrlChange.Value : changes);
    if (changed) control.callListener();
  }
}
