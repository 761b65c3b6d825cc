/** Commands and tables of codecs: encoder and decoder commands, JPEG markers, the encoder's index. */
import type { ArgWriter } from "../ioctl/arg-writer.js";
import { defineIoctl } from "../ioctl/define-ioctl.js";
import type { IoctlDefinition } from "../ioctl/define-ioctl.js";
import type { DeviceTraits } from "../device-traits.js";
import { DecoderCmdView, EncIdxView, EncoderCmdView, JpegcompressionView } from "../gen/index.js";
import { DecCmd } from "../values/types-device.js";
import type { DecoderCmd, EncoderCmd } from "../values/types-device.js";

const isVideo = (device: DeviceTraits): boolean => device.isVideo;

function describeJpeg(out: ArgWriter, view: JpegcompressionView): void {
  out.int("quality", view.quality).int("APPn", view.APPn).int("APP_len", view.APP_len);
  out.int("COM_len", view.COM_len).hex("jpeg_markers", view.jpeg_markers);
}

const gJpegcomp = defineIoctl({
  name: "VIDIOC_G_JPEGCOMP",
  arg: JpegcompressionView,
  op: "gJpegcomp",
  scope: isVideo,
  parse: () => undefined,
  emit: (view, reply) => {
    view.quality = reply.quality;
    view.APPn = reply.appN;
    view.APP_len = reply.appLen;
    view.APP_data.set(reply.appData.subarray(0, view.APP_data.byteLength));
    view.COM_len = reply.comLen;
    view.COM_data.set(reply.comData.subarray(0, view.COM_data.byteLength));
    view.jpeg_markers = reply.jpegMarkers;
  },
  describe: describeJpeg,
});

const sJpegcomp = defineIoctl({
  name: "VIDIOC_S_JPEGCOMP",
  arg: JpegcompressionView,
  prio: true,
  op: "sJpegcomp",
  scope: isVideo,
  parse: (view) => ({
    quality: view.quality,
    appN: view.APPn,
    appLen: view.APP_len,
    appData: view.APP_data.slice(),
    comLen: view.COM_len,
    comData: view.COM_data.slice(),
    jpegMarkers: view.jpeg_markers,
  }),
  describe: describeJpeg,
});

const gEncIndex = defineIoctl({
  name: "VIDIOC_G_ENC_INDEX",
  arg: EncIdxView,
  op: "gEncIndex",
  scope: isVideo,
  parse: () => undefined,
  emit: (view, reply) => {
    const entries = reply.entries.slice(0, view.entry.length);
    view.entries = entries.length;
    view.entries_cap = reply.entriesCap;
    for (const [index, { offset, pts, length, flags }] of entries.entries()) {
      const entry = view.entry.get(index);
      entry.offset = offset;
      entry.pts = pts;
      entry.length = length;
      entry.flags = flags;
    }
  },
  describe: (out, view) => void out.int("entries", view.entries).int("entries_cap", view.entries_cap),
});

const parseEncoderCmd = ({ cmd, flags }: EncoderCmdView): EncoderCmd => ({ cmd, flags });

function emitEncoderCmd(view: EncoderCmdView, reply: EncoderCmd): void {
  view.cmd = reply.cmd;
  view.flags = reply.flags;
}

function defineEncoderCmd(
  name: "VIDIOC_ENCODER_CMD" | "VIDIOC_TRY_ENCODER_CMD",
  op: "encoderCmd" | "tryEncoderCmd",
): IoctlDefinition<EncoderCmdView> {
  return defineIoctl({
    name,
    arg: EncoderCmdView,
    clearAfter: "flags",
    ...(op === "encoderCmd" && { prio: true }),
    op,
    scope: isVideo,
    parse: parseEncoderCmd,
    emit: emitEncoderCmd,
    describe: (out, view) => void out.int("cmd", view.cmd).hex("flags", view.flags),
  });
}

/** Of the union, only the part that the command has. */
function parseDecoderCmd(view: DecoderCmdView): DecoderCmd {
  const { cmd, flags } = view;
  const start = cmd === DecCmd.Start;
  return {
    cmd,
    flags,
    speed: start ? view.start.speed : 0,
    format: start ? view.start.format : 0,
    pts: cmd === DecCmd.Stop ? view.stop.pts : 0n,
  };
}

function emitDecoderCmd(view: DecoderCmdView, reply: DecoderCmd): void {
  view.bytes.fill(0);
  view.cmd = reply.cmd;
  view.flags = reply.flags;
  if (reply.cmd === DecCmd.Start) {
    view.start.speed = reply.speed;
    view.start.format = reply.format;
  } else if (reply.cmd === DecCmd.Stop) {
    view.stop.pts = reply.pts;
  }
}

function describeDecoderCmd(out: ArgWriter, view: DecoderCmdView): void {
  const { cmd, flags } = view;
  out.int("cmd", cmd).hex("flags", flags);
  if (cmd === DecCmd.Start) out.line().int("speed", view.start.speed).uint("format", view.start.format);
  else if (cmd === DecCmd.Stop) out.line().big("pts", view.stop.pts);
}

function defineDecoderCmd(
  name: "VIDIOC_DECODER_CMD" | "VIDIOC_TRY_DECODER_CMD",
  op: "decoderCmd" | "tryDecoderCmd",
): IoctlDefinition<DecoderCmdView> {
  return defineIoctl({
    name,
    arg: DecoderCmdView,
    ...(op === "decoderCmd" && { prio: true }),
    op,
    scope: isVideo,
    parse: parseDecoderCmd,
    emit: emitDecoderCmd,
    describe: describeDecoderCmd,
  });
}

export const codecIoctls: readonly IoctlDefinition[] = [
  gJpegcomp,
  sJpegcomp,
  gEncIndex,
  defineEncoderCmd("VIDIOC_ENCODER_CMD", "encoderCmd"),
  defineEncoderCmd("VIDIOC_TRY_ENCODER_CMD", "tryEncoderCmd"),
  defineDecoderCmd("VIDIOC_DECODER_CMD", "decoderCmd"),
  defineDecoderCmd("VIDIOC_TRY_DECODER_CMD", "tryDecoderCmd"),
];
