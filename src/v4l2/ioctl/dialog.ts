/**
 * What a client asked beside what it was given. The answer overwrites the question in the same bytes, so a copy of the
 * question is made before the call, while somebody listens and only then.
 */
import { isDeepStrictEqual } from "node:util";
import { ArgWriter, type ArgObject } from "./arg-writer.js";

/** The argument of an ioctl, and the nested array that it points to. */
export interface ArgBytes {
  readonly arg: Uint8Array;
  readonly array: Uint8Array | undefined;
}

/** How the log shows an argument. */
export interface Description {
  /** After the call, in the kernel's words. */
  readonly text: string;
  /** The same with `asked->given` where they differ: `width=701->640`. */
  readonly dialog: string;
  /** After the call, as a plain object. */
  readonly object: Readonly<Record<string, unknown>>;
  /** What the client asked, in the same form; undefined: it was given just that. */
  readonly asked: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Values of which zero is one like any other. Everywhere else the API lets a client leave the choice to the driver by a
 * zero (`bytesperline`, `field`, `colorspace`, a frame interval of 0/0), and that it made one is no news.
 */
const ZERO_IS_A_WISH = /^(?:width|height|wxh|x,y|count|value|id\/val)=/;
const NO_WISH = /^(?:any|0+|0x0+|0\/0|\.{4} .*|)$/;
/** What follows the four characters of a pixel format. */
const FOURCC_TAIL = / (?:little|big)-endian \(0x[0-9a-f]{8}\)$/;

/**
 * Describes question and answer.
 * @param describe - Writes one of them.
 * @param asks - The fields with which the client asks, as the log calls them; undefined: all. The others are the
 *   driver's, and mean nothing before the call.
 */
export function describeDialog(
  describe: (out: ArgWriter, bytes: ArgBytes) => void,
  asked: ArgBytes | undefined,
  given: ArgBytes,
  asks?: readonly string[],
): Description {
  const answer = new ArgWriter();
  describe(answer, given);
  const { text, object } = answer;
  const same = { text, dialog: text, object, asked: undefined };
  if (asked === undefined || (isSame(asked.arg, given.arg) && isSame(asked.array, given.array))) return same;

  const values = new Map<string, string>();
  const question = new ArgWriter((path, value) => {
    values.set(path, value);
    return value;
  });
  describe(question, asked);
  const wanted = onlyNamed(question.object, asks);
  if (isDeepStrictEqual(wanted, onlyNamed(object, Object.keys(wanted)))) return same;

  const both = new ArgWriter((path, value, key) => {
    const before = values.get(path);
    if (before === undefined || before === value || !isAsked(path, asks)) return value;
    if (!ZERO_IS_A_WISH.test(key) && NO_WISH.test(before)) return value;
    return `${before.replace(FOURCC_TAIL, "")}->${value}`;
  });
  describe(both, given);
  return { text, dialog: both.text, object, asked: wanted };
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);
}

function onlyNamed(object: Readonly<ArgObject>, names: readonly string[] | undefined): Readonly<ArgObject> {
  if (names === undefined) return object;
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.includes(name)));
}

/** @param path - `planes[0].bytesused=`: the first name decides. */
const isAsked = (path: string, asks: readonly string[] | undefined): boolean =>
  asks === undefined || asks.includes(/^[^[.=]*/.exec(path)?.[0] ?? "");
