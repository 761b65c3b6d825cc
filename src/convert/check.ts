/** What can be seen to be wrong with a conversion before it is sent. */
import { ConversionError } from "./conversion-error.js";
import {
  convertibleFormat,
  linesOf,
  MAX_PICTURE_SIZE,
  type ConvertibleFormat,
  type PicturePlane,
} from "./formats.js";
import type { Picture } from "./picture.js";

/** Where a plane's pixels are in its memory, bytes. */
interface Extent {
  readonly start: number;
  readonly end: number;
}

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0 && value < 2 ** 32;

function refuse(message: string): never {
  throw new ConversionError("unsupported", message);
}

/** The largest distance of two lines, bytes; the worker's kLongestLine. */
const MAX_BYTES_PER_LINE = 2 ** 20;

/** The bytes of a memory that one can be mapped of. */
const MAX_MEMORY_BYTES = 2 ** 30;

function checkSize({ encoding }: ConvertibleFormat, { width, height }: Picture, isSource: boolean): void {
  if (isSource && encoding === "compressed" && width === 0 && height === 0) return;
  for (const size of [width, height]) {
    if (!Number.isInteger(size) || size < 1 || size > MAX_PICTURE_SIZE) {
      refuse(
        `a picture of ${width} x ${height} pixels: both must be 1 to ${MAX_PICTURE_SIZE}; choose another size`,
      );
    }
  }
}

function extentOf(picture: Picture, { offset }: PicturePlane, sizeBytes: number): Extent {
  const end = offset + sizeBytes;
  if (end > picture.memory.sizeBytes) {
    throw new ConversionError(
      "outside",
      `a plane ends at byte ${end} of a memory of ${picture.memory.sizeBytes}: the buffer is too small for the format`,
    );
  }
  return { start: offset, end };
}

function extentsOf(format: ConvertibleFormat, picture: Picture, isSource: boolean): readonly Extent[] {
  const [first] = picture.planes;
  if (format.encoding === "compressed") {
    if (first === undefined || !isCount(first.offset)) refuse("a compressed picture without a place");
    const room = picture.memory.sizeBytes - first.offset;
    return [extentOf(picture, first, isSource ? (picture.bytesUsed ?? room) : Math.max(room, 0))];
  }
  return format.components.map((component, index) => {
    const plane = picture.planes[index];
    const { lineBytes, lines } = linesOf(component, picture.width, picture.height);
    if (plane === undefined || !isCount(plane.offset) || !isCount(plane.bytesPerLine)) {
      refuse(
        `${format.name} has ${format.components.length} planes, each with an offset and a line's length`,
      );
    }
    if (plane.bytesPerLine < lineBytes || plane.bytesPerLine > MAX_BYTES_PER_LINE) {
      refuse(
        `${format.name} of ${picture.width} pixels has lines of ${lineBytes} bytes, not ${plane.bytesPerLine}`,
      );
    }
    return extentOf(picture, plane, plane.bytesPerLine * (lines - 1) + lineBytes);
  });
}

const overlap = (one: Extent, other: Extent): boolean => one.start < other.end && other.start < one.end;

function formatOf(picture: Picture): ConvertibleFormat {
  return convertibleFormat(picture.pixelformat) ?? refuse("a picture of this format cannot be converted");
}

function checkMemory({ fd, fdOffset, sizeBytes }: Picture["memory"]): void {
  if (fd < 0 || !Number.isSafeInteger(fdOffset) || fdOffset < 0 || sizeBytes > MAX_MEMORY_BYTES) {
    refuse(`a memory of ${sizeBytes} bytes at ${fdOffset}`);
  }
}

/** @throws {ConversionError} `unsupported`, `outside` */
export function checkPictures(
  from: Picture,
  to: Picture,
): { readonly source: ConvertibleFormat; readonly destination: ConvertibleFormat } {
  const source = formatOf(from);
  const destination = formatOf(to);
  if (destination.isSourceOnly) refuse(`nothing is converted to ${destination.name}`);
  checkMemory(from.memory);
  checkMemory(to.memory);
  checkSize(source, from, true);
  checkSize(destination, to, false);
  const read = extentsOf(source, from, true);
  const written = extentsOf(destination, to, false);
  if (written.some((one, i) => written.some((other, j) => i < j && overlap(one, other)))) {
    refuse("the planes of the destination overlap");
  }
  const isOneMemory =
    from.memory === to.memory ||
    (from.memory.fd === to.memory.fd && from.memory.fdOffset === to.memory.fdOffset);
  if (isOneMemory && read.some((one) => written.some((other) => overlap(one, other)))) {
    refuse("source and destination overlap");
  }
  return { source, destination };
}
