/**
 * Structs of programs that lay them out in another way (32-bit programs on a 64-bit kernel), copied between their layout
 * and ours. Members belong together by name; which bytes go where is worked out once for each struct.
 */
import { WIDTHS } from "./runtime.js";
import type { FieldLayout, Layout } from "./layout.js";

/** Copies one struct between the two layouts. */
export interface Translation {
  /** Bytes of the struct as they have it. */
  readonly theirSize: number;
  /** Bytes as we have it. */
  readonly ourSize: number;
  /** Writes every member of ours; their pointers and unsigned longs get zeroes above, signed longs their sign. */
  toOurs(theirs: Uint8Array, ours: Uint8Array): void;
  /** Writes every member of theirs; what does not fit loses its upper half. Bytes between members stay. */
  toTheirs(ours: Uint8Array, theirs: Uint8Array): void;
}

/** A union of which a neighbour tells the valid member, where its members are not laid out alike. */
export interface UnionChoice {
  /** The struct that holds both. */
  readonly struct: string;
  readonly union: string;
  /** A member of 32 bits. */
  readonly by: string;
  /** The union's member for each value. */
  readonly members: Readonly<Record<number, string>>;
  /** The union's member for all other values. */
  readonly others: string;
}

export interface TranslationOptions {
  /** @throws {Error} No such struct. */
  readonly ours: (name: string) => Layout;
  /** @throws {Error} No such struct. */
  readonly theirs: (name: string) => Layout;
  readonly choices: readonly UnionChoice[];
}

/** Where each of our bytes comes from. */
interface Plan {
  /** By the offset in ours: the offset in theirs. Bytes that are missing are zero. */
  readonly bytes: Map<number, number>;
  /** By the offset in ours: the byte of theirs whose highest bit fills it. */
  readonly signs: Map<number, number>;
  readonly choices: Choice<Plan>[];
}

interface Choice<Of> {
  /** Offsets of the member that decides. */
  readonly ourBy: number;
  readonly theirBy: number;
  readonly members: ReadonlyMap<number, Of>;
  readonly others: Of;
}

/** Bytes that stay together. */
interface Run {
  readonly ours: number;
  readonly theirs: number;
  readonly length: number;
}

interface Steps {
  readonly runs: readonly Run[];
  readonly signs: readonly (readonly [ours: number, theirs: number])[];
  readonly choices: readonly Choice<Steps>[];
}

/**
 * Works out how a struct is copied.
 * @throws {Error} A member is missing or of another kind, or a union's members go different ways and no choice is given.
 */
export function compileTranslation(name: string, options: TranslationOptions): Translation {
  const ours = options.ours(name);
  const theirs = options.theirs(name);
  const steps = stepsOf(new Planner(options).plan(ours, theirs));
  return {
    theirSize: theirs.size,
    ourSize: ours.size,
    toOurs: (from, to) => {
      to.fill(0, 0, ours.size);
      takeIn(steps, from, to);
    },
    toTheirs: (from, to) => {
      giveBack(steps, from, to);
    },
  };
}

const emptyPlan = (): Plan => ({ bytes: new Map(), signs: new Map(), choices: [] });

class Planner {
  readonly #options: TranslationOptions;

  constructor(options: TranslationOptions) {
    this.#options = options;
  }

  plan(ours: Layout, theirs: Layout): Plan {
    return ours.kind === "union" ? this.#union(ours, theirs) : this.#struct(ours, theirs);
  }

  #struct(ours: Layout, theirs: Layout): Plan {
    const plan = emptyPlan();
    const choice = this.#options.choices.find(({ struct }) => struct === ours.name);
    for (const [our, their] of pairs(ours, theirs)) {
      if (choice?.union === our.name) plan.choices.push(this.#choose(choice, ours, theirs));
      else add(plan, this.#field(our, their), our.offset, their.offset);
    }
    return plan;
  }

  /** All members that are valid at one time or another are copied alike: the one that says the most stands for all. */
  #union(ours: Layout, theirs: Layout): Plan {
    const plans = pairs(ours, theirs).map(([our, their]) => this.#field(our, their));
    const size = ({ bytes, signs }: Plan): number => Math.max(-1, ...bytes.keys(), ...signs.keys());
    const [largest = emptyPlan(), ...others] = [...plans].sort((a, b) => size(b) - size(a));
    const isPart = (plan: Plan): boolean =>
      plan.choices.length === 0 &&
      [...plan.bytes].every(([at, from]) => largest.bytes.get(at) === from) &&
      [...plan.signs].every(([at, from]) => largest.signs.get(at) === from);
    if (![largest, ...others].every(isPart))
      throw new Error(`${ours.name}: which member is valid decides how it is copied`);
    return largest;
  }

  #choose({ union, by, members, others }: UnionChoice, ours: Layout, theirs: Layout): Choice<Plan> {
    const [our, their] = pairOf(ours, theirs, union);
    const [ourBy, theirBy] = pairOf(ours, theirs, by);
    const inner = this.#options.ours(our.type);
    const theirInner = this.#options.theirs(their.type);
    const memberPlan = (member: string): Plan => {
      const [ourMember, theirMember] = pairOf(inner, theirInner, member);
      const plan = emptyPlan();
      add(plan, this.#field(ourMember, theirMember), our.offset, their.offset);
      return plan;
    };
    return {
      ourBy: ourBy.offset,
      theirBy: theirBy.offset,
      members: new Map(Object.entries(members).map(([value, member]) => [Number(value), memberPlan(member)])),
      others: memberPlan(others),
    };
  }

  /** One member with all its elements, from its own start. */
  #field(our: FieldLayout, their: FieldLayout): Plan {
    const element = this.#element(our, their);
    const plan = emptyPlan();
    const counts = our.dims.length === 0 ? [1] : our.dims;
    const count = counts.reduce((product, dim) => product * dim, 1);
    const [ourStep, theirStep] = [our.strides.at(-1) ?? 0, their.strides.at(-1) ?? 0];
    for (let index = 0; index < count; index++) add(plan, element, index * ourStep, index * theirStep);
    return plan;
  }

