/** The frames that later pictures may refer to, and how pictures mark them: 8.2.5. */
import { CodecError } from "../bits/index.js";
import type { MarkingOperation } from "./syntax-slice.js";

/** What a picture is; also the bits of a set of fields, `V4L2_H264_TOP_FIELD_REF` and so on. */
export const Structure = { Top: 1, Bottom: 2, Frame: 3 } as const;
export type Structure = (typeof Structure)[keyof typeof Structure];

/** A frame, a complementary field pair, or a field whose other one is not there (yet). */
export interface FrameStore {
  readonly decodeIndex: number;
  readonly timestampNs: bigint;
  frameNum: number;
  /** (8-27); of the picture that is being decoded. */
  frameNumWrap: number;
  longTermFrameIdx: number;
  topPoc: number;
  bottomPoc: number;
  /** Fields that were decoded. */
  decoded: number;
  /** Fields marked "used for short-term reference", and "used for long-term reference". */
  short: number;
  long: number;
  readonly codedAsFields: boolean;
  /** Inferred for a gap in frame_num: has no picture. */
  readonly nonExisting: boolean;
}

/** Written out: there are some for each picture, and a spread takes several times as long. */
export const copyFrame = (frame: FrameStore): FrameStore => ({
  decodeIndex: frame.decodeIndex,
  timestampNs: frame.timestampNs,
  frameNum: frame.frameNum,
  frameNumWrap: frame.frameNumWrap,
  longTermFrameIdx: frame.longTermFrameIdx,
  topPoc: frame.topPoc,
  bottomPoc: frame.bottomPoc,
  decoded: frame.decoded,
  short: frame.short,
  long: frame.long,
  codedAsFields: frame.codedAsFields,
  nonExisting: frame.nonExisting,
});

/** A frame or a field of it. */
export interface Reference {
  readonly frame: FrameStore;
  readonly structure: Structure;
}

/** `PicOrderCnt()` of a frame as far as it was decoded: (8-1). */
export function framePoc(frame: FrameStore): number {
  if (frame.decoded === Structure.Top) return frame.topPoc;
  if (frame.decoded === Structure.Bottom) return frame.bottomPoc;
  return Math.min(frame.topPoc, frame.bottomPoc);
}

/** `PicNum` (8-28, 8-30, 8-31) or `LongTermPicNum` (8-29, 8-32, 8-33) of a reference, for a current picture. */
export function pictureNumber(number: number, field: Structure, current: Structure): number {
  if (current === Structure.Frame) return number;
  return 2 * number + (field === current ? 1 : 0);
}

function bad(sentence: string): CodecError {
  return new CodecError(sentence, { codec: "H.264", section: "8.2.5" });
}

/** What marking needs to know of the picture that was decoded. */
export interface MarkedPicture {
  readonly frame: FrameStore;
  readonly structure: Structure;
  readonly idr: boolean;
  readonly longTermReference: boolean;
  /** Undefined: the sliding window. */
  readonly operations: readonly MarkingOperation[] | undefined;
}

/** The reference frames, the oldest first. Never more than 16. */
export class ReferenceFrames {
  #frames: FrameStore[] = [];
  /** `MaxLongTermFrameIdx`; -1 is "no long-term frame indices". */
  #maxLongTermFrameIdx = -1;
  /**
   * Are all frames known that the stream may refer to? Not where it did not start with an IDR picture: then pictures
   * that were never seen may be named.
   */
  complete = false;

  get frames(): readonly FrameStore[] {
    return this.#frames;
  }

  /** A copy in the same state. @param copyOf - The copy of a frame, the same one for the same frame. */
  clone(copyOf: (frame: FrameStore) => FrameStore): ReferenceFrames {
    const copy = new ReferenceFrames();
    copy.#frames = this.#frames.map(copyOf);
    copy.#maxLongTermFrameIdx = this.#maxLongTermFrameIdx;
    copy.complete = this.complete;
    return copy;
  }

  /** `FrameNumWrap` of the frames with short-term fields, for a picture with this `frame_num`. */
  updateFrameNumWrap(frameNum: number, maxFrameNum: number): void {
    for (const frame of this.#frames) {
      frame.frameNumWrap = frame.frameNum > frameNum ? frame.frameNum - maxFrameNum : frame.frameNum;
    }
  }

  /** The short-term picture with a `PicNum`, or the long-term picture with a `LongTermPicNum`. */
  find(kind: "short" | "long", number: number, current: Structure): Reference | undefined {
    for (const frame of this.#frames) {
      const marked = frame[kind];
      const value = kind === "short" ? frame.frameNumWrap : frame.longTermFrameIdx;
      if (current === Structure.Frame) {
        if (marked === Structure.Frame && value === number) return { frame, structure: Structure.Frame };
        continue;
      }
      for (const structure of [Structure.Top, Structure.Bottom]) {
        if ((marked & structure) !== 0 && pictureNumber(value, structure, current) === number) {
          return { frame, structure };
        }
      }
    }
    return undefined;
  }

