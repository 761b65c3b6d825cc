/**
 * Plain clients on Debian 13's stock kernel for arm64, in an emulated machine, with native parts that were built for it
 * here (`make -C native arm64`). As in debian-13.test.ts the guest runs the driver and the clients, and what came of it is
 * looked at here. ARM64_KERNEL=debian-13-arm64-16k: on the kernel with pages of 16 KiB. ARM64_STEPS: only clients whose
 * title matches this regular expression, beside the first.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { builtProgram } from "../device/support/camera.js";
import { REFUSED } from "../device/support/plain.js";
import { builtRoot } from "../support/built.js";
import {
  circumstances,
  done,
  expectEnd,
  expectFrames,
  expectGrafts,
  expectNothingLeft,
  FILE,
  got,
  mapping,
  plain,
  storm,
  streams,
  type Programs,
  type Step,
} from "./steps.js";
import { GUEST_MS, NODE, runInGuest, type GuestRun } from "./support.js";

const KERNEL = process.env["ARM64_KERNEL"] ?? "debian-13-arm64";
/** A client takes a second or two there. */
const STORM_ROUNDS = 8;

const native = join(builtRoot, "native/build/arm64");
const built = (name: string): string => join(native, name);
const programs: Programs = {
  mapping: built("mapping-client-static"),
  mappingGo: built("mapping-client-go"),
  streaming: built("v4l2-client-static"),
  storm: built("graft-storm"),
};
const command = ["node", builtProgram()];

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const data = (name: string): string => join(builtRoot, "test/gstreamer/data", name);

const CLIP = { name: "vp8.ivf", frameBytes: (320 * 240 * 3) / 2 } as const;

const allSteps: readonly Step[] = [
  mapping(programs.mapping, "that is the first", plain, [got, done]),
  ...streams(programs),
  {
    title: "like v4l2-ctl streams with the helper",
    words: [
      ...["env", `LD_PRELOAD=${built("libv4l2-cuse.so")}`],
      ...["v4l2-ctl", "-d", NODE, "--stream-mmap", "--stream-count=4", `--stream-to=${FILE}`],
    ],
    check: (outcome) => {
      expectEnd(outcome);
      expectFrames(outcome, 4);
      expectGrafts(outcome, 0);
    },
  },
  ...circumstances(programs),
  {
    title: "under strace -f reads, and the log says why",
    words: ["strace", "-f", "-o", "/dev/null", programs.mapping, NODE, FILE, ...plain.split(" ")],
    check: (outcome) => {
      expectEnd(outcome);
      expect(outcome.stdout.split("\n")).toEqual(
        expect.arrayContaining(["reqbufs 4: EINVAL", "read: 3 frames"]),
      );
      expectFrames(outcome, 3);
      expect(outcome.messages).toHaveLength(1);
      expect(outcome.messages[0]).toMatch(REFUSED);
    },
  },
  {
    title: "that is the helper's own test",
    words: [built("helper-test")],
    check: expectEnd,
  },
  storm(programs, STORM_ROUNDS),
  mapping(programs.mapping, "that comes after all these", plain, [got, done]),
  {
    title: "like GStreamer decodes on visl what the kernel's own visl decodes",
    words: [script("visl-step"), data(CLIP.name), ...command],
    limitS: 300,
    check: (outcome) => {
      expectEnd(outcome);
      const frames = readFileSync(join(outcome.folder, "frames"));
      const sums = Array.from({ length: Math.ceil(frames.length / CLIP.frameBytes) }, (_, index) =>
        createHash("md5")
          .update(frames.subarray(index * CLIP.frameBytes, (index + 1) * CLIP.frameBytes))
          .digest("hex"),
      );
      const golden = readFileSync(data(`${CLIP.name}.md5`), "utf8");
      expect(sums).toEqual(
        golden
          .trim()
          .split("\n")
          .map((line) => line.split(" ")[1]),
      );
    },
  },
];

const wanted = new RegExp(process.env["ARM64_STEPS"] ?? "", "i");
const steps = allSteps.filter(({ title }, index) => index === 0 || wanted.test(title));

describe(`on the kernel ${KERNEL}, without a helper, a client`, () => {
  let run: GuestRun;
  beforeAll(async () => {
    if (!existsSync(built("v4l2_cuse.node"))) throw new Error("build for arm64 first: make -C native arm64");
    const env = { ...process.env, V4L2_CUSE_NATIVE: native };
    // It may name a file that is on this machine only.
    Reflect.deleteProperty(env, "NODE_EXTRA_CA_CERTS");
    run = await runInGuest(KERNEL, ["--mode", "0666", "--unpaced"], steps, { command, env });
  }, GUEST_MS);

  it.each(steps)("$title", ({ title, check }) => check(run.outcome(title)));

  it("leaves nothing: no process, and nothing that the driver did not have after the first", () => {
    expectNothingLeft(run);
  });
});
