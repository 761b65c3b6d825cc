/**
 * HEVC: parameter sets from the controls, and slice segment headers written anew. A header may name a set of reference
 * pictures of the SPS, which the controls only count. So the SPS gets none, and each header an explicit one: the pictures
 * that the client says are in the picture buffer.
 */
import {
  CodecError,
  countRemoved,
  hevc,
  RbspBuffer,
  startCodeUnits,
  SyntaxReader,
} from "../../codec/index.js";
import type { StandardValue } from "../../v4l2/index.js";
import { Cid } from "../../v4l2/index.js";
import type { Piece } from "../protocol.js";
import { JobFlag } from "../protocol.js";
import { ppsOf, spsOf, vpsOf } from "./hevc-sets.js";
import type { Packet, PacketSource, PacketWriter, References } from "./packet.js";
import { reader, SentHeaders } from "./packet.js";

type DecodeParams = StandardValue<typeof Cid.StatelessHevcDecodeParams>;
type DpbEntry = DecodeParams["dpb"][number];

/** `V4L2_STATELESS_HEVC_START_CODE_NONE`. */
const NO_START_CODE = 0;

/** No slice segment header of any level is longer. */
const SLICE_HEADER_BYTES = 16 * 1024;
/** Slice segments of a picture at most: Table A.8. */
const MAX_SLICES = 600;

/** Pictures whose order counts are kept; a client has fewer buffers. */
const REMEMBERED = 1024;

const startCode = Uint8Array.of(0, 0, 1);
const { DpbEntryFlag, NalType } = hevc;

/** A NAL unit in the OUTPUT buffer. */
interface Unit {
  readonly offset: number;
  readonly size: number;
}

export class HevcPackets implements PacketWriter {
  readonly #sps = new SentHeaders();
  readonly #pps = new SentHeaders();
  /** By id; with the SPS as the controls count it. */
  readonly #sets = new Map<number, { readonly pps: hevc.Pps; readonly sps: hevc.Sps }>();
  readonly #rbsp = new RbspBuffer();
  readonly #reader = new SyntaxReader("HEVC");
  readonly #references: References;
  /** The order counts of decoded pictures by their time stamps, as the decoder has them. */
  readonly #pocs = new Map<bigint, number>();
  /** Of the slice before, for dependent slice segments. */
  #previous: hevc.SliceHeader | undefined;

  constructor(references: References) {
    this.#references = references;
  }

  packet(source: PacketSource): Packet {
    const read = reader(source);
    const pieces: Piece[] = this.#parameterSets(source);
    const params = read.of(Cid.StatelessHevcDecodeParams)();
    const set = currentSet(params, ({ timestamp, pic_order_cnt_val: poc }) =>
      this.#references === "client" ? (this.#pocs.get(timestamp) ?? poc) : poc,
    );
    this.#remember(source.timestampNs, params.pic_order_cnt_val);
    if (source.isNewFrame) this.#previous = undefined;
    const hasStartCodes = read.of(Cid.StatelessHevcStartCode)() !== NO_START_CODE;
    for (const unit of unitsOf(source.bitstream, hasStartCodes)) {
      pieces.push(startCode, ...this.#slice(unit, source.bitstream, params, set));
    }
    return { pieces, flags: source.isHeld ? JobFlag.More : 0 };
  }

  #remember(timestampNs: bigint, poc: number): void {
    this.#pocs.delete(timestampNs);
    this.#pocs.set(timestampNs, poc);
    if (this.#pocs.size <= REMEMBERED) return;
    const [oldest] = this.#pocs.keys();
    if (oldest !== undefined) this.#pocs.delete(oldest);
  }

  #parameterSets(source: PacketSource): Piece[] {
    const read = reader(source);
    const control = read.of(Cid.StatelessHevcSps)();
    const ppsControl = read.of(Cid.StatelessHevcPps)();
    const matrix = read.of(Cid.StatelessHevcScalingMatrix)();
    const pieces: Piece[] = [];
    const sps = spsOf(control, longTermOf(source, control.num_long_term_ref_pics_sps));
    const spsNal = write({ kind: "sps", sps }, NalType.SPS);
    if (this.#sps.changes(sps.sps_seq_parameter_set_id, spsNal)) {
      // A decoder drops the picture parameter sets that were for another one.
      this.#pps.clear();
      this.#sets.clear();
      pieces.push(startCode, write({ kind: "vps", vps: vpsOf(control) }, NalType.VPS), startCode, spsNal);
    }
    const pps = ppsOf(ppsControl, control, matrix);
    const ppsNal = write({ kind: "pps", pps }, NalType.PPS);
    if (this.#pps.changes(pps.pps_pic_parameter_set_id, ppsNal)) pieces.push(startCode, ppsNal);
    const count = control.num_short_term_ref_pic_sets;
    this.#sets.set(pps.pps_pic_parameter_set_id, {
      pps,
      sps: { ...sps, num_short_term_ref_pic_sets: count },
    });
    return pieces;
  }

  /** The header written anew, and the data as they are. Headers end with a 1, so no emulation prevention spans both. */
  #slice(
    { offset, size }: Unit,
    bitstream: Uint8Array,
    params: DecodeParams,
    set: hevc.ShortTermRps,
  ): Piece[] {
    // A copy of what is looked at: the client may change it meanwhile.
    const head = bitstream.slice(offset, offset + Math.min(size, SLICE_HEADER_BYTES));
    if (!hevc.isSlice(hevc.nalTypeOf(head))) return [{ offset, size }];
    const rbsp = this.#rbsp.unescape(head);
    const c = this.#reader;
    c.load(rbsp.bytes);
    const nal = hevc.emptyNalHeader();
    hevc.nalUnitHeader(c, nal);
    const segment = hevc.emptySliceSegmentHeader();
    let sets: { readonly pps: hevc.Pps; readonly sps: hevc.Sps } | undefined;
    hevc.sliceSegmentHeader(c, segment, {
      nal,
      previous: this.#previous,
      currentSet: set,
      parameterSets: (_c, id) => {
        sets = this.#sets.get(id);
        if (sets === undefined) throw c.error(`the slice refers to PPS ${id}, which the controls never had`);
        const predictedFrom = setOfLength(params.num_delta_pocs_of_ref_rps_idx);
        return { pps: sets.pps, sps: { ...sets.sps, st_ref_pic_set: filledWith(sets.sps, predictedFrom) } };
      },
    });
    if (sets === undefined) throw c.error("a slice without parameter sets");
    this.#previous = segment.slice;
    const dataOffset = c.position / 8 + countRemoved(rbsp, c.position);
    segment.slice.short_term_ref_pic_set_sps_flag = false;
    segment.slice.st_ref_pic_set = set;
    const header = hevc.writeNalUnit({
      nal,
      kind: "slice",
      segment,
      sets: { pps: sets.pps, sps: { ...sets.sps, num_short_term_ref_pic_sets: 0 } },
      dataByteOffset: 0,
      headerBytes: 0,
    });
    return [header, { offset: offset + dataOffset, size: size - dataOffset }];
  }
}

