/** The parts of a VP8 frame. Parsing one frame needs nothing of those before it. */
import { BoolReader, CodecError, RecordingBoolReader, RecordingReader, SyntaxReader } from "../bits/index.js";
import type { BoolState, FieldSink } from "../bits/index.js";
import { ivfFrames } from "../files/index.js";
import { recorded, type ParsedUnit } from "../unit.js";
import {
  emptyFrameHeader,
  emptyFrameTag,
  emptyKeyFrameHeader,
  FRAME_TAG_BYTES,
  frameHeader,
  frameTag,
  KEY_FRAME_HEADER_BYTES,
  keyFrameHeader,
  PARTITION_SIZE_BYTES,
  partitionSizes,
  type FrameHeader,
  type FrameTag,
  type KeyFrameHeader,
} from "./syntax.js";

/** A frame whose headers were read. */
export interface Vp8Frame {
  readonly tag: FrameTag;
  /** Of key frames only. */
  readonly key: KeyFrameHeader | undefined;
  readonly header: FrameHeader;
  /** Where the first partition starts, in bytes. */
  readonly firstPartOffset: number;
  /** Bits of the first partition that {@link header} takes. */
  readonly headerBits: number;
  /** Of the boolean decoder behind the header. */
  readonly coderState: BoolState;
  /** In bytes: 1, 2, 4 or 8 of them. */
  readonly dctPartSizes: readonly number[];
}

/** Reads the headers of one frame. @throws {CodecError} One is violated, or a partition is longer than the data. */
export function parseFrame(data: Uint8Array, sink?: FieldSink): Vp8Frame {
  const reader = sink === undefined ? new SyntaxReader("VP8", data) : new RecordingReader("VP8", sink, data);
  const tag = emptyFrameTag();
  frameTag(reader, tag);
  const key = tag.key_frame === 0 ? emptyKeyFrameHeader() : undefined;
  if (key !== undefined) keyFrameHeader(reader, key);
  const firstPartOffset = FRAME_TAG_BYTES + (key === undefined ? 0 : KEY_FRAME_HEADER_BYTES);
  const dctOffset = firstPartOffset + tag.first_part_size;
  if (dctOffset > data.byteLength)
    throw tooLong("first partition", tag.first_part_size, data, firstPartOffset);
  const first = data.subarray(firstPartOffset, dctOffset);
  const bools =
    sink === undefined
      ? new BoolReader("VP8", first)
      : new RecordingBoolReader("VP8", sink, first, firstPartOffset * 8);
  const header = emptyFrameHeader(key !== undefined);
  frameHeader(bools, key !== undefined, header);
  reader.seek(dctOffset * 8);
  return {
    tag,
    key,
    header,
    firstPartOffset,
    headerBits: bools.position,
    coderState: bools.state,
    dctPartSizes: dctPartitions(reader, data, dctOffset, 2 ** header.log2_nbr_of_dct_partitions),
  };
}

/** The sizes of all DCT partitions: the last one is what the others leave. */
function dctPartitions(reader: SyntaxReader, data: Uint8Array, offset: number, partitions: number): number[] {
  const sizes: number[] = [];
  partitionSizes(reader, sizes, partitions);
  let start = offset + PARTITION_SIZE_BYTES * (partitions - 1);
  for (const [i, size] of sizes.entries()) {
    if (start + size > data.byteLength) throw tooLong(`DCT partition ${i}`, size, data, start);
    start += size;
  }
  return [...sizes, data.byteLength - start];
}

function tooLong(what: string, size: number, data: Uint8Array, start: number): CodecError {
  const left = Math.max(data.byteLength - start, 0);
  return new CodecError(`the ${what} has ${size} bytes, and ${left} are left`, {
    codec: "VP8",
    bitPosition: start * 8,
    section: "9.5",
  });
}

/** Explains the frames of an IVF file. @throws {CodecError} The file is damaged. */
export function* parseUnits(stream: Uint8Array): Generator<ParsedUnit> {
  for (const { dataOffset, data } of ivfFrames(stream)) {
    let name = "Frame";
    const { items, error } = recorded((sink) => {
      parseFrame(data, {
        field: (field) => {
          if (field.name === "key_frame") name = field.value === 0 ? "Key Frame" : "Inter Frame";
          sink.field(field);
        },
        heading: (heading) => sink.heading?.(heading),
      });
    });
    yield { name, offset: dataOffset, length: data.byteLength, items, ...(error && { error }) };
  }
}
