import { defineConfig } from "vitest/config";

const guest = [
  "test/device/**",
  "test/compliance/**",
  "test/gstreamer/**",
  "test/emulated/**",
  "test/fuse-node/**",
];

/**
 * `unit` runs anywhere. `fuse-node` needs root and /dev/fuse, which most kernels have. `emulated` boots guests itself, in which clients run. The other projects need root and
 * /dev/cuse, and `gstreamer` the programs of the Debian 13 root of scripts/guest. scripts/test runs each where it can.
 */
export default defineConfig({
  test: {
    // Two guests of scripts/test would write the same file at once.
    cache: false,
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: guest,
          // Milliseconds each; but a machine that runs guests beside them is slow at times.
          testTimeout: 30_000,
          pool: "forks",
        },
      },
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
          name: "fuse-node",
          include: ["test/fuse-node/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          pool: "forks",
        },
      },
      {
        test: {
          name: "emulated",
          include: ["test/emulated/**/*.test.ts"],
          testTimeout: 60_000,
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
      {
        test: {
          name: "gstreamer",
          include: ["test/gstreamer/**/*.test.ts"],
          testTimeout: 240_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          pool: "forks",
        },
      },
    ],
  },
});
