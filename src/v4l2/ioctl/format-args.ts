/**
 * `struct v4l2_format` and plain formats. Pictures are always multi-planar for drivers; here the single-planar
 * struct is taken apart and put together.
 */
import type { ArgWriter } from "./arg-writer.js";
import { V4L2_PIX_FMT_PRIV_MAGIC } from "../gen/index.js";
import type { FormatView, PixFormatView } from "../gen/index.js";
import { bufTypeNames, fieldNames } from "../values/names.js";
import { parseColorspace, parseField, parseQuantization, parseXferFunc, parseYcbcrEnc } from "./parse.js";
import {
  BufType,
  Colorspace,
  Field,
  fourcc,
  MAX_PLANES,
  Quantization,
  XferFunc,
  YcbcrEnc,
} from "../values/types.js";
import type {
  Format,
  MetaFormat,
  PlaneFormat,
  SdrFormat,
  SlicedVbiFormat,
  VbiFormat,
  VideoBufType,
  VideoFormat,
  WindowFormat,
} from "../values/types.js";

const hsvFormats: ReadonlySet<number> = new Set([fourcc("HSV3"), fourcc("HSV4")]);

/** Offset of the first extended field of `struct v4l2_pix_format`: they count only behind the magic `priv`. */
const PIX_EXTENDED_OFFSET = 32;

interface Colors {
  readonly colorspace: Colorspace;
  readonly ycbcrEnc: YcbcrEnc;
  readonly quantization: Quantization;
  readonly xferFunc: XferFunc;
}

interface ColorFields {
  readonly pixelformat: number;
  colorspace: number;
  ycbcr_enc: number;
  quantization: number;
  xfer_func: number;
}

const defaultColors: Colors = {
  colorspace: Colorspace.Default,
  ycbcrEnc: YcbcrEnc.Default,
  quantization: Quantization.Default,
  xferFunc: XferFunc.Default,
};

/** Without a known colorspace the other color fields mean nothing: all are the default (v4l2-ioctl.c). */
function sanitizeColors(fields: ColorFields): Colors {
  const colorspace = parseColorspace(fields.colorspace);
  const colors =
    colorspace === Colorspace.Default
      ? defaultColors
      : {
          colorspace,
          ycbcrEnc: parseYcbcrEnc(fields.ycbcr_enc, hsvFormats.has(fields.pixelformat)),
          quantization: parseQuantization(fields.quantization),
          xferFunc: parseXferFunc(fields.xfer_func),
        };
  fields.colorspace = colors.colorspace;
  fields.ycbcr_enc = colors.ycbcrEnc;
  fields.quantization = colors.quantization;
  fields.xfer_func = colors.xferFunc;
  return colors;
}

/** Extended fields are valid only behind the magic; older clients leave garbage there. */
function touchPriv(pix: PixFormatView): void {
  if (pix.priv === V4L2_PIX_FMT_PRIV_MAGIC) return;
  pix.priv = V4L2_PIX_FMT_PRIV_MAGIC;
  pix.bytes.fill(0, PIX_EXTENDED_OFFSET);
}

/**
 * What a client says in S_FMT, TRY_FMT and CREATE_BUFS, with nonsense that the kernel's core removes for every
 * driver removed in place: bogus plane counts, extended fields of old clients, unknown colors, reserved bytes.
 */
