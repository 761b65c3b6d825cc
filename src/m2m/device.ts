/**
 * A whole mem2mem device as its driver declares it: the video node, the media controller node with its graph and
 * requests, a context with two queues for every open file, and the scheduler that runs their jobs.
 */
import type { Request, RequestOps } from "../media/index.js";
import { EntityFunction, MediaDevice, buildM2mGraph, validateObjects } from "../media/index.js";
import type { DeviceSession, StartOptions } from "../serve/index.js";
import { deviceSession, startVideoDevice, startWithMedia } from "../serve/index.js";
import type {
  Awaitable,
  ControlHandler,
  IoctlOps,
  RequestResolver,
  VideoBufType,
  VideoDeviceOptions,
} from "../v4l2/index.js";
import {
  BufType,
  Cap,
  DEFAULT_VERSION,
  isOutput,
  VideoDevice,
  subscribeControlEvent,
} from "../v4l2/index.js";
import type { IoMode, MemoryProvider, VideoQueue } from "../vb2/index.js";
import { SharedMemoryProvider, sizedByFormat } from "../vb2/index.js";
import { M2mContext } from "./context.js";
import type { M2mContextOptions, M2mJob, M2mQueueConfig, M2mQueueOps } from "./context.js";
import { m2mFormatOps } from "./formats.js";
import type { M2mFormats } from "./formats.js";
import { contextsIn, m2mBufferOps, m2mFileOps, queueM2mRequest } from "./ops.js";
import type { M2mFile } from "./ops.js";
import { M2mScheduler } from "./scheduler.js";
import type { JobOps } from "./scheduler.js";

/** What a driver says of one side besides its formats. */
export interface M2mSide<State> {
  /**
   * Ops that take the place of those that follow from the format, for each open file.
   * @param queue - The queue that they are of, once the file is open.
   */
  ops?(state: State, queue: () => VideoQueue): Partial<M2mQueueOps>;
  /** Is the format a bitstream: do payloads stay as they are? Default false: buffers are full pictures. */
  readonly isBitstream?: boolean;
  /** CREATE_BUFS tells how many buffers there can be even where that is 32. See `VideoQueueConfig`. */
  readonly tellsMaxNumBuffers?: boolean;
  /** Memory of the queue's buffers, for each open file; one {@link SharedMemoryProvider} for both sides unless given. */
  memory?(): MemoryProvider;
}

/** What a driver does with media requests besides what every mem2mem device does. */
export interface M2mRequestHooks<State> {
  /**
   * MEDIA_REQUEST_IOC_QUEUE: is the request what the driver needs? What every request must be is checked after it.
   * @param contexts - For each OUTPUT buffer in the request, the file that it belongs to.
   * @throws {V4l2Error} ENOENT - no buffer, or a control is missing; EINVAL - wrong combination.
   */
  validate?(request: Request, contexts: readonly M2mContext<State>[]): void;
  /** The request is accepted; its controls and buffers are put to work after this. Must not throw. */
  queue?(request: Request, contexts: readonly M2mContext<State>[]): void;
}

/** What a driver declares of its mem2mem device. */
export interface M2mDeviceOptions<State> extends Pick<
  VideoDeviceOptions<M2mContext<State>>,
  "disabled" | "oldFormatNames" | "title" | "invertedCrop" | "patienceMs"
> {
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
  readonly source?: M2mSide<State>;
  readonly destination?: M2mSide<State>;
  /** Jobs of different files that may run at once. Default 1. */
  readonly maxJobs?: number;
  readonly requests?: M2mRequestHooks<State>;
  /** Finds the requests that clients name; the media device unless given. */
  readonly requestResolver?: RequestResolver;
  /** Every OUTPUT buffer must come in a request. */
  readonly requiresRequests?: boolean;
  /** `V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF` works. */
  readonly supportsHold?: boolean;
  readonly metadata?: M2mContextOptions<State>["metadata"];
  /** A file was opened: what the driver keeps for it. @throws {V4l2Error} Refuses the open. */
  open(file: M2mFile<State>): State;
  /** The file is open, and its queues are there: the place to set the fields of `context`, and its `onStopped`. */
  opened?(context: M2mContext<State>): void;
  /** The file's controls; what a request sets of them is in effect for its job. */
  controls?(state: State): ControlHandler;
  /** The file is being closed; its job and buffers are still there. */
  closing?(context: M2mContext<State>): void;
  /** The file was closed, and its job and buffers are gone. */
  release?(state: State): void;
  /**
   * Starts a job; ends with `job.finish()`, now or later, by `job.tasks` for example. If it throws, or its promise is
   * rejected, the job ends with "error".
   */
  deviceRun(job: M2mJob<State>): Awaitable<void>;
  /** See {@link JobOps.jobReady}. */
  jobReady?(context: M2mContext<State>): boolean;
  /** See `JobOps.jobAbort`: without it, an aborted job counts as failed. */
  jobAbort?(job: M2mJob<State>): void;
}

