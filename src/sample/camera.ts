/**
 * The camera: one capture queue that fills with test pictures at the frame rate. The smallest complete driver:
 * it says what it can do (`modes.ts`), draws a frame when one is due, and leaves the rest to the framework.
 */
import { TestPattern } from "../tpg/index.js";
import type { PlaneMemory } from "../tpg/index.js";
import type { QueueOps, SetupPlan, SetupRequest } from "../vb2/index.js";
import { SharedMemoryProvider, VideoBuffer, VideoQueue, bufferOps, fileOps } from "../vb2/index.js";
import type {
  FormatDescription,
  Fract,
  FrameInterval,
  FrameSize,
  Input,
  IoctlOps,
  FileHandle,
  StreamParm,
  VideoFormat,
} from "../v4l2/index.js";
import { BufType, CAP_TIMEPERFRAME, Cap, Field, InputType, V4l2Error, VideoDevice } from "../v4l2/index.js";
import type { Mode } from "./modes.js";
import {
  defaultInterval,
  defaultSize,
  describeMode,
  formatsFor,
  intervals,
  nearestInterval,
  nearestMode,
  sizes,
} from "./modes.js";
import { Pacer } from "./pacer.js";
import { drawFrame } from "./picture.js";

export interface CameraOptions {
  /** Node name, `"video0"`. */
  readonly name: string;
  /** Offer the multi-planar API, and NV12M with it. */
  readonly multiplanar?: boolean;
  /** Hand frames out as fast as the client takes them, instead of at the frame rate. For measurements. */
  readonly unpaced?: boolean;
}

const BUFFERS_FOR_READ = 2;
const NS_PER_SECOND = 1_000_000_000n;

export class Camera implements QueueOps<VideoBuffer> {
  readonly device: VideoDevice<undefined>;
  readonly queue: VideoQueue;
  readonly #formats;
  readonly #type;
  readonly #unpaced: boolean;
  #mode: Mode;
  #interval: Fract = defaultInterval;
  #pattern: TestPattern;
  /** Buffers to fill, oldest first. */
  #owned: VideoBuffer[] = [];
  #pacer: Pacer | undefined;

  constructor(options: CameraOptions) {
    const multiplanar = options.multiplanar ?? false;
    this.#unpaced = options.unpaced ?? false;
    this.#type = multiplanar ? BufType.VideoCaptureMplane : BufType.VideoCapture;
    this.#formats = formatsFor(multiplanar);
    this.#mode = nearestMode({ pixelformat: 0, ...defaultSize }, this.#formats);
    this.#pattern = this.#newPattern();
    this.queue = new VideoQueue({
      device: options.name,
      type: this.#type,
      timestamps: "monotonic",
      io: ["mmap", "userptr", "dmabuf", "read"],
      ops: this,
      memory: new SharedMemoryProvider({ name: `${options.name}-capture` }),
      createBuffer: (init) => new VideoBuffer(init),
      minReqBufs: BUFFERS_FOR_READ,
      // 32 is what every client expects, and v4l2-compliance 1.22 wants that field to be zero.
      tellsMaxNumBuffers: false,
    });
    this.device = new VideoDevice({
      name: options.name,
      driver: "sample",
      card: "v4l2-cuse sample camera",
      busInfo: `platform:${options.name}`,
      deviceCaps: (multiplanar ? Cap.VideoCaptureMplane : Cap.VideoCapture) | Cap.Streaming | Cap.ReadWrite,
      ops: { ...this.#ops(), ...bufferOps<FileHandle<undefined>>(() => this.queue) },
      fileOps: fileOps<FileHandle<undefined>>(() => this.queue),
      open: () => undefined,
      release: (file) => {
        this.queue.releaseFile(file);
      },
    });
  }

  #newPattern(): TestPattern {
    const { width, height, pixelFormat } = this.#mode;
    return new TestPattern({ width, height, pixelFormat: pixelFormat.fourcc });
  }

  // What clients may ask and set

