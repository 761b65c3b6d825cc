/** The device: `/dev/videoN` with its ops, and what its media device needs to know. */
import { M2mContext, M2mScheduler, m2mBufferOps, m2mFileOps, statelessDecoderOps } from "../m2m/index.js";
import type { M2mQueueConfig } from "../m2m/index.js";
import type { DeviceNumber, RequestOps } from "../media/index.js";
import { buildM2mGraph, EntityFunction, MediaDevice } from "../media/index.js";
import type { FileHandle, FrameSize, IoctlOps, RequestResolver, VideoFormat } from "../v4l2/index.js";
import { BufType, Cap, isOutput, V4l2Error, VideoDevice } from "../v4l2/index.js";
import type { MemoryProvider, VideoBuffer } from "../vb2/index.js";
import { SharedMemoryProvider } from "../vb2/index.js";
import { BitstreamStore } from "./bitstreams.js";
import { VislControls } from "./controls.js";
import { DebugLog } from "./debug-log.js";
import type { JobCounters, VislContext } from "./decoder.js";
import { Decoder } from "./decoder.js";
import { VislFile } from "./file.js";
import {
  allDecodedFormats,
  codedFormats,
  decodedFormats,
  findCodedFormat,
  tryCoded,
  tryDecoded,
} from "./formats.js";
import type { ParameterValues } from "./parameters.js";
import { Parameters } from "./parameters.js";
import { requestOps } from "./requests.js";
import { Tracepoints } from "./trace/tracepoints.js";

const NAME = "visl";
const BUS_INFO = "platform:visl";
/** `KERNEL_VERSION(6, 12, 0)`, of drivers and media API. */
const VERSION = 0x060c00;

/** The kernel whose visl a client sees. */
export type VislGeneration = "6.12" | "7.2";

export interface VislOptions {
  /** Node name, `video0`. */
  readonly name: string;
  /** Node name of the media device, `media0`. */
  readonly mediaName: string;
  readonly parameters?: Partial<ParameterValues>;
  /**
   * "7.2", the default: also the HEVC controls for sets of reference pictures in the sequence, and P010 among all
   * formats. "6.12": exactly what that kernel has.
   */
  readonly generation?: VislGeneration;
  /** False: frames stay undrawn, for measurements. Default true. */
  readonly drawing?: boolean;
  /** Finds the requests that clients name; the media device's unless given. */
  readonly requests?: RequestResolver;
  /** Memory for the buffers of one queue; memfds unless given. */
  readonly memory?: (name: string) => MemoryProvider;
}

type VislHandle = FileHandle<VislContext>;

export class VislDevice {
  readonly device: VideoDevice<VislContext>;
  readonly media: MediaDevice;
  readonly parameters: Parameters;
  readonly tracepoints: Tracepoints;
  readonly bitstreams = new BitstreamStore();
  readonly scheduler: M2mScheduler<VislContext>;
  /** What the media device does with requests. */
  readonly requestOps: RequestOps;
  readonly #options: VislOptions;
  readonly #requests: RequestResolver;
  readonly #debug: DebugLog;
  readonly #decoder: Decoder;
  readonly #newer: boolean;
  /** By OUTPUT queue. */
  readonly #contexts = new Map<object, VislContext>();

