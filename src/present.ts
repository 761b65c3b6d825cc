/**
 * What the types cannot know: that a value is there. Not for what a client, the kernel or a driver can leave out; that is
 * refused with an errno, or reported as what it is.
 */

/** @throws {Error} It is not there, which cannot happen: a bug of ours. @param what - "a buffer has planes" */
export function present<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new Error(`cannot happen: ${what}`);
  return value;
}

/** What was thrown, for who wants an Error: anything can be thrown. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** For a function that nobody can call. @throws {Error} Somebody has called it: a bug of ours. */
export function cannotHappen(what: string): never {
  throw new Error(`cannot happen: ${what}`);
}
