/** Maps whose size is bounded: a recording may have any number of files and jobs. */

const MAX_ENTRIES = 4096;
/** Forgotten at once: to find the oldest entry takes longer the more were deleted before it. */
const FORGOTTEN = MAX_ENTRIES / 8;

/** Call it after each new entry: the oldest are forgotten when there are too many. */
export function forgetOldest(map: Map<string, unknown>): void {
  if (map.size <= MAX_ENTRIES) return;
  let count = 0;
  for (const key of map.keys()) {
    map.delete(key);
    count += 1;
    if (count === FORGOTTEN) return;
  }
}
