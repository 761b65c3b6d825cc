/** What a sub-device's pads are set to: once for the device, and once for each open file, which tries there. */
import { RouteFlag, V4l2Error } from "../v4l2/index.js";
import type { Fract, MbusFormat, Rect, Route } from "../v4l2/index.js";

/** One stream of one pad. */
export interface PadState {
  format: MbusFormat;
  crop?: Rect;
  compose?: Rect;
  /** Seconds. */
  interval?: Fract;
}

/** The pads of a sub-device, and the routes between them (`struct v4l2_subdev_state`). */
export class SubdevState {
  /** Changed with {@link setRoutes} only. */
  #routes: readonly Route[] = [];
  readonly #pads = new Map<number, Map<number, PadState>>();

  get routes(): readonly Route[] {
    return this.#routes;
  }

  /** @throws {V4l2Error} EINVAL - the pad has no such stream. */
  at(pad: number, stream = 0): PadState {
    const state = this.#pads.get(pad)?.get(stream);
    if (state === undefined) throw new V4l2Error("EINVAL", `pad ${pad} has no stream ${stream}`);
    return state;
  }

  /** The streams of a pad. */
  streamsOf(pad: number): readonly number[] {
    return [...(this.#pads.get(pad)?.keys() ?? [])];
  }

  /** Makes a stream of a pad, or sets it anew. */
  set(pad: number, state: PadState, stream = 0): void {
    const streams = this.#pads.get(pad) ?? new Map<number, PadState>();
    streams.set(stream, state);
    this.#pads.set(pad, streams);
  }

  /**
   * Other routes, and with them other streams: what active routes name is there, set to what `initial` says.
   * (`v4l2_subdev_set_routing_with_fmt`)
   */
  setRoutes(routes: readonly Route[], initial: (pad: number, stream: number) => PadState): void {
    this.#routes = routes;
    this.#pads.clear();
    for (const { sinkPad, sinkStream, sourcePad, sourceStream, flags } of routes) {
      if ((flags & RouteFlag.Active) === 0) continue;
      this.set(sinkPad, initial(sinkPad, sinkStream), sinkStream);
      this.set(sourcePad, initial(sourcePad, sourceStream), sourceStream);
    }
  }
}
