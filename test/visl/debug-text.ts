/** Reads visl's debug lines (`visl_debug=1`) in the kernel's log. */

/** The lines without their time, each with the function that printed it. */
export function debugLines(dmesg: string): { from: string; text: string }[] {
  return dmesg
    .split("\n")
    .map((line) => /visl visl\.0: (\w+): (.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, from = "", text = ""]) => ({ from, text }));
}

/** The text on each frame that was decoded. */
export function frameTexts(dmesg: string): string[][] {
  const frames: string[][] = [];
  for (const { from, text } of debugLines(dmesg)) {
    if (from !== "visl_tpg_fill") continue;
    if (/(^| )sequence:\d/.test(text)) frames.push([]);
    frames.at(-1)?.push(text);
  }
  return frames;
}
