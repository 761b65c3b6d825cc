/** Tuners, modulators, frequencies. */
import type { ArgWriter } from "../ioctl/arg-writer.js";
import { defineIoctl, orEnd } from "../ioctl/define-ioctl.js";
import type { IoctlDefinition } from "../ioctl/define-ioctl.js";
import type { DeviceTraits } from "../device-traits.js";
import { V4l2Error } from "../error.js";
import { FrequencyBandView, FrequencyView, HwFreqSeekView, ModulatorView, TunerView } from "../gen/index.js";
import { attempt, settle } from "../../settle.js";
import type { Awaitable } from "../values/types.js";
import { TunerCap, TunerType } from "../values/types-device.js";

/** Software defined radio has two kinds of tuners, named by the client; of the other devices each has one kind. */
function tunerType(device: DeviceTraits): TunerType {
  if (device.isSdr) return TunerType.Sdr;
  return device.isRadio ? TunerType.Radio : TunerType.AnalogTv;
}

/** @throws {V4l2Error} EINVAL - a type that the device's tuners are not of. */
function requireTunerType(type: number, device: DeviceTraits): void {
  const isRf = device.isSdr && type === TunerType.Rf;
  if (type !== tunerType(device) && !isRf)
    throw new V4l2Error("EINVAL", `the device has no tuner of type ${type}`);
}

const hasTuner = (device: DeviceTraits): boolean => device.isRx && !device.isTouch;
const hasModulator = (device: DeviceTraits): boolean => device.isTx && (device.isRadio || device.isSdr);
const hasFrequency = (device: DeviceTraits): boolean => !device.isTouch;

const gTuner = defineIoctl({
  name: "VIDIOC_G_TUNER",
  arg: TunerView,
  clearAfter: "index",
  op: "gTuner",
  scope: hasTuner,
  parse: (view) => view.index,
  emit: (view, reply) => {
    const tuner = orEnd(reply, "tuner");
    view.name = tuner.name;
    view.type = tuner.type;
    view.capability = tuner.capability | TunerCap.FreqBands;
    view.rangelow = tuner.rangelow;
    view.rangehigh = tuner.rangehigh;
    view.rxsubchans = tuner.rxsubchans;
    view.audmode = tuner.audmode;
    view.signal = tuner.signal;
    view.afc = tuner.afc;
  },
  asks: ["index"],
  describe: (out, view) => {
    out.uint("index", view.index).string("name", view.name).uint("type", view.type);
    out.hex("capability", view.capability).uint("rangelow", view.rangelow).uint("rangehigh", view.rangehigh);
    out.uint("signal", view.signal).int("afc", view.afc).hex("rxsubchans", view.rxsubchans);
    out.uint("audmode", view.audmode);
  },
});

const sTuner = defineIoctl({
  name: "VIDIOC_S_TUNER",
  arg: TunerView,
  prio: true,
  op: "sTuner",
  scope: hasTuner,
  parse: (view, { device }) => {
    const { index, name, capability, rangelow, rangehigh, rxsubchans, audmode, signal, afc } = view;
    const type = device.traits.isRadio ? TunerType.Radio : TunerType.AnalogTv;
    return { index, name, type, capability, rangelow, rangehigh, rxsubchans, audmode, signal, afc };
  },
  describe: (out, view) => void out.uint("index", view.index).uint("audmode", view.audmode),
});

const gModulator = defineIoctl({
  name: "VIDIOC_G_MODULATOR",
  arg: ModulatorView,
  clearAfter: "index",
  op: "gModulator",
  scope: hasModulator,
  parse: (view) => view.index,
  emit: (view, reply) => {
    const modulator = orEnd(reply, "modulator");
    view.name = modulator.name;
    view.type = modulator.type;
    view.capability = modulator.capability | TunerCap.FreqBands;
    view.rangelow = modulator.rangelow;
    view.rangehigh = modulator.rangehigh;
    view.txsubchans = modulator.txsubchans;
  },
  asks: ["index"],
  describe: (out, view) => {
    out.uint("index", view.index).string("name", view.name).hex("capability", view.capability);
    out.uint("rangelow", view.rangelow).uint("rangehigh", view.rangehigh).hex("txsubchans", view.txsubchans);
  },
});

const sModulator = defineIoctl({
  name: "VIDIOC_S_MODULATOR",
  arg: ModulatorView,
  prio: true,
  op: "sModulator",
  scope: hasModulator,
  parse: ({ index, txsubchans }) => ({ index, txsubchans }),
  describe: (out, view) => void out.uint("index", view.index).hex("txsubchans", view.txsubchans),
});

function describeFrequency(out: ArgWriter, view: FrequencyView): void {
  out.uint("tuner", view.tuner).uint("type", view.type).uint("frequency", view.frequency);
}

