/** Prints values in the form of v4l2-ctl 1.30, to compare with what it printed of the kernel's visl. */
import type { FrameSize, VideoFormat } from "../../src/v4l2/index.js";
import { BufType } from "../../src/v4l2/index.js";
import { describePixelFormat } from "../../src/v4l2/values/pixel-formats.js";

export function fourccText(code: number): string {
  return String.fromCharCode(code & 0xff, (code >> 8) & 0xff, (code >> 16) & 0xff, code >>> 24);
}

const colorspaces = ["Default", "SMPTE 170M", "SMPTE 240M", "Rec. 709"];
const fields = ["Any", "None"];

export function printFormat(format: VideoFormat): string {
  const { description } = describePixelFormat({ pixelformat: format.pixelformat }, format.type);
  const isOutput = format.type === BufType.VideoOutputMplane;
  const lines = [
    `Format Video ${isOutput ? "Output" : "Capture"} Multiplanar:`,
    `\tWidth/Height      : ${format.width}/${format.height}`,
    `\tPixel Format      : '${fourccText(format.pixelformat)}' (${description})`,
    `\tField             : ${fields[format.field]}`,
    `\tNumber of planes  : ${format.planes.length}`,
    `\tFlags             : `,
    `\tColorspace        : ${colorspaces[format.colorspace]}`,
    `\tTransfer Function : ${format.xferFunc === 0 ? "Default" : format.xferFunc}`,
    `\tYCbCr/HSV Encoding: ${format.ycbcrEnc === 0 ? "Default" : format.ycbcrEnc}`,
    `\tQuantization      : ${format.quantization === 0 ? "Default" : format.quantization}`,
  ];
  format.planes.forEach(({ bytesperline, sizeimage }, index) => {
    lines.push(
      `\tPlane ${index}           :`,
      `\t   Bytes per Line : ${bytesperline}`,
      `\t   Size Image     : ${sizeimage}`,
    );
  });
  return `${lines.join("\n")}\n`;
}

export function printSize(size: FrameSize): string {
  if (size.kind === "discrete") return `Size: Discrete ${size.width}x${size.height}`;
  const { minWidth, minHeight, maxWidth, maxHeight, stepWidth, stepHeight } = size;
  return `Size: Stepwise ${minWidth}x${minHeight} - ${maxWidth}x${maxHeight} with step ${stepWidth}/${stepHeight}`;
}

export function printFormatList(
  type: BufType,
  pixelformats: readonly number[],
  sizes?: (pixelformat: number) => FrameSize | undefined,
): string {
  const isOutput = type === BufType.VideoOutputMplane;
  const lines = [
    "ioctl: VIDIOC_ENUM_FMT",
    `\tType: Video ${isOutput ? "Output" : "Capture"} Multiplanar`,
    "",
  ];
  pixelformats.forEach((pixelformat, index) => {
    const { description, flags } = describePixelFormat({ pixelformat }, type);
    const compressed = (flags & 1) === 0 ? "" : ", compressed";
    lines.push(`\t[${index}]: '${fourccText(pixelformat)}' (${description}${compressed})`);
    const size = sizes?.(pixelformat);
    if (size !== undefined) lines.push(`\t\t${printSize(size)}`);
  });
  return `${lines.join("\n")}\n`;
}
