/** The controls of one open file of a stateless decoder, and which of them its client has given. */
import type {
  AnyFile,
  Call,
  Control,
  ControlHandlerOptions,
  ExtControls,
  MediaRequest,
} from "../v4l2/index.js";
import { ControlHandler, CtrlWhich, V4l2Error } from "../v4l2/index.js";
import type { StatelessCodec } from "./codec.js";

/** By the id of a control with one struct: a sentence about a value that the device cannot decode. */
export type UnsupportedValues = ReadonlyMap<number, (value: unknown) => string | undefined>;

export interface StatelessControlOptions extends ControlHandlerOptions {
  readonly codecs: readonly StatelessCodec[];
  /** Also the controls that kernels after 6.12 have. */
  readonly newer: boolean;
  /** See `StatelessDeviceOptions.unsupported`. */
  readonly unsupported?: UnsupportedValues;
}

/** The controls of one open file: those of all codecs, whatever format is set. */
export class StatelessControls extends ControlHandler {
  /** Those that the client gave a value, in a request that was queued or without one. */
  readonly #given = new Set<number>();

  constructor({ codecs, newer, unsupported, ...options }: StatelessControlOptions) {
    super(options);
    for (const { controls } of codecs) {
      for (const entry of controls) {
        if (!newer && entry.newer === true) continue;
        const problemOf = unsupported?.get(entry.id);
        entry.add(this, problemOf && refusing(problemOf));
      }
    }
    this.setup();
  }

  override sExtCtrls(request: ExtControls, file: AnyFile, call: Call): void {
    super.sExtCtrls(request, file, call);
    if (request.which === CtrlWhich.RequestVal) return;
    for (const { id } of request.controls) this.#given.add(id);
  }

  /** Names of the controls without which `codec` cannot decode, that neither `request` nor the client before it gave. */
  missing(codec: StatelessCodec, request: MediaRequest): string[] {
    const values = this.inRequest(request);
    return codec.required
      .filter((id) => !this.#given.has(id) && values?.has(id) !== true)
      .map((id) => this.find(id)?.name ?? `0x${String(id)}`);
  }

  /** `request` is queued: what it sets counts as given from now on. */
  noteQueued(request: MediaRequest): void {
    const values = this.inRequest(request);
    if (values === undefined) return;
    for (const { id } of this.controls) if (values.has(id)) this.#given.add(id);
  }
}

function refusing(problemOf: (value: unknown) => string | undefined): (control: Control<unknown>) => void {
  return ({ name, next }) => {
    const problem = problemOf(next);
    if (problem !== undefined) throw new V4l2Error("EINVAL", `${name}: ${problem}`);
  };
}
