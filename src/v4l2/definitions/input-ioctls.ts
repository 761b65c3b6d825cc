/** Inputs, outputs and their audio. */
import type { ArgWriter } from "../ioctl/arg-writer.js";
import { defineIoctl, orEnd } from "../ioctl/define-ioctl.js";
import type { IoctlContext, IoctlDefinition } from "../ioctl/define-ioctl.js";
import type { DeviceTraits } from "../device-traits.js";
import { V4l2Error } from "../error.js";
import { AudiooutView, AudioView, InputView, OutputView } from "../gen/index.js";
import { IntView } from "../ioctl/scalar-views.js";
import { settle } from "../../settle.js";
import { InputCap, InputType, OutputType } from "../values/types-device.js";
import type { Audio } from "../values/types-device.js";

/** Devices that can have inputs at all (`touch` among them), or that only deliver an EDID. */
const hasInputs = (device: DeviceTraits): boolean =>
  device.isTouch || (device.isRx && (device.isVideo || device.isVbi || device.isMeta || device.isEdid));
const hasOutputs = (device: DeviceTraits): boolean =>
  device.isTx && (device.isVideo || device.isVbi || device.isMeta || device.isEdid);

/** A device whose inputs are the media controller's business has one that cannot be changed. */
const hasFixedInput = (device: DeviceTraits): boolean =>
  device.isIoMc && device.isRx && (device.isVideo || device.isVbi || device.isMeta);
const hasFixedOutput = (device: DeviceTraits): boolean =>
  device.isIoMc && device.isTx && (device.isVideo || device.isVbi || device.isMeta);

const describeIndex = (out: ArgWriter, view: IntView): void => void out.uint("value", view.value);

/** The capability of an input or output that follows from the ops. */
const standardCap = ({ device }: IoctlContext): number => (device.accepts("VIDIOC_S_STD") ? InputCap.Std : 0);

function requireFixed(index: number): void {
  if (index !== 0) throw new V4l2Error("EINVAL", "the only input or output has the index 0");
}

const enuminput = defineIoctl({
  name: "VIDIOC_ENUMINPUT",
  note: "a device of the media controller (Cap.IoMc) has one input without any op",
  arg: InputView,
  clearAfter: "index",
  op: "enuminput",
  scope: hasInputs,
  withoutOp: hasFixedInput,
  run: (context) => {
    const { view, device, ops, file } = context;
    if (device.traits.isIoMc) {
      requireFixed(view.index);
      view.name = device.identity.title ?? device.identity.card;
      view.type = InputType.Camera;
      view.capabilities = standardCap(context);
      return;
    }
    return settle(ops.enuminput?.(file, view.index), (reply) => {
      const input = orEnd(reply, "input");
      view.name = input.name;
      view.type = input.type;
      view.audioset = input.audioset ?? 0;
      view.tuner = input.tuner ?? 0;
      view.std = input.std ?? 0n;
      view.status = input.status ?? 0;
      view.capabilities = input.capabilities ?? standardCap(context);
    });
  },
  asks: ["index"],
  describe: (out, view) => {
    out.uint("index", view.index).string("name", view.name).uint("type", view.type);
    out.hex("audioset", view.audioset).uint("tuner", view.tuner).hex("std", view.std, 8);
    out.hex("status", view.status).hex("capabilities", view.capabilities);
  },
});

const gInput = defineIoctl({
  name: "VIDIOC_G_INPUT",
  arg: IntView,
  op: "gInput",
  scope: hasInputs,
  withoutOp: hasFixedInput,
  run: ({ view, device, ops, file }) =>
    settle(device.traits.isIoMc ? 0 : ops.gInput?.(file), (index) => {
      view.value = index ?? 0;
    }),
  describe: describeIndex,
});

const sInput = defineIoctl({
  name: "VIDIOC_S_INPUT",
  arg: IntView,
  prio: true,
  op: "sInput",
  scope: hasInputs,
  withoutOp: hasFixedInput,
  run: ({ view, device, ops, file }) => {
    if (device.traits.isIoMc) requireFixed(view.value);
    else return ops.sInput?.(file, view.value);
  },
  describe: describeIndex,
});

