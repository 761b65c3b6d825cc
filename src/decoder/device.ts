/** The device: a stateless decoder that decodes, with the libraries of the distribution. */
import type { M2mContext, M2mSide } from "../m2m/index.js";
import type { DumpParameters, StatelessCodec } from "../stateless/index.js";
import {
  defaultDumpParameters,
  dumpParameterDefinitions,
  findCodec,
  Parameters,
  statelessCodecs,
  StatelessDevice,
  tryCoded,
} from "../stateless/index.js";
import type { RequestResolver, VideoFormat } from "../v4l2/index.js";
import { BufType, isOutput, V4l2Error, workerEvents } from "../v4l2/index.js";
import type { MemoryProvider } from "../vb2/index.js";
import { SharedMemoryProvider } from "../vb2/index.js";
import { Decoding } from "./decoding.js";
import { DecoderFile } from "./file.js";
import { allDecodedFormats, codecOf, decodedFormats, tryDecoded } from "./formats.js";
import { decoderCodec } from "./packets/index.js";
import type { References } from "./packets/packet.js";
import { DecoderProcess } from "./process.js";
import { unsupportedValues } from "./unsupported.js";

const NAME = "v4l2-cuse-dec";
const CARD = "v4l2-cuse decoder";

/** Files whose jobs run at the same time, each in a process of its own. */
const MAX_JOBS = 32;

/** What a decoder is made from. */
export interface DecoderOptions {
  /** Node name, `video0`. */
  readonly name: string;
  /** Node name of the media device, `media0`. */
  readonly mediaName: string;
  /** All that can be decoded unless given. */
  readonly codecs?: readonly StatelessCodec[];
  readonly parameters?: Partial<DumpParameters>;
  /** Default "bitstream". */
  readonly references?: References;
  /** Finds the requests that clients name; the media device's unless given. */
  readonly requests?: RequestResolver;
  /** Memory for the buffers of one queue; memfds unless given. */
  readonly memory?: (name: string) => MemoryProvider;
  /** Starts a process that decodes; for tests. */
  readonly startProcess?: () => DecoderProcess;
}

export type DecoderDevice = StatelessDevice<DecoderFile>;

/** The codecs that can be decoded. */
export const decoderCodecs: readonly StatelessCodec[] = statelessCodecs.filter(
  ({ name }) => decoderCodec(name) !== undefined,
);

/** Makes a decoder, which `start()` brings to its clients. */
export function createDecoder(options: DecoderOptions): DecoderDevice {
  const { name, mediaName, codecs = decoderCodecs } = options;
  const parameters = new Parameters<DumpParameters>(dumpParameterDefinitions, {
    ...defaultDumpParameters,
    ...options.parameters,
  });
  const side = (type: BufType): M2mSide<DecoderFile> => {
    const label = `${name}-${isOutput(type) ? "output" : "capture"}`;
    return {
      tellsMaxNumBuffers: true,
      memory: () => options.memory?.(label) ?? new SharedMemoryProvider({ name: label }),
      ops: (file) => file.queueOps(type),
    };
  };
  const codedFormats = codecs.map(({ pixelformat }) => pixelformat);
  const device: DecoderDevice = new StatelessDevice<DecoderFile>({
    name,
    mediaName,
    driver: NAME,
    card: CARD,
    busInfo: `platform:${NAME}`,
    codecs,
    parameters,
    unsupported: unsupportedValues,
    maxJobs: MAX_JOBS,
    // The next job waits in the process, which so is never idle while the client and the driver are busy.
    overlaps: true,
    io: ["mmap", "dmabuf"],
    source: side(BufType.VideoOutputMplane),
    destination: side(BufType.VideoCaptureMplane),
    ...(options.requests !== undefined && { requestResolver: options.requests }),
    formats: {
      list: ({ state }, type) => (isOutput(type) ? codedFormats : decodedFormats(state.bitDepth)),
      listAll: (type) => (isOutput(type) ? codedFormats : allDecodedFormats),
      sizes: (pixelformat) => findCodec(codecs, pixelformat)?.sizes,
      current: (context, type) => {
        follow(context);
        return context.state.format(type);
      },
      nearest: (context, wish) => {
        const { state } = context;
        if (isOutput(wish.type)) return tryCoded(wish, codecOf(codecs, wish.pixelformat));
        follow(context);
        return tryDecoded(wish, state.formats.codec, state.bitDepth);
      },
      setsWhileBusy: true,
      set: setFormat,
    },
    open: ({ id }, controls) => {
      const decoding = new Decoding({
        references: options.references ?? "bitstream",
        start: options.startProcess ?? (() => new DecoderProcess(undefined, workerEvents(device.video, id))),
        log: (text) => {
          device.video.message("warning", `file ${id}: ${text}`);
        },
      });
      return new DecoderFile(controls, codecs, decoding);
    },
    release: ({ decoding }) => {
      decoding.close();
    },
    decode: (job) => {
      job.destination.field = job.state.formats.decoded.field;
      // Without a request nothing says what to decode: v4l2-compliance streams so.
      if (job.problem !== undefined || job.request === undefined) return job.problem;
      return job.state.decoding.decode(job);
    },
  });
  return device;
}

function follow({ state, destination }: M2mContext<DecoderFile>): void {
  state.followSequence(destination.numBuffers > 0);
}

/**
 * OUTPUT may get another size while CAPTURE has buffers, which hold the references of a stream that changes its size
 * without a key frame (VP9, AV1). Frames of the new size need larger ones.
 * @throws {V4l2Error} EBUSY - OUTPUT cannot get another codec while CAPTURE has buffers.
 */
function setFormat(
  { state, destination }: M2mContext<DecoderFile>,
  format: VideoFormat,
  wish: VideoFormat,
): void {
  if (!isOutput(format.type)) {
    state.setDecoded(wish);
    return;
  }
  if (destination.numBuffers > 0 && wish.pixelformat !== state.formats.coded.pixelformat) {
    throw new V4l2Error("EBUSY", "the CAPTURE queue has buffers, whose format would change");
  }
  state.setCoded(wish);
}
