/** Which entry of a submitted DPB is meant for which reference. Clients choose the order. */

/** Where the submitted DPB has each reference, by its time stamp. */
export type DpbIndices = ReadonlyMap<bigint, number>;

/**
 * Finds the entry of each reference. One that no entry is like gets a free one, where its time stamp is missing.
 * @param likeness - What makes an entry that of a reference, the surest first.
 */
export function entriesOf<Reference extends { readonly timestampNs: bigint }, Entry>(
  references: readonly Reference[],
  submitted: readonly Entry[],
  likeness: readonly ((entry: Entry, reference: Reference, index: number) => boolean)[],
): DpbIndices {
  const indices = new Map<bigint, number>();
  const taken = new Set<number>();
  for (const isLike of likeness) {
    if (indices.size === references.length) break;
    for (const reference of references) {
      if (indices.has(reference.timestampNs)) continue;
      const index = submitted.findIndex((entry, i) => !taken.has(i) && isLike(entry, reference, i));
      if (index < 0) continue;
      indices.set(reference.timestampNs, index);
      taken.add(index);
    }
  }
  return indices;
}