const gFrequency = defineIoctl({
  name: "VIDIOC_G_FREQUENCY",
  arg: FrequencyView,
  clearAfter: "tuner",
  op: "gFrequency",
  scope: hasFrequency,
  parse: (view) => view.tuner,
  emit: (view, reply) => {
    view.type = reply.type;
    view.frequency = reply.frequency;
  },
  asks: ["tuner"],
  describe: describeFrequency,
});

const sFrequency = defineIoctl({
  name: "VIDIOC_S_FREQUENCY",
  arg: FrequencyView,
  prio: true,
  op: "sFrequency",
  scope: hasFrequency,
  parse: ({ tuner, type, frequency }, { device }) => {
    requireTunerType(type, device.traits);
    return { tuner, type, frequency };
  },
  describe: describeFrequency,
});

/** `V4L2_BAND_MODULATION_*` of the one band that a tuner without bands of its own has. */
const Modulation = { Vsb: 0x2, Fm: 0x4 } as const;

interface Band {
  readonly capability: number;
  readonly rangelow: number;
  readonly rangehigh: number;
  readonly modulation: number;
}

function emitBand(view: FrequencyBandView, band: Band): void {
  view.capability = band.capability;
  view.rangelow = band.rangelow;
  view.rangehigh = band.rangehigh;
  view.modulation = band.modulation;
}

/** Without an op for bands, or when it has nothing to say (ENOTTY), the range of the tuner or modulator is the only one. */
const enumFreqBands = defineIoctl({
  name: "VIDIOC_ENUM_FREQ_BANDS",
  arg: FrequencyBandView,
  op: ["enumFreqBands", "gTuner", "gModulator"],
  run: ({ view, device, ops, file }): Awaitable<void> => {
    const { tuner, type, index } = view;
    requireTunerType(type, device.traits);
    const emit = (band: Band): void => {
      emitBand(view, band);
    };
    const isRadio = type === TunerType.Radio;
    const whole = (range: Omit<Band, "modulation"> | undefined): void => {
      const { capability, rangelow, rangehigh } = orEnd(range, "tuner");
      const modulation = isRadio ? Modulation.Fm : Modulation.Vsb;
      emit({ capability: capability | TunerCap.FreqBands, rangelow, rangehigh, modulation });
    };
    const single = (): Awaitable<void> => {
      if (device.accepts("VIDIOC_G_TUNER") && ops.gTuner !== undefined) {
        if (index !== 0) throw new V4l2Error("EINVAL", "the tuner has one frequency band");
        return settle(ops.gTuner(file, tuner), whole);
      }
      if (device.accepts("VIDIOC_G_MODULATOR") && ops.gModulator !== undefined) {
        if (!isRadio || index !== 0) throw new V4l2Error("EINVAL", "the modulator has one frequency band");
        return settle(ops.gModulator(file, tuner), whole);
      }
      throw new V4l2Error("ENOTTY", "neither frequency bands nor a tuner");
    };
    if (ops.enumFreqBands === undefined) return single();
    const orSingle = (error: unknown): Awaitable<void> => {
      if (error instanceof V4l2Error && error.code === "ENOTTY") return single();
      throw error;
    };
    return attempt(
      () => ops.enumFreqBands?.(file, { tuner, type, index }),
      (found) => emit(orEnd(found, "frequency band")),
      orSingle,
    );
  },
  asks: ["tuner", "type", "index"],
  describe: (out, view) => {
    out.uint("tuner", view.tuner).uint("type", view.type).uint("index", view.index);
    out.hex("capability", view.capability).uint("rangelow", view.rangelow).uint("rangehigh", view.rangehigh);
    out.hex("modulation", view.modulation);
  },
});

const sHwFreqSeek = defineIoctl({
  name: "VIDIOC_S_HW_FREQ_SEEK",
  arg: HwFreqSeekView,
  prio: true,
  op: "sHwFreqSeek",
  scope: hasTuner,
  parse: (view, { device }) => {
    const { tuner, type, spacing, rangelow, rangehigh } = view;
    if (device.traits.isSdr || type !== tunerType(device.traits)) {
      throw new V4l2Error("EINVAL", `no seeking on a tuner of type ${type}`);
    }
    const seekUpward = view.seek_upward !== 0;
    const wrapAround = view.wrap_around !== 0;
    return { tuner, type, seekUpward, wrapAround, spacing, rangelow, rangehigh };
  },
  describe: (out, view) => {
    out.uint("tuner", view.tuner).uint("type", view.type).uint("seek_upward", view.seek_upward);
    out.uint("wrap_around", view.wrap_around).uint("spacing", view.spacing);
    out.uint("rangelow", view.rangelow).uint("rangehigh", view.rangehigh);
  },
});

export const tunerIoctls: readonly IoctlDefinition[] = [
  gTuner,
  sTuner,
  gModulator,
  sModulator,
  gFrequency,
  sFrequency,
  enumFreqBands,
  sHwFreqSeek,
];
