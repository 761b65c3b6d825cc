/** Every element of every OBU against ffmpeg's reading: name, subscripts, position, length and value. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { compareHeaders } from "../support/headers.js";
import { hasTraceHeaders } from "../support/trace-headers.js";
import { vectors } from "../support/vectors.js";
import { clip, clipNames } from "./clips.js";
import { layeredStreamFile } from "./layered-stream.js";

/** The numbers of units and elements, which are the same in both readings. */
function compare(file: string): { units: number; elements: number } {
  const { differences, ...counts } = compareHeaders("av1", file);
  expect(differences).toEqual([]);
  return counts;
}

const data = fileURLToPath(new URL("../../gstreamer/data/av1.ivf", import.meta.url));

describe.skipIf(!hasTraceHeaders())("AV1 headers as ffmpeg reads them", () => {
  it.each([data, ...vectors("av1", [".ivf", ".obu"])])("%s", (file) => {
    expect(compare(file).elements).toBeGreaterThan(800);
  });

  // ffmpeg turns Annex B into the other format before it shows it: see parse.test.ts.
  it.each(clipNames.filter((name) => name !== "annex-b"))(
    "of the clip %s",
    (name) => {
      const file = clip(name);
      if (file === undefined) return;
      const { units, elements } = compare(file);
      console.info(`${name}: ${units} OBUs, ${elements} elements`);
      expect(elements).toBeGreaterThan(40);
    },
    120_000,
  );

  it("of spatial layers, a decoder model, metadata, intra-only frames and short signalling, which no encoder here writes", () => {
    expect(compare(layeredStreamFile()).elements).toBeGreaterThan(500);
  });
});
