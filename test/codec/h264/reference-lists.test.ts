import { describe, expect, it } from "vitest";
import { ReferenceFrames, Structure, type FrameStore } from "../../../src/codec/h264/dpb.js";
import { emptySliceHeader, SliceType, type SliceHeader } from "../../../src/codec/h264/index.js";
import { referenceLists, type ReferenceList } from "../../../src/codec/h264/reference-lists.js";

function frame(frameNum: number, poc: number, change: Partial<FrameStore> = {}): FrameStore {
  return {
    decodeIndex: frameNum,
    timestampNs: BigInt(frameNum) * 1000n,
    frameNum,
    frameNumWrap: frameNum,
    longTermFrameIdx: 0,
    topPoc: poc,
    bottomPoc: poc + 1,
    decoded: Structure.Frame,
    short: 0,
    long: 0,
    codedAsFields: false,
    nonExisting: false,
    ...change,
  };
}

/** Frames that were decoded one after the other; `long` ones by operations 4 and 6. */
function dpbOf(frames: readonly FrameStore[], longTermFrameIdx: ReadonlyMap<FrameStore, number> = new Map()) {
  const dpb = new ReferenceFrames();
  const none = { difference_of_pic_nums_minus1: 0, long_term_pic_num: 0, long_term_frame_idx: 0 };
  for (const one of frames) {
    const index = longTermFrameIdx.get(one);
    const operations = [
      { ...none, memory_management_control_operation: 4, max_long_term_frame_idx_plus1: 4 },
      {
        ...none,
        memory_management_control_operation: 6,
        max_long_term_frame_idx_plus1: 0,
        long_term_frame_idx: index ?? 0,
      },
    ];
    const structure = one.decoded as Structure;
    one.decoded = 0;
    dpb.mark(
      {
        frame: one,
        structure,
        idr: false,
        longTermReference: false,
        operations: index === undefined ? undefined : operations,
      },
      16,
    );
    one.decoded = structure;
  }
  dpb.complete = true;
  return dpb;
}

/** `3`, `3T` for its top field, `L3` for a long-term one, `-` for no picture. */
function spelled(list: ReferenceList): string {
  return list
    .map((entry) => {
      if (entry === undefined) return "-";
      const { frame: one, structure } = entry;
      return `${one.long !== 0 ? "L" : ""}${one.frameNum}${structure === 3 ? "" : structure === 1 ? "T" : "B"}`;
    })
    .join(" ");
}

function slice(type: number, entries: number, change: Partial<SliceHeader> = {}): SliceHeader {
  const active: [number, number] = [entries - 1, entries - 1];
  return { ...emptySliceHeader(), slice_type: type, num_ref_idx_active_minus1: active, ...change };
}

const current = (frameNum: number, poc: number) => ({
  structure: Structure.Frame,
  currPicNum: frameNum,
  maxPicNum: 16,
  poc,
  pocType: 0,
});
const currentField = (structure: Structure, frameNum: number, poc: number) => ({
  structure,
  currPicNum: 2 * frameNum + 1,
  maxPicNum: 32,
  poc,
  pocType: 0,
});

