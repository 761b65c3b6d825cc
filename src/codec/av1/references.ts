/** The reference slots: what a frame header needs of the frames before it, and how a frame takes slots (7.20, 7.21). */
import type { CodecError } from "../bits/index.js";
import { NUM_REF_FRAMES, REFS_PER_FRAME, type FrameHeader } from "./frame-header.js";
import type { SequenceHeader } from "./syntax-sequence.js";

/** What the eight slots hold. */
export interface ReferenceSlots {
  /** The header of the frame in each slot. `undefined`: nothing was decoded into it yet. */
  readonly frames: (FrameHeader | undefined)[];
  /** `RefValid`, a bit for each slot. */
  valid: number;
}

export function emptyReferenceSlots(): ReferenceSlots {
  return { frames: new Array<FrameHeader | undefined>(NUM_REF_FRAMES).fill(undefined), valid: 0 };
}

/** The reference frame update process, 7.20. */
export function updateReferences(slots: ReferenceSlots, frame: FrameHeader): void {
  slots.valid = frame.refValid | frame.refresh_frame_flags;
  for (let i = 0; i < NUM_REF_FRAMES; i += 1) {
    if ((frame.refresh_frame_flags >> i) & 1) slots.frames[i] = frame;
  }
}

/**
 * The frame that `show_existing_frame` names, after the slots changed as 7.21 says: a key frame that is shown later
 * starts anew, and takes all of them.
 */
export function showExisting(slots: ReferenceSlots, header: FrameHeader): FrameHeader | undefined {
  const frame = slots.frames[header.frame_to_show_map_idx];
  if (frame === undefined || header.refresh_frame_flags === 0) return frame;
  // A key frame is shown once only (6.8.2).
  slots.frames.fill({ ...frame, showable_frame: false });
  slots.valid = header.refresh_frame_flags;
  return frame;
}

/** `get_relative_dist()`: 5.9.3. */
export function relativeDistance(seq: SequenceHeader, a: number, b: number): number {
  if (!seq.enable_order_hint) return 0;
  const half = 1 << (seq.orderHintBits - 1);
  return ((a - b) & (half - 1)) - ((a - b) & half);
}

/** `RefOrderHint[]`. */
export function refOrderHint(slots: ReferenceSlots, index: number): number {
  return slots.frames[index]?.order_hint ?? 0;
}

/** `set_frame_refs()`: the set frame refs process, 7.8. Fills `ref_frame_idx`. */
export function setFrameRefs(
  seq: SequenceHeader,
  slots: ReferenceSlots,
  frame: FrameHeader,
  error: (sentence: string) => CodecError,
): void {
  const current = 1 << (seq.orderHintBits - 1);
  const hints = slots.frames.map(
    (_, i) => current + relativeDistance(seq, refOrderHint(slots, i), frame.order_hint),
  );
  const used = new Uint8Array(NUM_REF_FRAMES);
  const chosen = frame.ref_frame_idx.fill(-1);
  const take = (name: number, slot: number): void => {
    if (slot < 0) return;
    chosen[name - 1] = slot;
    used[slot] = 1;
  };
  /** The unused slot that is best by `better` among those after (or before) the current frame; the last such for ties. */
  const find = (after: boolean, better: (hint: number, best: number) => boolean): number => {
    let slot = -1;
    let best = 0;
    for (const [i, hint] of hints.entries()) {
      if (used[i] === 1 || hint >= current !== after || (slot >= 0 && !better(hint, best))) continue;
      slot = i;
      best = hint;
    }
    return slot;
  };
  for (const slot of [frame.last_frame_idx, frame.gold_frame_idx]) {
    if ((hints[slot] ?? 0) >= current) throw error(`slot ${slot} is not before this frame`);
  }
  take(1, frame.last_frame_idx);
  take(4, frame.gold_frame_idx);
  take(
    7,
    find(true, (hint, best) => hint >= best),
  );
  take(
    5,
    find(true, (hint, best) => hint < best),
  );
  take(
    6,
    find(true, (hint, best) => hint < best),
  );
  for (const name of [2, 3, 5, 6, 7]) {
    if ((chosen[name - 1] ?? 0) < 0)
      take(
        name,
        find(false, (hint, best) => hint >= best),
      );
  }
  let earliest = 0;
  for (const [i, hint] of hints.entries()) if (hint < (hints[earliest] ?? 0)) earliest = i;
  for (let i = 0; i < REFS_PER_FRAME; i += 1) if ((chosen[i] ?? 0) < 0) chosen[i] = earliest;
}

/** `mark_ref_frames()`: 5.9.4. Slots whose frame id is too far away are no longer valid. */
export function markRefFrames(
  seq: SequenceHeader,
  slots: ReferenceSlots,
  frame: FrameHeader,
  idLength: number,
): void {
  const window = 1 << (seq.delta_frame_id_length_minus_2 + 2);
  const current = frame.current_frame_id;
  for (let i = 0; i < NUM_REF_FRAMES; i += 1) {
    const id = slots.frames[i]?.current_frame_id ?? 0;
    const gone =
      current > window
        ? id > current || id < current - window
        : id > current && id < (1 << idLength) + current - window;
    if (gone) frame.refValid &= ~(1 << i);
  }
}

/** The two references of skip mode, if it is allowed: 5.9.22. */
export function skipModeFrames(
  seq: SequenceHeader,
  slots: ReferenceSlots,
  frame: FrameHeader,
): readonly [number, number] | undefined {
  if (frame.frameIsIntra || !frame.reference_select || !seq.enable_order_hint) return undefined;
  const distance = (a: number, b: number): number => relativeDistance(seq, a, b);
  const hint = (i: number): number => refOrderHint(slots, frame.ref_frame_idx[i] ?? 0);
  /** The latest reference before `limit`. */
  const before = (limit: number): number => {
    let best = -1;
    for (let i = 0; i < REFS_PER_FRAME; i += 1) {
      if (distance(hint(i), limit) < 0 && (best < 0 || distance(hint(i), hint(best)) > 0)) best = i;
    }
    return best;
  };
  const forward = before(frame.order_hint);
  if (forward < 0) return undefined;
  let other = -1;
  for (let i = 0; i < REFS_PER_FRAME; i += 1) {
    if (distance(hint(i), frame.order_hint) > 0 && (other < 0 || distance(hint(i), hint(other)) < 0))
      other = i;
  }
  if (other < 0) other = before(hint(forward));
  if (other < 0) return undefined;
  return [1 + Math.min(forward, other), 1 + Math.max(forward, other)];
}
