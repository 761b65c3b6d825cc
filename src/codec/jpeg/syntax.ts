/**
 * JPEG (ITU-T T.81): the marker segments of Annex B. A unit starts with its marker's 0xff.
 */
import type { Coder } from "../bits/index.js";

/** The second byte of markers, table B.1. */
export const Marker = {
  SOF0: 0xc0,
  DHT: 0xc4,
  JPG: 0xc8,
  DAC: 0xcc,
  SOF15: 0xcf,
  RST0: 0xd0,
  RST7: 0xd7,
  SOI: 0xd8,
  EOI: 0xd9,
  SOS: 0xda,
  DQT: 0xdb,
  DNL: 0xdc,
  DRI: 0xdd,
  APP0: 0xe0,
  APP15: 0xef,
  COM: 0xfe,
  TEM: 0x01,
} as const;

const COEFFICIENTS = 64;

/** Does a marker stand alone, with no length behind it? */
export const standsAlone = (marker: number): boolean =>
  marker === Marker.SOI ||
  marker === Marker.EOI ||
  marker === Marker.TEM ||
  (marker >= Marker.RST0 && marker <= Marker.RST7);

/** Is it one of the frame headers SOF0 to SOF15? DHT, JPG and DAC have numbers among them. */
export const isFrameHeader = (marker: number): boolean =>
  marker >= Marker.SOF0 &&
  marker <= Marker.SOF15 &&
  marker !== Marker.DHT &&
  marker !== Marker.JPG &&
  marker !== Marker.DAC;

/** The marker and the segment's length, which counts itself but not the marker. @returns The length in bytes. */
export function segmentStart(c: Coder, name: string, marker: number, length: number, least: number): number {
  c.structure(name, "B.1.1.4");
  c.fixed("marker_prefix", 8, 0xff);
  c.fixed("marker", 8, marker);
  return c.uRange(`L${name.toLowerCase()}`, 16, length, least, 0xffff);
}

export interface FrameComponent {
  C: number;
  H: number;
  V: number;
  Tq: number;
}

export interface FrameHeader {
  /** The process, as a marker: 0xc0 is baseline, 0xc2 progressive. */
  marker: number;
  P: number;
  /** Lines; 0: a DNL segment tells. */
  Y: number;
  /** Samples per line. */
  X: number;
  components: FrameComponent[];
}

/** `Frame header`, B.2.2. @param length - What a writer puts into `Lf`. */
export function frameHeader(c: Coder, header: FrameHeader): void {
  const { marker } = header;
  const length = segmentStart(c, "F", marker, 8 + 3 * header.components.length, 11);
  const isBaseline = marker === Marker.SOF0;
  header.P = c.uRange("P", 8, header.P, isBaseline ? 8 : 2, isBaseline ? 8 : 16);
  header.Y = c.u("Y", 16, header.Y);
  header.X = c.uRange("X", 16, header.X, 1, 0xffff);
  const count = c.uRange("Nf", 8, header.components.length, 1, 255);
  if (length !== 8 + 3 * count)
    throw c.error(`Lf is ${length}, and ${count} components take ${8 + 3 * count}`);
  const components: FrameComponent[] = [];
  for (let i = 0; i < count; i++) {
    const sent = header.components[i];
    components.push({
      C: c.u("C", 8, sent?.C, i),
      H: c.uRange("H", 4, sent?.H, 1, 4, i),
      V: c.uRange("V", 4, sent?.V, 1, 4, i),
      Tq: c.uRange("Tq", 8, sent?.Tq, 0, 3, i),
    });
  }
  header.components = components;
}

export interface ScanComponent {
  Cs: number;
  Td: number;
  Ta: number;
}

export interface ScanHeader {
  components: ScanComponent[];
  Ss: number;
  Se: number;
  Ah: number;
  Al: number;
}

/** `Scan header`, B.2.3. */
export function scanHeader(c: Coder, header: ScanHeader): void {
  const length = segmentStart(c, "S", Marker.SOS, 6 + 2 * header.components.length, 8);
  const count = c.uRange("Ns", 8, header.components.length, 1, 4);
  if (length !== 6 + 2 * count)
    throw c.error(`Ls is ${length}, and ${count} components take ${6 + 2 * count}`);
  const components: ScanComponent[] = [];
  for (let i = 0; i < count; i++) {
    const sent = header.components[i];
    components.push({
      Cs: c.u("Cs", 8, sent?.Cs, i),
      Td: c.uRange("Td", 4, sent?.Td, 0, 3, i),
      Ta: c.uRange("Ta", 4, sent?.Ta, 0, 3, i),
    });
  }
  header.components = components;
  header.Ss = c.uRange("Ss", 8, header.Ss, 0, 63);
  header.Se = c.uRange("Se", 8, header.Se, 0, 63);
  header.Ah = c.uRange("Ah", 4, header.Ah, 0, 13);
  header.Al = c.uRange("Al", 4, header.Al, 0, 13);
}

