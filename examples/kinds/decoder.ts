/**
 * A stateful decoder: OUTPUT buffers hold one grey picture each, compressed with zlib; CAPTURE buffers get the pixels. The
 * client says how large they are with S_FMT of OUTPUT. Node.js inflates on a thread of its own. `decoder.ts [video0]`
 */
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import {
  anyFormat,
  Colorspace,
  ControlHandler,
  EventType,
  Field,
  FmtFlag,
  fourcc,
  isOutput,
  M2mDevice,
  queueEvent,
  serveUntilSignal,
  statefulDecoderOps,
  subscribeControlEvent,
  subscribeEvent,
  subscribeSourceChange,
  V4l2Error,
} from "v4l2-cuse";
import type { FrameSize, M2mJob, VideoFormat } from "v4l2-cuse";
import { nodeName } from "./device.js";

const inflateLater = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflate);
const CODED = fourcc("ZLIB");
/** The framework knows no such format, so it is described here. */
const coded = { pixelformat: CODED, flags: FmtFlag.Compressed, description: "Grey, zlib" };
const DECODED = fourcc("GREY");
const sizes = {
  ...{ kind: "stepwise", minWidth: 16, maxWidth: 1920, stepWidth: 16 },
  ...{ minHeight: 16, maxHeight: 1088, stepHeight: 16 },
} satisfies FrameSize;
const clamp16 = (value: number, max: number): number => Math.min(Math.max((value + 15) & ~15, 16), max);

/** What one open file has. */
class Decoder {
  readonly controls = new ControlHandler();
  /** Of OUTPUT; CAPTURE follows from it. */
  coded = nearestCoded({ ...anyFormat, width: 640, height: 480 });

  get decoded(): VideoFormat {
    const { width, height } = this.coded;
    const planes = [{ bytesperline: width, sizeimage: width * height }];
    return { ...this.coded, pixelformat: DECODED, planes };
  }
}

function nearestCoded(wish: VideoFormat): VideoFormat {
  const width = clamp16(wish.width, sizes.maxWidth);
  const height = clamp16(wish.height, sizes.maxHeight);
  const colorspace = wish.colorspace === Colorspace.Default ? Colorspace.Rec709 : wish.colorspace;
  // What does not get smaller grows by a few bytes.
  const planes = [{ bytesperline: 0, sizeimage: width * height + 1024 }];
  return { ...wish, width, height, pixelformat: CODED, field: Field.None, colorspace, planes, flags: 0 };
}

/** If it throws, or the bitstream is none, the client gets both buffers back in error. */
async function decode(job: M2mJob<Decoder>): Promise<void> {
  const { source, destination, state } = job;
  const { sizeimage } = state.decoded.planes[0] ?? { sizeimage: 0 };
  const pixels = await inflateLater(source.plane(0).payload.slice(), { maxOutputLength: sizeimage }).catch(
    (error: unknown) => {
      throw new V4l2Error("EIO", `no picture: ${String(error)}`);
    },
  );
  if (!job.isRunning) return; // STREAMOFF came before.
  destination.plane(0).bytes.set(pixels);
  job.finish();
}

const device: M2mDevice<Decoder> = new M2mDevice<Decoder>({
  name: nodeName("video0"),
  driver: "zlib",
  card: "Decoder of compressed pictures",
  source: { isBitstream: true },
  formats: {
    list: (_context, type) => [isOutput(type) ? coded : DECODED],
    sizes: (pixelformat) => (pixelformat === CODED || pixelformat === DECODED ? sizes : undefined),
    current: ({ state }, type) => (isOutput(type) ? state.coded : state.decoded),
    nearest: ({ state }, wish) => (isOutput(wish.type) ? nearestCoded(wish) : state.decoded),
    set: ({ state, destination }, format) => {
      if (!isOutput(format.type)) return;
      if (destination.busy) throw new V4l2Error("EBUSY", "CAPTURE has buffers of the size that is set");
      state.coded = format;
    },
  },
  ops: {
    ...statefulDecoderOps<Decoder>(),
    subscribeEvent: (file, subscription) => {
      if (subscription.type === EventType.Eos) subscribeEvent(file, subscription);
      else if (subscription.type === EventType.SourceChange) subscribeSourceChange(file, subscription);
      else subscribeControlEvent(file, subscription);
    },
  },
  open: () => new Decoder(),
  opened: (context) => {
    context.onStopped = () => {
      queueEvent([context.file], {
        type: EventType.Eos,
        id: 0,
        payload: { kind: "none" },
      });
    };
  },
  controls: ({ controls }) => controls,
  deviceRun: decode,
});

await serveUntilSignal(device.start());