  /**
   * Marks after a reference picture was decoded: 8.2.5.1. `updateFrameNumWrap` was called for it.
   * @returns Did operation 5 forget everything before the picture?
   */
  mark(picture: MarkedPicture, maxNumRefFrames: number): boolean {
    const { frame, structure } = picture;
    const capacity = Math.max(maxNumRefFrames, 1);
    let reset = false;
    if (picture.idr) {
      this.#markIdr(picture);
    } else if (picture.operations === undefined) {
      // The second field of a frame whose first one is a short-term reference goes with it.
      if (frame.short === 0) this.#slide(capacity, frame);
      frame.short |= structure;
    } else {
      for (const operation of picture.operations) reset = this.#apply(operation, picture) || reset;
      if ((frame.long & structure) === 0) frame.short |= structure;
    }
    if (!this.#frames.includes(frame)) this.#frames.push(frame);
    this.#dropUnused();
    if (this.#frames.length > capacity) {
      if (this.complete) {
        throw bad(
          `${this.#frames.length} frames are marked as references, and max_num_ref_frames is ${maxNumRefFrames}`,
        );
      }
      this.#frames.splice(0, this.#frames.length - capacity);
    }
    return reset;
  }

  /** A frame that frame_num left out: 8.2.5.2. */
  addNonExisting(frame: FrameStore, maxNumRefFrames: number): void {
    this.#slide(Math.max(maxNumRefFrames, 1), frame);
    this.#frames.push(frame);
  }

  #markIdr({ frame, structure, longTermReference }: MarkedPicture): void {
    this.complete = true;
    // Only the first field can be an IDR picture.
    for (const other of this.#frames) {
      other.short = 0;
      other.long = 0;
    }
    this.#frames = [];
    this.#maxLongTermFrameIdx = longTermReference ? 0 : -1;
    if (longTermReference) {
      frame.long |= structure;
      frame.longTermFrameIdx = 0;
    } else {
      frame.short |= structure;
    }
  }

  /** 8.2.5.3. */
  #slide(capacity: number, current: FrameStore): void {
    const others = this.#frames.filter((frame) => frame !== current);
    if (others.length < capacity) return;
    let oldest: FrameStore | undefined;
    for (const frame of others) {
      if (frame.short === 0) continue;
      if (oldest === undefined || frame.frameNumWrap < oldest.frameNumWrap) oldest = frame;
    }
    if (oldest === undefined) {
      throw bad("the sliding window finds no short-term reference frame that it could remove");
    }
    oldest.short = 0;
    this.#dropUnused();
  }

  #dropUnused(): void {
    this.#frames = this.#frames.filter((frame) => (frame.short | frame.long) !== 0);
  }

  /** One operation: 8.2.5.4. @returns Was it number 5? */
  #apply(operation: MarkingOperation, { frame, structure }: MarkedPicture): boolean {
    const number = operation.memory_management_control_operation;
    switch (number) {
      case 1:
      case 3: {
        const picNum =
          pictureNumber(frame.frameNumWrap, structure, structure) -
          (operation.difference_of_pic_nums_minus1 + 1);
        const found = this.find("short", picNum, structure);
        if (found === undefined)
          this.#missing(`memory_management_control_operation ${number} names picture ${picNum}`);
        else if (number === 1) found.frame.short &= ~found.structure;
        else this.#makeLong(found.frame, found.structure, operation.long_term_frame_idx);
        return false;
      }
      case 2: {
        const found = this.find("long", operation.long_term_pic_num, structure);
        if (found !== undefined) found.frame.long &= ~found.structure;
        else
          this.#missing(
            `memory_management_control_operation 2 names long-term picture ${operation.long_term_pic_num}`,
          );
        return false;
      }
      case 4:
        this.#maxLongTermFrameIdx = operation.max_long_term_frame_idx_plus1 - 1;
        for (const other of this.#frames) {
          if (other.longTermFrameIdx > this.#maxLongTermFrameIdx) other.long = 0;
        }
        return false;
      case 5:
        if (frame.decoded !== 0)
          throw bad("memory_management_control_operation 5 is in the second field of a frame");
        for (const other of this.#frames) {
          other.short = 0;
          other.long = 0;
        }
        this.#maxLongTermFrameIdx = -1;
        this.complete = true;
        return true;
      default:
        this.#makeLong(frame, structure, operation.long_term_frame_idx);
        return false;
    }
  }

  #makeLong(frame: FrameStore, structure: Structure, index: number): void {
    if (index > this.#maxLongTermFrameIdx && this.complete) {
      const most = this.#maxLongTermFrameIdx;
      throw bad(
        `long_term_frame_idx is ${index}, and ${most < 0 ? "no long-term frame is allowed" : `the largest allowed is ${most}`}`,
      );
    }
    for (const other of this.#frames) {
      if (other !== frame && other.long !== 0 && other.longTermFrameIdx === index) other.long = 0;
    }
    if (frame.long !== 0 && frame.longTermFrameIdx !== index) frame.long = 0;
    frame.short &= ~structure;
    frame.long |= structure;
    frame.longTermFrameIdx = index;
  }

  #missing(what: string): void {
    if (this.complete) throw bad(`${what}, which is no reference`);
  }
}
