/** The driver's half of the page: records events into the ring, and answers what the thread that serves the page asks. */
import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import { encodeHead, EventRing } from "../events/index.js";
import { Priority, traceTimes, V4l2Error, VideoDevice } from "../v4l2/index.js";
import type { AnyFile, ControlOps, FrameEvent, TraceRecorder, TraceStream } from "../v4l2/index.js";
import type { ControlChange, DriverMessage, ThreadMessage, ThreadStart, WatchState } from "./protocol.js";
import { showDevice } from "./snapshot.js";
import { TakenPictures } from "./taken-pictures.js";

export interface WatchOptions {
  /** The thread's program, which calls {@link servePage}. */
  readonly thread: URL;
  /** 0: any that is free. */
  readonly port: number;
  readonly mayControl: boolean;
  /** `v4l2-cuse 1.0` */
  readonly program: string;
  /** Hears, in one sentence, that the page is gone. The device goes on. */
  readonly failed: (sentence: string) => void;
}

/** What is watched: video devices show all that they have, others their events. */
export interface WatchedDevice {
  readonly name: string;
  readonly trace: TraceStream;
}

/** A frame is late from a quarter of its interval on, as for `explain`. */
const LATE_PART = 4;

export class Watch {
  readonly #options: WatchOptions;
  readonly #ring = new EventRing();
  readonly #pictures = new TakenPictures((queue, head, bytes) => {
    this.#thread?.postMessage({ say: "picture", queue, head, bytes } satisfies DriverMessage, [bytes.buffer]);
  });
  readonly #token = randomBytes(24).toString("base64url");
  readonly #head: Uint8Array;
  readonly #frames = { drawn: 0, late: 0, lost: 0 };
  #devices: readonly VideoDevice[] = [];
  #thread: Worker | undefined;
  #isEnding = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#head = encodeHead({ program: options.program, ...traceTimes() });
  }

  /** Records the events of these devices, and shows them, until the function that is returned is called. */
  listen(devices: readonly WatchedDevice[]): () => void {
    this.#devices = devices.filter((device) => device instanceof VideoDevice);
    const stops = devices.map((device) =>
      device.trace.record(device instanceof VideoDevice ? this.#listener(device) : this.#ring.take),
    );
    return () => {
      for (const stop of stops) stop();
      this.#devices = [];
    };
  }

  #listener(device: VideoDevice): TraceRecorder {
    const { take } = this.#ring;
    return (event) => {
      take(event);
      if (event.kind === "buffer") {
        if (event.to === "done") this.#pictures.done(device, event);
      } else if (event.kind === "frame") this.#countFrame(event);
    };
  }

  #countFrame({ action, lateNs, intervalNs }: FrameEvent): void {
    if (action === "lost") this.#frames.lost += 1;
    else {
      this.#frames.drawn += 1;
      if (intervalNs !== undefined && lateNs > intervalNs / LATE_PART) this.#frames.late += 1;
    }
  }

  /**
   * Starts to serve.
   * @param name - Of the first node, for the names of downloads.
   * @returns The page's address.
   * @throws {Error} The port is taken, or the page was not built.
   */
  async start(name: string): Promise<string> {
    const { port, mayControl, thread: program } = this.#options;
    const start: ThreadStart = {
      ...{ port, mayControl, name, token: this.#token },
      ring: this.#ring.memory,
      head: this.#head,
    };
    const thread = (this.#thread = new Worker(program, { workerData: start, name: "v4l2-cuse page" }));
    const real = await new Promise<number>((resolve, reject) => {
      thread.on("error", (error) => {
        reject(error);
        this.#fail(error.message);
      });
      thread.on("exit", () => {
        reject(new Error("it ended"));
        this.#fail("it ended");
      });
      thread.on("message", (message: ThreadMessage) => {
        if (message.say === "listening") resolve(message.port);
        else if (message.say === "failed") reject(new Error(message.reason));
        else this.#answer(thread, message);
      });
    });
    // The driver does not live for its page.
    thread.unref();
    return `http://127.0.0.1:${real}/${this.#token}/`;
  }

  #fail(reason: string): void {
    if (this.#isEnding || this.#thread === undefined) return;
    this.#thread = undefined;
    this.#options.failed(`the page is gone: ${reason}`);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }

  #answer(thread: Worker, message: Exclude<ThreadMessage, { say: "listening" | "failed" }>): void {
    const answer = (reply: DriverMessage): void => {
      thread.postMessage(reply);
    };
    switch (message.say) {
      case "want":
        this.#pictures.want(
          this.#devices.find(({ name }) => name === message.queue.device),
          message.queue,
          traceTimes().monotonicNs,
        );
        return;
      case "state":
        answer({ say: "state", question: message.question, state: this.state() });
        return;
      case "change": {
        const { question, change } = message;
        this.change(change).then(
          (value) => {
            answer({ say: "changed", question, refusal: undefined, value });
          },
          (error: unknown) => {
            const refusal = error instanceof Error ? error.message : String(error);
            answer({ say: "changed", question, refusal, value: undefined });
          },
        );
        return;
      }
    }
  }

  /** How things are. */
  state(): WatchState {
    const { program, mayControl } = this.#options;
    return {
      program,
      pid: process.pid,
      monotonicNs: traceTimes().monotonicNs,
      mayControl,
      devices: this.#devices.map(showDevice),
      frames: { ...this.#frames },
    };
  }

  /**
   * Sets a control as VIDIOC_S_CTRL of one more client does: with the priority of an ordinary one, and whoever has
   * subscribed to the control's events gets one.
   * @returns What it is now.
   * @throws {V4l2Error} As S_CTRL; EBUSY - a client has a higher priority; EINVAL - there is no such control.
   */
  async change({ device: name, file: id, id: control, value }: ControlChange): Promise<number> {
    if (!this.#options.mayControl) throw new V4l2Error("EPERM", "the page may only look");
    const device = this.#devices.find((each) => each.name === name);
    if (device === undefined) throw new V4l2Error("ENODEV", `there is no device ${name}`);
    if (!device.registered) throw new V4l2Error("ENODEV", "the device is gone");
    device.priorities.check({ priority: Priority.Interactive });
    const controls = controlsOf(device, id);
    const { name: title } = controls.queryExtCtrl(control);
    const set = await controls.sCtrl({ id: control, value }, page);
    device.message("info", `the page has set "${title}" to ${set}`, { control: title, value: set });
    return set;
  }
}

/** Who sets controls: no file of the device, so that every subscriber hears of it. */
const page: AnyFile = { id: 0xffff_ffff_ffff_fffen, notifyPoll: () => undefined };

/** @throws {V4l2Error} EINVAL - no such file, or it has none. */
function controlsOf(device: VideoDevice, id: string | undefined): ControlOps {
  const file = [...device.files].find((each) => String(each.id) === id);
  if (id !== undefined && file === undefined) throw new V4l2Error("EINVAL", "the file is closed");
  const controls = file?.controls ?? device.controls;
  if (controls === undefined) throw new V4l2Error("EINVAL", "there are no controls");
  return controls;
}
