/** The device: a stateless decoder that draws what it was told instead of decoding it. */
import type { M2mSide } from "../m2m/index.js";
import { findCodec, statelessCodecs, StatelessDevice } from "../stateless/index.js";
import type { FileHandle, IoctlOps, RequestResolver, VideoFormat } from "../v4l2/index.js";
import { BufType, isOutput, V4l2Error } from "../v4l2/index.js";
import type { MemoryProvider } from "../vb2/index.js";
import { SharedMemoryProvider } from "../vb2/index.js";
import { DebugLog } from "./debug-log.js";
import type { VislContext } from "./drawing.js";
import { DrawingDecoder } from "./drawing.js";
import { VislFile } from "./file.js";
import { allDecodedFormats, decodedFormats, tryCoded, tryDecoded } from "./formats.js";
import type { ParameterValues } from "./parameters.js";
import { VislParameters } from "./parameters.js";

const NAME = "visl";
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

export type VislDevice = StatelessDevice<VislFile>;

/** What the original prints as the address of a file's data. */
const instanceName = (file: { readonly id: bigint }): string => file.id.toString(16).padStart(16, "0");

/** Makes a visl, which `start()` brings to its clients. */
export function createVisl(options: VislOptions): VislDevice {
  const { name, mediaName, generation = "7.2", drawing = true } = options;
  const isNewer = generation === "7.2";
  const parameters = new VislParameters(options.parameters);
  const debug = new DebugLog(parameters, (line) => {
    device.video.message("info", line);
  });
  const decoder = new DrawingDecoder({ parameters, debug, drawing });
  const side = (type: BufType): M2mSide<VislFile> => {
    const label = `${name}-${isOutput(type) ? "output" : "capture"}`;
    return {
      // As the kernel's visl, of any generation: GStreamer asks.
      tellsMaxNumBuffers: true,
      memory: () => options.memory?.(label) ?? new SharedMemoryProvider({ name: label }),
      ops: (file, queue) => file.queueOps(type, queue),
    };
  };
  const device: VislDevice = new StatelessDevice<VislFile>({
    name,
    mediaName,
    driver: NAME,
    card: NAME,
    busInfo: `platform:${NAME}`,
    version: VERSION,
    newerControls: isNewer,
    parameters,
    io: ["mmap", "dmabuf"],
    source: side(BufType.VideoOutputMplane),
    destination: side(BufType.VideoCaptureMplane),
    ...(options.requests !== undefined && { requestResolver: options.requests }),
    ops: frameSizeOps(debug),
    formats: {
      list: (_context, type) => (isOutput(type) ? codedFormats : decodedFormats),
      // The original's list of coded formats does not know the flag.
      ...(isNewer && { listAll: (type) => (isOutput(type) ? [] : allDecodedFormats) }),
      current: ({ state }, type) => state.format(type),
      nearest: ({ state }, wish) =>
        isOutput(wish.type) ? tryCoded(wish) : tryDecoded(wish, state.formats.codec),
      setsWhileBusy: true,
      set: setFormat,
    },
    open: (file, controls) => {
      const state = new VislFile(controls, debug);
      const instance = instanceName(file);
      debug.line("visl_open", `Created instance: ${instance}, m2m_ctx: ${instance}`);
      return state;
    },
    closing: ({ file }) => {
      debug.line("visl_release", `Releasing instance ${instanceName(file)}`);
    },
    decode: (job) => decoder.decode(job),
    decoded: (job, finish) => {
      decoder.decoded(job, finish);
    },
    jobAbort: () => {
      decoder.jobAbort();
    },
  });
  return device;
}

const codedFormats = statelessCodecs.map(({ pixelformat }) => pixelformat);

/** Frame sizes of coded formats only, and a line about any other. */
function frameSizeOps(debug: DebugLog): IoctlOps<FileHandle<VislContext>> {
  return {
    enumFramesizes: (_file, { index, pixelformat }) => {
      if (index !== 0) return undefined;
      const codec = findCodec(statelessCodecs, pixelformat);
      if (codec === undefined) {
        const text = `Unsupported format for the OUTPUT queue: ${pixelformat | 0}`;
        debug.line("visl_enum_framesizes", text);
      }
      return codec?.sizes;
    },
  };
}

/**
 * Differs from visl-video.c, where CAPTURE counts as busy until REQBUFS(0) although REMOVE_BUFS took all its buffers:
 * GStreamer then cannot follow a stream whose resolution changes.
 *
 * @throws {V4l2Error} EBUSY - OUTPUT cannot change while CAPTURE has buffers.
 */
function setFormat({ state, destination }: VislContext, format: VideoFormat, wish: VideoFormat): void {
  if (!isOutput(format.type)) {
    state.setDecoded(wish);
    return;
  }
  if (destination.numBuffers > 0) {
    throw new V4l2Error("EBUSY", "the CAPTURE queue has buffers, whose format would change");
  }
  state.setCoded(wish);
}
