/** The parameters of the device: names, defaults and meaning of the original's module parameters. */
import { V4l2Error } from "../v4l2/index.js";

export interface ParameterValues {
  /** `visl_debug`: print what the driver does. */
  readonly debug: number;
  /** `visl_transtime_ms`: a job takes at least so long, at most twice. */
  readonly transtimeMs: number;
  /** `visl_dprintk_frame_start`: with `debug`, lines of frames are printed from this one on; -1: of none. */
  readonly dprintkFrameStart: number;
  /** `visl_dprintk_nframes`: for so many frames. */
  readonly dprintkNframes: number;
  /** `keep_bitstream_buffers`: dumps survive STREAMOFF. */
  readonly keepBitstreamBuffers: boolean;
  /** `bitstream_trace_frame_start`: bitstream buffers are dumped from this frame on; -1: none. */
  readonly bitstreamTraceFrameStart: number;
  /** `bitstream_trace_nframes`: so many of them. */
  readonly bitstreamTraceNframes: number;
  /** `tpg_verbose`: also draw times, buffer indices and queue states. */
  readonly tpgVerbose: boolean;
}

export type ParameterKey = keyof ParameterValues;

type Kind = "uint" | "int" | "bool";

export interface ParameterDefinition {
  readonly key: ParameterKey;
  /** The original's name; the file in `parameters/`. */
  readonly name: string;
  readonly kind: Kind;
  /** May be changed while the device runs; else only at its start. */
  readonly writable: boolean;
}

const define = (
  key: ParameterKey,
  name: string,
  kind: Kind,
  access: "read-write" | "read-only",
): ParameterDefinition => ({ key, name, kind, writable: access === "read-write" });

export const parameterDefinitions: readonly ParameterDefinition[] = [
  define("debug", "visl_debug", "uint", "read-write"),
  define("transtimeMs", "visl_transtime_ms", "uint", "read-write"),
  define("dprintkFrameStart", "visl_dprintk_frame_start", "int", "read-only"),
  define("dprintkNframes", "visl_dprintk_nframes", "uint", "read-only"),
  define("keepBitstreamBuffers", "keep_bitstream_buffers", "bool", "read-only"),
  define("bitstreamTraceFrameStart", "bitstream_trace_frame_start", "int", "read-only"),
  define("bitstreamTraceNframes", "bitstream_trace_nframes", "uint", "read-only"),
  define("tpgVerbose", "tpg_verbose", "bool", "read-write"),
];

export const defaultParameters: ParameterValues = {
  debug: 0,
  transtimeMs: 0,
  dprintkFrameStart: -1,
  dprintkNframes: 0,
  keepBitstreamBuffers: false,
  bitstreamTraceFrameStart: -1,
  bitstreamTraceNframes: 0,
  tpgVerbose: false,
};

/** Is `frame` one of the `count` frames that begin with `start`? A negative start means none. */
export function isFrameSelected(frame: number, start: number, count: number): boolean {
  return start > -1 && frame >= start && frame < start + count;
}

/** The parameters of a running device. */
export class Parameters {
  #values: ParameterValues;

  constructor(initial: Partial<ParameterValues> = {}) {
    this.#values = { ...defaultParameters, ...initial };
  }

  get values(): ParameterValues {
    return this.#values;
  }

  /** Are lines of this frame printed? */
  printsFrame(sequence: number): boolean {
    const { debug, dprintkFrameStart, dprintkNframes } = this.#values;
    return debug >= 1 && isFrameSelected(sequence, dprintkFrameStart, dprintkNframes);
  }

  /** Is the bitstream of this frame dumped? */
  dumpsFrame(sequence: number): boolean {
    const { bitstreamTraceFrameStart, bitstreamTraceNframes } = this.#values;
    return isFrameSelected(sequence, bitstreamTraceFrameStart, bitstreamTraceNframes);
  }

  /** The value in the form of `/sys/module/visl/parameters`, without a newline. */
  read(definition: ParameterDefinition): string {
    const value = this.#values[definition.key];
    if (typeof value === "boolean") return value ? "Y" : "N";
    return String(value);
  }

  /**
   * Changes a parameter while the device runs.
   * @throws {V4l2Error} EACCES - it is read-only; EINVAL - no such value; ERANGE - the number is too large.
   */
  write(definition: ParameterDefinition, text: string): void {
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
  if (match === null || (kind === "uint" && match[1] === "-")) {
    throw new V4l2Error("EINVAL", `${name}: "${word}" is not a number`);
  }
  const digits = match[2] ?? "0";
  const size = /^0[0-7]+$/.test(digits) ? parseInt(digits, 8) : Number(digits);
  const value = match[1] === "-" ? -size : size;
  const [least, greatest] = kind === "uint" ? [0, UINT_MAX] : [-INT_MAX - 1, INT_MAX];
  if (value < least || value > greatest) throw new V4l2Error("ERANGE", `${name}: ${word} does not fit`);
  // No minus zero.
  return value + 0;
}
