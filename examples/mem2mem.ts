/**
 * A mem2mem device, the example for driver authors: what a client puts into an OUTPUT buffer comes out of a CAPTURE
 * buffer, mirrored as its controls say. Every open file has its own format, controls and queues, and with a request a
 * client sets controls for one frame.
 *
 *     sudo npx tsx examples/mem2mem.ts [--video N] [--media N] [--graft off] [--log]
 *     v4l2-cuse run -- v4l2-ctl -d /dev/videoN --set-ctrl horizontal_flip=1 --stream-out-mmap --stream-mmap
 */
import { parseArgs } from "node:util";
import {
  anyFormat,
  Cid,
  Colorspace,
  ControlHandler,
  CtrlClass,
  CtrlType,
  Field,
  fourcc,
  isOutput,
  logListener,
  M2mDevice,
  serveUntilSignal,
  V4l2Error,
} from "v4l2-cuse";
import type { FrameSize, M2mFormats, M2mJob, VideoFormat } from "v4l2-cuse";

/** How the pixels of a format lie in memory. */
interface Packing {
  readonly pixelformat: number;
  /** So many pixels cannot be parted. */
  readonly pixels: number;
  /** Their bytes, in the order in which they stand in a mirrored line. */
  readonly mirrored: readonly number[];
}

const rgb565: Packing = { pixelformat: fourcc("RGBP"), pixels: 1, mirrored: [0, 1] };
const rgb24: Packing = { pixelformat: fourcc("RGB3"), pixels: 1, mirrored: [0, 1, 2] };
// Two pixels share their colour and change places: Y0 U Y1 V becomes Y1 U Y0 V.
const yuyv: Packing = { pixelformat: fourcc("YUYV"), pixels: 2, mirrored: [2, 1, 0, 3] };
const packings = [rgb565, rgb24, yuyv];

const packingOf = (pixelformat: number): Packing =>
  packings.find((packing) => packing.pixelformat === pixelformat) ?? rgb565;

const sizes = {
  ...{ kind: "stepwise", minWidth: 32, maxWidth: 1920, stepWidth: 2 },
  ...{ minHeight: 32, maxHeight: 1080, stepHeight: 1 },
} satisfies FrameSize;

const clamp = (value: number, min: number, max: number): number => Math.min(Math.max(value, min), max);

/** What the device can do that is nearest to what a client wishes. */
function nearest(wish: VideoFormat): VideoFormat {
  const { pixelformat, pixels, mirrored } = packingOf(wish.pixelformat);
  const width = clamp(wish.width, sizes.minWidth, sizes.maxWidth) & ~1;
  const height = clamp(wish.height, sizes.minHeight, sizes.maxHeight);
  const bytesperline = (width / pixels) * mirrored.length;
  // The client knows what its colours mean, and they come out as they went in.
  const colorspace = wish.colorspace === Colorspace.Default ? Colorspace.Srgb : wish.colorspace;
  const planes = [{ bytesperline, sizeimage: bytesperline * height }];
  return { ...wish, pixelformat, width, height, field: Field.None, planes, colorspace, flags: 0 };
}

/** What one open file has. */
class Mirror {
  readonly controls = new ControlHandler();
  readonly hflip = this.controls.addStandard(Cid.Hflip, { max: 1 });
  readonly vflip = this.controls.addStandard(Cid.Vflip, { max: 1 });
  /** How long a job takes. */
  readonly transactionTimeMs = this.controls.addCustom({
    id: CtrlClass.User + 0x1900, // From 0x1000 on, the numbers of a class are the driver's own.
    name: "Transaction Time (msec)",
    type: CtrlType.Integer,
    ...{ min: 1, max: 10_001, default: 40 },
  });
  /** Of both queues: what comes out is as large as what goes in. */
  format = nearest({ ...anyFormat, width: 640, height: 480 });

  /** Copies a picture. */
  copy(from: Uint8Array, to: Uint8Array): void {
    const { height, pixelformat, planes } = this.format;
    const { mirrored } = packingOf(pixelformat);
    const lineBytes = planes[0]?.bytesperline ?? 0;
    for (let y = 0; y < height; y++) {
      const line = from.subarray(y * lineBytes, (y + 1) * lineBytes);
      const at = (this.vflip.value ? height - 1 - y : y) * lineBytes;
      if (this.hflip.value) mirrorLine(line, to.subarray(at, at + lineBytes), mirrored);
      else to.set(line, at);
    }
  }
}

function mirrorLine(from: Uint8Array, to: Uint8Array, mirrored: readonly number[]): void {
  const step = mirrored.length;
  for (let at = 0, target = to.length - step; target >= 0; at += step, target -= step) {
    for (let byte = 0; byte < step; byte++) to[target + byte] = from[at + (mirrored[byte] ?? 0)] ?? 0;
  }
}

/** The hardware: works on one frame of one file at a time, and takes its time. */
function deviceRun(job: M2mJob<Mirror>): void {
  const { state, source, destination } = job;
  state.copy(source.plane(0).bytes, destination.plane(0).bytes);
  job.tasks.after(state.transactionTimeMs.value, () => job.finish());
}

const formats: M2mFormats<Mirror> = {
  list: ({ state }, type) =>
    isOutput(type) ? packings.map(({ pixelformat }) => pixelformat) : [state.format.pixelformat],
  sizes: (pixelformat) => (packingOf(pixelformat).pixelformat === pixelformat ? sizes : undefined),
  current: ({ state }) => state.format,
  nearest: ({ state }, wish) => (isOutput(wish.type) ? nearest(wish) : state.format),
  set: ({ state, destination }, format) => {
    if (destination.busy)
      throw new V4l2Error("EBUSY", "the format of CAPTURE would change, which has buffers");
    state.format = format;
  },
};

const { values: options } = parseArgs({
  options: {
    video: { type: "string", default: "0" },
    media: { type: "string", default: "0" },
    graft: { type: "string", default: "auto" },
    log: { type: "boolean", default: false },
  },
});

const device = new M2mDevice<Mirror>({
  name: `video${options.video}`,
  mediaName: `media${options.media}`,
  driver: "mem2mem",
  card: "v4l2-cuse mem2mem example",
  formats,
  deviceRun,
  open: () => new Mirror(),
  controls: ({ controls }) => controls,
});

if (options.log) device.video.trace.subscribe(logListener((line) => console.log(line)));
const graft = options.graft === "off" ? "off" : "auto";
await serveUntilSignal(device.start({ graft }));
