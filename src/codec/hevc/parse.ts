/** HEVC streams taken apart and put together: NAL units, and the parameter sets that slices need. */
import {
  CodecError,
  countRemoved,
  escapeRbsp,
  RbspBuffer,
  RecordingReader,
  SyntaxReader,
  SyntaxWriter,
  type Coder,
  type Rbsp,
} from "../bits/index.js";
import { startCodeUnits } from "../files/index.js";
import type { ParsedUnit, UnitItem } from "../unit.js";
import { emptyNalHeader, isSlice, nalName, nalUnitHeader, NalType, type NalHeader } from "./nal.js";
import { accessUnitDelimiter, type AccessUnitDelimiter } from "./syntax-aud.js";
import { checkPps, emptyPps, picParameterSet, type Pps } from "./syntax-pps.js";
import { emptySei, seiRbsp, type Sei } from "./syntax-sei.js";
import {
  emptySliceSegmentHeader,
  sliceSegmentHeader,
  type SliceHeader,
  type SliceSegmentHeader,
} from "./syntax-slice.js";
import { emptySps, seqParameterSet, type Sps } from "./syntax-sps.js";
import { emptyVps, videoParameterSet, type Vps } from "./syntax-vps.js";

export const CODEC = "HEVC";

/** No slice segment header of any level is longer: 512 rows of coding tree blocks or 440 tiles have 4 bytes each. */
const SLICE_HEADER_BYTES = 16 * 1024;

/** No parameter set of any level is longer. */
const PARAMETER_SET_BYTES = 64 * 1024;

/** A PPS and the SPS that it refers to, which fit to each other. */
export interface ActiveSets {
  readonly pps: Pps;
  readonly sps: Sps;
}

/** A NAL unit of layer 0 that was read. `other`: nothing that this parser looks into, all units of other layers too. */
export type NalUnit = { readonly nal: NalHeader } & (
  | { readonly kind: "vps"; readonly vps: Vps }
  | { readonly kind: "sps"; readonly sps: Sps }
  | { readonly kind: "pps"; readonly pps: Pps }
  | ({ readonly kind: "slice" } & ReadSlice)
  | { readonly kind: "delimiter"; readonly delimiter: AccessUnitDelimiter }
  | { readonly kind: "sei"; readonly sei: Sei; readonly sps: Sps | undefined }
  | { readonly kind: "other" }
);

/** The parameter sets that a stream sent so far: at most 16 SPSs and 64 PPSs. */
export class ParameterSets {
  readonly #sps = new Map<number, Sps>();
  readonly #pps = new Map<number, Pps>();
  /** The last pair that was found to fit. */
  #checked: ActiveSets | undefined;
  /** The SPS that slices used last; before the first slice and when it was sent again, the one that came last. */
  active: Sps | undefined;

  storeSps(sps: Sps): void {
    const before = this.#sps.get(sps.sps_seq_parameter_set_id);
    this.#sps.set(sps.sps_seq_parameter_set_id, sps);
    if (this.active === undefined || this.active === before) this.active = sps;
  }

  storePps(pps: Pps): void {
    this.#pps.set(pps.pps_pic_parameter_set_id, pps);
  }

  /** The sets that a slice names. @throws {CodecError} One is missing, or they do not fit. */
  setsOf(c: Coder, ppsId: number): ActiveSets {
    const pps = this.#pps.get(ppsId);
    if (pps === undefined) throw c.error(`the slice refers to PPS ${ppsId}, which is not there`);
    const spsId = pps.pps_seq_parameter_set_id;
    const sps = this.#sps.get(spsId);
    if (sps === undefined) throw c.error(`PPS ${ppsId} refers to SPS ${spsId}, which is not there`);
    if (this.#checked?.pps !== pps || this.#checked.sps !== sps) {
      const wrong = checkPps(pps, sps);
      if (wrong !== undefined) throw c.error(`PPS ${ppsId} does not fit SPS ${spsId}: ${wrong}`);
      this.#checked = { pps, sps };
    }
    this.active = sps;
    return this.#checked;
  }
}

/** A slice segment header that was read. */
export interface ReadSlice {
  readonly segment: SliceSegmentHeader;
  readonly sets: ActiveSets;
  /** Where `slice_segment_data()` starts in the NAL unit, emulation prevention bytes included. */
  readonly dataByteOffset: number;
  /** The same without emulation prevention bytes. */
  readonly headerBytes: number;
}

/** @param reader - Stands behind the NAL unit header. @throws {CodecError} */
function readSlice(
  reader: SyntaxReader,
  nal: NalHeader,
  rbsp: Rbsp,
  previous: SliceHeader | undefined,
  setsOf: (c: Coder, ppsId: number) => ActiveSets,
): ReadSlice {
  const segment = emptySliceSegmentHeader();
  let sets: ActiveSets | undefined;
  sliceSegmentHeader(reader, segment, { nal, previous, parameterSets: (c, id) => (sets = setsOf(c, id)) });
  if (sets === undefined) throw reader.error("a slice without parameter sets");
  const headerBytes = reader.position / 8;
  return { segment, sets, dataByteOffset: headerBytes + countRemoved(rbsp, reader.position), headerBytes };
}

/**
 * Reads a slice segment whose parameter sets come from elsewhere.
 * @param data - The NAL unit with its emulation prevention bytes.
 * @param previous - The slice header before in the same picture.
 * @throws {CodecError}
 */
export function readSliceUnit(
  reader: SyntaxReader,
  buffer: RbspBuffer,
  data: Uint8Array,
  previous: SliceHeader | undefined,
  setsOf: (c: Coder, ppsId: number) => ActiveSets,
): ReadSlice & { readonly nal: NalHeader } {
  const rbsp = buffer.unescape(data, SLICE_HEADER_BYTES);
  reader.load(rbsp.bytes);
  const nal = emptyNalHeader();
  nalUnitHeader(reader, nal);
  return { nal, ...readSlice(reader, nal, rbsp, previous, setsOf) };
}

