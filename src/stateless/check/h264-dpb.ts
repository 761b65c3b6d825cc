/** The decoded picture buffer of H.264's controls, whose entries may stand in any order. */
import { h264, type ControlValues } from "../../codec/index.js";
import type { ExpectedFlag, ExpectedValue } from "./compare.js";
import { entriesOf, type DpbIndices } from "./dpb-entries.js";

const { DpbEntryFlag, Structure } = h264;

type DpbEntry = NonNullable<ControlValues["StatelessH264DecodeParams"]>["dpb"][number];

export interface ExpectedDpb {
  readonly entries: readonly (ExpectedValue | undefined)[];
  readonly flags: readonly ExpectedFlag[];
  readonly indices: DpbIndices;
}

/** What should be in the entries that the client chose for the references of a picture. */
export function expectedDpb(picture: h264.CodedPicture, submitted: readonly DpbEntry[]): ExpectedDpb {
  const references = picture.references.filter(({ nonExisting }) => !nonExisting);
  const indices = entriesOf(references, submitted, likeness);
  const entries: (ExpectedValue | undefined)[] = new Array<undefined>(submitted.length).fill(undefined);
  const flags: ExpectedFlag[] = [];
  const used = new Set<number>();
  for (const frame of references) {
    const index = indices.get(frame.timestampNs);
    if (index === undefined) continue;
    used.add(index);
    entries[index] = expectedEntry(frame, picture.structure, submitted[index]);
    flags.push(...expectedFlags(frame, index, submitted[index]));
  }
  for (const [index, entry] of submitted.entries()) {
    if (!used.has(index) && (entry.flags & DpbEntryFlag.Active) !== 0) {
      flags.push(flagOf(index, entry, "ACTIVE", DpbEntryFlag.Active, false));
    }
  }
  return { entries, flags, indices };
}

function expectedEntry(
  frame: h264.FrameStore,
  current: h264.Structure,
  submitted: DpbEntry | undefined,
): ExpectedValue {
  const picNum = h264.entryPicNum(frame, current) >>> 0;
  // Of a frame, a field has two numbers for the two fields, 2n and 2n + 1. The API does not say which, and clients differ.
  const isPair = current !== Structure.Frame && (frame.short | frame.long) === Structure.Frame;
  const isEither = isPair && submitted !== undefined && submitted.pic_num >>> 1 === picNum >>> 1;
  const has = (field: number): boolean => (frame.decoded & field) !== 0;
  return {
    reference_ts: frame.timestampNs,
    pic_num: isEither ? undefined : picNum,
    frame_num: frame.long !== 0 ? frame.longTermFrameIdx : frame.frameNum,
    fields: frame.short | frame.long,
    top_field_order_cnt: has(Structure.Top) ? frame.topPoc : undefined,
    bottom_field_order_cnt: has(Structure.Bottom) ? frame.bottomPoc : undefined,
  };
}

function expectedFlags(frame: h264.FrameStore, index: number, entry: DpbEntry | undefined): ExpectedFlag[] {
  if (entry === undefined) return [];
  return [
    flagOf(index, entry, "VALID", DpbEntryFlag.Valid, true),
    flagOf(index, entry, "ACTIVE", DpbEntryFlag.Active, true),
    flagOf(index, entry, "LONG_TERM", DpbEntryFlag.LongTerm, frame.long !== 0),
    flagOf(index, entry, "FIELD", DpbEntryFlag.Field, frame.codedAsFields),
  ];
}

function flagOf(
  index: number,
  { flags }: DpbEntry,
  name: string,
  mask: number,
  isSet: boolean,
): ExpectedFlag {
  const word = { path: `dpb[${index}].flags`, value: flags };
  return { name, mask, isSet, element: "the marking of the pictures before", word };
}

/** What makes an entry that of a frame, the surest first. */
const likeness: readonly ((entry: DpbEntry, frame: h264.FrameStore) => boolean)[] = [
  (entry, frame) => entry.flags !== 0 && entry.reference_ts === frame.timestampNs,
  (entry, { topPoc, bottomPoc }) =>
    entry.flags !== 0 && entry.top_field_order_cnt === topPoc && entry.bottom_field_order_cnt === bottomPoc,
  (entry, frame) => entry.reference_ts === frame.timestampNs,
  (entry) => entry.flags !== 0,
  () => true,
];

/** `ref_pic_list0` or `ref_pic_list1`: nothing is said of entries without a picture. */
export function expectedList(
  list: readonly (h264.Reference | undefined)[],
  indices: DpbIndices,
): (ExpectedValue | undefined)[] {
  return list.map((reference) => {
    const index = reference === undefined ? undefined : indices.get(reference.frame.timestampNs);
    if (reference === undefined || index === undefined || reference.frame.nonExisting) return undefined;
    return { fields: reference.structure, index };
  });
}
