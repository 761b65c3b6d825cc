/** The controls of one open file of a stateless decoder, and which of them its client has given. */
import type { AnyFile, Call, ControlHandlerOptions, ExtControls, MediaRequest } from "../v4l2/index.js";
import { ControlHandler, CtrlWhich } from "../v4l2/index.js";
import type { StatelessCodec } from "./codec.js";

export interface StatelessControlOptions extends ControlHandlerOptions {
  readonly codecs: readonly StatelessCodec[];
  /** Also the controls that kernels after 6.12 have. */
  readonly newer: boolean;
}

/** The controls of one open file: those of all codecs, whatever format is set. */
export class StatelessControls extends ControlHandler {
  /** Those that the client gave a value, in a request that was queued or without one. */
  readonly #given = new Set<number>();

  constructor({ codecs, newer, ...options }: StatelessControlOptions) {
    super(options);
    for (const { controls } of codecs) {
      for (const entry of controls) if (newer || entry.newer !== true) entry.add(this);
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
