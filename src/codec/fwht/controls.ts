/** The frames of an FWHT stream, and the controls that follow from their headers. */
import { CodecError, RecordingReader, SyntaxReader } from "../bits/index.js";
import {
  defaultTimestampOf,
  type ControlValues,
  type FrameControls,
  type FrameControlsOptions,
} from "../frame-controls.js";
import { recorded, type ParsedUnit } from "../unit.js";
import { emptyFwhtHeader, fwhtHeader, FWHT_HEADER_BYTES, type FwhtHeader } from "./syntax.js";

/** A frame and where it is. */
export interface FwhtFrame {
  readonly header: FwhtHeader;
  /** Of the header in the stream, in bytes. */
  readonly offset: number;
  /** What a stateless decoder gets. Borrows the stream. */
  readonly payload: Uint8Array;
}

/** `V4L2_FWHT_FL_I_FRAME`. */
const I_FRAME = 0x400;

/** In front of each frame in the files that `v4l2-ctl --stream-to-hdr` writes: this, and the size. */
const RECORD = Uint8Array.of(0x72, 0x64, 0x68, 0x56);
const RECORD_BYTES = 8;

/** Where the next header is: v4l2-ctl puts a record's head in front of each. */
function headerAt(stream: Uint8Array, offset: number): number {
  const isRecord = RECORD.every((byte, i) => stream[offset + i] === byte);
  return isRecord ? offset + RECORD_BYTES : offset;
}

/** @throws {CodecError} A header is violated, or the stream ends inside a frame. */
export function* fwhtFrames(stream: Uint8Array): Generator<FwhtFrame> {
  const reader = new SyntaxReader("FWHT");
  for (let offset = headerAt(stream, 0); offset < stream.byteLength;) {
    reader.load(stream.subarray(offset, offset + FWHT_HEADER_BYTES));
    const header = emptyFwhtHeader();
    fwhtHeader(reader, header);
    const start = offset + FWHT_HEADER_BYTES;
    const end = start + header.size;
    if (end > stream.byteLength) {
      throw new CodecError(
        `a frame of ${header.size} bytes is cut short: ${stream.byteLength - start} are there`,
        {
          codec: "FWHT",
        },
      );
    }
    yield { header, offset, payload: stream.subarray(start, end) };
    offset = headerAt(stream, end);
  }
}

/** The value of the FWHT_PARAMS control. @param reference - Of the frame before; 0 for an I frame. */
export function fwhtControl(
  header: FwhtHeader,
  reference: bigint,
): NonNullable<ControlValues["StatelessFwhtParams"]> {
  const { version, width, height, flags, colorspace, xfer_func, ycbcr_enc, quantization } = header;
  return {
    backward_ref_ts: (flags & I_FRAME) === 0 ? reference : 0n,
    version,
    width,
    height,
    flags,
    colorspace,
    xfer_func,
    ycbcr_enc,
    quantization,
  };
}

/** What a client submits for each frame. @throws {CodecError} As {@link fwhtFrames}. */
export function* frameControls(
  stream: Uint8Array,
  options: FrameControlsOptions = {},
): Generator<FrameControls> {
  const timestampOf = options.timestampOf ?? defaultTimestampOf;
  let decodeIndex = 0;
  let before = 0n;
  for (const { header, offset, payload } of fwhtFrames(stream)) {
    const timestampNs = timestampOf(decodeIndex);
    yield {
      decodeIndex,
      timestampNs,
      requests: [
        { controls: { StatelessFwhtParams: fwhtControl(header, before) }, payload, holdCapture: false },
      ],
      shown: true,
      streamOffset: offset,
    };
    before = timestampNs;
    decodeIndex += 1;
  }
}

/** Explains a stream. */
export function* parseUnits(stream: Uint8Array): Generator<ParsedUnit> {
  for (let offset = headerAt(stream, 0); offset < stream.byteLength;) {
    const header = emptyFwhtHeader();
    const data = stream.subarray(offset, offset + FWHT_HEADER_BYTES);
    const { items, error } = recorded((sink) => {
      fwhtHeader(new RecordingReader("FWHT", sink, data), header);
    });
    const length = Math.min(FWHT_HEADER_BYTES + header.size, stream.byteLength - offset);
    yield { name: "Frame", offset, length, items, ...(error && { error }) };
    if (error !== undefined) return;
    offset = headerAt(stream, offset + FWHT_HEADER_BYTES + header.size);
  }
}
