/** Which controls a handler shows, in the order of their ids, and how clients look them up. */
import type { ControlImpl } from "./control.js";
import {
  COMPOUND_TYPES,
  CtrlClass,
  CtrlNext,
  PRIVATE_BASE,
  bareId,
  classOf,
  isDriverPrivate,
} from "./control-types.js";

const NEXT_FLAGS = (CtrlNext.Ctrl | CtrlNext.Compound) >>> 0;

const isCompound = ({ isArray, type }: ControlImpl): boolean => isArray || type >= COMPOUND_TYPES;

export class ControlTable {
  /** By ascending id. */
  readonly #sorted: ControlImpl[] = [];
  readonly #byId = new Map<number, ControlImpl>();
  /** Inherited from another device: not part of this handler's requests. */
  readonly #foreign = new Set<ControlImpl>();

  get all(): readonly ControlImpl[] {
    return this.#sorted;
  }

  /** @returns Is it in now? An id that is there already keeps its control. */
  add(control: ControlImpl, foreign: boolean): boolean {
    if (this.#byId.has(control.id)) return false;
    this.#byId.set(control.id, control);
    if (foreign) this.#foreign.add(control);
    this.#sorted.splice(this.#indexAfter(control.id), 0, control);
    return true;
  }

  isForeign(control: ControlImpl): boolean {
    return this.#foreign.has(control);
  }

  has(control: ControlImpl): boolean {
    return this.#byId.get(control.id) === control;
  }

  /** By id, or by the number that old clients give to private controls. Bits of {@link CtrlNext} are ignored. */
  find(id: number): ControlImpl | undefined {
    const bare = bareId(id);
    return bare >= PRIVATE_BASE ? this.#findPrivate(bare - PRIVATE_BASE) : this.#byId.get(bare);
  }

  /** QUERYCTRL's lookup: the control itself, or with {@link CtrlNext} bits the next one of that kind. */
  query(id: number): ControlImpl | undefined {
    const next = (id & NEXT_FLAGS) >>> 0;
    if (next === 0) return this.find(id);
    const first = this.#indexAfter(bareId(id));
    return this.#sorted.find(
      (control, index) =>
        index >= first && (next === NEXT_FLAGS || isCompound(control) === (next === CtrlNext.Compound)),
    );
  }

  /** Index of the first control with a greater id. */
  #indexAfter(id: number): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle]?.id ?? 0) <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The `position`-th private user control that S_CTRL can carry. */
  #findPrivate(position: number): ControlImpl | undefined {
    let left = position;
    for (const control of this.#sorted) {
      if (classOf(control.id) !== CtrlClass.User || !isDriverPrivate(control.id) || !control.isInt) continue;
      if (left-- === 0) return control;
    }
    return undefined;
  }
}
