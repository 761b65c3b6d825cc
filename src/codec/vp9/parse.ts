/** The frames in a chunk of VP9, and the headers of each. */
import { BoolReader, CodecError, RecordingBoolReader, RecordingReader, SyntaxReader } from "../bits/index.js";
import type { FieldSink } from "../bits/index.js";
import { ivfFrames } from "../files/index.js";
import { recorded, type ParsedUnit } from "../unit.js";
import { Vp9State } from "./state.js";
import {
  clearCompressedHeader,
  compressedHeader,
  emptyCompressedHeader,
  type CompressedHeader,
} from "./syntax-compressed.js";
import {
  emptyUncompressedHeader,
  superframeIndex,
  superframeIndexLength,
  uncompressedHeader,
  type HeaderContext,
  type SuperframeIndex,
  type UncompressedHeader,
} from "./syntax.js";

/** A frame whose headers were read. */
export interface Vp9Frame {
  readonly header: UncompressedHeader;
  /** In bytes. */
  readonly uncompressedHeaderSize: number;
  /** Absent where a frame is only shown again. */
  readonly compressed: CompressedHeader | undefined;
}

/**
 * Reads the headers of one frame.
 * @param compressed - To be overwritten and returned; another one unless given.
 * @throws {CodecError} One is violated, or the frame ends inside.
 */
export function parseFrame(
  data: Uint8Array,
  context: HeaderContext,
  sink?: FieldSink,
  compressed?: CompressedHeader,
): Vp9Frame {
  const reader = sink === undefined ? new SyntaxReader("VP9", data) : new RecordingReader("VP9", sink, data);
  const header = emptyUncompressedHeader();
  uncompressedHeader(reader, header, context);
  const uncompressedHeaderSize = reader.position / 8;
  if (header.show_existing_frame) return { header, uncompressedHeaderSize, compressed: undefined };
  const end = uncompressedHeaderSize + header.header_size_in_bytes;
  if (end > data.byteLength) {
    const left = data.byteLength - uncompressedHeaderSize;
    throw reader.error(
      `the compressed header has ${header.header_size_in_bytes} bytes, and ${left} are left`,
    );
  }
  const bytes = data.subarray(uncompressedHeaderSize, end);
  const bools =
    sink === undefined
      ? new BoolReader("VP9", bytes)
      : new RecordingBoolReader("VP9", sink, bytes, reader.position);
  if (compressed !== undefined) clearCompressedHeader(compressed);
  const changes = compressed ?? emptyCompressedHeader();
  compressedHeader(bools, changes, header);
  return { header, uncompressedHeaderSize, compressed: changes };
}

/** A frame in a chunk. */
export interface ChunkFrame {
  /** Borrows the chunk. */
  readonly data: Uint8Array;
  /** Of `data` in the chunk. */
  readonly offset: number;
}

/** The index at the end of a superframe, if the chunk is one. */
function indexOf(chunk: Uint8Array, sink?: FieldSink): SuperframeIndex | undefined {
  const length = superframeIndexLength(chunk);
  if (length === 0) return undefined;
  const bytes = chunk.subarray(chunk.byteLength - length);
  const index: SuperframeIndex = { bytes_per_framesize_minus_1: 0, frame_sizes: [] };
  const reader =
    sink === undefined ? new SyntaxReader("VP9", bytes) : new RecordingReader("VP9", sink, bytes);
  superframeIndex(reader, index);
  return index;
}

/** The frames of a chunk, which is one frame or a superframe. @throws {CodecError} They are longer than it. */
export function chunkFrames(chunk: Uint8Array): ChunkFrame[] {
  const index = indexOf(chunk);
  if (index === undefined) return [{ data: chunk, offset: 0 }];
  const end = chunk.byteLength - superframeIndexLength(chunk);
  let offset = 0;
  return index.frame_sizes.map((size, i) => {
    if (offset + size > end) {
      throw new CodecError(`frame ${i} of a superframe has ${size} bytes, and ${end - offset} are left`, {
        codec: "VP9",
        section: "B.3",
      });
    }
    const data = chunk.subarray(offset, offset + size);
    offset += size;
    return { data, offset: offset - size };
  });
}

/** Explains the frames of an IVF file. @throws {CodecError} The file is damaged. */
export function* parseUnits(stream: Uint8Array): Generator<ParsedUnit> {
  const state = new Vp9State();
  for (const { dataOffset, data } of ivfFrames(stream)) {
    const { items, error } = recorded((sink) => {
      indexOf(data, sink);
      chunkFrames(data);
    });
    if (error === undefined) {
      for (const frame of chunkFrames(data)) yield frameUnit(frame, dataOffset, state);
    }
    const length = superframeIndexLength(data);
    if (length === 0) continue;
    const offset = dataOffset + data.byteLength - length;
    yield { name: "Superframe Index", offset, length, items, ...(error && { error }) };
  }
}

function frameUnit({ data, offset }: ChunkFrame, chunkOffset: number, state: Vp9State): ParsedUnit {
  const { items, error } = recorded((sink) => {
    const { header } = parseFrame(data, state, sink);
    state.apply(header);
    state.finish(header, 0n);
  });
  const length = data.byteLength;
  return { name: "Frame", offset: chunkOffset + offset, length, items, ...(error && { error }) };
}
