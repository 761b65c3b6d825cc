/** Picture order counts: 8.2.1. */
import { CodecError } from "../bits/index.js";
import { maxFrameNum } from "./limits.js";
import { Structure } from "./dpb.js";
import type { SliceHeader } from "./syntax-slice.js";
import type { Sps } from "./syntax-sps.js";

/** `TopFieldOrderCnt` and `BottomFieldOrderCnt`; 0 for a field that the picture does not have. */
export interface OrderCounts {
  readonly top: number;
  readonly bottom: number;
}

/** What the order count of a picture depends on besides its slice headers. */
export interface PocInput {
  readonly idr: boolean;
  readonly reference: boolean;
  readonly frame_num: number;
  readonly structure: Structure;
  /** `pic_order_cnt_lsb`, `delta_pic_order_cnt_bottom`, `delta_pic_order_cnt`; none in an inferred frame. */
  readonly slice: Pick<
    SliceHeader,
    "pic_order_cnt_lsb" | "delta_pic_order_cnt_bottom" | "delta_pic_order_cnt"
  >;
}

/** Carries `prevPicOrderCntMsb`, `prevFrameNumOffset` and the like from picture to picture. */
export class PictureOrder {
  #prevMsb = 0;
  #prevLsb = 0;
  #prevFrameNum = 0;
  #prevFrameNumOffset = 0;
  #msb = 0;
  #frameNumOffset = 0;

  /** A copy in the same state. */
  clone(): PictureOrder {
    const copy = new PictureOrder();
    copy.#prevMsb = this.#prevMsb;
    copy.#prevLsb = this.#prevLsb;
    copy.#prevFrameNum = this.#prevFrameNum;
    copy.#prevFrameNumOffset = this.#prevFrameNumOffset;
    copy.#msb = this.#msb;
    copy.#frameNumOffset = this.#frameNumOffset;
    return copy;
  }

  /** @throws {CodecError} A count does not have 32 bits. */
  next(sps: Sps, input: PocInput): OrderCounts {
    const counts = this.#next(sps, input);
    if (Math.max(Math.abs(counts.top), Math.abs(counts.bottom)) >= 2 ** 31) {
      throw new CodecError("the picture order count does not have 32 bits", {
        codec: "H.264",
        section: "8.2.1",
      });
    }
    return counts;
  }

  /** The picture that `next` was called for has been decoded. @param reset - It had operation 5; `counts` are those after it. */
  done(input: PocInput, counts: OrderCounts, reset: boolean): void {
    this.#prevFrameNum = reset ? 0 : input.frame_num;
    this.#prevFrameNumOffset = reset ? 0 : this.#frameNumOffset;
    if (!input.reference) return;
    this.#prevMsb = reset ? 0 : this.#msb;
    if (!reset) this.#prevLsb = input.slice.pic_order_cnt_lsb;
    else this.#prevLsb = input.structure === Structure.Bottom ? 0 : counts.top;
  }

  #next(sps: Sps, input: PocInput): OrderCounts {
    if (sps.pic_order_cnt_type === 0) return this.#type0(sps, input);
    if (input.idr) this.#frameNumOffset = 0;
    else {
      const wrapped = this.#prevFrameNum > input.frame_num;
      this.#frameNumOffset = this.#prevFrameNumOffset + (wrapped ? maxFrameNum(sps) : 0);
    }
    return sps.pic_order_cnt_type === 1 ? this.#type1(sps, input) : this.#type2(input);
  }

  #type0(sps: Sps, { idr, structure, slice }: PocInput): OrderCounts {
    if (idr) {
      this.#prevMsb = 0;
      this.#prevLsb = 0;
    }
    const max = 2 ** (sps.log2_max_pic_order_cnt_lsb_minus4 + 4);
    const lsb = slice.pic_order_cnt_lsb;
    this.#msb = this.#prevMsb;
    if (lsb < this.#prevLsb && this.#prevLsb - lsb >= max / 2) this.#msb += max;
    else if (lsb > this.#prevLsb && lsb - this.#prevLsb > max / 2) this.#msb -= max;
    const count = this.#msb + lsb;
    if (structure === Structure.Frame) {
      return { top: count, bottom: count + slice.delta_pic_order_cnt_bottom };
    }
    return ofField(structure, count);
  }

  #type1(sps: Sps, { reference, frame_num, structure, slice }: PocInput): OrderCounts {
    const cycle = sps.num_ref_frames_in_pic_order_cnt_cycle;
    let absFrameNum = cycle === 0 ? 0 : this.#frameNumOffset + frame_num;
    if (!reference && absFrameNum > 0) absFrameNum -= 1;
    let expected = 0;
    if (absFrameNum > 0) {
      const cycles = Math.floor((absFrameNum - 1) / cycle);
      const inCycle = (absFrameNum - 1) % cycle;
      for (let i = 0; i < cycle; i += 1) {
        expected += (sps.offset_for_ref_frame[i] ?? 0) * (cycles + (i <= inCycle ? 1 : 0));
      }
    }
    if (!reference) expected += sps.offset_for_non_ref_pic;
    const [first, second] = slice.delta_pic_order_cnt;
    if (structure === Structure.Top) return { top: expected + first, bottom: 0 };
    if (structure === Structure.Bottom) {
      return { top: 0, bottom: expected + sps.offset_for_top_to_bottom_field + first };
    }
    const top = expected + first;
    return { top, bottom: top + sps.offset_for_top_to_bottom_field + second };
  }

  #type2({ idr, reference, frame_num, structure }: PocInput): OrderCounts {
    const doubled = 2 * (this.#frameNumOffset + frame_num);
    const count = idr ? 0 : reference ? doubled : doubled - 1;
    return structure === Structure.Frame ? { top: count, bottom: count } : ofField(structure, count);
  }
}

function ofField(structure: Structure, count: number): OrderCounts {
  return structure === Structure.Top ? { top: count, bottom: 0 } : { top: 0, bottom: count };
}
