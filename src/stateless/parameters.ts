/**
 * Parameters of a device, read and written as the kernel's module parameters are: from the command line at its start,
 * and through a file while it runs.
 */
import { V4l2Error } from "../v4l2/index.js";

type Kind = "uint" | "int" | "bool";

export interface ParameterDefinition<Key extends string = string> {
  readonly key: Key;
  /** The kernel's name where it has one; the file in `parameters/`. */
  readonly name: string;
  readonly kind: Kind;
  /** May be changed while the device runs; else only at its start. */
  readonly writable: boolean;
}

export const defineParameter = <Key extends string>(
  key: Key,
  name: string,
  kind: Kind,
  access: "read-write" | "read-only",
): ParameterDefinition<Key> => ({ key, name, kind, writable: access === "read-write" });

/** Which bitstream buffers are dumped; every stateless decoder has these. */
export interface DumpParameters {
  /** `keep_bitstream_buffers`: dumps survive STREAMOFF. */
  readonly keepBitstreamBuffers: boolean;
  /** `bitstream_trace_frame_start`: bitstream buffers are dumped from this frame on; -1: none. */
  readonly bitstreamTraceFrameStart: number;
  /** `bitstream_trace_nframes`: so many of them. */
  readonly bitstreamTraceNframes: number;
}

export const dumpParameterDefinitions: readonly ParameterDefinition<keyof DumpParameters>[] = [
  defineParameter("keepBitstreamBuffers", "keep_bitstream_buffers", "bool", "read-only"),
  defineParameter("bitstreamTraceFrameStart", "bitstream_trace_frame_start", "int", "read-only"),
  defineParameter("bitstreamTraceNframes", "bitstream_trace_nframes", "uint", "read-only"),
];

export const defaultDumpParameters: DumpParameters = {
  keepBitstreamBuffers: false,
  bitstreamTraceFrameStart: -1,
  bitstreamTraceNframes: 0,
};

/** Is `frame` one of the `count` frames that begin with `start`? A negative start means none. */
export function isFrameSelected(frame: number, start: number, count: number): boolean {
  return start > -1 && frame >= start && frame < start + count;
}

/** The parameters of a device whose driver may have more. */
export interface ParameterSet {
  readonly definitions: readonly ParameterDefinition[];
  readonly values: DumpParameters;
  /** Is the bitstream of this frame dumped? */
  dumpsFrame(sequence: number): boolean;
  /** The value in the form of `/sys/module/visl/parameters`, without a newline. */
  read(definition: ParameterDefinition): string;
  /**
   * Changes a parameter while the device runs.
   * @throws {V4l2Error} EACCES - it is read-only; EINVAL - no such value; ERANGE - the number is too large.
   */
  write(definition: ParameterDefinition, text: string): void;
}

type Definition<Values> = ParameterDefinition<keyof Values & string>;

/** The parameters of a running device. */
export class Parameters<Values extends DumpParameters = DumpParameters> implements ParameterSet {
  readonly definitions: readonly Definition<Values>[];
  #values: Values;

  constructor(definitions: readonly Definition<Values>[], initial: Values) {
    this.definitions = definitions;
    this.#values = initial;
  }

  get values(): Values {
    return this.#values;
  }

  dumpsFrame(sequence: number): boolean {
    const { bitstreamTraceFrameStart, bitstreamTraceNframes } = this.#values;
    return isFrameSelected(sequence, bitstreamTraceFrameStart, bitstreamTraceNframes);
  }

  read(definition: Definition<Values>): string {
    const value = this.#values[definition.key];
    if (typeof value === "boolean") return value ? "Y" : "N";
    return String(value);
  }

  write(definition: Definition<Values>, text: string): void {
    if (!definition.writable) throw new V4l2Error("EACCES", `${definition.name} is read-only`);
    this.#values = { ...this.#values, [definition.key]: parseParameter(definition, text) };
  }
}

const UINT_MAX = 2 ** 32 - 1;
const INT_MAX = 2 ** 31 - 1;

/** y, n, t, f, 1, 0, on, off; the kernel looks at the first letters only. */
export function parseBool(word: string): boolean | undefined {
  if (/^([yYtT1]|[oO][nN])/.test(word)) return true;
  return /^([nNfF0]|[oO][fF])/.test(word) ? false : undefined;
}

/**
 * Reads a value as the kernel's parameter parsers do: numbers in C notation, and y, n, 1, 0, on, off.
 * @throws {V4l2Error} EINVAL - not of this kind; ERANGE - does not fit into 32 bits.
 */
export function parseParameter({ name, kind }: ParameterDefinition, text: string): number | boolean {
  const word = text.endsWith("\n") ? text.slice(0, -1) : text;
  if (kind === "bool") {
    const value = parseBool(word);
    if (value === undefined) throw new V4l2Error("EINVAL", `${name}: "${word}" is neither yes nor no`);
    return value;
  }
  const match = /^([+-]?)(0[xX][\da-fA-F]+|0[0-7]*|[1-9]\d*)$/.exec(word);
  if (match === null) {
    throw new V4l2Error("EINVAL", `${name}: "${word}" is not a number`);
  }
  const digits = match[2] ?? "0";
  const size = /^0[0-7]+$/.test(digits) ? parseInt(digits, 8) : Number(digits);
  const value = match[1] === "-" ? -size : size;
  const [least, greatest] = kind === "uint" ? [0, UINT_MAX] : [-INT_MAX - 1, INT_MAX];
  // The kernel's parsers of unsigned numbers know no minus sign.
  if (kind === "uint" && match[1] === "-") {
    throw new V4l2Error("EINVAL", `${name}: ${word} is out of range: ${least} to ${greatest}`);
  }
  if (value < least || value > greatest) {
    throw new V4l2Error("ERANGE", `${name}: ${word} is out of range: ${least} to ${greatest}`);
  }
  // No minus zero.
  return value + 0;
}
