/**
 * Where two sessions part. Calls are matched by client and open file, both in order of appearance: how the calls of
 * several files interleave is a matter of time. Both sessions are read once, side by side.
 */
import { askedMembers } from "../v4l2/index.js";
import { differencesOf, type Difference, type Ignored } from "./compare.js";
import type { DiffCall } from "./diff-calls.js";
import { CONTROL_IOCTLS } from "./tracer-file.js";

/** The sessions cannot be compared. `message` is one sentence. */
export class SessionDiffError extends Error {
  override readonly name = "SessionDiffError";
}

export interface SessionDifference {
  /** The open file: `client 1, video file 1`. */
  readonly stream: string;
  /**
   * asked: the clients asked for something else. answered: they asked the same, and got something else. other: they did
   * something else. missing: one of them did not do this.
   */
  readonly what: "asked" | "answered" | "other" | "missing";
  /** undefined: `b` is what it did not do. */
  readonly a: DiffCall | undefined;
  readonly b: DiffCall | undefined;
  readonly asked: readonly Difference[];
  readonly answered: readonly Difference[];
}

export interface SessionDiffOptions {
  /** Members that may differ. */
  readonly ignored?: Ignored;
  /** So many differences are looked for. Default: 1. */
  readonly most?: number;
}

/** Behind a call that only one has, both are alike again within so many calls, or it is not known where. */
const WINDOW = 64;
/** Calls that wait for the other session's. */
const MAX_WAITING = 65_536;
const MAX_WAITING_BYTES = 256 << 20;
/** Of a file that only one has: of it, these are kept. */
const MAX_LONELY = 4096;
const WRITES = 0x4000_0000;
const READS = 0x8000_0000;

/** Members that do not count in questions or answers: addresses, and what the driver is to fill in. */
const ADDRESSES: Ignored = [
  ...["ptr_entities", "ptr_interfaces", "ptr_pads", "ptr_links"],
  ...["media_links_enum.pads", "media_links_enum.links"],
];
const NOT_ASKED: Ignored = [...ADDRESSES, "error_idx", "sequence"];
/** Where the log shows more than a question has. */
const OWN_ASKS: ReadonlyMap<string, readonly string[]> = new Map([
  ["MEDIA_IOC_DEVICE_INFO", []],
  ["MEDIA_IOC_ENUM_ENTITIES", ["id"]],
  ["MEDIA_IOC_ENUM_LINKS", ["entity"]],
  ["MEDIA_IOC_G_TOPOLOGY", []],
  // Values are the driver's to fill in.
  ["VIDIOC_G_EXT_CTRLS", ["which", "count", "id", "size"]],
]);

type Side = 0 | 1;

/** Calls in their order: to take the first one costs the same however many wait. */
class Waiting {
  readonly #calls: (DiffCall | undefined)[] = [];
  #taken = 0;

  get length(): number {
    return this.#calls.length - this.#taken;
  }

  /** From 0. */
  at(place: number): DiffCall | undefined {
    return this.#calls[this.#taken + place];
  }

  push(call: DiffCall): void {
    this.#calls.push(call);
  }

  shift(): DiffCall | undefined {
    const call = this.#calls[this.#taken];
    if (call === undefined) return undefined;
    this.#calls[this.#taken] = undefined;
    this.#taken += 1;
    if (2 * this.#taken < this.#calls.length) return call;
    this.#calls.splice(0, this.#taken);
    this.#taken = 0;
    return call;
  }
}

/** The calls of one open file that wait for the other session's. */
class Pair {
  readonly waiting: readonly [Waiting, Waiting] = [new Waiting(), new Waiting()];
  /** Calls of each that were ever seen. */
  readonly seen: [number, number] = [0, 0];
  /** Has each closed it? */
  readonly isClosed: [boolean, boolean] = [false, false];
  /** They are not alike again: what comes is not compared. */
  isLost = false;
  /** Of the last call of the first session. */
  lastOrder = 0;

