/**
 * What the original prints with `visl_debug`: its functions' names and sentences, so that logs of both can be laid
 * side by side.
 */
import type { VideoFormat } from "../v4l2/index.js";
import type { Parameters } from "./parameters.js";

/** Hears whole lines, `visl visl.0: visl_print_fmt: width: 640`. */
export type DebugPrinter = (line: string) => void;

export class DebugLog {
  readonly #parameters: Parameters;
  readonly #print: DebugPrinter;

  constructor(parameters: Parameters, print: DebugPrinter) {
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

/** What `visl_print_fmt` tells of a format. */
export function formatLines(format: VideoFormat): string[] {
  const { width, height, pixelformat, field, colorspace, planes, flags, quantization, xferFunc } = format;
  const letters = [0, 8, 16, 24].map((shift) => String.fromCharCode((pixelformat >>> shift) & 0xff));
  return [
    `width: ${width}`,
    `height: ${height}`,
    `pixelformat: ${letters.join("")}`,
    `field: ${field}`,
    `colorspace: ${colorspace}`,
    `num_planes: ${planes.length}`,
    `flags: ${flags}`,
    `quantization: ${quantization}`,
    `xfer_func: ${xferFunc}`,
    ...planes.flatMap(({ bytesperline, sizeimage }, index) => [
      `plane[${index}]: sizeimage: ${sizeimage}`,
      `plane[${index}]: bytesperline: ${bytesperline}`,
    ]),
  ];
}
