/** Picture order count, reference picture sets and lists, and the pictures that are kept: 8.3.1 to 8.3.4. */
import { isBla, isIdr, isIrap, isRadl, isRasl, isSubLayerNonReference, type NalHeader } from "./nal.js";
import { SliceType, type SliceHeader } from "./syntax-slice.js";
import type { Sps } from "./syntax-sps.js";

/** A picture that was decoded, as far as others refer to it. */
export interface DecodedPicture {
  readonly timestampNs: bigint;
  /** `PicOrderCntVal`. */
  readonly poc: number;
  /** `pic_struct` of its picture timing SEI message; 0 is a frame. */
  readonly picStruct: number;
  /** Marked as "used for long-term reference". A picture that becomes so is another object from then on. */
  readonly longTerm: boolean;
}

/** A picture that a set names and that is not there. */
export interface MissingReference {
  /** Its order count, or only the least significant bits of it where the stream tells no more. */
  readonly poc: number;
  readonly longTerm: boolean;
  /** The current picture itself refers to it, and not only pictures that follow. */
  readonly used: boolean;
}

type Reference = DecodedPicture | undefined;

/** The reference picture set of a picture: 8.3.2. Undefined for "no reference picture". */
export interface ReferencePictureSet {
  readonly stCurrBefore: readonly Reference[];
  readonly stCurrAfter: readonly Reference[];
  readonly stFoll: readonly Reference[];
  readonly ltCurr: readonly Reference[];
  readonly ltFoll: readonly Reference[];
  readonly missing: readonly MissingReference[];
}

/** What starts a picture. */
export interface PictureStart {
  readonly poc: number;
  /** The picture cannot be decoded: it is leading and what it refers to was before the random access point. */
  readonly skipped: boolean;
  /** `NoRaslOutputFlag`, false for pictures that are no random access point. */
  readonly noRaslOutput: boolean;
}

export class DecodedPictures {
  #pictures: DecodedPicture[] = [];
  /** The next picture is the first of the stream or behind an end of sequence. */
  #startsSequence = true;
  /** `NoRaslOutputFlag` of the last random access point; its RASL pictures cannot be decoded. */
  #skipsRasl = true;
  /** `prevTid0Pic`. */
  #previousPoc = 0;

  /** A copy in the same state. */
  clone(): DecodedPictures {
    const copy = new DecodedPictures();
    copy.#pictures = [...this.#pictures];
    copy.#startsSequence = this.#startsSequence;
    copy.#skipsRasl = this.#skipsRasl;
    copy.#previousPoc = this.#previousPoc;
    return copy;
  }

  /** Pictures that are marked as used for reference, in decoding order. */
  get pictures(): readonly DecodedPicture[] {
    return this.#pictures;
  }

  /** An end of sequence or end of bitstream NAL unit. */
  endSequence(): void {
    this.#startsSequence = true;
  }

