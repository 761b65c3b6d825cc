/** A radio: a tuner with a frequency and a volume, and no queue at all. `radio.ts [radio0]` */
import {
  Cap,
  Cid,
  ControlHandler,
  subscribeControlEvent,
  TunerCap,
  TunerType,
  V4l2Error,
  VideoDevice,
} from "v4l2-cuse";
import type { Tuner } from "v4l2-cuse";
import { nodeName, serve } from "./device.js";

const controls = new ControlHandler();
controls.addStandard(Cid.AudioMute, { max: 1, default: 1 });
controls.addStandard(Cid.AudioVolume, { max: 15, default: 7 });

/** With TunerCap.Low, frequencies are multiples of 62.5 Hz. */
const MHZ = 16_000;
let frequency = 94.5 * MHZ;
let audmode = 1;

/** One station, at 94.5 MHz. */
const signal = (): number => Math.max(0, 65_535 - Math.abs(frequency - 94.5 * MHZ) * 20);

const tuner = (): Tuner => ({
  ...{ index: 0, name: "FM", type: TunerType.Radio, capability: TunerCap.Low | TunerCap.Stereo },
  ...{ rangelow: 87.5 * MHZ, rangehigh: 108 * MHZ, rxsubchans: 2, audmode, signal: signal(), afc: 0 },
});

const device = new VideoDevice({
  name: nodeName("radio0"),
  driver: "fm",
  card: "FM radio",
  deviceCaps: Cap.Tuner | Cap.Radio,
  controls,
  ops: {
    gTuner: (_file, index) => (index === 0 ? tuner() : undefined),
    sTuner: (_file, wish) => {
      if (wish.index !== 0) throw new V4l2Error("EINVAL", `there is no tuner ${wish.index}`);
      audmode = wish.audmode === 0 ? 0 : 1;
    },
    gFrequency: (_file, index) => {
      if (index !== 0) throw new V4l2Error("EINVAL", `there is no tuner ${index}`);
      return { tuner: 0, type: TunerType.Radio, frequency };
    },
    sFrequency: (_file, wish) => {
      if (wish.tuner !== 0 || wish.type !== TunerType.Radio) throw new V4l2Error("EINVAL", "no such tuner");
      frequency = Math.min(Math.max(wish.frequency, 87.5 * MHZ), 108 * MHZ);
    },
    subscribeEvent: subscribeControlEvent,
  },
  open: () => undefined,
});

await serve(device);
