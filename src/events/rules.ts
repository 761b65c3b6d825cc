/**
 * The rules of `v4l2-cuse expect`, one a line: `frames >= 100`, `no errors except EINVAL`, `VIDIOC_S_FMT before
 * VIDIOC_STREAMON`. docs/expect.md has the grammar.
 */
import { mediaDeviceIoctls, mediaRequestIoctls } from "../media/index.js";
import { bufTypes, ioctlNames } from "../v4l2/index.js";

/** A rule that cannot be understood. `message` is one sentence. */
export class RuleError extends Error {
  override readonly name = "RuleError";
}

/** What a rule counts, besides calls. */
export const countedThings = [
  "frames",
  "broken frames",
  "lost frames",
  "late frames",
  "errors",
  "warnings",
  "check messages",
] as const;
export type CountedThing = (typeof countedThings)[number];

/** Calls of a file that are no ioctls, and how events name them. */
export const fileCalls = {
  open: "open",
  close: "release",
  read: "read",
  write: "write",
  mmap: "mmap",
} as const;

export type Subject =
  | { readonly kind: "thing"; readonly thing: CountedThing }
  | { readonly kind: "call"; readonly name: string; readonly failed: boolean };

/** Which events a rule is about. */
export interface Selection {
  readonly subject: Subject;
  /** Node name. */
  readonly device?: string;
  /** Name of the client's process. */
  readonly client?: string;
  /** Types of the queue. */
  readonly queues?: readonly number[];
  /** Members of the argument after the call, by their path. */
  readonly members?: readonly (readonly [path: string, value: string])[];
  /** Errnos that do not count. */
  readonly except?: readonly string[];
}

export const operators = [">=", "<=", "!=", "==", "=", "<", ">"] as const;
export type Operator = (typeof operators)[number];

export type Rule = { readonly text: string } & (
  | {
      readonly kind: "count";
      readonly selection: Selection;
      readonly operator: Operator;
      readonly count: number;
    }
  | { readonly kind: "order"; readonly first: Selection; readonly then: Selection }
);

/** A rule, a file and a line of it are no longer than this, characters. */
export const MAX_RULE_LENGTH = 1024;
/** More rules are not taken. */
export const MAX_RULES = 1000;

const callNames: ReadonlySet<string> = new Set([
  ...ioctlNames,
  ...[mediaDeviceIoctls, mediaRequestIoctls].flatMap(({ all }) => all.map(({ name }) => name)),
  ...Object.keys(fileCalls),
]);
/** Queues whose frames go to the client: `frames` counts these unless a rule names a queue. */
const captureTypes = Object.entries(bufTypes).flatMap(([name, type]) => (name.includes("cap") ? [type] : []));

interface Token {
  readonly kind: "word" | "quoted" | "operator";
  readonly text: string;
}

/** The rules of a text: a line each; blank ones, and those that begin with `#`, are none. @throws {RuleError} */
export function parseRules(text: string): Rule[] {
  return text.split("\n").flatMap((line) => {
    const rule = line.trim();
    return rule === "" || rule.startsWith("#") ? [] : [parseRule(rule)];
  });
}

