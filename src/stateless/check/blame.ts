/**
 * Which field is to blame when a request contradicts itself. Parameter sets are not in the OUTPUT buffer, but slice
 * headers are read with them: one wrong field of a set makes many fields of other controls look wrong. So the answer is
 * the fewest wrong fields that explain everything.
 */
import { FieldPlaces, type Disagreement, type FieldPlace, type Scalar } from "./compare.js";

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

/** So many wrong fields are not explained by one. */
const MANY = 64;

const wrongFields = ({ disagreements, problem }: Examination): number =>
  problem === undefined ? disagreements.length : Infinity;

/**
 * @param base - With the sets as they were submitted; something is wrong.
 * @param alternatives - Those that restore an earlier value first, and the nearest values of a field first.
 * @param examine - Looks at the request with other sets; after `most` wrong fields and one more, their number does not
 *   matter, nor where they are.
 * @param place - What to say of a field of a set, in place of a bit.
 * @returns `base`, or what is left with the sets that explain more, and that field among the disagreements. Fields that
 *   explain the same are told in a sentence, and none of them is blamed.
 */
export function leastBlame<Sets, Result extends Examination>(
  base: Result,
  alternatives: Iterable<Alternative<Sets>>,
  examine: (sets: Sets, most?: number) => Result,
  place: FieldPlace,
): Result {
  let least = wrongFields(base);
  let best: Sets | undefined;
  /** What explains as much as anything does; empty for the submitted sets alone. */
  let by: Alternative<Sets>[] = [];
  for (const alternative of alternatives) {
    const { restores, control, field } = alternative;
    const result = examine(alternative.sets, Math.min(least, MANY));
    const count = 1 + wrongFields(result);
    if (count > least || count === Infinity) continue;
    if (count < least || (restores && best === undefined)) {
      best = alternative.sets;
      by = [alternative];
    } else if (by.every((other) => other.field !== field || other.control !== control)) {
      by.push(alternative);
    }
    least = count;
    // Nothing is surer than a value that was there before and explains all.
    if (restores && count === 1) break;
  }
  const found = by.map(({ control, field, submitted, instead }): Disagreement => {
    return { control, field, submitted, expected: instead, place };
  });
  const [only] = found;
  if (only === undefined) return base;
  const result = best === undefined ? undefined : examine(best);
  if (result !== undefined && found.length === 1) {
    return { ...result, disagreements: [only, ...result.disagreements] };
  }
  const either = result === undefined ? [...base.disagreements, ...found] : found;
  const names = either.map(
    ({ control, field, expected }) => `${control}.${field} should be ${Number(expected)}`,
  );
  const problem = `the request contradicts itself: ${names.join(", or ")}`;
  return { ...(result ?? base), disagreements: [], problem };
}

const noPlaces = new FieldPlaces();
/** Of fields of which only the number matters. */
export const nowhere = (): FieldPlaces => noPlaces;
