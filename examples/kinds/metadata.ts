/** Metadata: a histogram of what a camera sees, with each frame. `metadata.ts [video0]` */
import { bufferOps, BufType, Cap, fileOps, fourcc, singleInput, VideoDevice } from "v4l2-cuse";
import type { MetaFormat } from "v4l2-cuse";
import { nodeName, serve, steadyQueue } from "./device.js";

/** Of this driver alone: 256 counts of 32 bits. */
const HISTOGRAM = fourcc("HIST");
const format: MetaFormat = {
  ...{ type: BufType.MetaCapture, dataformat: HISTOGRAM, buffersize: 256 * 4 },
  ...{ width: 0, height: 0, bytesperline: 0 },
};

const device = new VideoDevice({
  name: nodeName("video0"),
  driver: "histogram",
  card: "Histogram",
  deviceCaps: Cap.MetaCapture | Cap.Streaming | Cap.ReadWrite,
  ops: {
    enumFmt: (_file, { index }) =>
      index === 0 ? { pixelformat: HISTOGRAM, description: "Histogram, 256 x 32 bits" } : undefined,
    gFmtMeta: () => format,
    tryFmtMeta: () => format,
    sFmtMeta: () => format,
    ...singleInput("Sensor"),
    ...bufferOps(() => queue),
  },
  fileOps: fileOps(() => queue),
  open: () => undefined,
  release: (file) => queue.releaseFile(file),
});

const queue = steadyQueue(device, {
  type: BufType.MetaCapture,
  perSecond: 30,
  sizeBytes: () => format.buffersize,
  work: (bytes, sequence) => {
    const counts = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let value = 0; value < 256; value++) counts.setUint32(4 * value, (value + sequence) & 255, true);
  },
});

await serve(device);