/** The options that are given: what a driver leaves out takes its default where it is used. */
function given<Options extends object>(
  options: Options,
): { [Name in keyof Options]?: Exclude<Options[Name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Options]?: Exclude<Options[Name], undefined>;
  };
}

type SideType = M2mQueueConfig["type"] & VideoBufType;

/** A mem2mem device: declare it, {@link M2mDevice.start} it, and get a `deviceRun` for each pair of buffers. */
export class M2mDevice<State = unknown> {
  readonly video: VideoDevice<M2mContext<State>>;
  readonly media: MediaDevice | undefined;
  readonly scheduler: M2mScheduler<M2mContext<State>>;
  /** What happens to the requests of {@link media}. */
  readonly requestOps: RequestOps;
  readonly #options: M2mDeviceOptions<State>;
  readonly #contexts = new Set<M2mContext<State>>();
  readonly #requests: RequestResolver | undefined;

  constructor(options: M2mDeviceOptions<State>) {
    const { name, driver, card, version, mediaName, multiplanar = false } = options;
    const { disabled, oldFormatNames, title, invertedCrop, patienceMs } = options;
    this.#options = options;
    const busInfo = options.busInfo ?? `platform:${name}`;
    this.requestOps = {
      validate: (request) => {
        options.requests?.validate?.(request, this.#ownContextsIn(request));
        validateObjects(request);
      },
      queue: (request) => {
        options.requests?.queue?.(request, this.#ownContextsIn(request));
        queueM2mRequest(request);
      },
    };
    this.media =
      mediaName === undefined
        ? undefined
        : new MediaDevice({
            name: mediaName,
            info: { driver, model: card, busInfo, version: version ?? DEFAULT_VERSION },
            requests: this.requestOps,
          });
    this.#requests = options.requestResolver ?? this.media;
    this.video = new VideoDevice<M2mContext<State>>({
      name,
      driver,
      card,
      busInfo,
      ...given({ version, disabled, oldFormatNames, title, invertedCrop, patienceMs }),
      enumAllFormats: options.formats.listAll !== undefined,
      deviceCaps: (multiplanar ? Cap.VideoM2mMplane : Cap.VideoM2m) | Cap.Streaming,
      ops: {
        subscribeEvent: subscribeControlEvent,
        ...m2mFormatOps(options.formats),
        ...m2mBufferOps<State>(),
        ...options.ops,
      },
      fileOps: m2mFileOps<State>(),
      ...given({ requests: this.#requests }),
      open: (file) => this.#open(file),
      release: ({ state: context }) => {
        options.closing?.(context);
        context.release();
        this.#contexts.delete(context);
        options.release?.(context.state);
      },
    });
    const jobs: JobOps<M2mContext<State>> = {
      deviceRun: (_context, job) => options.deviceRun(job),
      jobReady: (context) => options.jobReady?.(context) !== false,
      jobAbort: (_context, job) => options.jobAbort?.(job),
    };
    this.scheduler = new M2mScheduler(this.video, jobs, options.maxJobs);
  }

  /** The open files, the oldest first. */
  get contexts(): Iterable<M2mContext<State>> {
    return this.#contexts;
  }

  /** A buffer of another device is none of ours, whatever request it is in. */
  #ownContextsIn(request: Request): readonly M2mContext<State>[] {
    const own: ReadonlySet<object> = this.#contexts;
    const isOwn = (context: object): context is M2mContext<State> => own.has(context);
    return contextsIn(request).filter(isOwn);
  }

  #open(file: M2mFile<State>): M2mContext<State> {
    const { name, metadata, requiresRequests, supportsHold, multiplanar = false } = this.#options;
    const requests = this.#requests;
    const state = this.#options.open(file);
    const controls = this.#options.controls?.(state);
    if (controls !== undefined) {
      controls.requests ??= requests;
      file.controls = controls;
    }
    const shared = new SharedMemoryProvider({ name });
    const side = (type: SideType, of: M2mSide<State> = {}): M2mQueueConfig => {
      const { isBitstream = false, tellsMaxNumBuffers } = of;
      const sized = sizedByFormat(() => this.#options.formats.current(context, type), !isBitstream);
      const queue = (): VideoQueue => (isOutput(type) ? context.source : context.destination);
      return {
        type,
        io: this.#options.io ?? ["mmap", "userptr", "dmabuf"],
        memory: of.memory?.() ?? shared,
        ...given({ tellsMaxNumBuffers }),
        ops: { ...sized, ...of.ops?.(state, queue) },
      };
    };
    const { VideoOutput, VideoOutputMplane, VideoCapture, VideoCaptureMplane } = BufType;
    const context: M2mContext<State> = new M2mContext<State>({
      file,
      scheduler: this.scheduler,
      state,
      source: {
        ...side(multiplanar ? VideoOutputMplane : VideoOutput, this.#options.source),
        supportsRequests: requests !== undefined,
        ...given({ requests, requiresRequests, supportsHold }),
      },
      destination: side(multiplanar ? VideoCaptureMplane : VideoCapture, this.#options.destination),
      ...given({ controls, metadata }),
    });
    this.#options.opened?.(context);
    this.#contexts.add(context);
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
