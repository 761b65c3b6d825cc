/** What a client's wish for OUTPUT becomes, and what G_FMT shows of a file. Pure. */
import type { VideoFormat } from "../v4l2/index.js";
import { BufType, Field } from "../v4l2/index.js";
import type { StatelessCodec, Stepwise } from "./codec.js";

/** The formats of one open file. */
export interface StatelessFormats {
  readonly codec: StatelessCodec;
  /** OUTPUT queue. */
  readonly coded: VideoFormat;
  /** CAPTURE queue. */
  readonly decoded: VideoFormat;
}

/** Least size of a coded buffer that a client leaves to us, bytes. */
const MIN_CODED_BYTES = 256 * 1024;

function clamp(value: number, least: number, greatest: number): number {
  return Math.min(Math.max(value, least), greatest);
}

/** The size nearest to the one wished for. */
export function fitSize(
  { width, height }: Pick<VideoFormat, "width" | "height">,
  sizes: Stepwise,
): { readonly width: number; readonly height: number } {
  return {
    width: clamp(width, sizes.minWidth, sizes.maxWidth),
    height: clamp(height, sizes.minHeight, sizes.maxHeight),
  };
}

/** The codec whose bitstream has that pixel format. */
export function findCodec(
  codecs: readonly StatelessCodec[],
  pixelformat: number,
): StatelessCodec | undefined {
  return codecs.find((codec) => codec.pixelformat === pixelformat);
}

/**
 * TRY_FMT of OUTPUT. Colorimetry, flags and line length are the client's, and so is the buffer size unless it is 0.
 * @param codec - Whose pixel format the client named; a default if there is none.
 */
export function tryCoded({ unnamedPlane, ...wish }: VideoFormat, codec: StatelessCodec): VideoFormat {
  const { width, height } = fitSize(wish, codec.sizes);
  const asked = wish.planes[0] ?? unnamedPlane ?? { bytesperline: 0, sizeimage: 0 };
  const sizeimage = asked.sizeimage === 0 ? Math.max(MIN_CODED_BYTES, width * height * 3) : asked.sizeimage;
  return {
    ...wish,
    type: BufType.VideoOutputMplane,
    width,
    height,
    pixelformat: codec.pixelformat,
    field: Field.None,
    planes: [{ bytesperline: asked.bytesperline, sizeimage }],
  };
}

/** Says of a format what the kernel's visl prints of it (`visl_print_fmt`). */
export function formatLines(format: VideoFormat): string[] {
  const { width, height, pixelformat, field, colorspace, planes, flags, quantization, xferFunc } = format;
  const letters = [0, 8, 16, 24].map((shift) => String.fromCharCode((pixelformat >>> shift) & 0xff));
  return [
    `width: ${width}`,
    `height: ${height}`,
    `pixelformat: ${letters.join("")}`,
    `field: ${field}`,
    `colorspace: ${colorspace}`,
    `num_planes: ${planes.length}`,
    `flags: ${flags}`,
    `quantization: ${quantization}`,
    `xfer_func: ${xferFunc}`,
    ...planes.flatMap(({ bytesperline, sizeimage }, index) => [
      `plane[${index}]: sizeimage: ${sizeimage}`,
      `plane[${index}]: bytesperline: ${bytesperline}`,
    ]),
  ];
}
