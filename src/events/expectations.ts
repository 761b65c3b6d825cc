/**
 * What a recording has to show, judged event by event in constant memory: a rule keeps a count and the first few events
 * that it counted.
 */
import { prettyLine } from "../v4l2/index.js";
import type { BufferEvent, FileEvent, FrameEvent, IoctlEvent, TraceEvent } from "../v4l2/index.js";
import { forgetOldest } from "./forget.js";
import { LateFrames } from "./late.js";
import { fileCalls, type Operator, type Rule, type Selection } from "./rules.js";

/** How it went with a rule. */
export interface RuleResult {
  /** The rule as it was written. */
  readonly rule: string;
  readonly holds: boolean;
  /** What there was: `12`, `VIDIOC_STREAMON came first`. */
  readonly found: string;
  /** The first few events that were counted, a line each. */
  readonly evidence: readonly string[];
}

/** Of what a rule counts, so many are shown. */
const MAX_EVIDENCE = 3;
/** Of a file, so many buffers are remembered between their fetching and the end of the call. */
const MAX_TAKEN = 1024;

const compare: Readonly<Record<Operator, (a: number, b: number) => boolean>> = {
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  "!=": (a, b) => a !== b,
  "==": (a, b) => a === b,
  "=": (a, b) => a === b,
  "<": (a, b) => a < b,
  ">": (a, b) => a > b,
};

/** Something that a rule can be about. */
type Happening = {
  readonly device: string;
  readonly client: string | undefined;
  readonly line: () => string;
} & (
  | { readonly what: "call"; readonly event: IoctlEvent | FileEvent }
  | {
      readonly what: "frame";
      readonly thing: "frames" | "broken frames" | "lost frames";
      readonly type: number;
    }
  | { readonly what: "late frames" | "warnings" | "check messages" }
);

interface TakenBuffer {
  readonly isBroken: boolean;
  readonly type: number;
  readonly sequence: number;
}

export interface ExpectationsOptions {
  /** As {@link LateFrames} has it. */
  readonly lateNs?: number | undefined;
}

/** Takes the events of a recording in order, and says at the end which rules hold. */
export class Expectations {
  readonly #judges: readonly Judge[];
  readonly #late: LateFrames | undefined;
  readonly #clients = new Map<string, string>();
  readonly #taken = new Map<string, TakenBuffer[]>();
  #dropped = 0;

  constructor(rules: readonly Rule[], { lateNs }: ExpectationsOptions = {}) {
    this.#judges = rules.map((rule) => (rule.kind === "count" ? new CountJudge(rule) : new OrderJudge(rule)));
    if (rules.some(isAboutLateFrames)) {
      this.#late = new LateFrames(
        ({ what, device, file, sentence }) => {
          if (what === "late")
            this.#tell({
              what: "late frames",
              device,
              client: this.#clientOf(device, file),
              line: () => sentence,
            });
        },
        { lateNs },
      );
    }
  }

  /** Events that the recording does not have, because they came faster than they could be written. */
  get dropped(): number {
    return this.#dropped;
  }

  take(event: TraceEvent): void {
    this.#late?.take(event);
    switch (event.kind) {
      case "ioctl":
      case "file":
        this.#call(event);
        break;
      case "buffer":
        this.#buffer(event);
        break;
      case "frame":
        if (event.action === "lost") this.#lost(event);
        break;
      case "message": {
        const { device, level, details } = event;
        if (level === "info") break;
        const of = { device, client: undefined, line: () => prettyLine(event) };
        this.#tell({ what: "warnings", ...of });
        if (details !== undefined && ("control" in details || "problem" in details))
          this.#tell({ what: "check messages", ...of });
        break;
      }
      case "dropped":
        this.#dropped += event.count;
        break;
      default:
    }
  }

  /** There are no more events. */
  end(): RuleResult[] {
    this.#late?.end();
    return this.#judges.map((judge) => judge.result());
  }

  #tell(happening: Happening): void {
    for (const judge of this.#judges) judge.take(happening);
  }

  #clientOf(device: string, file: bigint | undefined): string | undefined {
    return this.#clients.get(`${device}/${file ?? ""}`);
  }

  #call(event: IoctlEvent | FileEvent): void {
    const { device, file, comm } = event;
    const key = `${device}/${file}`;
    if (this.#clients.get(key) !== comm) {
      this.#clients.set(key, comm);
      forgetOldest(this.#clients);
    }
    this.#tell({ what: "call", device, client: comm, event, line: () => prettyLine(event) });
    if (event.kind === "ioctl") {
      if (event.name === "VIDIOC_DQBUF" && event.errno === undefined) this.#fetched(event, key, 1);
      else if (event.name === "VIDIOC_STREAMOFF") this.#taken.delete(key);
    } else if (event.action === "release") {
      this.#taken.delete(key);
      this.#clients.delete(key);
    } else if (event.errno === undefined && event.value > 0) this.#fetched(event, key, MAX_TAKEN);
  }

  /** A buffer goes back to its client: by DQBUF or read(), which end after this, or because streaming stops. */
  #buffer({ device, file, type, from, to, sequence }: BufferEvent): void {
    if (to !== "dequeued" || (from !== "done" && from !== "error")) return;
    const key = `${device}/${file ?? ""}`;
    let taken = this.#taken.get(key);
    if (taken === undefined) {
      this.#taken.set(key, (taken = []));
      forgetOldest(this.#taken);
    }
    taken.push({ isBroken: from === "error", type, sequence });
    if (taken.length > MAX_TAKEN) taken.shift();
  }

  #fetched({ device, comm, file }: IoctlEvent | FileEvent, key: string, count: number): void {
    for (const { isBroken, type, sequence } of this.#taken.get(key)?.splice(0, count) ?? []) {
      this.#tell({
        what: "frame",
        thing: isBroken ? "broken frames" : "frames",
        device,
        client: comm,
        type,
        line: () => `frame ${sequence} of file ${file} of ${device}`,
      });
    }
  }

  #lost(event: FrameEvent): void {
    const { device, file, type, sequence, reason } = event;
    const why = reason === undefined ? "" : `: ${reason}`;
    this.#tell({
      what: "frame",
      thing: "lost frames",
      device,
      client: this.#clientOf(device, file),
      type,
      line: () => `frame ${sequence} of file ${file ?? "?"} of ${device} was lost${why}`,
    });
  }
}