  constructor(readonly stream: string) {}
}

/**
 * The first places where two sessions part, in the order of the first one.
 * @param a - Calls in their order. Each is kept for as long as it waits for the other session's.
 * @throws {SessionDiffError} Too many calls wait: the sessions do not run alike.
 */
export function sessionDifferences(
  a: Iterable<DiffCall>,
  b: Iterable<DiffCall>,
  options: SessionDiffOptions = {},
): { readonly differences: readonly SessionDifference[]; readonly compared: number } {
  const diff = new SessionDiff(a, b, options);
  try {
    return diff.run();
  } finally {
    diff.end();
  }
}

class SessionDiff {
  readonly #sources: readonly [Iterator<DiffCall, unknown>, Iterator<DiffCall, unknown>];
  readonly #isDone: [boolean, boolean] = [false, false];
  readonly #pairs = new Map<string, Pair>();
  readonly #ignored: Ignored;
  readonly #most: number;
  /** The first ones so far, in their order: no more than are wanted. */
  readonly #found: { readonly order: number; readonly difference: SessionDifference }[] = [];
  /** Once as many are found as are wanted: where earlier ones may be. */
  #earlier: Pair[] | undefined;
  /** Calls that wait, of files that both have opened. */
  readonly #behind: [number, number] = [0, 0];
  readonly #read: [number, number] = [0, 0];
  #waiting = 0;
  #waitingBytes = 0;
  #compared = 0;

  constructor(a: Iterable<DiffCall>, b: Iterable<DiffCall>, { ignored = [], most = 1 }: SessionDiffOptions) {
    this.#sources = [a[Symbol.iterator](), b[Symbol.iterator]()];
    this.#ignored = ignored;
    this.#most = most;
  }

