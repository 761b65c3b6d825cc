/** Software defined radio: complex samples of a tone 1 kHz beside the frequency that is tuned to. `sdr.ts [swradio0]` */
import {
  bufferOps,
  BufType,
  Cap,
  fileOps,
  fourcc,
  TunerCap,
  TunerType,
  V4l2Error,
  VideoDevice,
} from "v4l2-cuse";
import type { SdrFormat, Tuner } from "v4l2-cuse";
import { nodeName, serve, steadyQueue } from "./device.js";

const SAMPLES = 8192;
const SAMPLE_RATE = 250_000;
const format: SdrFormat = { type: BufType.SdrCapture, pixelformat: fourcc("CU08"), buffersize: SAMPLES * 2 };

/** Frequencies are in Hz. */
const tuner: Tuner = {
  ...{ index: 0, name: "Receiver", type: TunerType.Sdr, capability: TunerCap.OneHz | TunerCap.FreqBands },
  ...{ rangelow: 50_000_000, rangehigh: 2_000_000_000, rxsubchans: 0, audmode: 0, signal: 0, afc: 0 },
};
let frequency = 100_000_000;

const isTuner = (index: number): boolean => index === 0;

const device = new VideoDevice({
  name: nodeName("swradio0"),
  driver: "tone",
  card: "A tone in the air",
  deviceCaps: Cap.SdrCapture | Cap.Tuner | Cap.Streaming | Cap.ReadWrite,
  ops: {
    enumFmt: (_file, { index }) => (index === 0 ? { pixelformat: format.pixelformat } : undefined),
    gFmtSdr: () => format,
    tryFmtSdr: () => format,
    sFmtSdr: () => format,
    gTuner: (_file, index) => (isTuner(index) ? tuner : undefined),
    sTuner: (_file, { index }) => {
      if (!isTuner(index)) throw new V4l2Error("EINVAL", `there is no tuner ${index}`);
    },
    enumFreqBands: (_file, { tuner: index, index: band }) =>
      isTuner(index) && band === 0
        ? {
            capability: tuner.capability,
            rangelow: tuner.rangelow,
            rangehigh: tuner.rangehigh,
            modulation: 2,
          }
        : undefined,
    gFrequency: (_file, index) => {
      if (!isTuner(index)) throw new V4l2Error("EINVAL", `there is no tuner ${index}`);
      return { tuner: 0, type: TunerType.Sdr, frequency };
    },
    sFrequency: (_file, wish) => {
      if (!isTuner(wish.tuner) || wish.type !== TunerType.Sdr) throw new V4l2Error("EINVAL", "no such tuner");
      frequency = Math.min(Math.max(wish.frequency, tuner.rangelow), tuner.rangehigh);
    },
    ...bufferOps(() => queue),
  },
  fileOps: fileOps(() => queue),
  open: () => undefined,
  release: (file) => queue.releaseFile(file),
});

const queue = steadyQueue(device, {
  type: BufType.SdrCapture,
  perSecond: SAMPLE_RATE / SAMPLES,
  sizeBytes: () => format.buffersize,
  work: (bytes, sequence) => {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const phase = (2 * Math.PI * 1000 * (sequence * SAMPLES + sample)) / SAMPLE_RATE;
      bytes[2 * sample] = 128 + 100 * Math.cos(phase);
      bytes[2 * sample + 1] = 128 + 100 * Math.sin(phase);
    }
  },
});

await serve(device);