export function parseFormat(view: FormatView, type: BufType): Format {
  const { fmt } = view;
  switch (type) {
    case BufType.VideoCapture:
    case BufType.VideoOutput: {
      const { pix } = fmt;
      touchPriv(pix);
      fmt.raw_data.fill(0, pix.bytes.byteLength);
      const colors = sanitizeColors(pix);
      return {
        type,
        width: pix.width,
        height: pix.height,
        pixelformat: pix.pixelformat,
        field: parseField(pix.field),
        planes: [{ bytesperline: pix.bytesperline, sizeimage: pix.sizeimage }],
        ...colors,
        flags: pix.flags,
      };
    }
    case BufType.VideoCaptureMplane:
    case BufType.VideoOutputMplane: {
      const pix = fmt.pix_mp;
      pix.num_planes = Math.min(pix.num_planes, MAX_PLANES);
      pix.reserved.fill(0);
      fmt.raw_data.fill(0, pix.bytes.byteLength);
      const colors = sanitizeColors(pix);
      const planes: PlaneFormat[] = [];
      for (let index = 0; index < pix.num_planes; index++) {
        const plane = pix.plane_fmt.get(index);
        plane.reserved.assign([]);
        planes.push({ bytesperline: plane.bytesperline, sizeimage: plane.sizeimage });
      }
      const first = pix.plane_fmt.get(0);
      return {
        type,
        width: pix.width,
        height: pix.height,
        pixelformat: pix.pixelformat,
        field: parseField(pix.field),
        planes,
        ...(pix.num_planes === 0 && {
          unnamedPlane: { bytesperline: first.bytesperline, sizeimage: first.sizeimage },
        }),
        ...colors,
        flags: pix.flags,
      };
    }
    case BufType.VideoOverlay:
    case BufType.VideoOutputOverlay: {
      const { win } = fmt;
      win.clips = 0n;
      win.clipcount = 0;
      win.bitmap = 0n;
      fmt.raw_data.fill(0, win.bytes.byteLength);
      const { left, top, width, height } = win.w;
      return {
        type,
        rect: { left, top, width, height },
        field: parseField(win.field),
        chromakey: win.chromakey,
        globalAlpha: win.global_alpha,
      };
    }
    case BufType.VbiCapture:
    case BufType.VbiOutput: {
      const { vbi } = fmt;
      fmt.raw_data.fill(0, vbi.bytes.byteLength);
      vbi.reserved.assign([]);
      return {
        type,
        samplingRate: vbi.sampling_rate,
        offset: vbi.offset,
        samplesPerLine: vbi.samples_per_line,
        sampleFormat: vbi.sample_format,
        start: [vbi.start.get(0), vbi.start.get(1)],
        count: [vbi.count.get(0), vbi.count.get(1)],
        flags: vbi.flags,
      };
    }
    case BufType.SlicedVbiCapture:
    case BufType.SlicedVbiOutput: {
      const { sliced } = fmt;
      fmt.raw_data.fill(0, sliced.bytes.byteLength);
      sliced.reserved.assign([]);
      return {
        type,
        serviceSet: sliced.service_set,
        serviceLines: sliced.service_lines.toArray(),
        ioSize: sliced.io_size,
      };
    }
    case BufType.SdrCapture:
    case BufType.SdrOutput: {
      const { sdr } = fmt;
      fmt.raw_data.fill(0, sdr.bytes.byteLength);
      sdr.reserved.fill(0);
      return { type, pixelformat: sdr.pixelformat, buffersize: sdr.buffersize };
    }
    case BufType.MetaCapture:
    case BufType.MetaOutput: {
      const { meta } = fmt;
      fmt.raw_data.fill(0, meta.bytes.byteLength);
      const { dataformat, buffersize, width, height, bytesperline } = meta;
      return { type, dataformat, buffersize, width, height, bytesperline };
    }
  }
}

/**
 * Writes a driver's picture format in the struct of the queue's type, over everything that was there.
 * @throws {Error} The driver's plane count does not fit: its bug.
 */
