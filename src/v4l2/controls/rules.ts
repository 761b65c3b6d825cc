/**
 * What the API demands of compound values: `check` refuses or corrects one element in place (`std_validate_compound`,
 * kernel 7.2), `init` turns zeroes or a driver's default into the default (`std_init_compound`).
 *
 * Corrections matter: fields without a meaning are zeroed so that an unchanged value is recognized by its bytes.
 */
import { V4l2Error } from "../error.js";
import type { ViewClass } from "../gen/index.js";

/** Rules of one type over its view. */
export interface Rules<View> {
  /** @throws {V4l2Error} EINVAL - a field is out of its range. */
  check?(view: View): void;
  init?(view: View): void;
}

/** Rules tied to the bytes of one element. */
export interface BoundRules {
  check(): void;
  init(): void;
}

/** Ties rules to bytes; done once per buffer, not per value. */
export type BindRules = (bytes: Uint8Array) => BoundRules;

const unruled: BoundRules = { check: () => undefined, init: () => undefined };

/** A type that takes any bytes. */
export const anything: BindRules = () => unruled;

export function rules<View>(view: ViewClass<View>, given: Rules<View>): BindRules {
  return (bytes) => {
    const live = new view(bytes);
    return { check: () => given.check?.(live), init: () => given.init?.(live) };
  };
}

/** Refuses the value; `detail` names the field and what is wrong with it. */
export function refuse(detail: string): never {
  throw new V4l2Error("EINVAL", detail);
}

export function atMost(value: number, limit: number, field: string): void {
  if (value > limit) refuse(`${field} is ${value}, more than ${limit}`);
}

/** Both ends are allowed. */
export function between(value: number, low: number, high: number, field: string): void {
  if (value < low || value > high) refuse(`${field} is ${value}, not within ${low} to ${high}`);
}

export function allBetween(values: Iterable<number>, low: number, high: number, field: string): void {
  for (const value of values) between(value, low, high, field);
}

export function oneOf(value: number, allowed: readonly number[], field: string): void {
  if (!allowed.includes(value)) refuse(`${field} is ${value}, not one of ${allowed.join(", ")}`);
}

export function onlyFlags(flags: number, known: number, field: string): void {
  const unknown = (flags & ~known) >>> 0;
  if (unknown !== 0) refuse(`${field} has unknown bits 0x${unknown.toString(16)}`);
}
