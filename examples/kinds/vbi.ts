/** Raw VBI: the lines of an analogue picture before the picture, with a standard and an input. `vbi.ts [vbi0]` */
import { bufferOps, BufType, Cap, fileOps, InputType, Std, V4l2Error, VideoDevice, fourcc } from "v4l2-cuse";
import type { VbiFormat } from "v4l2-cuse";
import { nodeName, serve, steadyQueue } from "./device.js";

const format: VbiFormat = {
  type: BufType.VbiCapture,
  samplingRate: 27_000_000,
  offset: 276,
  samplesPerLine: 1440,
  sampleFormat: fourcc("GREY"),
  start: [6, 318],
  count: [17, 17],
  flags: 0,
};
const lines = format.count[0] + format.count[1];
let standard: bigint = Std.Pal;

const device = new VideoDevice({
  name: nodeName("vbi0"),
  driver: "teletext",
  card: "Raw VBI",
  deviceCaps: Cap.VbiCapture | Cap.Streaming | Cap.ReadWrite,
  tvnorms: Std.Pal,
  ops: {
    gFmtVbi: () => format,
    tryFmtVbi: () => format,
    sFmtVbi: () => format,
    enuminput: (_file, index) =>
      index === 0 ? { name: "Antenna", type: InputType.Camera, std: Std.Pal, capabilities: 4 } : undefined,
    gInput: () => 0,
    sInput: (_file, index) => {
      if (index !== 0) throw new V4l2Error("EINVAL", `there is no input ${index}`);
    },
    gStd: () => standard,
    sStd: (_file, std) => {
      if (std !== standard && queue.busy) throw new V4l2Error("EBUSY", "buffers are allocated");
      standard = std;
    },
    ...bufferOps(() => queue),
  },
  fileOps: fileOps(() => queue),
  open: () => undefined,
  release: (file) => queue.releaseFile(file),
});

const queue = steadyQueue(device, {
  type: BufType.VbiCapture,
  perSecond: 25,
  sizeBytes: () => format.samplesPerLine * lines,
  // A clock run-in and the number of the frame, in every line.
  work: (samples, sequence) => {
    for (let line = 0; line < lines; line++) {
      for (let bit = 0; bit < 48; bit++) {
        const isHigh = bit < 16 ? bit % 2 === 1 : ((sequence >>> (bit - 16)) & 1) === 1;
        samples.fill(isHigh ? 0x7f : 0x10, line * 1440 + bit * 30, line * 1440 + bit * 30 + 30);
      }
    }
  },
});

await serve(device);
