/**
 * Which field is to blame when a request contradicts itself. Parameter sets are not in the OUTPUT buffer, but slice
 * headers are read with them: one wrong field of a set makes many fields of other controls look wrong. So the answer is
 * the fewest wrong fields that explain everything.
 */
import type { Disagreement, FieldPlace, Scalar } from "./compare.js";

/** What a request looks like with certain parameter sets. */
export interface Examination {
  readonly disagreements: readonly Disagreement[];
  /** Why the bitstream cannot be read with them. */
  readonly problem?: string | undefined;
}

/** The parameter sets with another value of one field. */
export interface Alternative<Sets> {
  readonly control: string;
  readonly field: string;
  readonly submitted: Scalar;
  readonly instead: Scalar;
  readonly sets: Sets;
  /** An earlier request had this value. */
  readonly restores: boolean;
}

const wrongFields = ({ disagreements, problem }: Examination): number =>
  problem === undefined ? disagreements.length : Infinity;

/**
 * @param base - With the sets as they were submitted; something is wrong.
 * @param alternatives - The nearest values of a field first.
 * @param place - What to say of a field of a set, in place of a bit.
 * @returns `base`, or what is left with the sets that explain more, and that field among the disagreements. Two fields
 *   that explain the same are told in a sentence.
 */
export function leastBlame<Sets, Result extends Examination>(
  base: Result,
  alternatives: Iterable<Alternative<Sets>>,
  examine: (sets: Sets) => Result,
  place: FieldPlace,
): Result {
  let least = wrongFields(base);
  let best: { readonly result: Result; readonly by: Alternative<Sets>[] } | undefined;
  for (const alternative of alternatives) {
    const { restores, control, field } = alternative;
    const result = examine(alternative.sets);
    const count = 1 + wrongFields(result);
    // As good as the submitted sets is good enough for a value that was there before.
    if (count > least || (count === least && best === undefined && !restores)) continue;
    if (count < least || best === undefined) best = { result, by: [alternative] };
    else if (best.by.every((other) => other.field !== field || other.control !== control))
      best.by.push(alternative);
    least = count;
    if (restores && count === 1) {
      best = { result, by: [alternative] };
      break;
    }
  }
  if (best === undefined) return base;
  const { result, by } = best;
  const found = by.map(({ control, field, submitted, instead }): Disagreement => {
    return { control, field, submitted, expected: instead, place };
  });
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0)
    return { ...result, disagreements: [only, ...result.disagreements] };
  const names = found.map(
    ({ control, field, expected }) => `${control}.${field} should be ${Number(expected)}`,
  );
  return { ...base, disagreements: [], problem: `the request contradicts itself: ${names.join(", or ")}` };
}
