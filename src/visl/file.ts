/** What one open file has: its formats, its controls, and what it prints of its queues. */
import type { M2mQueueOps } from "../m2m/index.js";
import type { JobCounters, StatelessControls, StatelessFile } from "../stateless/index.js";
import type { BufType, VideoFormat } from "../v4l2/index.js";
import { isOutput } from "../v4l2/index.js";
import type { SetupPlan, SetupRequest, VideoQueue } from "../vb2/index.js";
import { sizedByFormat } from "../vb2/index.js";
import type { DebugLog } from "./debug-log.js";
import type { Formats } from "./formats.js";
import { defaultFormats, setCoded, setDecoded } from "./formats.js";
import { Picture } from "./picture.js";

/** The kernel's number of a buffer state, for its debug line. */
const VB2_BUF_STATE_ERROR = 6;

export class VislFile implements StatelessFile {
  readonly controls: StatelessControls;
  readonly #debug: DebugLog;
  #formats: Formats;
  #picture: Picture;
  /** When CAPTURE started to stream, `performance.now()`. */
  captureStartedMs = 0;
  readonly jobs: JobCounters = { done: 0, failed: 0 };

  constructor(controls: StatelessControls, debug: DebugLog) {
    this.controls = controls;
    this.#debug = debug;
    this.#formats = defaultFormats();
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
    this.#debug.format("visl_reset_decoded_fmt", "CAPTURE format was set to:", this.#formats.drawn);
  }

  #newPicture(): Picture {
    const { drawn } = this.#formats;
    const { width, height } = drawn;
    const picture = new Picture(drawn);
    this.#debug.line(
      "visl_tpg_init",
      `Initialized the V4L2 test pattern generator, w=${width}, h=${height}, max_w=${width}`,
    );
    return picture;
  }

  /** S_FMT of OUTPUT. */
  setCoded(wish: VideoFormat): void {
    this.#debug.format("visl_s_fmt_vid_out", "Trying to set the OUTPUT format to:", wish);
    this.#formats = setCoded(wish);
    this.#reportDecodedReset();
    this.#picture = this.#newPicture();
    this.#debug.format("visl_s_fmt_vid_out", "OUTPUT format was set to:", this.#formats.coded);
  }

  /** S_FMT of CAPTURE. */
  setDecoded(wish: VideoFormat): void {
    this.#debug.format("visl_s_fmt_vid_cap", "Trying to set the CAPTURE format to:", wish);
    this.#formats = setDecoded(this.#formats, wish);
    this.#debug.format("visl_s_fmt_vid_cap", "CAPTURE format was set to:", this.#formats.decoded);
    this.#picture = this.#newPicture();
  }

  /** The format of a queue. */
  format(type: BufType): VideoFormat {
    return isOutput(type) ? this.#formats.coded : this.#formats.decoded;
  }

  /** What the kernel's visl prints of a queue, besides what the format says of its buffers. */
  queueOps(type: BufType, queue: () => VideoQueue): Partial<M2mQueueOps> {
    const sized = sizedByFormat(() => this.format(type), !isOutput(type));
    return {
      queueSetup: (ask) => this.#reportSetup(type, sized.queueSetup(ask), ask),
      startStreaming: () => {
        if (!isOutput(type)) this.captureStartedMs = performance.now();
      },
      stopStreaming: () => {
        this.#reportStop(queue());
      },
    };
  }

  #reportSetup(type: BufType, plan: SetupPlan, { count }: SetupRequest): SetupPlan {
    const name = isOutput(type) ? "Output" : "Capture";
    const { planes } = this.format(type);
    this.#debug.line(
      "visl_queue_setup",
      `${name}: ${count} buffer(s) requested, num_planes=${planes.length}.`,
    );
    for (const [plane, { sizeimage }] of planes.entries()) {
      this.#debug.line("visl_queue_setup", `plane[${plane}].sizeimage=${sizeimage}`);
    }
    return plan;
  }

  #reportStop(queue: VideoQueue): void {
    const debug = this.#debug;
    debug.line("visl_stop_streaming", "Stop streaming");
    debug.line("visl_queue_cleanup", "Cleaning up queues");
    if (!debug.active) return;
    // The queue gives its buffers back after this.
    for (const { state, timestampNs, request } of queue.buffers()) {
      if (state !== "active") continue;
      debug.line("visl_queue_cleanup", `Marked request ${request?.name ?? "(null)"} as complete`);
      const text = `Marked buffer ${timestampNs} as done, state is ${VB2_BUF_STATE_ERROR}`;
      debug.line("visl_queue_cleanup", text);
    }
  }
}