interface Judge {
  take(happening: Happening): void;
  result(): RuleResult;
}

class CountJudge implements Judge {
  readonly #rule: Rule & { readonly kind: "count" };
  readonly #evidence: string[] = [];
  #count = 0;

  constructor(rule: Rule & { readonly kind: "count" }) {
    this.#rule = rule;
  }

  take(happening: Happening): void {
    if (!matches(this.#rule.selection, happening)) return;
    this.#count += 1;
    if (this.#evidence.length < MAX_EVIDENCE) this.#evidence.push(happening.line());
  }

  result(): RuleResult {
    const { text, operator, count } = this.#rule;
    const holds = compare[operator](this.#count, count);
    return { rule: text, holds, found: String(this.#count), evidence: this.#evidence };
  }
}

class OrderJudge implements Judge {
  readonly #rule: Rule & { readonly kind: "order" };
  #first: string | undefined;
  #then: string | undefined;

  constructor(rule: Rule & { readonly kind: "order" }) {
    this.#rule = rule;
  }

  take(happening: Happening): void {
    if (this.#then !== undefined) return;
    // In this order: a call does not come before itself.
    if (matches(this.#rule.then, happening)) this.#then = happening.line();
    else if (this.#first === undefined && matches(this.#rule.first, happening))
      this.#first = happening.line();
  }

  result(): RuleResult {
    const { text: rule, first, then } = this.#rule;
    const evidence = [this.#first, this.#then].filter((line) => line !== undefined);
    if (this.#then === undefined) return { rule, holds: false, found: `no ${nameOf(then)}`, evidence };
    if (this.#first !== undefined) return { rule, holds: true, found: "in this order", evidence };
    return { rule, holds: false, found: `no ${nameOf(first)} before the first ${nameOf(then)}`, evidence };
  }
}

const nameOf = ({ subject }: Selection): string => (subject.kind === "call" ? subject.name : subject.thing);

function isAboutLateFrames(rule: Rule): boolean {
  return rule.kind === "count" && nameOf(rule.selection) === "late frames";
}

function matches({ subject, device, client, ...clauses }: Selection, happening: Happening): boolean {
  if (device !== undefined && device !== happening.device) return false;
  if (client !== undefined && client !== happening.client) return false;
  if (happening.what === "call") {
    const { event } = happening;
    if (subject.kind === "thing") return subject.thing === "errors" && isError(event, clauses.except);
    return (
      subject.name === callName(event) &&
      (subject.failed ? isError(event, clauses.except) : event.errno === undefined) &&
      (clauses.members === undefined || (event.kind === "ioctl" && hasMembers(event, clauses.members)))
    );
  }
  if (subject.kind !== "thing") return false;
  if (happening.what !== "frame") return subject.thing === happening.what;
  return subject.thing === happening.thing && (clauses.queues?.includes(happening.type) ?? true);
}

const isError = ({ errno }: IoctlEvent | FileEvent, except: readonly string[] = []): boolean =>
  errno !== undefined && !except.includes(errno);

const callNameOfAction = Object.fromEntries(
  Object.entries(fileCalls).map(([name, action]) => [action, name]),
) as Readonly<Record<FileEvent["action"], string>>;

const callName = (event: IoctlEvent | FileEvent): string =>
  event.kind === "ioctl" ? event.name : callNameOfAction[event.action];

function hasMembers(
  event: IoctlEvent,
  members: readonly (readonly [path: string, value: string])[],
): boolean {
  const args = event.args();
  return members.every(([path, wanted]) => {
    const value = memberAt(args, path);
    return (
      (typeof value === "string" || typeof value === "number" || typeof value === "bigint") &&
      String(value) === wanted
    );
  });
}

function memberAt(args: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (value, name) =>
        typeof value === "object" && value !== null && Object.hasOwn(value, name)
          ? (value as Readonly<Record<string, unknown>>)[name]
          : undefined,
      args,
    );
}