  /** 8.1.3 and 8.3.1. */
  startPicture(nal: NalHeader, header: SliceHeader, sps: Sps): PictureStart {
    const type = nal.nal_unit_type;
    const irap = isIrap(type);
    const noRaslOutput = irap && (isIdr(type) || isBla(type) || this.#startsSequence);
    if (irap) this.#skipsRasl = noRaslOutput;
    const skipped = (isRasl(type) && this.#skipsRasl) || (!irap && this.#startsSequence);
    if (!skipped) this.#startsSequence = false;
    if (noRaslOutput) this.#pictures = [];
    const maxLsb = 2 ** (sps.log2_max_pic_order_cnt_lsb_minus4 + 4);
    const lsb = header.slice_pic_order_cnt_lsb;
    const poc = noRaslOutput ? lsb : mostSignificant(this.#previousPoc, lsb, maxLsb) + lsb;
    const leading = isRasl(type) || isRadl(type);
    if (nal.nuh_temporal_id_plus1 === 1 && !leading && !isSubLayerNonReference(type)) this.#previousPoc = poc;
    return { poc: poc | 0, skipped, noRaslOutput };
  }

  /** 8.3.2: marks pictures, and drops those that nobody refers to any more. */
  referencePictureSet(nal: NalHeader, header: SliceHeader, sps: Sps, poc: number): ReferencePictureSet {
    if (isIdr(nal.nal_unit_type)) {
      this.#pictures = [];
      return emptySet;
    }
    const missing: MissingReference[] = [];
    const ltCurr: Reference[] = [];
    const ltFoll: Reference[] = [];
    const maxLsb = 2 ** (sps.log2_max_pic_order_cnt_lsb_minus4 + 4);
    /** Each picture, and as what it is marked. */
    const longTerm = new Map<DecodedPicture, DecodedPicture>();
    header.PocLsbLt.forEach((lsb, i) => {
      const whole = header.delta_poc_msb_present_flag[i] === true;
      const cycle = header.DeltaPocMsbCycleLt[i] ?? 0;
      const wanted = whole ? (poc - cycle * maxLsb - (poc & (maxLsb - 1)) + lsb) | 0 : lsb;
      const mask = whole ? -1 : maxLsb - 1;
      const picture = this.#pictures.find((candidate) => (candidate.poc & mask) === wanted);
      const used = header.UsedByCurrPicLt[i] === true;
      let marked = picture;
      if (picture === undefined) missing.push({ poc: wanted, longTerm: true, used });
      else {
        marked = longTerm.get(picture) ?? (picture.longTerm ? picture : { ...picture, longTerm: true });
        longTerm.set(picture, marked);
      }
      (used ? ltCurr : ltFoll).push(marked);
    });
    const stFoll: Reference[] = [];
    const shortTerm = new Set<DecodedPicture>();
    const select = (deltas: readonly number[], usedFlags: readonly boolean[]): Reference[] => {
      const current: Reference[] = [];
      deltas.forEach((delta, i) => {
        const wanted = (poc + delta) | 0;
        const used = usedFlags[i] === true;
        const picture = this.#pictures.find(
          (candidate) => candidate.poc === wanted && !candidate.longTerm && !longTerm.has(candidate),
        );
        if (picture === undefined) missing.push({ poc: wanted, longTerm: false, used });
        else shortTerm.add(picture);
        (used ? current : stFoll).push(picture);
      });
      return current;
    };
    const rps = header.CurrRps;
    const stCurrBefore = select(rps.DeltaPocS0, rps.UsedByCurrPicS0);
    const stCurrAfter = select(rps.DeltaPocS1, rps.UsedByCurrPicS1);
    this.#pictures = this.#pictures.flatMap(
      (picture) => longTerm.get(picture) ?? (shortTerm.has(picture) ? [picture] : []),
    );
    return { stCurrBefore, stCurrAfter, stFoll, ltCurr, ltFoll, missing };
  }

  /** The current picture was decoded: it is a short-term reference until the next one says otherwise. */
  add(picture: DecodedPicture): void {
    this.#pictures.push(picture);
  }
}

const emptySet: ReferencePictureSet = {
  stCurrBefore: [],
  stCurrAfter: [],
  stFoll: [],
  ltCurr: [],
  ltFoll: [],
  missing: [],
};

/** `PicOrderCntMsb`: equation 8-1. */
function mostSignificant(previousPoc: number, lsb: number, maxLsb: number): number {
  const previousLsb = previousPoc & (maxLsb - 1);
  const previousMsb = previousPoc - previousLsb;
  if (lsb < previousLsb && previousLsb - lsb >= maxLsb / 2) return previousMsb + maxLsb;
  if (lsb > previousLsb && lsb - previousLsb > maxLsb / 2) return previousMsb - maxLsb;
  return previousMsb;
}

/** `RefPicList0` and `RefPicList1`: 8.3.4. Empty where the slice has none. */
export function referenceLists(
  header: SliceHeader,
  set: ReferencePictureSet,
): readonly [readonly Reference[], readonly Reference[]] {
  if (header.slice_type === SliceType.I) return [[], []];
  const { stCurrBefore: before, stCurrAfter: after, ltCurr } = set;
  const list0 = list(
    [...before, ...after, ...ltCurr],
    header.num_ref_idx_l0_active_minus1 + 1,
    header.ref_pic_list_modification_flag_l0 ? header.list_entry_l0 : undefined,
  );
  if (header.slice_type === SliceType.P) return [list0, []];
  const list1 = list(
    [...after, ...before, ...ltCurr],
    header.num_ref_idx_l1_active_minus1 + 1,
    header.ref_pic_list_modification_flag_l1 ? header.list_entry_l1 : undefined,
  );
  return [list0, list1];
}

function list(
  candidates: readonly Reference[],
  length: number,
  entries: readonly number[] | undefined,
): Reference[] {
  return Array.from({ length }, (_, i) => candidates[entries?.[i] ?? i % candidates.length]);
}