describe("initial reference lists", () => {
  const [a, b, c, d] = [frame(1, 10), frame(2, 30), frame(3, 50), frame(4, 20)];
  const long = new Map([
    [a, 2],
    [b, 1],
  ]);
  const all = [a, b, c, d, frame(5, 70)];

  it("of P frames go down from the latest frame, then up the long-term indices (8.2.4.2.1)", () => {
    const [list0, list1] = referenceLists(slice(SliceType.P, 6), dpbOf(all, long), current(6, 40));
    expect(spelled(list0)).toBe("5 4 3 L2 L1 -");
    expect(list1).toEqual([]);
  });

  it("of B frames start from the nearest before and behind in display (8.2.4.2.3)", () => {
    const frames = [frame(1, 10), frame(2, 30), frame(3, 50), frame(4, 20), frame(5, 70)];
    const [list0, list1] = referenceLists(slice(SliceType.B, 5), dpbOf(frames), current(6, 40));
    expect(spelled(list0)).toBe("2 4 1 3 5");
    expect(spelled(list1)).toBe("3 5 2 4 1");
  });

  it("of B frames swap the first two entries of list 1 if it is list 0, before they are cut", () => {
    const frames = [frame(1, 10), frame(2, 30)];
    const [list0, list1] = referenceLists(slice(SliceType.B, 1), dpbOf(frames), current(3, 40));
    expect([spelled(list0), spelled(list1)]).toEqual(["2", "1"]);
  });

  it("of P fields alternate parities, from the own one, and append what is left (8.2.4.2.5)", () => {
    const lone = frame(3, 50, { decoded: Structure.Top, codedAsFields: true });
    const dpb = dpbOf([frame(1, 10), frame(2, 30), lone]);
    // The second field of frame 3 is the bottom one; its first field is a reference for it.
    const [list0] = referenceLists(slice(SliceType.P, 5), dpb, currentField(Structure.Bottom, 3, 51));
    expect(spelled(list0)).toBe("2B 3T 1B 2T 1T");
    const [ofTop] = referenceLists(slice(SliceType.P, 5), dpb, currentField(Structure.Top, 4, 60));
    expect(spelled(ofTop)).toBe("3T 2B 2T 1B 1T");
  });

  it("of B fields count the first field of the own frame as before them (8.2.4.2.4)", () => {
    const own = frame(3, 40, { decoded: Structure.Top, codedAsFields: true });
    const dpb = dpbOf([frame(1, 10), frame(2, 70), own]);
    const [list0, list1] = referenceLists(slice(SliceType.B, 5), dpb, currentField(Structure.Bottom, 3, 41));
    expect(spelled(list0)).toBe("1B 3T 2B 1T 2T");
    expect(spelled(list1)).toBe("2B 2T 1B 3T 1T");
  });
});

describe("ref_pic_list_modification() (8.2.4.3)", () => {
  const modify = (...entries: readonly (readonly [idc: number, number: number])[]): Partial<SliceHeader> => ({
    ref_pic_list_modification_flag: [true, false],
    modifications: [
      entries.map(([idc, number]) => ({
        modification_of_pic_nums_idc: idc,
        abs_diff_pic_num_minus1: number - 1,
        long_term_pic_num: number,
      })),
      [],
    ],
  });
  const frames = () => [frame(1, 10), frame(2, 20), frame(3, 30), frame(4, 40)];

  it("moves pictures to the front, relative to the one before", () => {
    const [list0] = referenceLists(
      slice(SliceType.P, 4, modify([0, 4], [1, 2])),
      dpbOf(frames()),
      current(5, 50),
    );
    expect(spelled(list0)).toBe("1 3 4 2");
  });

  it("repeats a picture that is named twice: only entries behind the index are taken out", () => {
    const [list0] = referenceLists(
      slice(SliceType.P, 4, modify([0, 1], [1, 16])),
      dpbOf(frames()),
      current(5, 50),
    );
    // 16 further, modulo MaxPicNum, is the same picture again. x264 does so for two weights of one picture.
    expect(spelled(list0)).toBe("4 4 3 2");
  });

  it("wraps picture numbers", () => {
    const wrapped = [frame(14, 10, { frameNumWrap: -2 }), frame(15, 20, { frameNumWrap: -1 }), frame(0, 30)];
    const [list0] = referenceLists(slice(SliceType.P, 3, modify([0, 3])), dpbOf(wrapped), current(1, 50));
    expect(spelled(list0)).toBe("14 0 15");
  });

  it("names long-term pictures by their own numbers", () => {
    const list = frames();
    const [second] = list.slice(1);
    const long = new Map(second === undefined ? [] : [[second, 1]]);
    const [list0] = referenceLists(slice(SliceType.P, 4, modify([2, 1])), dpbOf(list, long), current(5, 50));
    expect(spelled(list0)).toBe("L2 4 3 1");
  });

  it("refuses what is no reference", () => {
    expect(() =>
      referenceLists(slice(SliceType.P, 4, modify([0, 5])), dpbOf(frames()), current(5, 50)),
    ).toThrow(/names picture 0, which is no reference \(section 8.2.4.3\)/);
  });
});
