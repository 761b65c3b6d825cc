/** Several recordings as one: the events of all, by time. */
import type { TraceEvent } from "../v4l2/index.js";

/** @param recordings - Each in its own order. Of an ioctl, the argument is there until the next event is asked for. */
export function* mergedEvents(
  recordings: readonly Iterable<TraceEvent>[],
): Generator<TraceEvent, void, undefined> {
  const iterators = recordings.map((recording) => recording[Symbol.iterator]());
  const next = iterators.map((iterator) => iterator.next());
  for (;;) {
    let first = -1;
    for (const [index, { done, value }] of next.entries()) {
      if (done === true) continue;
      const best = next[first];
      if (best === undefined || best.done === true || value.monotonicNs < best.value.monotonicNs)
        first = index;
    }
    const [iterator, chosen] = [iterators[first], next[first]];
    if (iterator === undefined || chosen === undefined || chosen.done === true) return;
    yield chosen.value;
    next[first] = iterator.next();
  }
}
