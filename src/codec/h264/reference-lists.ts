/** Reference picture lists of a slice: 8.2.4. */
import { CodecError } from "../bits/index.js";
import {
  framePoc,
  pictureNumber,
  Structure,
  type FrameStore,
  type Reference,
  type ReferenceFrames,
} from "./dpb.js";
import { hasList, SliceType, sliceType, type SliceHeader } from "./syntax-slice.js";

/** Of the picture whose slice this is. */
export interface CurrentPicture {
  readonly structure: Structure;
  /** `CurrPicNum`: (8-28 and following). */
  readonly currPicNum: number;
  readonly maxPicNum: number;
  /** `PicOrderCnt( CurrPic )`. */
  readonly poc: number;
  readonly pocType: number;
}

/** Entries may be undefined: "no reference picture". */
export type ReferenceList = (Reference | undefined)[];

/** `RefPicList0` and `RefPicList1` of a slice, as long as it says; empty where its type has none. */
export function referenceLists(
  slice: SliceHeader,
  dpb: ReferenceFrames,
  current: CurrentPicture,
): [ReferenceList, ReferenceList] {
  if (!hasList(slice, 0)) return [[], []];
  const [initial0, initial1] =
    sliceType(slice) === SliceType.B ? initialB(dpb, current) : [initialP(dpb, current), []];
  const list0 = modified(slice, 0, initial0, dpb, current);
  return [list0, hasList(slice, 1) ? modified(slice, 1, initial1, dpb, current) : []];
}

function byShort(frame: FrameStore): number {
  return frame.frameNumWrap;
}

function byLong(frame: FrameStore): number {
  return frame.longTermFrameIdx;
}

/** Sorts a list that is the caller's own: this runs for each slice. */
function ascending(frames: FrameStore[], key: (frame: FrameStore) => number): FrameStore[] {
  return frames.length < 2 ? frames : frames.sort((a, b) => key(a) - key(b));
}

function descending(frames: FrameStore[], key: (frame: FrameStore) => number): FrameStore[] {
  return frames.length < 2 ? frames : frames.sort((a, b) => key(b) - key(a));
}

/** Frames that the lists of this picture start from: whole ones for a frame, any field for a field. */
function usable(dpb: ReferenceFrames, kind: "short" | "long", current: CurrentPicture): FrameStore[] {
  if (current.structure === Structure.Frame)
    return dpb.frames.filter((frame) => frame[kind] === Structure.Frame);
  return dpb.frames.filter((frame) => frame[kind] !== 0);
}

function pictures(
  frames: readonly FrameStore[],
  kind: "short" | "long",
  current: CurrentPicture,
): Reference[] {
  if (current.structure === Structure.Frame) {
    return frames.map((frame) => ({ frame, structure: Structure.Frame }));
  }
  return alternating(frames, kind, current.structure);
}

/** 8.2.4.2.5: fields of alternating parity, the current one's first; when one parity ends, the rest of the other. */
function alternating(frames: readonly FrameStore[], kind: "short" | "long", current: Structure): Reference[] {
  const opposite = current === Structure.Top ? Structure.Bottom : Structure.Top;
  const same = frames.filter((frame) => (frame[kind] & current) !== 0);
  const other = frames.filter((frame) => (frame[kind] & opposite) !== 0);
  const fields: Reference[] = [];
  for (let i = 0; i < Math.max(same.length, other.length); i += 1) {
    const [a, b] = [same[i], other[i]];
    if (a !== undefined) fields.push({ frame: a, structure: current });
    if (b !== undefined) fields.push({ frame: b, structure: opposite });
  }
  return fields;
}

/** 8.2.4.2.1 and 8.2.4.2.2. */
function initialP(dpb: ReferenceFrames, current: CurrentPicture): Reference[] {
  const short = descending(usable(dpb, "short", current), byShort);
  const long = ascending(usable(dpb, "long", current), byLong);
  return [...pictures(short, "short", current), ...pictures(long, "long", current)];
}

