/** The mutation measure on a few requests of each stream; `scripts/check-mutations` takes all. */
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { measuredCodecs } from "./measured.js";
import { describeMeasure, measure } from "./mutations.js";

/** `V4L2_CUSE_CHECK_MUTATIONS=all`: every change of every request of every stream. */
const isWhole = process.env["V4L2_CUSE_CHECK_MUTATIONS"] === "all";
const options = isWhole ? {} : { perRequest: 40, requests: 30 };
const SHARE = 0.95;

describe.each(measuredCodecs)("the check of $name", (codec) => {
  it.each(codec.streams.map((path) => [basename(path), path] as const))(
    "names exactly what was changed in requests of %s, and nothing in correct ones",
    (name, path) => {
      const result = measure(codec, path, options);
      console.info(`${codec.name}, ${name}: ${describeMeasure(result)}`);
      expect(result.requests).toBeGreaterThan(0);
      expect(result.falseAlarms).toEqual([]);
      expect(result.misblamed).toEqual([]);
      const missed = [...result.missed].map(([field, count]) => `${field}: ${count}`);
      expect(result.exact / result.determined, missed.join("\n")).toBeGreaterThanOrEqual(SHARE);
    },
    isWhole ? 3_600_000 : 60_000,
  );
});
