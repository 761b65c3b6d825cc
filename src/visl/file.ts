/** What one open file has: its formats, its controls, and the two ends of its queues. */
import type { BufType, VideoFormat } from "../v4l2/index.js";
import { isOutput, V4l2Error } from "../v4l2/index.js";
import type { M2mQueueOps } from "../m2m/index.js";
import type { SetupPlan, SetupRequest, VideoBuffer } from "../vb2/index.js";
import type { BitstreamStore } from "./bitstreams.js";
import type { VislControls } from "./controls.js";
import type { DebugLog } from "./debug-log.js";
import type { Formats } from "./formats.js";
import { defaultFormats, setCoded, setDecoded } from "./formats.js";
import type { Parameters } from "./parameters.js";
import { Picture } from "./picture.js";

/** What all files of a device share. */
export interface Shared {
  readonly parameters: Parameters;
  readonly bitstreams: BitstreamStore;
  readonly debug: DebugLog;
}

/** The kernel's number of a buffer state, for its debug line. */
const VB2_BUF_STATE_ERROR = 6;

export class VislFile {
  readonly controls: VislControls;
  readonly #shared: Shared;
  #formats: Formats;
  #picture: Picture;
  /** When CAPTURE started to stream, `performance.now()`. */
  captureStartedMs = 0;
  /** Jobs that ran, and those that ended in an error. */
  readonly jobs = { done: 0, failed: 0 };

  constructor(controls: VislControls, shared: Shared) {
    this.controls = controls;
    this.#shared = shared;
    this.#formats = defaultFormats();
    const { debug } = shared;
    debug.format("visl_reset_coded_fmt", "OUTPUT format was set to:", this.#formats.coded);
    this.#reportDecodedReset();
    this.#picture = this.#newPicture();
  }

  get formats(): Formats {
    return this.#formats;
  }

  get picture(): Picture {
    return this.#picture;
  }

  #reportDecodedReset(): void {
    this.#shared.debug.format("visl_reset_decoded_fmt", "CAPTURE format was set to:", this.#formats.drawn);
  }

  #newPicture(): Picture {
    const { drawn } = this.#formats;
    const { width, height } = drawn;
    const picture = new Picture(drawn);
    this.#shared.debug.line(
      "visl_tpg_init",
      `Initialized the V4L2 test pattern generator, w=${width}, h=${height}, max_w=${width}`,
    );
    return picture;
  }

  /** S_FMT of OUTPUT. */
  setCoded(wish: VideoFormat): VideoFormat {
    const { debug } = this.#shared;
    debug.format("visl_s_fmt_vid_out", "Trying to set the OUTPUT format to:", wish);
    this.#formats = setCoded(wish);
    this.#reportDecodedReset();
    this.#picture = this.#newPicture();
    debug.format("visl_s_fmt_vid_out", "OUTPUT format was set to:", this.#formats.coded);
    return this.#formats.coded;
  }

  /** S_FMT of CAPTURE. */
  setDecoded(wish: VideoFormat): VideoFormat {
    const { debug } = this.#shared;
    debug.format("visl_s_fmt_vid_cap", "Trying to set the CAPTURE format to:", wish);
    this.#formats = setDecoded(this.#formats, wish);
    debug.format("visl_s_fmt_vid_cap", "CAPTURE format was set to:", this.#formats.decoded);
    this.#picture = this.#newPicture();
    return this.#formats.decoded;
  }

  /** The format of a queue. */
  format(type: BufType): VideoFormat {
    return isOutput(type) ? this.#formats.coded : this.#formats.decoded;
  }

  /** @param buffers - Those of the queue. */
  queueOps(type: BufType, buffers: () => readonly VideoBuffer[]): M2mQueueOps {
    return {
      queueSetup: (ask) => this.#queueSetup(type, ask),
      bufPrepare: (buffer) => {
        this.#bufPrepare(type, buffer);
      },
      startStreaming: () => {
        if (!isOutput(type)) this.captureStartedMs = performance.now();
      },
      stopStreaming: () => {
        this.#stopStreaming(buffers());
      },
    };
  }

  /** @throws {V4l2Error} EINVAL - CREATE_BUFS asks for other planes than the format has, or smaller ones. */
  #queueSetup(type: BufType, { count, planeSizes }: SetupRequest): SetupPlan {
    const needed = this.format(type).planes.map(({ sizeimage }) => sizeimage);
    const sizes = planeSizes ?? needed;
    if (sizes.length !== needed.length || needed.some((size, plane) => (sizes[plane] ?? 0) < size)) {
      throw new V4l2Error("EINVAL", `planes of [${sizes.join()}] bytes, [${needed.join()}] are needed`);
    }
    const name = isOutput(type) ? "Output" : "Capture";
    const { debug } = this.#shared;
    debug.line("visl_queue_setup", `${name}: ${count} buffer(s) requested, num_planes=${needed.length}.`);
    for (const [plane, size] of needed.entries()) {
      debug.line("visl_queue_setup", `plane[${plane}].sizeimage=${size}`);
    }
    return { count, planeSizes: sizes };
  }

  /** @throws {V4l2Error} EINVAL - the buffer is smaller than the format asks for: the format was changed since. */
  #bufPrepare(type: BufType, buffer: VideoBuffer): void {
    const needed = this.format(type).planes[0]?.sizeimage ?? 0;
    const [plane] = buffer.planes;
    if (plane === undefined || plane.length < needed) {
      throw new V4l2Error("EINVAL", `plane[0] size is ${plane?.length ?? 0}, sizeimage is ${needed}`);
    }
    if (!isOutput(type)) plane.bytesused = needed;
  }

  #stopStreaming(buffers: readonly VideoBuffer[]): void {
    const { debug, parameters, bitstreams } = this.#shared;
    debug.line("visl_stop_streaming", "Stop streaming");
    debug.line("visl_queue_cleanup", "Cleaning up queues");
    if (debug.active) {
      // The queue gives its buffers back after this.
      for (const { state, timestampNs, request } of buffers) {
        if (state !== "active") continue;
        debug.line("visl_queue_cleanup", `Marked request ${request?.name ?? "(null)"} as complete`);
        const text = `Marked buffer ${timestampNs} as done, state is ${VB2_BUF_STATE_ERROR}`;
        debug.line("visl_queue_cleanup", text);
      }
    }
    if (!parameters.values.keepBitstreamBuffers) bitstreams.clear();
  }
}