export function emitVideoFormat(view: FormatView, type: VideoBufType, format: VideoFormat): void {
  const { fmt } = view;
  fmt.raw_data.fill(0);
  if (type === BufType.VideoCapture || type === BufType.VideoOutput) {
    const { pix } = fmt;
    const [plane] = format.planes;
    if (plane === undefined || format.planes.length !== 1) {
      throw new Error(`a single-planar format has one plane, the driver's has ${format.planes.length}`);
    }
    pix.width = format.width;
    pix.height = format.height;
    pix.pixelformat = format.pixelformat;
    pix.field = format.field;
    pix.bytesperline = plane.bytesperline;
    pix.sizeimage = plane.sizeimage;
    pix.priv = V4L2_PIX_FMT_PRIV_MAGIC;
    pix.flags = format.flags;
    emitColors(pix, format);
    return;
  }
  const pix = fmt.pix_mp;
  if (format.planes.length < 1 || format.planes.length > MAX_PLANES) {
    throw new Error(`a format has 1 to ${MAX_PLANES} planes, the driver's has ${format.planes.length}`);
  }
  pix.width = format.width;
  pix.height = format.height;
  pix.pixelformat = format.pixelformat;
  pix.field = format.field;
  pix.num_planes = format.planes.length;
  pix.flags = format.flags;
  emitColors(pix, format);
  format.planes.forEach((plane, index) => {
    const target = pix.plane_fmt.get(index);
    target.bytesperline = plane.bytesperline;
    target.sizeimage = plane.sizeimage;
  });
}

function emitColors(fields: ColorFields, colors: Colors): void {
  fields.colorspace = colors.colorspace;
  fields.ycbcr_enc = colors.ycbcrEnc;
  fields.quantization = colors.quantization;
  fields.xfer_func = colors.xferFunc;
}

/** Fields that make no sense for touch data, whatever the driver said. */
export function touchFormat(format: VideoFormat): VideoFormat {
  return {
    ...format,
    field: Field.None,
    colorspace: Colorspace.Raw,
    ycbcrEnc: YcbcrEnc.Default,
    quantization: Quantization.Default,
    xferFunc: XferFunc.Default,
    flags: 0,
  };
}

/** Writes any other format. */
export function emitOtherFormat(
  view: FormatView,
  format: WindowFormat | VbiFormat | SlicedVbiFormat | SdrFormat | MetaFormat,
): void {
  const { fmt } = view;
  fmt.raw_data.fill(0);
  switch (format.type) {
    case BufType.VideoOverlay:
    case BufType.VideoOutputOverlay: {
      const { win } = fmt;
      win.w.left = format.rect.left;
      win.w.top = format.rect.top;
      win.w.width = format.rect.width;
      win.w.height = format.rect.height;
      win.field = format.field;
      win.chromakey = format.chromakey;
      win.global_alpha = format.globalAlpha;
      return;
    }
    case BufType.VbiCapture:
    case BufType.VbiOutput: {
      const { vbi } = fmt;
      vbi.sampling_rate = format.samplingRate;
      vbi.offset = format.offset;
      vbi.samples_per_line = format.samplesPerLine;
      vbi.sample_format = format.sampleFormat;
      vbi.start.assign(format.start);
      vbi.count.assign(format.count);
      vbi.flags = format.flags;
      return;
    }
    case BufType.SlicedVbiCapture:
    case BufType.SlicedVbiOutput: {
      const { sliced } = fmt;
      sliced.service_set = format.serviceSet;
      sliced.service_lines.assign(format.serviceLines);
      sliced.io_size = format.ioSize;
      return;
    }
    case BufType.SdrCapture:
    case BufType.SdrOutput:
      fmt.sdr.pixelformat = format.pixelformat;
      fmt.sdr.buffersize = format.buffersize;
      return;
    case BufType.MetaCapture:
    case BufType.MetaOutput: {
      const { meta } = fmt;
      meta.dataformat = format.dataformat;
      meta.buffersize = format.buffersize;
      meta.width = format.width;
      meta.height = format.height;
      meta.bytesperline = format.bytesperline;
      return;
    }
  }
}