type ParameterSet =
  | { readonly kind: "vps"; readonly vps: hevc.Vps }
  | { readonly kind: "sps"; readonly sps: hevc.Sps }
  | { readonly kind: "pps"; readonly pps: hevc.Pps };

function write(set: ParameterSet, nal_unit_type: number): Uint8Array {
  return hevc.writeNalUnit({ ...set, nal: { ...hevc.emptyNalHeader(), nal_unit_type } });
}

function unitsOf(bitstream: Uint8Array, hasStartCodes: boolean): Unit[] {
  if (!hasStartCodes) return [{ offset: 0, size: bitstream.byteLength }];
  const units: Unit[] = [];
  for (const { dataOffset, data } of startCodeUnits(bitstream)) {
    if (units.length >= MAX_SLICES)
      throw new CodecError(`a picture of more than ${MAX_SLICES} slices`, { codec: "HEVC" });
    units.push({ offset: dataOffset, size: data.byteLength });
  }
  return units;
}

/** The long-term pictures of the SPS, which only kernels after 6.12 have a control for. */
function longTermOf(
  source: PacketSource,
  count: number,
): readonly StandardValue<typeof Cid.StatelessHevcExtSpsLtRps>[] {
  if (count === 0) return [];
  const given = source.controls.find(Cid.StatelessHevcExtSpsLtRps)?.value;
  const list = Array.isArray(given) ? given : [];
  if (list.length === count) return list;
  throw new CodecError(
    `the SPS has ${count} long-term pictures, which HEVC_EXT_SPS_LT_RPS must tell, and it has ${list.length}`,
    { codec: "HEVC" },
  );
}

/**
 * The short-term pictures that the client says are in the picture buffer: those that are used, and those that are kept
 * for later. The nearest come first.
 */
function currentSet(params: DecodeParams, pocOf: (entry: DpbEntry) => number): hevc.ShortTermRps {
  const used = new Set([
    ...params.poc_st_curr_before.slice(0, params.num_poc_st_curr_before),
    ...params.poc_st_curr_after.slice(0, params.num_poc_st_curr_after),
  ]);
  // By the distance to this picture: is it used? A client may name one picture twice, which no set can.
  const isUsedAt = new Map<number, boolean>();
  for (const [index, entry] of params.dpb.slice(0, params.num_active_dpb_entries).entries()) {
    const delta = pocOf(entry) - params.pic_order_cnt_val;
    if ((entry.flags & DpbEntryFlag.LongTermReference) !== 0 || delta === 0) continue;
    isUsedAt.set(delta, used.has(index) || isUsedAt.get(delta) === true);
  }
  const pictures = Array.from(isUsedAt, ([delta, isUsed]) => ({ delta, isUsed }));
  const before = pictures.filter(({ delta }) => delta < 0).sort((a, b) => b.delta - a.delta);
  const after = pictures.filter(({ delta }) => delta > 0).sort((a, b) => a.delta - b.delta);
  const steps = (list: readonly { readonly delta: number }[]): number[] =>
    list.map(({ delta }, i) => Math.abs(delta - (list[i - 1]?.delta ?? 0)) - 1);
  return {
    ...hevc.emptyShortTermRps(),
    num_negative_pics: before.length,
    num_positive_pics: after.length,
    delta_poc_s0_minus1: steps(before),
    used_by_curr_pic_s0_flag: before.map(({ isUsed }) => isUsed),
    delta_poc_s1_minus1: steps(after),
    used_by_curr_pic_s1_flag: after.map(({ isUsed }) => isUsed),
    DeltaPocS0: before.map(({ delta }) => delta),
    UsedByCurrPicS0: before.map(({ isUsed }) => isUsed),
    DeltaPocS1: after.map(({ delta }) => delta),
    UsedByCurrPicS1: after.map(({ isUsed }) => isUsed),
  };
}

/** Of a set that a header's own is predicted from, the controls tell the number of pictures only. */
function setOfLength(length: number): hevc.ShortTermRps {
  const DeltaPocS0 = Array.from({ length }, (_, i) => -1 - i);
  return { ...hevc.emptyShortTermRps(), DeltaPocS0 };
}

const filledWith = (
  { num_short_term_ref_pic_sets: length }: hevc.Sps,
  set: hevc.ShortTermRps,
): hevc.ShortTermRps[] => new Array<hevc.ShortTermRps>(length).fill(set);
