/**
 * A whole mem2mem device as its driver declares it: the video node, the media controller node with its graph and
 * requests, a context with two queues for every open file, and the scheduler that runs their jobs.
 */
import { EntityFunction, MediaDevice, buildM2mGraph, validateObjects } from "../media/index.js";
import type { ControlHandler, IoctlOps } from "../v4l2/index.js";
import { BufType, Cap, VideoDevice, subscribeControlEvent } from "../v4l2/index.js";
import type { IoMode } from "../vb2/index.js";
import { SharedMemoryProvider, sizedByFormat } from "../vb2/index.js";
import { M2mContext } from "./context.js";
import type { M2mContextOptions, M2mJob, M2mQueueConfig, M2mQueueOps } from "./context.js";
import { m2mFormatOps } from "./formats.js";
import type { M2mFormats } from "./formats.js";
import { m2mBufferOps, m2mFileOps, queueM2mRequest } from "./ops.js";
import type { M2mFile } from "./ops.js";
import { M2mScheduler } from "./scheduler.js";
import type { JobOps } from "./scheduler.js";
import { deviceSession, startWithMedia, startVideoDevice } from "../serve/index.js";
import type { DeviceSession, StartOptions } from "../serve/index.js";

/** What a driver says of one side besides its formats. */
export interface M2mSide {
  /** Ops that take the place of those that follow from the format. */
  readonly ops?: Partial<M2mQueueOps>;
  /** Is the format a bitstream: do payloads stay as they are? Default false: buffers are full pictures. */
  readonly isBitstream?: boolean;
}

/** What a driver declares of its mem2mem device. */
export interface M2mDeviceOptions<State> {
  /** Node name, `video0`. */
  readonly name: string;
  /** Node name of the media controller, `media0`. Left out, there is none, and there are no requests. */
  readonly mediaName?: string;
  /** QUERYCAP: at most 15, 31 and 31 bytes. `busInfo` is `platform:<name>` unless given. */
  readonly driver: string;
  readonly card: string;
  readonly busInfo?: string;
  /** `KERNEL_VERSION(a, b, c)`; 6.12.0 unless given. */
  readonly version?: number;
  /** Use the multi-planar API. */
  readonly multiplanar?: boolean;
  /** What the middle of the media graph does; a scaler unless given. */
  readonly function?: EntityFunction;
  readonly formats: M2mFormats<State>;
  /** Ioctls besides those of buffers and formats, or instead of them. */
  readonly ops?: IoctlOps<M2mFile<State>>;
  readonly io?: readonly IoMode[];
  readonly source?: M2mSide;
  readonly destination?: M2mSide;
  /** Every OUTPUT buffer must come in a request. */
  readonly requiresRequests?: boolean;
  /** `V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF` works. */
  readonly supportsHold?: boolean;
  readonly metadata?: M2mContextOptions<State>["metadata"];
  /** A file was opened: what the driver keeps for it. @throws {V4l2Error} Refuses the open. */
  open(file: M2mFile<State>): State;
  /** The file's controls; what a request sets of them is in effect for its job. */
  controls?(state: State): ControlHandler;
  /** The file was closed, and its job and buffers are gone. */
  release?(state: State): void;
  /** Starts a job; ends with `job.finish()`, now or later. See `JobOps.deviceRun`. */
  deviceRun(job: M2mJob<State>): void;
  /** See {@link JobOps.jobReady}. */
  jobReady?(context: M2mContext<State>): boolean;
  /** See `JobOps.jobAbort`: without it, an aborted job counts as failed. */
  jobAbort?(job: M2mJob<State>): void;
}

const DEFAULT_VERSION = 0x00060c00;

/** A mem2mem device: declare it, {@link M2mDevice.start} it, and get a `deviceRun` for each pair of buffers. */
export class M2mDevice<State = unknown> {
  readonly video: VideoDevice<M2mContext<State>>;
  readonly media: MediaDevice | undefined;
  readonly scheduler: M2mScheduler<M2mContext<State>>;
  readonly #options: M2mDeviceOptions<State>;

