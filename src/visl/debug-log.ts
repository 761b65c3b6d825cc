/**
 * What the original prints with `visl_debug`: its functions' names and sentences, so that logs of both can be laid
 * side by side.
 */
import { formatLines } from "../stateless/index.js";
import type { VideoFormat } from "../v4l2/index.js";
import type { VislParameters } from "./parameters.js";

/** Hears whole lines, `visl visl.0: visl_print_fmt: width: 640`. */
export type DebugPrinter = (line: string) => void;

export class DebugLog {
  readonly #parameters: VislParameters;
  readonly #print: DebugPrinter;

  constructor(parameters: VislParameters, print: DebugPrinter) {
    this.#parameters = parameters;
    this.#print = print;
  }

  get active(): boolean {
    return this.#parameters.values.debug >= 1;
  }

  /** `dprintk`. @param from - The function of the original that prints this. */
  line(from: string, text: string): void {
    if (this.active) this.#print(`visl visl.0: ${from}: ${text}`);
  }

  /** `frame_dprintk`: only for the frames that the parameters select. */
  frame(sequence: number, from: string, ...lines: readonly string[]): void {
    if (!this.#parameters.printsFrame(sequence)) return;
    for (const line of lines) this.line(from, line);
  }

  /** `visl_print_fmt`, after a heading. */
  format(from: string, heading: string, format: VideoFormat): void {
    if (!this.active) return;
    this.line(from, heading);
    for (const line of formatLines(format)) this.line("visl_print_fmt", line);
  }
}