  run(): { readonly differences: readonly SessionDifference[]; readonly compared: number } {
    while (!this.#isEnough()) {
      const side = this.#next();
      if (side === undefined) break;
      this.#read[side] += 1;
      const next = this.#sources[side].next();
      if (next.done === true) {
        this.#isDone[side] = true;
        for (const pair of this.#pairs.values()) this.#compare(pair);
      } else this.#take(side, next.value);
    }
    return { differences: this.#found.map(({ difference }) => difference), compared: this.#compared };
  }

  end(): void {
    for (const source of this.#sources) source.return?.();
  }

  /** Which one to read: the one that others wait for. */
  #next(): Side | undefined {
    if (this.#isDone[0] || this.#isDone[1]) return this.#isDone[0] ? (this.#isDone[1] ? undefined : 1) : 0;
    if (this.#behind[0] !== this.#behind[1]) return this.#behind[0] > this.#behind[1] ? 1 : 0;
    return this.#read[0] > this.#read[1] ? 1 : 0;
  }

  /** Are there as many as are wanted, and can none be found before them? */
  #isEnough(): boolean {
    if (this.#found.length < this.#most) return false;
    const last = this.#found.at(-1)?.order ?? 0;
    // What is read from now on comes behind the last one: no pair joins them.
    this.#earlier ??= [...this.#pairs.values()];
    for (let pair; (pair = this.#earlier.at(-1)) !== undefined; this.#earlier.pop())
      if ((pair.waiting[0].at(0)?.order ?? Infinity) < last) return false;
    return true;
  }

  #take(side: Side, call: DiffCall): void {
    let pair = this.#pairs.get(call.stream);
    if (pair === undefined) this.#pairs.set(call.stream, (pair = new Pair(call.stream)));
    const other: Side = side === 0 ? 1 : 0;
    pair.seen[side] += 1;
    const isFirst = pair.seen[side] === 1;
    if (call.name === "close") pair.isClosed[side] = true;
    for (const name of call.ended) this.#end(name, side);
    if (pair.isLost) this.#forgetClosed(pair);
    if (pair.isLost || (pair.seen[other] === 0 && pair.seen[side] > MAX_LONELY)) return;
    if (isFirst && pair.seen[other] > MAX_LONELY) throw this.#tooMany();
    pair.waiting[side].push(call);
    this.#count(pair, side, call, 1);
    if (isFirst) this.#behind[other] += pair.waiting[other].length;
    if (this.#waiting > MAX_WAITING || this.#waitingBytes > MAX_WAITING_BYTES) throw this.#tooMany();
    this.#compare(pair);
  }

  /** This one has no more calls of the stream. */
  #end(stream: string, side: Side): void {
    const pair = this.#pairs.get(stream);
    if (pair === undefined) return;
    pair.isClosed[side] = true;
    this.#compare(pair);
  }

  #tooMany(): SessionDiffError {
    return new SessionDiffError(
      "the two sessions do not use their files in the same order: too many calls wait for those of the other",
    );
  }

  #count(pair: Pair, side: Side, call: DiffCall, step: 1 | -1): void {
    this.#waiting += step;
    this.#waitingBytes += step * bytesOf(call);
    if (pair.seen[side === 0 ? 1 : 0] > 0) this.#behind[side] += step;
  }

  /** Compares what both have of a file. */
  #compare(pair: Pair): void {
    const [left, right] = pair.waiting;
    while (left.length + right.length > 0) {
      const [a, b] = [left.at(0), right.at(0)];
      if (pair.isLost) this.#drop(pair, left.length, right.length);
      else if (a === undefined || b === undefined) {
        const without: Side = a === undefined ? 0 : 1;
        if (!this.#isOver(pair, without)) break;
        this.#tell(pair, { what: "missing", a, b });
        // One line says all of what only one has.
        pair.isLost = true;
      } else if (a.name === b.name) {
        this.#compareCalls(pair, a, b);
        this.#drop(pair, 1, 1);
      } else if (!this.#align(pair, a, b)) break;
    }
    this.#forgetClosed(pair);
  }

  #forgetClosed({ stream, waiting, isClosed }: Pair): void {
    if (waiting[0].length + waiting[1].length === 0 && isClosed[0] && isClosed[1]) this.#pairs.delete(stream);
  }

  /** Do no more calls of the file come? */
  #isOver(pair: Pair, side: Side): boolean {
    return this.#isDone[side] || pair.isClosed[side];
  }

  #drop(pair: Pair, ofA: number, ofB: number): void {
    for (const [side, count] of [[0, ofA] as const, [1, ofB] as const])
      for (let left = count; left > 0; left--) {
        const call = pair.waiting[side].shift();
        if (call === undefined) break;
        this.#count(pair, side, call, -1);
        if (side === 0) pair.lastOrder = call.order;
      }
  }

  /**
   * They do something else: where are they alike again?
   * @returns false: that is known when more calls are.
   */
  #align(pair: Pair, a: DiffCall, b: DiffCall): boolean {
    const [left, right] = pair.waiting;
    for (const side of [0, 1] as const)
      if (pair.waiting[side].length < WINDOW && !this.#isOver(pair, side)) return false;
    const [ofA, ofB] = nearest(left, right);
    if (ofA === 0) this.#tell(pair, { what: "missing", a: undefined, b });
    else if (ofB === 0) this.#tell(pair, { what: "missing", a, b: undefined });
    else this.#tell(pair, { what: "other", a, b });
    if (ofA === undefined || ofB === undefined) pair.isLost = true;
    else this.#drop(pair, ofA, ofB);
    return true;
  }

  #compareCalls(pair: Pair, a: DiffCall, b: DiffCall): void {
    this.#compared += 1;
    const [asked, answered] =
      a.kind === "ioctl" && b.kind === "ioctl"
        ? [[...askedDifferences(a, b, this.#ignored)], [...answeredDifferences(a, b, this.#ignored)]]
        : fileDifferences(a, b);
    if (asked.length + answered.length === 0) return;
    // An answer that repeats the question says nothing new.
    const news = answered.filter(
      ({ field, expected, got }) =>
        !asked.some((one) => one.field === field && one.expected === expected && one.got === got),
    );
    this.#tell(pair, { what: asked.length > 0 ? "asked" : "answered", a, b, asked, answered: news });
  }

  #tell(
    { stream, lastOrder }: Pair,
    difference: Pick<SessionDifference, "what" | "a" | "b"> & Partial<SessionDifference>,
  ): void {
    const order = difference.a?.order ?? lastOrder + 0.5;
    // Most are found in their order.
    let place = this.#found.length;
    while (place > 0 && (this.#found[place - 1]?.order ?? 0) > order) place -= 1;
    if (place === this.#most) return;
    this.#found.splice(place, 0, { order, difference: { stream, asked: [], answered: [], ...difference } });
    if (this.#found.length > this.#most) this.#found.pop();
  }
}

function bytesOf(call: DiffCall): number {
  if (call.kind !== "ioctl") return 256;
  const { asked, given } = call.step;
  let bytes = 1024 + asked.arg.byteLength + given.arg.byteLength;
  for (const { array, payloads } of [asked, given]) {
    bytes += array?.byteLength ?? 0;
    for (const payload of payloads.values()) bytes += payload.byteLength;
  }
  return bytes;
}

/** How many calls of each to skip, as few as possible, until both do the same; undefined: they do not. */
function nearest(left: Waiting, right: Waiting): readonly [number, number] | readonly [undefined, undefined] {
  for (let sum = 1; sum < 2 * WINDOW; sum++)
    for (let ofA = Math.max(0, sum - WINDOW); ofA <= Math.min(sum, WINDOW); ofA++) {
      const ofB = sum - ofA;
      const isAlike = (step: number): boolean => left.at(ofA + step)?.name === right.at(ofB + step)?.name;
      // Two in a row: that both queue a buffer some time says little.
      if (left.at(ofA) !== undefined && isAlike(0) && isAlike(1)) return [ofA, ofB];
    }
  return [undefined, undefined];
}

type IoctlCall = DiffCall & { readonly kind: "ioctl" };

function* askedDifferences(a: IoctlCall, b: IoctlCall, ignored: Ignored): Generator<Difference> {
  const { name, cmd } = a.step;
  // Written into the buffer that is queued.
  if (a.data !== undefined && b.data !== undefined && a.data !== b.data)
    yield { field: "data", expected: `sha256 ${a.data}`, got: `sha256 ${b.data}` };
  if ((cmd & WRITES) === 0 || a.step.isGuessed || b.step.isGuessed) return;
  const asks = OWN_ASKS.get(name) ?? askedMembers(cmd, a.isSubdev);
  for (const difference of differencesOf(name, a.step.asked, b.step.asked, [...NOT_ASKED, ...ignored])) {
    const members = difference.field.split(/[.[\]]+/).slice(1);
    if (asks === undefined || members.some((member) => asks.includes(member))) yield difference;
  }
}

function* answeredDifferences(a: IoctlCall, b: IoctlCall, ignored: Ignored): Generator<Difference> {
  const { name, cmd, errno } = a.step;
  if (errno !== b.step.errno) {
    if (!ignored.includes("errno"))
      yield { field: "errno", expected: errno ?? "success", got: b.step.errno ?? "success" };
    return;
  }
  // What a refused call leaves behind means nothing, but for controls: error_idx.
  if ((cmd & READS) === 0) return;
  if (errno !== undefined && !CONTROL_IOCTLS.has(name)) return;
  const more = errno === undefined ? ["error_idx"] : [];
  yield* differencesOf(name, a.step.given, b.step.given, [...ADDRESSES, ...more, ...ignored]);
}

function fileDifferences(a: DiffCall, b: DiffCall): [Difference[], Difference[]] {
  if (a.kind !== "file" || b.kind !== "file") return [[], []];
  const asked = { field: a.name === "open" ? "flags" : "size", expected: a.asked, got: b.asked };
  const answered = { field: "result", expected: a.answered, got: b.answered };
  return [a.asked === b.asked ? [] : [asked], a.answered === b.answered ? [] : [answered]];
}