  #ops(): IoctlOps<FileHandle<undefined>> {
    return {
      enumFmt: (_file, { index }): FormatDescription | undefined => {
        const format = this.#formats[index];
        return format && { pixelformat: format.fourcc };
      },
      gFmt: () => describeMode(this.#mode, this.#type),
      tryFmt: (_file, format) => describeMode(nearestMode(format, this.#formats), this.#type),
      sFmt: (_file, format) => this.#setFormat(format),
      enumFramesizes: (_file, { index, pixelformat }): FrameSize | undefined => {
        const size = this.#offers(pixelformat) ? sizes[index] : undefined;
        return size && { kind: "discrete", ...size };
      },
      enumFrameintervals: (_file, { index, pixelformat, width, height }): FrameInterval | undefined => {
        const known =
          this.#offers(pixelformat) && sizes.some((size) => size.width === width && size.height === height);
        const interval = known ? intervals[index] : undefined;
        return interval && { kind: "discrete", interval };
      },
      gParm: (): StreamParm => this.#streamParm(),
      sParm: (_file, parm): StreamParm => {
        this.#setInterval(nearestInterval(parm.timeperframe));
        return this.#streamParm();
      },
      enuminput: (_file, index): Input | undefined =>
        index === 0 ? { name: "Test pattern", type: InputType.Camera } : undefined,
      gInput: () => 0,
      sInput: (_file, index) => {
        if (index !== 0) throw new V4l2Error("EINVAL", `there is no input ${index}`);
      },
    };
  }

  #offers(pixelformat: number): boolean {
    return this.#formats.some((format) => format.fourcc === pixelformat);
  }

  #setFormat(wish: VideoFormat): VideoFormat {
    if (this.queue.busy) throw new V4l2Error("EBUSY", "buffers are allocated for the current format");
    this.#mode = nearestMode(wish, this.#formats);
    this.#pattern = this.#newPattern();
    return describeMode(this.#mode, this.#type);
  }

  #streamParm(): StreamParm {
    return {
      type: this.#type,
      capability: CAP_TIMEPERFRAME,
      mode: 0,
      timeperframe: this.#interval,
      extendedmode: 0,
      buffers: BUFFERS_FOR_READ,
    };
  }

  #setInterval(interval: Fract): void {
    this.#interval = interval;
  }

  // What the queue asks of its driver

  queueSetup(ask: SetupRequest): SetupPlan {
    const needed = this.#mode.layout.memoryPlanes.map((plane) => plane.sizeimage);
    if (ask.planeSizes === undefined) return { count: ask.count, planeSizes: needed };
    const fits =
      ask.planeSizes.length === needed.length &&
      needed.every((size, plane) => (ask.planeSizes?.[plane] ?? 0) >= size);
    if (!fits) throw new V4l2Error("EINVAL", "the buffers would be too small for the format");
    return { count: ask.count, planeSizes: ask.planeSizes };
  }

  bufPrepare(buffer: VideoBuffer): void {
    this.#mode.layout.memoryPlanes.forEach(({ sizeimage }, index) => {
      const plane = buffer.planes[index];
      if (plane === undefined || plane.length < sizeimage) {
        throw new V4l2Error(
          "EINVAL",
          `plane ${index} of buffer ${buffer.index} is smaller than ${sizeimage} bytes`,
        );
      }
      plane.bytesused = sizeimage;
    });
  }

  startStreaming(): void {
    // The pattern is prepared with its first use, which would make the first frame late.
    const first = this.#owned[0];
    if (first !== undefined) this.#pattern.fillPlanes(this.#planesOf(first));
    const { numerator, denominator } = this.#interval;
    this.#pacer = new Pacer({
      intervalNs: this.#unpaced ? undefined : (NS_PER_SECOND * BigInt(numerator)) / BigInt(denominator),
      onFrame: (sequence, dueNs) => {
        this.#deliver(sequence, dueNs);
      },
    });
    if (this.#owned.length > 0) this.#pacer.poke();
  }

  bufQueue(buffer: VideoBuffer): void {
    this.#owned.push(buffer);
    this.#pacer?.poke();
  }

  stopStreaming(): void {
    this.#pacer?.stop();
    this.#pacer = undefined;
    for (const buffer of this.#owned.splice(0)) this.queue.bufferDone(buffer, "error");
  }

  #deliver(sequence: number, timestampNs: bigint): void {
    const buffer = this.#owned.shift();
    if (buffer === undefined) return;
    drawFrame(this.#pattern, this.#planesOf(buffer), { sequence, timestampNs });
    this.queue.bufferDone(buffer, "done", { sequence, timestampNs, field: Field.None });
    if (this.#owned.length > 0) this.#pacer?.poke();
  }

  #planesOf(buffer: VideoBuffer): PlaneMemory[] {
    return this.#mode.layout.memoryPlanes.map(({ bytesperline }, index) => {
      const plane = buffer.planes[index];
      if (plane === undefined) throw new Error("bufPrepare let a buffer with missing planes pass");
      return { bytes: plane.bytes, bytesperline };
    });
  }
}
