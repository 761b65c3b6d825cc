import { defineConfig } from "vitest/config";

const guest = ["test/device/**", "test/compliance/**"];

/** Three projects: `unit` runs anywhere; `device` and `compliance` need root and /dev/cuse (scripts/test). */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/**/*.test.ts"], exclude: guest, pool: "forks" } },
      {
        test: {
          name: "device",
          include: ["test/device/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          pool: "forks",
        },
      },
      {
        test: {
          name: "compliance",
          include: ["test/compliance/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          pool: "forks",
        },
      },
    ],
  },
});
