/** Fields of parameter sets with which slice headers are read, as tables, and the other values that could be meant. */
import type { Alternative } from "./blame.js";
import type { ExpectedControl, ExpectedValue } from "./compare.js";

type NumberField<Control> = { [K in keyof Control]: Control[K] extends number ? K : never }[keyof Control] &
  string;

type Flags<Control> = Control extends { readonly flags: infer Word } ? Word : never;

/** A parameter set, as far as it matters for slice headers. */
export interface SetFields<Control> {
  /** `H264_SPS` */
  readonly control: string;
  /** Fields, and their smallest and largest values. */
  readonly ranges: readonly (readonly [NumberField<Control>, number, number])[];
  /** Fields of which only the value of an earlier request is tried. */
  readonly sizes: readonly NumberField<Control>[];
  readonly flags: Readonly<Record<string, Flags<Control>>>;
}

interface WithFlags {
  readonly flags: number | bigint;
}

/** What earlier requests had. */
export interface EarlierSets<Sps, Pps> {
  readonly sps: Sps | undefined;
  /** The one with the same id. */
  readonly pps: Pps | undefined;
  /** Did another PPS take the place of one with the same id before? */
  readonly ppsChanges: boolean;
}

/** A set that was submitted. */
interface SubmittedSet<Control, Sets> {
  readonly table: SetFields<Control>;
  readonly submitted: Control;
  /** All sets, with this one instead. */
  setsWith(this: void, control: Control): Sets;
}

/** Sets with another value of one field: first those of an earlier request, then any others. */
export function* alternativesOf<Sps extends WithFlags, Pps extends WithFlags, Sets>(
  sps: SubmittedSet<Sps, Sets>,
  pps: SubmittedSet<Pps, Sets>,
  earlier: EarlierSets<Sps, Pps>,
  onlyEarlier: boolean,
): Generator<Alternative<Sets>> {
  yield* restored(sps.table, sps.submitted, earlier.sps, sps.setsWith);
  yield* restored(pps.table, pps.submitted, earlier.pps, pps.setsWith, !earlier.ppsChanges);
  if (onlyEarlier) return;
  yield* others(sps.table, sps.submitted, sps.setsWith);
  yield* others(pps.table, pps.submitted, pps.setsWith);
}

/**
 * Sets of which one field is as it was in an earlier request. If more than one field changed, the set is another one
 * and no better for what it was.
 * @param isTrusted - Sets do not change in this stream, as far as was seen.
 */
function restored<Control extends WithFlags, Sets>(
  table: SetFields<Control>,
  submitted: Control,
  earlier: Control | undefined,
  setsWith: (control: Control) => Sets,
  isTrusted = true,
): Alternative<Sets>[] {
  if (earlier === undefined) return [];
  const all = [...changes(table, submitted, earlier, setsWith)];
  return isTrusted && all.length === 1
    ? all
    : all.map((alternative) => ({ ...alternative, restores: false }));
}

function* changes<Control extends WithFlags, Sets>(
  table: SetFields<Control>,
  submitted: Control,
  earlier: Control,
  setsWith: (control: Control) => Sets,
): Generator<Alternative<Sets>> {
  for (const field of [...table.ranges.map(([name]) => name), ...table.sizes]) {
    if (earlier[field] === submitted[field]) continue;
    yield withField(table, submitted, field, Number(earlier[field]), setsWith, true);
  }
  for (const [name, mask] of flagsOf(table)) {
    if (hasFlag(earlier, mask) === hasFlag(submitted, mask)) continue;
    yield withFlag(table, submitted, name, mask, setsWith, true);
  }
}

/** Sets with any other value of one field: the nearest values first. */
function* others<Control extends WithFlags, Sets>(
  table: SetFields<Control>,
  submitted: Control,
  setsWith: (control: Control) => Sets,
): Generator<Alternative<Sets>> {
  for (const [name, mask] of flagsOf(table)) yield withFlag(table, submitted, name, mask, setsWith, false);
  for (const [field, min, max] of table.ranges) {
    for (const value of nearest(Number(submitted[field]), min, max)) {
      yield withField(table, submitted, field, value, setsWith, false);
    }
  }
}

function withField<Control extends WithFlags, Sets>(
  { control }: SetFields<Control>,
  submitted: Control,
  field: NumberField<Control>,
  instead: number,
  setsWith: (control: Control) => Sets,
  restores: boolean,
): Alternative<Sets> {
  const sets = setsWith({ ...submitted, [field]: instead });
  return { control, field, submitted: Number(submitted[field]), instead, sets, restores };
}

function withFlag<Control extends WithFlags, Sets>(
  { control }: SetFields<Control>,
  submitted: Control,
  name: string,
  mask: number | bigint,
  setsWith: (control: Control) => Sets,
  restores: boolean,
): Alternative<Sets> {
  const isSet = hasFlag(submitted, mask);
  const { flags } = submitted;
  const turned =
    typeof flags === "number" && typeof mask === "number" ? flags ^ mask : BigInt(flags) ^ BigInt(mask);
  const sets = setsWith({ ...submitted, flags: turned });
  return { control, field: `flags & ${name}`, submitted: isSet, instead: !isSet, sets, restores };
}

function flagsOf<Control>({ flags }: SetFields<Control>): [string, number | bigint][] {
  return Object.entries<unknown>(flags).flatMap(([name, mask]) =>
    typeof mask === "number" || typeof mask === "bigint" ? [[name, mask] as [string, number | bigint]] : [],
  );
}

const hasFlag = ({ flags }: WithFlags, mask: number | bigint): boolean =>
  (BigInt(flags) & BigInt(mask)) !== 0n;

/** The other values of a range, the nearest first. */
function* nearest(value: number, min: number, max: number): Generator<number> {
  for (let distance = 1; distance <= 512; distance += 1) {
    const [low, high] = [value - distance, value + distance];
    if (low >= min && low <= max) yield low;
    if (high >= min && high <= max) yield high;
    if (low < min && high > max) return;
  }
}

/** All fields as an earlier request had them. @param flags - All flags of the control. */
export function asBefore(
  control: string,
  { flags: word, ...fields }: WithFlags & Readonly<Record<string, ExpectedValue>>,
  flags: Readonly<Record<string, number | bigint>>,
): ExpectedControl {
  return {
    control,
    fields,
    flags: Object.entries(flags).map(([name, mask]) => {
      return { name, mask, isSet: hasFlag({ flags: word }, mask), element: "the set before" };
    }),
  };
}