  #element({ label, type }: FieldLayout, their: FieldLayout): Plan {
    const width = widthOf(type);
    const theirWidth = widthOf(their.type);
    if (width === undefined && theirWidth === undefined)
      return this.plan(this.#options.ours(type), this.#options.theirs(their.type));
    const plan = emptyPlan();
    if (width === undefined || theirWidth === undefined || theirWidth > width)
      throw new Error(`${label} is a ${type} here and a ${their.type} there`);
    for (let at = 0; at < theirWidth; at++) plan.bytes.set(at, at);
    if (their.type.startsWith("s") && their.type !== "str")
      for (let at = theirWidth; at < width; at++) plan.signs.set(at, theirWidth - 1);
    return plan;
  }
}

const widthOf = (type: string): number | undefined =>
  type === "str" ? 1 : (WIDTHS as Readonly<Record<string, number>>)[type];

/** Members of both, in the order of ours. @throws {Error} One has a member that the other has not. */
function pairs(ours: Layout, theirs: Layout): [FieldLayout, FieldLayout][] {
  if (ours.fields.length !== theirs.fields.length) throw new Error(`${ours.name}: not the same members`);
  return ours.fields.map((our, index) => {
    const their = theirs.fields[index];
    // Unnamed members have no name to find them by.
    if (their?.name !== our.name || their.dims.join() !== our.dims.join())
      throw new Error(`${our.label}: there is no such member there`);
    return [our, their];
  });
}

function pairOf(ours: Layout, theirs: Layout, name: string): [FieldLayout, FieldLayout] {
  const found = pairs(ours, theirs).find(([our]) => our.name === name);
  if (found === undefined) throw new Error(`${ours.name} has no ${name}`);
  return found;
}

/** Puts what one member needs into the plan of the struct around it. */
function add(plan: Plan, part: Plan, ours: number, theirs: number): void {
  for (const [at, from] of part.bytes) plan.bytes.set(ours + at, theirs + from);
  for (const [at, from] of part.signs) plan.signs.set(ours + at, theirs + from);
  for (const choice of part.choices) {
    const moved = (inner: Plan): Plan => {
      const result = emptyPlan();
      add(result, inner, ours, theirs);
      return result;
    };
    plan.choices.push({
      ourBy: ours + choice.ourBy,
      theirBy: theirs + choice.theirBy,
      members: new Map([...choice.members].map(([value, inner]) => [value, moved(inner)])),
      others: moved(choice.others),
    });
  }
}

function stepsOf({ bytes, signs, choices }: Plan): Steps {
  const runs: Run[] = [];
  for (const [ours, theirs] of [...bytes].sort(([a], [b]) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last.ours + last.length === ours && last.theirs + last.length === theirs)
      runs[runs.length - 1] = { ...last, length: last.length + 1 };
    else runs.push({ ours, theirs, length: 1 });
  }
  return {
    runs,
    signs: [...signs],
    choices: choices.map(({ ourBy, theirBy, members, others }) => ({
      ourBy,
      theirBy,
      members: new Map([...members].map(([value, plan]) => [value, stepsOf(plan)])),
      others: stepsOf(others),
    })),
  };
}

/** Theirs to ours, which is zero. */
function takeIn({ runs, signs, choices }: Steps, from: Uint8Array, to: Uint8Array): void {
  for (const { ours, theirs, length } of runs) to.set(from.subarray(theirs, theirs + length), ours);
  for (const [ours, theirs] of signs) to[ours] = ((from[theirs] ?? 0) & 0x80) === 0 ? 0 : 0xff;
  for (const { theirBy, members, others } of choices)
    takeIn(members.get(u32(from, theirBy)) ?? others, from, to);
}

function giveBack({ runs, choices }: Steps, from: Uint8Array, to: Uint8Array): void {
  for (const { ours, theirs, length } of runs) to.set(from.subarray(ours, ours + length), theirs);
  for (const { ourBy, members, others } of choices)
    giveBack(members.get(u32(from, ourBy)) ?? others, from, to);
}

function u32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true);
}
