/**
 * Where visl, seen by real programs, differs from the kernel's. This is the whole list: all else that the tests compare
 * is equal, letter for letter. docs/visl.md has the same list for users.
 */
export interface Difference {
  /** Names of the texts in data/ that show it; each must, or the entry is stale. */
  readonly shownIn: RegExp;
  readonly kernel: RegExp;
  /** Takes the place of `kernel`, as in `String.replace`. */
  readonly here: string;
  readonly reason: string;
}

export const differences: readonly Difference[] = [
  {
    shownIn: /^(all|media-ctl-p)\.txt/,
    kernel: /\b6\.12\.107$/gm,
    here: "6.12.0",
    reason: "The version is that of the uAPI, not of the Debian package whose kernel was watched.",
  },
  {
    shownIn: /dmesg-ioctls/,
    kernel: /\bversion=0x00060c6b\b/g,
    here: "version=0x00060c00",
    reason: "The same.",
  },
];

/** What the kernel's text `name` is here. @throws When an entry that should be shown in it is not. */
export function withDifferences(name: string, text: string): string {
  return differences
    .filter(({ shownIn }) => shownIn.test(name))
    .reduce((before, { kernel, here, reason }) => {
      const after = before.replace(kernel, here);
      if (after === before) throw new Error(`${name} does not show this difference: ${reason}`);
      return after;
    }, text);
}