/** @throws {RuleError} It is none. */
export function parseRule(text: string): Rule {
  if (text.length > MAX_RULE_LENGTH)
    throw new RuleError(`a rule has more than ${MAX_RULE_LENGTH} characters: ${text.slice(0, 40)}...`);
  return new Parser(text).rule();
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = this.#split(text);
  }

  rule(): Rule {
    const text = this.#text;
    const isNone = this.#takeWord("no");
    const { selection, comparison } = this.#selection(!isNone);
    if (!isNone && comparison === undefined && this.#takeWord("before")) {
      const then = this.#selection(false);
      this.#end();
      if (selection.subject.kind !== "call" || then.selection.subject.kind !== "call")
        throw this.#wrong("'before' stands between two calls");
      return { kind: "order", text, first: selection, then: then.selection };
    }
    this.#end();
    if (isNone) return { kind: "count", text, selection, operator: "=", count: 0 };
    if (comparison !== undefined) return { kind: "count", text, selection, ...comparison };
    if (selection.subject.kind === "call" && !selection.subject.failed)
      return { kind: "count", text, selection, operator: ">=", count: 1 };
    throw this.#wrong("it does not say how many: write 'no ...', or a comparison such as '>= 1'");
  }

  #selection(takesComparison: boolean): {
    readonly selection: Selection;
    readonly comparison: { readonly operator: Operator; readonly count: number } | undefined;
  } {
    const subject = this.#subject();
    const clauses: { -readonly [Name in keyof Selection]?: Selection[Name] } = {};
    let comparison: { readonly operator: Operator; readonly count: number } | undefined;
    for (;;) {
      if (takesComparison && comparison === undefined && this.#next?.kind === "operator")
        comparison = this.#comparison();
      else if (clauses.device === undefined && this.#takeWord("on")) clauses.device = this.#value("on");
      else if (clauses.client === undefined && this.#takeWord("by")) clauses.client = this.#value("by");
      else if (clauses.queues === undefined && this.#takeWord("queue")) clauses.queues = this.#queue();
      else if (clauses.members === undefined && this.#takeWord("with")) clauses.members = this.#members();
      else if (clauses.except === undefined && this.#takeWord("except")) clauses.except = this.#errnos();
      else break;
    }
    const selection: Selection = { subject, ...clauses };
    this.#assertSense(selection);
    const counted = subject.kind === "thing" ? subject.thing : undefined;
    const isOfQueue = counted === "frames" || counted === "broken frames";
    return {
      selection: isOfQueue ? { ...selection, queues: selection.queues ?? captureTypes } : selection,
      comparison,
    };
  }

  /** Clauses that would never do anything are mistakes. */
  #assertSense({ subject, client, queues, members, except }: Selection): void {
    const thing = subject.kind === "thing" ? subject.thing : undefined;
    const isError = thing === "errors" || (subject.kind === "call" && subject.failed);
    if (except !== undefined && !isError) throw this.#wrong("'except' belongs to errors");
    if (members !== undefined && subject.kind !== "call") throw this.#wrong("'with' belongs to an ioctl");
    if (members !== undefined && subject.kind === "call" && subject.name in fileCalls)
      throw this.#wrong("'with' belongs to an ioctl");
    if (queues !== undefined && (thing?.endsWith("frames") !== true || thing === "late frames"))
      throw this.#wrong("'queue' belongs to frames, broken frames and lost frames");
    if (client !== undefined && (thing === "warnings" || thing === "check messages"))
      throw this.#wrong("a message has no client");
  }

  #subject(): Subject {
    const { kind, text } = this.#take("what it is about");
    if (kind === "word" && callNames.has(text))
      return { kind: "call", name: text, failed: this.#takeWord("errors") };
    const next = this.#next;
    const pair = next?.kind === "word" ? `${text} ${next.text}` : text;
    const thing = countedThings.find((name) => name === pair) ?? countedThings.find((name) => name === text);
    if (kind !== "word" || thing === undefined) {
      throw this.#wrong(
        /^[A-Z]/.test(text)
          ? `there is no call ${text}`
          : `there is nothing called '${text}': there are ${countedThings.join(", ")}, the names of ioctls, and ${Object.keys(fileCalls).join(", ")}`,
      );
    }
    if (thing.includes(" ")) this.#at += 1;
    return { kind: "thing", thing };
  }

  #comparison(): { readonly operator: Operator; readonly count: number } {
    const { text } = this.#take("a comparison");
    const operator = operators.find((name) => name === text) ?? "=";
    const number = this.#value(operator);
    if (!/^\d{1,15}$/.test(number)) throw this.#wrong(`'${number}' is not a number`);
    return { operator, count: Number(number) };
  }

  #queue(): number[] {
    const name = this.#value("queue");
    const type = Object.entries(bufTypes).find(([known]) => known === name)?.[1];
    if (type === undefined)
      throw this.#wrong(`there is no queue '${name}': there are ${Object.keys(bufTypes).join(", ")}`);
    return [type];
  }

  #members(): (readonly [string, string])[] {
    const members: (readonly [string, string])[] = [];
    while (this.#next !== undefined && this.#tokens[this.#at + 1]?.text === "=") {
      const path = this.#take("a member").text;
      this.#at += 1;
      members.push([path, this.#value("=")]);
    }
    if (members.length === 0) throw this.#wrong("'with' needs members: with width=640 height=480");
    return members;
  }

  #errnos(): string[] {
    const names: string[] = [];
    while (this.#next?.kind === "word" && /^E[A-Z0-9]+(,E[A-Z0-9]+)*,?$/.test(this.#next.text))
      names.push(...this.#take("an errno").text.split(",").filter(Boolean));
    if (names.length === 0) throw this.#wrong("'except' needs errnos: except EINVAL,ENOTTY");
    return names;
  }

  // Tokens

  get #next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #take(what: string): Token {
    const token = this.#next;
    if (token === undefined) throw this.#wrong(`it ends before ${what}`);
    this.#at += 1;
    return token;
  }

  #takeWord(word: string): boolean {
    const isNext = this.#next?.kind === "word" && this.#next.text === word;
    if (isNext) this.#at += 1;
    return isNext;
  }

  #value(after: string): string {
    const token = this.#take(`what stands after '${after}'`);
    if (token.kind === "operator") throw this.#wrong(`'${token.text}' cannot stand after '${after}'`);
    return token.text;
  }

  #end(): void {
    if (this.#next !== undefined) throw this.#wrong(`'${this.#next.text}' has no place there`);
  }

  #split(text: string): Token[] {
    const tokens: Token[] = [];
    const form = /\s*(?:"([^"]*)"|(>=|<=|!=|==|=|<|>)|([^\s"=<>!]+))\s*/y;
    while (form.lastIndex < text.length) {
      const at = form.lastIndex;
      const [whole, quoted, operator, word] = form.exec(text) ?? [];
      if (whole === undefined) throw this.#wrong(`'${text.slice(at, at + 20)}' cannot be read`);
      if (quoted !== undefined) tokens.push({ kind: "quoted", text: quoted });
      else tokens.push({ kind: word === undefined ? "operator" : "word", text: word ?? operator ?? "" });
    }
    return tokens;
  }

  #wrong(why: string): RuleError {
    return new RuleError(`the rule '${this.#text}' cannot be understood: ${why}`);
  }
}