  constructor(options: M2mDeviceOptions<State>) {
    const { name, driver, card, version, mediaName, multiplanar = false } = options;
    this.#options = options;
    const busInfo = options.busInfo ?? `platform:${name}`;
    this.media =
      mediaName === undefined
        ? undefined
        : new MediaDevice({
            name: mediaName,
            info: { driver, model: card, busInfo, version: version ?? DEFAULT_VERSION },
            requests: { validate: validateObjects, queue: queueM2mRequest },
          });
    this.video = new VideoDevice<M2mContext<State>>({
      name,
      driver,
      card,
      busInfo,
      ...(version !== undefined && { version }),
      deviceCaps: (multiplanar ? Cap.VideoM2mMplane : Cap.VideoM2m) | Cap.Streaming,
      ops: {
        subscribeEvent: subscribeControlEvent,
        ...m2mFormatOps(options.formats),
        ...m2mBufferOps<State>(),
        ...options.ops,
      },
      fileOps: m2mFileOps<State>(),
      ...(this.media !== undefined && { requests: this.media }),
      open: (file) => this.#open(file),
      release: ({ state: context }) => {
        context.release();
        options.release?.(context.state);
      },
    });
    const jobs: JobOps<M2mContext<State>> = {
      deviceRun: (_context, job) => options.deviceRun(job),
      jobReady: (context) => options.jobReady?.(context) ?? true,
      jobAbort: (_context, job) => options.jobAbort?.(job),
    };
    this.scheduler = new M2mScheduler(name, jobs, this.video.trace);
  }

  #open(file: M2mFile<State>): M2mContext<State> {
    const { name, metadata, requiresRequests, supportsHold, multiplanar = false } = this.#options;
    const { media } = this;
    const state = this.#options.open(file);
    const controls = this.#options.controls?.(state);
    if (controls !== undefined) {
      controls.requests ??= media;
      file.controls = controls;
    }
    const memory = new SharedMemoryProvider({ name });
    const side = (
      type: M2mQueueConfig["type"] & Parameters<M2mFormats<State>["current"]>[1],
      { ops, isBitstream = false }: M2mSide = {},
    ): M2mQueueConfig => ({
      type,
      io: this.#options.io ?? ["mmap", "userptr", "dmabuf"],
      memory,
      trace: this.video.trace,
      ops: { ...sizedByFormat(() => this.#options.formats.current(context, type), !isBitstream), ...ops },
    });
    const { VideoOutput, VideoOutputMplane, VideoCapture, VideoCaptureMplane } = BufType;
    const context: M2mContext<State> = new M2mContext<State>({
      device: name,
      file,
      scheduler: this.scheduler,
      state,
      source: {
        ...side(multiplanar ? VideoOutputMplane : VideoOutput, this.#options.source),
        ...(media !== undefined && { supportsRequests: true, requests: media }),
        ...(requiresRequests !== undefined && { requiresRequests }),
        ...(supportsHold !== undefined && { supportsHold }),
      },
      destination: side(multiplanar ? VideoCaptureMplane : VideoCapture, this.#options.destination),
      ...(controls !== undefined && { controls }),
      ...(metadata !== undefined && { metadata }),
    });
    return context;
  }

  /**
   * Makes the nodes.
   * @throws {CuseError} They cannot be made; the message says why and what to do. Nothing is left behind.
   */
  async start(options: StartOptions = {}): Promise<DeviceSession> {
    const { driver, function: middle = EntityFunction.VideoScaler } = this.#options;
    if (this.media === undefined) return deviceSession(await startVideoDevice(this.video, options));
    return startWithMedia(
      this.video,
      this.media,
      (graph, devnode) => {
        buildM2mGraph(graph, driver, middle, devnode);
      },
      options,
    );
  }
}
