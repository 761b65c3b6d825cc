/**
 * Converts and scales pictures between pixel formats, in a confined worker process.
 *
 * What this layer guarantees to those above:
 *  - any of {@link convertibleFormats} to any other and any size, with the matrices and ranges that V4L2's colorimetry
 *    names; MJPG and JPEG in both directions, PNG files as a source;
 *  - a picture is read and written where it is, in memory that the worker maps once: a conversion is one small message
 *    each way, and costs the driver no copy;
 *  - a worker that is killed, hangs or is taken over rejects what was under way, and the next conversion starts another;
 *  - nothing outside of the named memory is written, whatever is in the source.
 *
 * ```ts
 * const converter = new PictureConverter();
 * const { bytesUsed } = await converter.convert(pictureIn(producer, format), pictureIn(consumer, wanted));
 * ```
 */
export {
  converterProblem,
  PictureConverter,
  type Converted,
  type ConverterOptions,
  type ConvertOptions,
  type Fit,
  type PictureArea,
} from "./converter.js";
export { ConversionError, type ConversionFailure } from "./conversion-error.js";
export {
  canConvert,
  convertibleFormat,
  convertibleFormats,
  MAX_PICTURE_SIZE,
  PIXELFORMAT_PNG,
  pictureLayout,
  type ConvertibleFormat,
  type PictureLayout,
  type PicturePlane,
} from "./formats.js";
export { pictureIn, type Picture, type PictureMemory } from "./picture.js";