/** Reads the NAL units of one stream, one after the other. */
export class NalReader {
  readonly sets = new ParameterSets();
  readonly #buffer = new RbspBuffer();
  readonly #reader: SyntaxReader;
  /** Of the slice header before, for dependent slice segments. */
  #previous: SliceHeader | undefined;

  constructor(reader = new SyntaxReader(CODEC)) {
    this.#reader = reader;
  }

  /**
   * @param data - A NAL unit with its emulation prevention bytes.
   * @returns What may borrow `data`, or a buffer until the next call, where a SEI message is kept as bytes.
   * @throws {CodecError}
   */
  read(data: Uint8Array): NalUnit {
    const type = nalTypeOf(data);
    const slice = isSlice(type);
    const rbsp = this.#buffer.unescape(data, slice ? SLICE_HEADER_BYTES : PARAMETER_SET_BYTES);
    const reader = this.#reader;
    reader.load(rbsp.bytes);
    const nal = emptyNalHeader();
    nalUnitHeader(reader, nal);
    // Other layers have parameter sets and slice headers with another syntax: Annex F.
    if (nal.nuh_layer_id > 0) return { nal, kind: "other" };
    if (slice) return this.#readSlice(nal, rbsp);
    if (data.byteLength > PARAMETER_SET_BYTES && type <= NalType.PPS) {
      throw reader.error(`a parameter set of ${data.byteLength} bytes`);
    }
    return this.#readOther(nal);
  }

  #readSlice(nal: NalHeader, rbsp: Rbsp): NalUnit {
    const previous = this.#previous;
    this.#previous = undefined;
    const slice = readSlice(this.#reader, nal, rbsp, previous, (c, id) => this.sets.setsOf(c, id));
    this.#previous = slice.segment.slice;
    return { nal, kind: "slice", ...slice };
  }

  #readOther(nal: NalHeader): NalUnit {
    const reader = this.#reader;
    switch (nal.nal_unit_type) {
      case NalType.VPS: {
        const vps = emptyVps();
        videoParameterSet(reader, vps);
        return { nal, kind: "vps", vps };
      }
      case NalType.SPS: {
        const sps = emptySps();
        seqParameterSet(reader, sps);
        this.sets.storeSps(sps);
        return { nal, kind: "sps", sps };
      }
      case NalType.PPS: {
        const pps = emptyPps();
        picParameterSet(reader, pps);
        this.sets.storePps(pps);
        return { nal, kind: "pps", pps };
      }
      case NalType.AUD: {
        const delimiter = { pic_type: 0 };
        accessUnitDelimiter(reader, delimiter);
        return { nal, kind: "delimiter", delimiter };
      }
      case NalType.PREFIX_SEI:
      case NalType.SUFFIX_SEI: {
        const sei = emptySei();
        const sps = this.sets.active;
        seiRbsp(reader, sei, nal.nal_unit_type, sps);
        return { nal, kind: "sei", sei, sps };
      }
      default:
        return { nal, kind: "other" };
    }
  }
}

/**
 * Writes a NAL unit, with emulation prevention bytes.
 * @param sliceData - `slice_segment_data()` and what follows, without emulation prevention bytes.
 * @throws {CodecError} A value is not allowed, or the unit is of kind `other`.
 */
export function writeNalUnit(unit: NalUnit, sliceData = new Uint8Array(0)): Uint8Array {
  const writer = new SyntaxWriter(CODEC);
  nalUnitHeader(writer, unit.nal);
  switch (unit.kind) {
    case "vps":
      videoParameterSet(writer, unit.vps);
      break;
    case "sps":
      seqParameterSet(writer, unit.sps);
      break;
    case "pps":
      picParameterSet(writer, unit.pps);
      break;
    case "delimiter":
      accessUnitDelimiter(writer, unit.delimiter);
      break;
    case "sei":
      seiRbsp(writer, unit.sei, unit.nal.nal_unit_type, unit.sps);
      break;
    case "slice":
      sliceSegmentHeader(writer, unit.segment, {
        nal: unit.nal,
        previous: unit.segment.slice,
        parameterSets: () => unit.sets,
      });
      writer.writeBytes(sliceData);
      break;
    case "other":
      throw writer.error(`a unit of type ${unit.nal.nal_unit_type} cannot be written`);
  }
  return escapeRbsp(writer.finish());
}

/** `nal_unit_type` of a NAL unit, 0 of an empty one. */
export function nalTypeOf(data: Uint8Array): number {
  return ((data[0] ?? 0) >>> 1) & 63;
}

/** Explains a byte stream (Annex B), one NAL unit after the other. Never throws for what is in it. */
export function* parseUnits(stream: Uint8Array): Generator<ParsedUnit> {
  let items: UnitItem[] = [];
  const reader = new RecordingReader(CODEC, {
    field: (field) => void items.push({ field }),
    heading: (heading) => void items.push({ heading }),
  });
  const units = new NalReader(reader);
  for (const { dataOffset, data } of startCodeUnits(stream)) {
    items = [];
    let error: CodecError | undefined;
    let layer = 0;
    try {
      layer = units.read(data).nal.nuh_layer_id;
    } catch (caught) {
      if (!(caught instanceof CodecError)) throw caught;
      error = caught;
    }
    const name = nalName(nalTypeOf(data)) + (layer > 0 ? ` of layer ${layer}, not explained` : "");
    const unit = { name, offset: dataOffset, length: data.byteLength, items };
    yield error === undefined ? unit : { ...unit, error };
  }
}
