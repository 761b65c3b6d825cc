/** IVF, the file format of VP8, VP9 and AV1 test streams: a header of 32 bytes, then frames behind 12 bytes each. */
import { CodecError } from "../bits/index.js";

const FILE_HEADER = 32;
const FRAME_HEADER = 12;

export interface IvfHeader {
  /** `VP80`, `VP90`, `AV01`. */
  readonly fourcc: string;
  readonly width: number;
  readonly height: number;
  /** Time stamps count units of `timebaseNumerator / timebaseDenominator` seconds. */
  readonly timebaseDenominator: number;
  readonly timebaseNumerator: number;
  /** As the file says; many writers leave it 0. */
  readonly frameCount: number;
}

export interface IvfFrame {
  /** Of `data` in the file. */
  readonly dataOffset: number;
  readonly timestamp: bigint;
  /** Borrows the file. */
  readonly data: Uint8Array;
}

/** Does a file start like an IVF file? */
export function isIvf(file: Uint8Array): boolean {
  return file.byteLength >= 4 && ascii(file.subarray(0, 4)) === "DKIF";
}

/** @throws {CodecError} Not an IVF file. */
export function readIvfHeader(file: Uint8Array): IvfHeader {
  if (!isIvf(file))
    throw new CodecError("the file does not start with DKIF", { codec: "IVF", bitPosition: 0 });
  if (file.byteLength < FILE_HEADER)
    throw new CodecError("the file ends inside its header", { codec: "IVF" });
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const version = view.getUint16(4, true);
  if (version !== 0)
    throw new CodecError(`the version is ${version} instead of 0`, { codec: "IVF", bitPosition: 32 });
  headerLength(view);
  return {
    fourcc: ascii(file.subarray(8, 12)),
    width: view.getUint16(12, true),
    height: view.getUint16(14, true),
    timebaseDenominator: view.getUint32(16, true),
    timebaseNumerator: view.getUint32(20, true),
    frameCount: view.getUint32(24, true),
  };
}

/** @throws {CodecError} Not an IVF file, or it ends inside a frame. */
export function* ivfFrames(file: Uint8Array): Generator<IvfFrame> {
  readIvfHeader(file);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let offset = headerLength(view);
  while (offset < file.byteLength) {
    const dataOffset = offset + FRAME_HEADER;
    const size = dataOffset <= file.byteLength ? view.getUint32(offset, true) : 0;
    if (dataOffset + size > file.byteLength) {
      throw new CodecError("the file ends inside a frame", { codec: "IVF", bitPosition: offset * 8 });
    }
    const timestamp = view.getBigUint64(offset + 4, true);
    yield { dataOffset, timestamp, data: file.subarray(dataOffset, dataOffset + size) };
    offset = dataOffset + size;
  }
}

/** A whole IVF file. */
export function writeIvf(
  header: Omit<IvfHeader, "frameCount">,
  frames: readonly Pick<IvfFrame, "timestamp" | "data">[],
): Uint8Array {
  const size = frames.reduce((sum, frame) => sum + FRAME_HEADER + frame.data.byteLength, FILE_HEADER);
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  file.set(Buffer.from("DKIF", "latin1"), 0);
  view.setUint16(6, FILE_HEADER, true);
  file.set(Buffer.from(header.fourcc, "latin1").subarray(0, 4), 8);
  view.setUint16(12, header.width, true);
  view.setUint16(14, header.height, true);
  view.setUint32(16, header.timebaseDenominator, true);
  view.setUint32(20, header.timebaseNumerator, true);
  view.setUint32(24, frames.length, true);
  let offset = FILE_HEADER;
  for (const { timestamp, data } of frames) {
    view.setUint32(offset, data.byteLength, true);
    view.setBigUint64(offset + 4, timestamp, true);
    file.set(data, offset + FRAME_HEADER);
    offset += FRAME_HEADER + data.byteLength;
  }
  return file;
}

function headerLength(view: DataView): number {
  const length = view.getUint16(6, true);
  if (length < FILE_HEADER || length > view.byteLength) {
    throw new CodecError(`the header says that it has ${length} bytes`, { codec: "IVF", bitPosition: 48 });
  }
  return length;
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
