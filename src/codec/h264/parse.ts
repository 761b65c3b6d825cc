/** H.264 streams taken apart: NAL units, and the parameter sets that slices need. */
import { CodecError, RbspBuffer, RecordingReader, SyntaxReader } from "../bits/index.js";
import { startCodeUnits } from "../files/index.js";
import type { ParsedUnit, UnitItem } from "../unit.js";
import {
  accessUnitDelimiter,
  nalUnitHeader,
  nalUnitName,
  NalType,
  supplementalEnhancementInformation,
  type AccessUnitDelimiter,
  type NalHeader,
  type SeiMessage,
} from "./syntax-nal.js";
import { emptyPps, picParameterSet, type Pps } from "./syntax-pps.js";
import {
  emptySliceHeader,
  sliceDataAlignment,
  sliceHeader,
  type ActiveSets,
  type SliceHeader,
} from "./syntax-slice.js";
import {
  emptySps,
  emptySpsExtension,
  seqParameterSet,
  seqParameterSetExtension,
  type Sps,
  type SpsExtension,
} from "./syntax-sps.js";

export const CODEC = "H.264";

/** No slice header is longer, by far: two lists of 33 modifications, 64 weights, 66 marking operations. */
const SLICE_HEADER_BYTES = 4096;

/** A parsed NAL unit. `other`: nothing that this parser looks into, see `nalUnitName`. */
export type NalUnit = { readonly nal: NalHeader } & (
  | { readonly kind: "sps"; readonly sps: Sps }
  | { readonly kind: "pps"; readonly pps: Pps }
  | { readonly kind: "spsExtension"; readonly extension: SpsExtension }
  | { readonly kind: "slice"; readonly slice: SliceHeader; readonly sets: ActiveSets }
  | { readonly kind: "delimiter"; readonly delimiter: AccessUnitDelimiter }
  | { readonly kind: "sei"; readonly messages: readonly SeiMessage[] }
  | { readonly kind: "other" }
);

interface StoredSps {
  readonly bytes: Uint8Array;
  readonly sps: Sps;
}

interface StoredPps {
  readonly bytes: Uint8Array;
  readonly pps: Pps;
  /** With which it was read. */
  readonly sps: Sps;
}

/** The parameter sets that a stream sent so far: at most 32 and 256. */
export class ParameterSets {
  readonly #sps = new Map<number, StoredSps>();
  readonly #pps = new Map<number, StoredPps>();

  readonly spsOf = (id: number): Sps | undefined => this.#sps.get(id)?.sps;

  /**
   * The sets that a slice names. A PPS is read again if its SPS was replaced: its syntax depends on it.
   * @throws {CodecError} The PPS does not fit the new SPS.
   */
  readonly setsOf = (picParameterSetId: number): ActiveSets | undefined => {
    const stored = this.#pps.get(picParameterSetId);
    if (stored === undefined) return undefined;
    const sps = this.spsOf(stored.pps.seq_parameter_set_id);
    if (sps === undefined || sps === stored.sps) return { sps: stored.sps, pps: stored.pps };
    const pps = emptyPps();
    const reader = new SyntaxReader(CODEC, stored.bytes);
    reader.skip(8);
    picParameterSet(reader, pps, this.spsOf);
    this.#pps.set(picParameterSetId, { bytes: stored.bytes, pps, sps });
    return { sps, pps };
  };

  /** @param bytes - The NAL unit without emulation prevention. A set sent again unchanged stays the same object. */
  storeSps(bytes: Uint8Array, sps: Sps): void {
    const before = this.#sps.get(sps.seq_parameter_set_id);
    if (before !== undefined && Buffer.compare(before.bytes, bytes) === 0) return;
    this.#sps.set(sps.seq_parameter_set_id, { bytes: bytes.slice(), sps });
  }

  storePps(bytes: Uint8Array, pps: Pps): void {
    const sps = this.spsOf(pps.seq_parameter_set_id);
    if (sps !== undefined) this.#pps.set(pps.pic_parameter_set_id, { bytes: bytes.slice(), pps, sps });
  }
}

/**
 * Reads one NAL unit; parameter sets are stored in `sets`.
 * @param reader - Stands at the unit's first bit, without emulation prevention.
 * @throws {CodecError}
 */
export function readNalUnit(reader: SyntaxReader, bytes: Uint8Array, sets: ParameterSets): NalUnit {
  const nal: NalHeader = { nal_ref_idc: 0, nal_unit_type: 0 };
  reader.load(bytes);
  nalUnitHeader(reader, nal);
  switch (nal.nal_unit_type) {
    case NalType.Slice:
    case NalType.IdrSlice:
    case NalType.PartitionA:
    case NalType.AuxiliarySlice: {
      const slice = emptySliceHeader();
      const active = sliceHeader(reader, slice, nal, sets.setsOf);
      if (nal.nal_unit_type === NalType.PartitionA) reader.ue("slice_id", undefined, 0, 2 ** 32 - 2);
      sliceDataAlignment(reader, active.pps);
      return { nal, kind: "slice", slice, sets: active };
    }
    case NalType.Sps: {
      const sps = emptySps();
      seqParameterSet(reader, sps);
      sets.storeSps(bytes, sps);
      return { nal, kind: "sps", sps };
    }
    case NalType.Pps: {
      const pps = emptyPps();
      picParameterSet(reader, pps, sets.spsOf);
      sets.storePps(bytes, pps);
      return { nal, kind: "pps", pps };
    }
    case NalType.SpsExtension: {
      const extension = emptySpsExtension();
      seqParameterSetExtension(reader, extension);
      return { nal, kind: "spsExtension", extension };
    }
    case NalType.Delimiter: {
      const delimiter = { primary_pic_type: 0 };
      accessUnitDelimiter(reader, delimiter);
      return { nal, kind: "delimiter", delimiter };
    }
    case NalType.Sei: {
      const messages: SeiMessage[] = [];
      supplementalEnhancementInformation(reader, messages);
      return { nal, kind: "sei", messages };
    }
    default:
      return { nal, kind: "other" };
  }
}

/** Is this a unit of which only the header at the front is read? */
export function isSlice(firstByte: number | undefined): boolean {
  const type = (firstByte ?? 0) & 31;
  return (
    type === NalType.Slice ||
    type === NalType.IdrSlice ||
    type === NalType.PartitionA ||
    type === NalType.AuxiliarySlice
  );
}

/** Bytes of a NAL unit that the parser has to see. */
export function neededBytes(data: Uint8Array): number {
  return isSlice(data[0]) ? Math.min(data.byteLength, SLICE_HEADER_BYTES) : data.byteLength;
}

/** Explains a byte stream (Annex B), one NAL unit after the other. Never throws for what is in it. */
export function* parseUnits(stream: Uint8Array): Generator<ParsedUnit> {
  const buffer = new RbspBuffer();
  const sets = new ParameterSets();
  let items: UnitItem[] = [];
  const reader = new RecordingReader(CODEC, {
    field: (field) => void items.push({ field }),
    heading: (heading) => void items.push({ heading }),
  });
  for (const { dataOffset, data } of startCodeUnits(stream)) {
    items = [];
    let error: CodecError | undefined;
    try {
      readNalUnit(reader, buffer.unescape(data, neededBytes(data)).bytes, sets);
    } catch (caught) {
      if (!(caught instanceof CodecError)) throw caught;
      error = caught;
    }
    const name = nalUnitName((data[0] ?? 0) & 31);
    const unit = { name, offset: dataOffset, length: data.byteLength, items };
    yield error === undefined ? unit : { ...unit, error };
  }
}
