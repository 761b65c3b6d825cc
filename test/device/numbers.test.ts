/** Drivers that start at once, and were not told which number to take, share the numbers out. */
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { startMany } from "../support/many-drivers.js";
import { builtProgram } from "./support/camera.js";

const driver = (...args: readonly string[]): string[] => [
  process.execPath,
  builtProgram(),
  ...args,
  "--node",
  "cuse",
  "--log",
  "none",
];

/** Where the kernel has no FUSE passthrough. */
const NEEDS_HELPER = /^Clients need .*\n?/gm;

/** A guest has one processor. */
const TIMEOUT_MS = 400_000;

describe("drivers that nobody told a number", () => {
  it(
    "twenty that start at once get twenty numbers",
    async () => {
      const { nodes, said, statuses } = await startMany(20, driver("sample"));
      expect(said.replace(NEEDS_HELPER, "")).toBe("");
      expect(new Set(nodes).size).toBe(20);
      for (const node of nodes) expect(node).toMatch(/^\/dev\/video\d+$/);
      expect(statuses).toEqual(Array(20).fill(0));
      for (const node of nodes) expect(existsSync(node)).toBe(false);
    },
    TIMEOUT_MS,
  );

  it(
    "so do those with two nodes",
    async () => {
      const { nodes, said, statuses } = await startMany(5, driver("visl", "--no-debugfs"));
      expect(said.replace(NEEDS_HELPER, "")).toBe("");
      expect(new Set(nodes).size).toBe(10);
      expect(statuses).toEqual(Array(5).fill(0));
    },
    TIMEOUT_MS,
  );
});