/** 8.2.4.2.3 and 8.2.4.2.4. */
function initialB(dpb: ReferenceFrames, current: CurrentPicture): [Reference[], Reference[]] {
  // An inferred frame has no order count of type 0.
  const short = usable(dpb, "short", current).filter(
    (frame) => !(frame.nonExisting && current.pocType === 0),
  );
  const isBefore = (frame: FrameStore) =>
    current.structure === Structure.Frame ? framePoc(frame) < current.poc : framePoc(frame) <= current.poc;
  const before = descending(short.filter(isBefore), framePoc);
  const after = ascending(
    short.filter((frame) => !isBefore(frame)),
    framePoc,
  );
  const long = pictures(ascending(usable(dpb, "long", current), byLong), "long", current);
  const list0 = [...pictures([...before, ...after], "short", current), ...long];
  const list1 = [...pictures([...after, ...before], "short", current), ...long];
  const [first, second] = list1;
  if (first !== undefined && second !== undefined && sameLists(list0, list1)) {
    list1[0] = second;
    list1[1] = first;
  }
  return [list0, list1];
}

function sameLists(a: readonly Reference[], b: readonly Reference[]): boolean {
  return a.every((entry, i) => entry.frame === b[i]?.frame && entry.structure === b[i]?.structure);
}

/** 8.2.4.3. */
function modified(
  slice: SliceHeader,
  which: 0 | 1,
  initial: readonly Reference[],
  dpb: ReferenceFrames,
  current: CurrentPicture,
): ReferenceList {
  const length = slice.num_ref_idx_active_minus1[which] + 1;
  const list: ReferenceList = [];
  for (let i = 0; i < length; i += 1) list.push(initial[i]);
  if (!slice.ref_pic_list_modification_flag[which]) return list;
  let predicted = current.currPicNum;
  let index = 0;
  for (const entry of slice.modifications[which]) {
    let found: Reference | undefined;
    let named: string;
    if (entry.modification_of_pic_nums_idc === 2) {
      found = dpb.find("long", entry.long_term_pic_num, current.structure);
      named = `long-term picture ${entry.long_term_pic_num}`;
    } else {
      const distance = entry.abs_diff_pic_num_minus1 + 1;
      predicted += entry.modification_of_pic_nums_idc === 0 ? -distance : distance;
      if (predicted < 0) predicted += current.maxPicNum;
      else if (predicted >= current.maxPicNum) predicted -= current.maxPicNum;
      const picNum = predicted > current.currPicNum ? predicted - current.maxPicNum : predicted;
      found = dpb.find("short", picNum, current.structure);
      named = `picture ${picNum}`;
    }
    if (found === undefined) {
      if (!dpb.complete) {
        list.splice(index, 0, undefined);
        list.length = length;
        index += 1;
        continue;
      }
      throw new CodecError(`ref_pic_list_modification() names ${named}, which is no reference`, {
        codec: "H.264",
        section: "8.2.4.3",
      });
    }
    place(list, index, found, length);
    index += 1;
  }
  return list;
}

/** Puts a reference at `index` and takes its other occurrence behind out: (8-37) and (8-38). */
function place(list: ReferenceList, index: number, found: Reference, length: number): void {
  let moved: Reference | undefined = found;
  for (let i = index; i < length; i += 1) {
    const next: Reference | undefined = list[i];
    list[i] = moved;
    if (next?.frame === found.frame && next.structure === found.structure) return;
    moved = next;
  }
}

/** `PicNum` or `LongTermPicNum` of a frame's entry in `v4l2_ctrl_h264_decode_params.dpb`. */
export function entryPicNum(frame: FrameStore, current: Structure): number {
  const number = frame.long !== 0 ? frame.longTermFrameIdx : frame.frameNumWrap;
  const marked = frame.short | frame.long;
  // A frame has two numbers for a field; the kernel's structure has room for one. It is that of the same parity.
  const field = current !== Structure.Frame && (marked & current) !== 0 ? current : Structure.Frame;
  return pictureNumber(number, field, current);
}
