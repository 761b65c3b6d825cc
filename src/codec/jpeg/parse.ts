/** The segments of a JPEG picture, and the entropy coded data between them. */
import { CodecError, RecordingReader, SyntaxReader } from "../bits/index.js";
import type { Coder } from "../bits/index.js";
import { recorded, type ParsedUnit } from "../unit.js";
import {
  frameHeader,
  huffmanTables,
  isFrameHeader,
  Marker,
  numberOfLines,
  opaqueSegment,
  quantizationTables,
  restartInterval,
  scanHeader,
  standsAlone,
  type FrameHeader,
  type HuffmanTable,
  type QuantizationTable,
  type ScanHeader,
} from "./syntax.js";

/** What a marker introduces. */
export type JpegSegment =
  | { readonly kind: "frame"; readonly header: FrameHeader }
  | { readonly kind: "scan"; readonly header: ScanHeader }
  | { readonly kind: "quantization"; readonly tables: readonly QuantizationTable[] }
  | { readonly kind: "huffman"; readonly tables: readonly HuffmanTable[] }
  | { readonly kind: "restart-interval"; readonly Ri: number }
  | { readonly kind: "lines"; readonly NL: number }
  | { readonly kind: "opaque"; readonly data: Uint8Array }
  | { readonly kind: "marker" };

/** The name of a marker in table B.1. */
export function markerName(marker: number): string {
  for (const [name, value] of Object.entries(Marker)) if (value === marker) return name;
  if (isFrameHeader(marker)) return `SOF${marker - Marker.SOF0}`;
  if (marker > Marker.RST0 && marker < Marker.RST7) return `RST${marker - Marker.RST0}`;
  if (marker > Marker.APP0 && marker < Marker.APP15) return `APP${marker - Marker.APP0}`;
  return `marker 0x${marker.toString(16)}`;
}

/** @throws {CodecError} The segment is violated. */
export function parseSegment(c: Coder, marker: number): JpegSegment {
  if (standsAlone(marker)) {
    c.structure(markerName(marker), "B.1.1.3");
    c.fixed("marker_prefix", 8, 0xff);
    c.fixed("marker", 8, marker);
    return { kind: "marker" };
  }
  if (isFrameHeader(marker)) {
    const header: FrameHeader = { marker, P: 8, Y: 0, X: 0, components: [] };
    frameHeader(c, header);
    return { kind: "frame", header };
  }
  switch (marker) {
    case Marker.SOS: {
      const header: ScanHeader = { components: [], Ss: 0, Se: 63, Ah: 0, Al: 0 };
      scanHeader(c, header);
      return { kind: "scan", header };
    }
    case Marker.DQT: {
      const segment = { tables: [] };
      quantizationTables(c, segment);
      return { kind: "quantization", ...segment };
    }
    case Marker.DHT: {
      const segment = { tables: [] };
      huffmanTables(c, segment);
      return { kind: "huffman", ...segment };
    }
    case Marker.DRI: {
      const segment = { Ri: 0 };
      restartInterval(c, segment);
      return { kind: "restart-interval", ...segment };
    }
    case Marker.DNL: {
      const segment = { NL: 1 };
      numberOfLines(c, segment);
      return { kind: "lines", ...segment };
    }
    default: {
      const segment = { data: new Uint8Array(0) };
      opaqueSegment(c, marker === Marker.COM ? "C" : "P", marker, segment);
      return { kind: "opaque", ...segment };
    }
  }
}

/** A segment's place. */
export interface JpegPiece {
  readonly marker: number;
  /** Of the marker's 0xff. */
  readonly offset: number;
  /** From the marker to the end of the segment. Borrows the picture. */
  readonly data: Uint8Array;
}

/**
 * The markers of a picture with their segments; entropy coded data is passed over (stuffed bytes and restart markers
 * are part of it). Several pictures behind each other, as in MJPEG, are told one after the other.
 * @throws {CodecError} Something else than a marker follows a segment, or a segment is cut short.
 */
export function* jpegPieces(stream: Uint8Array): Generator<JpegPiece> {
  let offset = 0;
  while (offset < stream.byteLength) {
    const start = offset;
    if (stream[offset] !== 0xff) throw cut(`0x${(stream[offset] ?? 0).toString(16)} is no marker`, offset);
    // Fill bytes, B.1.1.2.
    while (stream[offset + 1] === 0xff) offset += 1;
    const marker = stream[offset + 1];
    if (marker === undefined) throw cut("the data ends in a marker", start);
    if (marker === 0) throw cut("a stuffed byte is outside of a scan", offset);
    const length = standsAlone(marker) ? 0 : ((stream[offset + 2] ?? 0) << 8) | (stream[offset + 3] ?? 0);
    const end = offset + 2 + length;
    if (end > stream.byteLength) throw cut(`${markerName(marker)} is cut short`, offset);
    yield { marker, offset, data: stream.subarray(offset, end) };
    offset = marker === Marker.SOS ? endOfScan(stream, end) : end;
    // Cameras pad their pictures with zeros.
    if (marker === Marker.EOI) while (stream[offset] === 0) offset += 1;
  }
}

const cut = (sentence: string, offset: number): CodecError =>
  new CodecError(sentence, { codec: "JPEG", bitPosition: offset * 8, section: "B.1.1" });

/** Where the next marker is that does not belong to entropy coded data. */
function endOfScan(stream: Uint8Array, start: number): number {
  let offset = stream.indexOf(0xff, start);
  while (offset >= 0 && offset + 1 < stream.byteLength) {
    const next = stream[offset + 1] ?? 0;
    const belongs = next === 0 || (next >= Marker.RST0 && next <= Marker.RST7);
    if (!belongs && next !== 0xff) return offset;
    offset = stream.indexOf(0xff, offset + (belongs ? 2 : 1));
  }
  return stream.byteLength;
}

/** A segment that could be parsed. */
export interface JpegUnit extends JpegPiece {
  readonly segment: JpegSegment;
}

/** The segments of one or several pictures. @throws {CodecError} One cannot be parsed. */
export function* jpegUnits(stream: Uint8Array): Generator<JpegUnit> {
  const reader = new SyntaxReader("JPEG");
  for (const piece of jpegPieces(stream)) {
    reader.load(piece.data);
    yield { ...piece, segment: parseSegment(reader, piece.marker) };
  }
}

/** Explains one or several pictures. */
export function* parseUnits(stream: Uint8Array): Generator<ParsedUnit> {
  const pieces = jpegPieces(stream);
  let offset = 0;
  for (;;) {
    let piece: IteratorResult<JpegPiece, unknown>;
    try {
      piece = pieces.next();
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      yield { name: "Data", offset, length: stream.byteLength - offset, items: [], error };
      return;
    }
    if (piece.done === true) return;
    const { marker, data } = piece.value;
    const { items, error } = recorded((sink) => {
      parseSegment(new RecordingReader("JPEG", sink, data), marker);
    });
    yield {
      name: markerName(marker),
      offset: piece.value.offset,
      length: data.byteLength,
      items,
      ...(error && { error }),
    };
    offset = piece.value.offset + data.byteLength;
  }
}