  constructor(options: VislOptions) {
    const { name, generation = "7.2" } = options;
    this.#options = options;
    this.#newer = generation === "7.2";
    this.parameters = new Parameters(options.parameters);
    this.tracepoints = new Tracepoints(name);
    this.#debug = new DebugLog(this.parameters, (line) => {
      this.device.message("info", line);
    });
    this.requestOps = requestOps((queue) => this.#contexts.get(queue));
    this.media = new MediaDevice({
      name: options.mediaName,
      info: { driver: NAME, model: NAME, busInfo: BUS_INFO, version: VERSION },
      requests: this.requestOps,
    });
    this.#requests = options.requests ?? this.media;
    this.device = new VideoDevice({
      name,
      driver: NAME,
      card: NAME,
      busInfo: BUS_INFO,
      version: VERSION,
      deviceCaps: Cap.VideoM2mMplane | Cap.Streaming,
      enumAllFormats: this.#newer,
      ops: { ...m2mBufferOps<VislFile>(), ...statelessDecoderOps<VislFile>(), ...this.#ops() },
      fileOps: m2mFileOps<VislFile>(),
      requests: this.#requests,
      open: (file) => this.#open(file),
      release: (file) => {
        this.#release(file);
      },
    });
    this.#decoder = new Decoder({
      drawing: options.drawing ?? true,
      parameters: this.parameters,
      bitstreams: this.bitstreams,
      debug: this.#debug,
      tracepoints: this.tracepoints,
      warn: (text) => {
        this.device.message("warning", text);
      },
    });
    this.scheduler = new M2mScheduler<VislContext>(
      name,
      {
        deviceRun: (context, job) => {
          this.#decoder.deviceRun(context, job);
        },
        jobAbort: () => {
          this.#decoder.jobAbort();
        },
      },
      this.device.trace,
    );
  }

  /** The video node exists: clients find it in the media device's graph from now on. */
  describeNode(node: DeviceNumber): void {
    buildM2mGraph(this.media.graph, NAME, EntityFunction.VideoDecoder, node);
  }

  /** Jobs that ran, and those that ended in an error, since the device is there. */
  get jobs(): JobCounters {
    return this.#decoder.jobs;
  }

  /** The open files. */
  get contexts(): Iterable<VislContext> {
    return this.#contexts.values();
  }

  #open(file: VislHandle): VislContext {
    const requests = this.#requests;
    const controls = new VislControls({ requests, newer: this.#newer });
    const state = new VislFile(controls, {
      parameters: this.parameters,
      bitstreams: this.bitstreams,
      debug: this.#debug,
    });
    const { VideoOutputMplane, VideoCaptureMplane } = BufType;
    const context: VislContext = new M2mContext<VislFile>({
      device: this.#options.name,
      file,
      scheduler: this.scheduler,
      state,
      controls,
      source: {
        ...this.#queueConfig(state, VideoOutputMplane, () => context.source.buffers()),
        // Differs from drivers of real decoders, and agrees with visl: OUTPUT buffers may come without a request.
        supportsRequests: true,
        requests,
        supportsHold: true,
      },
      destination: this.#queueConfig(state, VideoCaptureMplane, () => context.destination.buffers()),
    });
    file.controls = controls;
    this.#contexts.set(context.source, context);
    this.#debug.line("visl_open", `Created instance: ${instanceName(file)}, m2m_ctx: ${instanceName(file)}`);
    return context;
  }

  #queueConfig(file: VislFile, type: BufType, buffers: () => readonly VideoBuffer[]): M2mQueueConfig {
    const name = `${this.#options.name}-${isOutput(type) ? "output" : "capture"}`;
    const newMemory = this.#options.memory ?? ((label) => new SharedMemoryProvider({ name: label }));
    return {
      type,
      io: ["mmap", "dmabuf"],
      memory: newMemory(name),
      // As the kernel's visl, of any generation: GStreamer asks.
      tellsMaxNumBuffers: true,
      trace: this.device.trace,
      ops: file.queueOps(type, buffers),
    };
  }

  #release(file: VislHandle): void {
    this.#debug.line("visl_release", `Releasing instance ${instanceName(file)}`);
    const context = file.state;
    context.release();
    this.#contexts.delete(context.source);
  }

  #ops(): IoctlOps<VislHandle> {
    return {
      enumFmt: (_file, { type, index, all }) => {
        const pixelformat = this.#listed(type, all)[index];
        return pixelformat === undefined ? undefined : { pixelformat };
      },
      gFmt: (file, type) => file.state.state.format(type),
      tryFmt: (file, format) =>
        isOutput(format.type) ? tryCoded(format) : tryDecoded(format, file.state.state.formats.codec),
      sFmt: (file, format) => setFormat(file.state, format),
      enumFramesizes: (_file, { index, pixelformat }): FrameSize | undefined => {
        if (index !== 0) return undefined;
        const format = findCodedFormat(pixelformat);
        if (format === undefined) {
          const text = `Unsupported format for the OUTPUT queue: ${pixelformat | 0}`;
          this.#debug.line("visl_enum_framesizes", text);
        }
        return format?.sizes;
      },
      subscribeEvent: (file, subscription) => {
        file.state.state.controls.subscribeEvent(file, subscription);
      },
    };
  }

  #listed(type: BufType, all: boolean): readonly number[] {
    // The original's list of coded formats does not know the flag.
    if (isOutput(type)) return all ? [] : codedFormats.map(({ pixelformat }) => pixelformat);
    return all ? allDecodedFormats : decodedFormats;
  }
}

/** What the original prints as the address of a file's data. */
const instanceName = (file: VislHandle): string => file.id.toString(16).padStart(16, "0");

/**
 * Differs from visl-video.c, where CAPTURE counts as busy until REQBUFS(0) although REMOVE_BUFS took all its buffers:
 * GStreamer then cannot follow a stream whose resolution changes.
 *
 * @throws {V4l2Error} EBUSY - OUTPUT cannot change while CAPTURE has buffers.
 */
function setFormat(context: VislContext, format: VideoFormat): VideoFormat {
  if (!isOutput(format.type)) return context.state.setDecoded(format);
  if (context.destination.numBuffers > 0) {
    throw new V4l2Error("EBUSY", "the CAPTURE queue has buffers, whose format would change");
  }
  return context.state.setCoded(format);
}
