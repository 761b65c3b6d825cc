/** Values that many headers share, because most have nothing to put there: a new one for each takes longer than the parsing. */

/**
 * Makes it an error to write to the value, or to what is in it. Only the elements of typed arrays cannot be protected.
 * @returns The same value.
 */
export function shared<Value extends object>(value: Value): Value {
  for (const member of Object.values(value) as unknown[])
    if (typeof member === "object" && member !== null && !ArrayBuffer.isView(member)) shared(member);
  return ArrayBuffer.isView(value) ? value : Object.freeze(value);
}