const enumoutput = defineIoctl({
  name: "VIDIOC_ENUMOUTPUT",
  note: "a device of the media controller (Cap.IoMc) has one output without any op",
  arg: OutputView,
  clearAfter: "index",
  op: "enumoutput",
  scope: hasOutputs,
  withoutOp: hasFixedOutput,
  run: (context) => {
    const { view, device, ops, file } = context;
    if (device.traits.isIoMc) {
      requireFixed(view.index);
      view.name = device.identity.title ?? device.identity.card;
      view.type = OutputType.Analog;
      view.capabilities = standardCap(context);
      return;
    }
    return settle(ops.enumoutput?.(file, view.index), (reply) => {
      const output = orEnd(reply, "output");
      view.name = output.name;
      view.type = output.type;
      view.audioset = output.audioset ?? 0;
      view.modulator = output.modulator ?? 0;
      view.std = output.std ?? 0n;
      view.capabilities = output.capabilities ?? standardCap(context);
    });
  },
  asks: ["index"],
  describe: (out, view) => {
    out.uint("index", view.index).string("name", view.name).uint("type", view.type);
    out.hex("audioset", view.audioset).uint("modulator", view.modulator).hex("std", view.std, 8);
    out.hex("capabilities", view.capabilities);
  },
});

const gOutput = defineIoctl({
  name: "VIDIOC_G_OUTPUT",
  arg: IntView,
  op: "gOutput",
  scope: hasOutputs,
  withoutOp: hasFixedOutput,
  run: ({ view, device, ops, file }) =>
    settle(device.traits.isIoMc ? 0 : ops.gOutput?.(file), (index) => {
      view.value = index ?? 0;
    }),
  describe: describeIndex,
});

const sOutput = defineIoctl({
  name: "VIDIOC_S_OUTPUT",
  arg: IntView,
  prio: true,
  op: "sOutput",
  scope: hasOutputs,
  withoutOp: hasFixedOutput,
  run: ({ view, device, ops, file }) => {
    if (device.traits.isIoMc) requireFixed(view.value);
    else return ops.sOutput?.(file, view.value);
  },
  describe: describeIndex,
});

const isReceiver = (device: DeviceTraits): boolean =>
  device.isRx && (device.isVideo || device.isVbi || device.isMeta);
const isTransmitter = (device: DeviceTraits): boolean =>
  device.isTx && (device.isVideo || device.isVbi || device.isMeta);

function emitAudio(view: AudioView | AudiooutView, audio: Audio): void {
  view.index = audio.index;
  view.name = audio.name;
  view.capability = audio.capability;
  view.mode = audio.mode;
}

function describeAudio(out: ArgWriter, view: AudioView | AudiooutView): void {
  out.uint("index", view.index).string("name", view.name);
  out.hex("capability", view.capability).hex("mode", view.mode);
}

const enumaudio = defineIoctl({
  name: "VIDIOC_ENUMAUDIO",
  arg: AudioView,
  clearAfter: "index",
  op: "enumaudio",
  scope: isReceiver,
  parse: (view) => view.index,
  emit: (view, audio) => {
    emitAudio(view, orEnd(audio, "audio input"));
  },
  asks: ["index"],
  describe: describeAudio,
});

const gAudio = defineIoctl({
  name: "VIDIOC_G_AUDIO",
  arg: AudioView,
  op: "gAudio",
  scope: isReceiver,
  parse: () => undefined,
  emit: emitAudio,
  describe: describeAudio,
});

const sAudio = defineIoctl({
  name: "VIDIOC_S_AUDIO",
  arg: AudioView,
  prio: true,
  op: "sAudio",
  scope: isReceiver,
  parse: ({ index, mode }) => ({ index, mode }),
  describe: (out, view) => void out.uint("index", view.index).hex("mode", view.mode),
});

const enumaudout = defineIoctl({
  name: "VIDIOC_ENUMAUDOUT",
  arg: AudiooutView,
  clearAfter: "index",
  op: "enumaudout",
  scope: isTransmitter,
  parse: (view) => view.index,
  emit: (view, audio) => {
    emitAudio(view, orEnd(audio, "audio output"));
  },
  asks: ["index"],
  describe: describeAudio,
});

const gAudout = defineIoctl({
  name: "VIDIOC_G_AUDOUT",
  arg: AudiooutView,
  op: "gAudout",
  scope: isTransmitter,
  parse: () => undefined,
  emit: emitAudio,
  describe: describeAudio,
});

const sAudout = defineIoctl({
  name: "VIDIOC_S_AUDOUT",
  arg: AudiooutView,
  prio: true,
  op: "sAudout",
  scope: isTransmitter,
  parse: ({ index, mode }) => ({ index, mode }),
  describe: (out, view) => void out.uint("index", view.index),
});

export const inputIoctls: readonly IoctlDefinition[] = [
  enuminput,
  gInput,
  sInput,
  enumoutput,
  gOutput,
  sOutput,
  enumaudio,
  gAudio,
  sAudio,
  enumaudout,
  gAudout,
  sAudout,
];
