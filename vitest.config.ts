import { defineConfig } from "vitest/config";

/**
 * Where scripts/test runs tests of devices on the FUSE nodes of the machine's own kernel (V4L2_CUSE_FUSE_STAGES=yes), guests
 * leave these to it: what is left needs CUSE, an older kernel, or is one run of each kind on CUSE, too.
 */
const native = {
  device: [
    "buffer-life",
    "camera-controls",
    "decoder-requests",
    "driver-mistakes",
    "ending",
    "graft-storm",
    "hostile-calls",
    "hostile-files",
    "mem2mem-jobs",
    "mem2mem-streaming",
    "visl-hostile",
    "visl-traces",
    "camera-streaming",
  ],
  compliance: ["camera", "decoder", "device-kinds", "mem2mem", "programs-32", "visl"],
  // run-device has what is in visl.test.ts, as root and as an ordinary user.
  gstreamer: ["camera", "debugfs", "visl-disturbed", "visl-fwht", "visl-logs", "visl-tools"],
} as const;
/** Of these, what guests run all the same. */
const both = {
  device: ["buffer-life", "camera-streaming", "ending", "graft-storm"],
  compliance: ["camera", "device-kinds"],
  gstreamer: ["visl-logs", "visl-tools"],
} as const;
/** What the stage own-driver runs by itself, in a guest. */
const ofOwnStage = process.env["V4L2_CUSE_PROJECT"] === undefined ? ["own-driver"] : [];

/** It brings 32-bit programs of Debian 13 by itself, and builds others: the tree of Debian 13 has neither a mirror nor a compiler for them. */
const notInTree = process.env["V4L2_CUSE_TREE"] === undefined ? [] : ["programs-32"];

type Split = keyof typeof native;

/** Test files of a project: on FUSE nodes, in guests beside that, or all. */
function filesOf(project: Split): { include: string[]; exclude: string[] } {
  const paths = (names: readonly string[]): string[] =>
    names.map((name) => `test/${project}/${name}.test.ts`);
  if (process.env["V4L2_CUSE_NODE"] === "fuse")
    return { include: paths(native[project]), exclude: paths(notInTree) };
  const elsewhere = [
    ...native[project].filter((name) => !(both[project] as readonly string[]).includes(name)),
    ...(project === "device" ? ofOwnStage : []),
  ];
  return {
    include: [`test/${project}/**/*.test.ts`],
    exclude: process.env["V4L2_CUSE_FUSE_STAGES"] === "yes" ? paths(elsewhere) : [],
  };
}

/** Before the tests of every project. */
const globalSetup = ["test/support/place-for-all.ts"];

const guest = [
  "test/device/**",
  "test/compliance/**",
  "test/gstreamer/**",
  "test/emulated/**",
  "test/fuse-node/**",
  "test/run-device/**",
  "test/page/**",
];

/**
 * `unit` runs anywhere. `fuse-node` needs root and /dev/fuse, which most kernels have. `emulated` and `arm64` boot guests
 * themselves, in which clients run; the latter wants what `make -C native arm64` builds. The other projects need root and /dev/cuse, or the surroundings that scripts/lib/with-fuse-nodes
 * makes, and `gstreamer` and `run-device` the programs of the Debian 13 root of scripts/guest. scripts/test runs each where it can.
 */
export default defineConfig({
  test: {
    // Two guests of scripts/test would write the same file at once.
    cache: false,
    projects: [
      {
        test: {
          name: "unit",
          globalSetup,
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
          globalSetup,
          ...filesOf("device"),
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          pool: "forks",
        },
      },
      {
        test: {
          name: "fuse-node",
          globalSetup,
          include: ["test/fuse-node/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          pool: "forks",
        },
      },
      {
        test: {
          name: "run-device",
          globalSetup,
          include: ["test/run-device/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          pool: "forks",
        },
      },
      {
        test: {
          name: "page",
          globalSetup,
          include: ["test/page/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          pool: "forks",
        },
      },
      {
        test: {
          name: "emulated",
          globalSetup,
          include: ["test/emulated/debian-13.test.ts"],
          testTimeout: 60_000,
          fileParallelism: false,
          pool: "forks",
        },
      },
      {
        test: {
          name: "arm64",
          globalSetup,
          include: ["test/emulated/arm64.test.ts"],
          testTimeout: 60_000,
          pool: "forks",
        },
      },
      {
        test: {
          name: "compliance",
          globalSetup,
          ...filesOf("compliance"),
          testTimeout: 300_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          pool: "forks",
        },
      },
      {
        test: {
          name: "gstreamer",
          globalSetup,
          ...filesOf("gstreamer"),
          testTimeout: 240_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          pool: "forks",
        },
      },
    ],
  },
});
