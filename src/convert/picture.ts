/** What is converted: pictures in memory, as V4L2 describes them. */
import type { VideoFormat } from "../v4l2/index.js";
import { ConversionError } from "./conversion-error.js";
import { pictureLayout, type PicturePlane } from "./formats.js";

/** Memory of a file that the worker maps once; a plane of a buffer (`PlaneMemory` of vb2) is one. */
export interface PictureMemory {
  /** Ours; the worker gets a duplicate. */
  readonly fd: number;
  /** Where the memory starts in `fd`, bytes; a multiple of the page size. */
  readonly fdOffset: number;
  readonly sizeBytes: number;
}

/** A picture in memory: one that is there, or room for one. */
export interface Picture {
  readonly memory: PictureMemory;
  /** `V4L2_PIX_FMT_*`. */
  readonly pixelformat: number;
  /** Pixels, 1 to 16384. Of a compressed source 0 is "whatever it has"; another size is scaled. */
  readonly width: number;
  readonly height: number;
  /**
   * One for each component plane, in the order of the format (Y, V, U for YV12). Of compressed formats one, of which
   * only the offset counts.
   */
  readonly planes: readonly PicturePlane[];
  /** Compressed sources only: how many bytes there are from the offset. */
  readonly bytesUsed?: number;
  /** `V4L2_COLORSPACE_*`, `V4L2_YCBCR_ENC_*`, `V4L2_QUANTIZATION_*`; 0 is what the API takes as the default. */
  readonly colorspace: number;
  readonly ycbcrEnc: number;
  readonly quantization: number;
}

/**
 * The picture of a format in a buffer's memory: lines and planes as V4L2 lays them out.
 * @param place - Where it starts in the memory, bytes; and of a compressed source how many bytes there are.
 * @throws {ConversionError} `unsupported`: the format cannot be converted, or has several memory planes.
 */
export function pictureIn(
  memory: PictureMemory,
  format: Pick<
    VideoFormat,
    "pixelformat" | "width" | "height" | "planes" | "colorspace" | "ycbcrEnc" | "quantization"
  >,
  place: { readonly offset?: number; readonly bytesUsed?: number } = {},
): Picture {
  const { pixelformat, width, height, colorspace, ycbcrEnc, quantization } = format;
  const layout = pictureLayout(pixelformat, width, height, format.planes[0]?.bytesperline);
  if (layout === undefined || format.planes.length > 1) {
    throw new ConversionError("unsupported", "pictures of this format cannot be converted");
  }
  const start = place.offset ?? 0;
  return {
    memory,
    ...{ pixelformat, width, height, colorspace, ycbcrEnc, quantization },
    planes: layout.planes.map(({ offset, bytesPerLine }) => ({ offset: start + offset, bytesPerLine })),
    ...(place.bytesUsed !== undefined && { bytesUsed: place.bytesUsed }),
  };
}
