/**
 * Splits `sample --multiplanar` into words, by the part of the shell's rules that needs no shell: white space separates,
 * quotes and backslashes keep characters as they are. Nothing is expanded: `$`, `*` and `~` are themselves.
 */
import { UsageError } from "../failure.js";

/** One piece of a word: '...', "..." with \" and \\ in it, \c, or plain characters; or an opened quote without end. */
const PIECE = /'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\]+)|(['"\\])/y;

/** @throws {UsageError} A quote is not closed, or a backslash is the last character. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let at = 0;
  while (at < text.length) {
    PIECE.lastIndex = at;
    const [all, single, double, escaped, plain, open] = PIECE.exec(text) ?? [];
    if (open !== undefined) {
      throw new UsageError(
        open === "\\" ? `"${text}" ends with a backslash` : `a ${open} is not closed in: ${text}`,
      );
    }
    if (all === undefined) {
      // White space.
      if (word !== undefined) words.push(word);
      word = undefined;
      at += 1;
      continue;
    }
    word = (word ?? "") + (single ?? double?.replace(/\\(["\\])/g, "$1") ?? escaped ?? plain ?? "");
    at += all.length;
  }
  if (word !== undefined) words.push(word);
  return words;
}
