/** The parameters of visl: names, defaults and meaning of the kernel's module parameters. */
import type { DumpParameters, ParameterDefinition } from "../stateless/index.js";
import {
  defaultDumpParameters,
  defineParameter,
  dumpParameterDefinitions,
  isFrameSelected,
  Parameters,
} from "../stateless/index.js";

export interface ParameterValues extends DumpParameters {
  /** `visl_debug`: print what the driver does. */
  readonly debug: number;
  /** `visl_transtime_ms`: a job takes at least so long, at most twice. */
  readonly transtimeMs: number;
  /** `visl_dprintk_frame_start`: with `debug`, lines of frames are printed from this one on; -1: of none. */
  readonly dprintkFrameStart: number;
  /** `visl_dprintk_nframes`: for so many frames. */
  readonly dprintkNframes: number;
  /** `tpg_verbose`: also draw times, buffer indices and queue states. */
  readonly tpgVerbose: boolean;
}

export type ParameterKey = keyof ParameterValues;

export const parameterDefinitions: readonly ParameterDefinition<ParameterKey>[] = [
  defineParameter("debug", "visl_debug", "uint", "read-write"),
  defineParameter("transtimeMs", "visl_transtime_ms", "uint", "read-write"),
  defineParameter("dprintkFrameStart", "visl_dprintk_frame_start", "int", "read-only"),
  defineParameter("dprintkNframes", "visl_dprintk_nframes", "uint", "read-only"),
  ...dumpParameterDefinitions,
  defineParameter("tpgVerbose", "tpg_verbose", "bool", "read-write"),
];

export const defaultParameters: ParameterValues = {
  ...defaultDumpParameters,
  debug: 0,
  transtimeMs: 0,
  dprintkFrameStart: -1,
  dprintkNframes: 0,
  tpgVerbose: false,
};

/** The parameters of a running visl. */
export class VislParameters extends Parameters<ParameterValues> {
  constructor(initial: Partial<ParameterValues> = {}) {
    super(parameterDefinitions, { ...defaultParameters, ...initial });
  }

  /** Are lines of this frame printed? */
  printsFrame(sequence: number): boolean {
    const { debug, dprintkFrameStart, dprintkNframes } = this.values;
    return debug >= 1 && isFrameSelected(sequence, dprintkFrameStart, dprintkNframes);
  }
}