/** The argument of G_FMT, S_FMT, TRY_FMT and the format inside CREATE_BUFS, as the kernel prints them. */
export function describeFormat(out: ArgWriter, view: FormatView): void {
  const { type, fmt } = view;
  out.word("type", type, bufTypeNames);
  switch (type) {
    case BufType.VideoCapture:
    case BufType.VideoOutput: {
      const { pix } = fmt;
      out.uint("width", pix.width).uint("height", pix.height).fourcc("pixelformat", pix.pixelformat);
      out.word("field", pix.field, fieldNames);
      out.uint("bytesperline", pix.bytesperline).uint("sizeimage", pix.sizeimage);
      out.int("colorspace", pix.colorspace).hex("flags", pix.flags).uint("ycbcr_enc", pix.ycbcr_enc);
      out.uint("quantization", pix.quantization).uint("xfer_func", pix.xfer_func);
      return;
    }
    case BufType.VideoCaptureMplane:
    case BufType.VideoOutputMplane: {
      const pix = fmt.pix_mp;
      out.uint("width", pix.width).uint("height", pix.height).fourcc("format", pix.pixelformat);
      out.word("field", pix.field, fieldNames).int("colorspace", pix.colorspace);
      out.uint("num_planes", pix.num_planes).hex("flags", pix.flags).uint("ycbcr_enc", pix.ycbcr_enc);
      out.uint("quantization", pix.quantization).uint("xfer_func", pix.xfer_func);
      out.list("planes", Math.min(pix.num_planes, MAX_PLANES), (_, index) => {
        const { bytesperline, sizeimage } = pix.plane_fmt.get(index);
        out.line().raw(`plane ${index}: bytesperline=${bytesperline} sizeimage=${sizeimage}`);
        out.set("bytesperline", bytesperline).set("sizeimage", sizeimage);
      });
      return;
    }
    case BufType.VideoOverlay:
    case BufType.VideoOutputOverlay: {
      const { win } = fmt;
      out.rect("", win.w).word("field", win.field, fieldNames);
      out.hex("chromakey", win.chromakey, 8).hex("global_alpha", win.global_alpha, 2);
      return;
    }
    case BufType.VbiCapture:
    case BufType.VbiOutput: {
      const { vbi } = fmt;
      out.uint("sampling_rate", vbi.sampling_rate).uint("offset", vbi.offset);
      out.uint("samples_per_line", vbi.samples_per_line).fourcc("sample_format", vbi.sample_format);
      const start = [vbi.start.get(0) >>> 0, vbi.start.get(1) >>> 0];
      const count = vbi.count.toArray();
      out.set("start", start).item(`start=${start.join(",")}`);
      out.set("count", count).item(`count=${count.join(",")}`);
      return;
    }
    case BufType.SlicedVbiCapture:
    case BufType.SlicedVbiOutput: {
      const { sliced } = fmt;
      out.hex("service_set", sliced.service_set, 8).int("io_size", sliced.io_size);
      describeServiceLines(out, sliced.service_lines.toArray());
      return;
    }
    case BufType.SdrCapture:
    case BufType.SdrOutput:
      out.fourcc("pixelformat", fmt.sdr.pixelformat);
      return;
    case BufType.MetaCapture:
    case BufType.MetaOutput: {
      const { meta } = fmt;
      out.fourcc("dataformat", meta.dataformat).uint("buffersize", meta.buffersize);
      out.uint("width", meta.width).uint("height", meta.height).uint("bytesperline", meta.bytesperline);
      return;
    }
  }
}

/** Lines of sliced VBI services: two fields of 24 lines. */
export function describeServiceLines(out: ArgWriter, lines: readonly number[]): void {
  const service = (value: number | undefined): string => `0x${(value ?? 0).toString(16).padStart(4, "0")}`;
  for (let line = 0; line < 24; line++) {
    const number = String(line).padStart(2, "0");
    out.line().raw(`line[${number}]=${service(lines[line])}, ${service(lines[line + 24])}`);
  }
  out.set("service_lines", lines);
}