export interface QuantizationTable {
  Pq: number;
  Tq: number;
  /** 64 values in zigzag order, at least 1. */
  Q: number[];
}

/** `Define-quantization-table`, B.2.4.1. */
export function quantizationTables(c: Coder, segment: { tables: QuantizationTable[] }): void {
  const sizeOf = (precision: number): number => 1 + COEFFICIENTS * (precision + 1);
  const wanted = segment.tables.reduce((sum, { Pq }) => sum + sizeOf(Pq), 2);
  const length = segmentStart(c, "Q", Marker.DQT, wanted, 2 + sizeOf(0));
  const tables: QuantizationTable[] = [];
  for (let left = length - 2; left > 0;) {
    const i = tables.length;
    const sent = segment.tables[i];
    const Pq = c.uRange("Pq", 4, sent?.Pq, 0, 1, i);
    const Tq = c.uRange("Tq", 4, sent?.Tq, 0, 3, i);
    const Q: number[] = [];
    left -= sizeOf(Pq);
    if (left < 0) throw c.error(`Lq is ${length}, and a table does not end there`);
    for (let k = 0; k < COEFFICIENTS; k++)
      Q.push(c.uRange("Q", 8 * (Pq + 1), sent?.Q[k], 1, 2 ** (8 * (Pq + 1)) - 1, i, k));
    tables.push({ Pq, Tq, Q });
  }
  segment.tables = tables;
}

export interface HuffmanTable {
  /** 0: DC or lossless, 1: AC. */
  Tc: number;
  Th: number;
  /** Codes of each length, 1 to 16 bits. */
  L: number[];
  V: number[];
}

/** `Define-Huffman-table`, B.2.4.2. */
export function huffmanTables(c: Coder, segment: { tables: HuffmanTable[] }): void {
  const wanted = segment.tables.reduce((sum, { V }) => sum + 17 + V.length, 2);
  const length = segmentStart(c, "H", Marker.DHT, wanted, 2 + 17);
  const tables: HuffmanTable[] = [];
  for (let left = length - 2; left > 0;) {
    const i = tables.length;
    const sent = segment.tables[i];
    const Tc = c.uRange("Tc", 4, sent?.Tc, 0, 1, i);
    const Th = c.uRange("Th", 4, sent?.Th, 0, 3, i);
    const L: number[] = [];
    for (let k = 0; k < 16; k++) L.push(c.u("L", 8, sent?.L[k], i, k));
    const count = L.reduce((sum, codes) => sum + codes, 0);
    left -= 17 + count;
    if (left < 0 || count > 256)
      throw c.error(`Lh is ${length}, and a table of ${count} codes does not end there`);
    const V: number[] = [];
    for (let k = 0; k < count; k++) V.push(c.u("V", 8, sent?.V[k], i, k));
    tables.push({ Tc, Th, L, V });
  }
  segment.tables = tables;
}

/** `Define-restart-interval`, B.2.4.4. */
export function restartInterval(c: Coder, segment: { Ri: number }): void {
  const length = segmentStart(c, "R", Marker.DRI, 4, 4);
  if (length !== 4) throw c.error(`Lr is ${length} instead of 4`);
  segment.Ri = c.u("Ri", 16, segment.Ri);
}

/** `Define-number-of-lines`, B.2.5. */
export function numberOfLines(c: Coder, segment: { NL: number }): void {
  const length = segmentStart(c, "D", Marker.DNL, 4, 4);
  if (length !== 4) throw c.error(`Ld is ${length} instead of 4`);
  segment.NL = c.uRange("NL", 16, segment.NL, 1, 0xffff);
}

/** APP0 to APP15 and COM: bytes for somebody else, B.2.4.5 and B.2.4.6. */
export function opaqueSegment(c: Coder, name: string, marker: number, segment: { data: Uint8Array }): void {
  const length = segmentStart(c, name, marker, 2 + segment.data.byteLength, 2);
  segment.data = c.bytes(name === "C" ? "Cm" : "Ap", length - 2, segment.data);
}
