/**
 * Plain clients on Debian 13's stock kernel for arm64, in an emulated machine, with native parts that were built for it
 * here (scripts/lib/built-for-arm64). As in debian-13.test.ts the guest runs the driver and the clients, and what came of it is
 * looked at here. ARM64_KERNEL=debian-13-arm64-16k: on the kernel with pages of 16 KiB. ARM64_STEPS: only clients whose
 * title matches this regular expression, beside the first. ARM64_DECODER=yes: on the decoder, too, which takes too long for
 * every run. ARM64_PACKAGE: a folder into which the deb was unpacked, whose driver and native parts are used
 * (scripts/lib/arm64-package-trial).
 */
import { execFileSync } from "node:child_process";
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
import { GUEST_MS, NODE, runInGuest, type GuestRun, type Outcome } from "./support.js";

const KERNEL = process.env["ARM64_KERNEL"] ?? "debian-13-arm64";
/** A client takes a second or two there. */
const STORM_ROUNDS = 8;

const clients = join(builtRoot, "native/build/arm64");
const built = (name: string): string => join(clients, name);
const installed = process.env["ARM64_PACKAGE"];
const packaged = join(installed ?? "", "usr/lib/v4l2-cuse");
/** Where the driver has its native parts. */
const native = installed === undefined ? clients : join(packaged, "native/prebuilt/arm64");
const programs: Programs = {
  mapping: built("mapping-client-static"),
  mappingGo: built("mapping-client-go"),
  streaming: built("v4l2-client-static"),
  storm: built("graft-storm"),
};
const command = ["node", installed === undefined ? builtProgram() : join(packaged, "dist/cli/main.js")];

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const data = (name: string): string => join(builtRoot, "test/gstreamer/data", name);

interface Clip {
  readonly name: string;
  readonly frameBytes: number;
  /** GStreamer's elements. */
  readonly elements: string;
}
const frameBytes = (320 * 240 * 3) / 2;
const VP8: Clip = { name: "vp8.ivf", frameBytes, elements: "ivfparse ! v4l2slvp8dec" };
const H264: Clip = { name: "h264_main_b.h264", frameBytes, elements: "h264parse ! v4l2slh264dec" };

/** The words of a step in which GStreamer decodes clips on a device; the frames of each are in a file of its name. */
const decodes = (driver: string, plugins: string, clips: readonly Clip[]): readonly string[] => {
  const pipelines = clips.map(
    ({ name, elements }) => `filesrc location=${data(name)} ! ${elements} ! filesink location=${name}`,
  );
  const patient = `PATIENT=${built("libpatient.so")}`;
  return ["env", patient, script("gstreamer-step"), driver, plugins, pipelines.join(" "), ...command];
};

/** A hash of each frame. */
const sums = ({ folder }: Outcome, clip: Clip): string[] => {
  const frames = readFileSync(join(folder, clip.name));
  return Array.from({ length: Math.ceil(frames.length / clip.frameBytes) }, (_, index) =>
    createHash("md5")
      .update(frames.subarray(index * clip.frameBytes, (index + 1) * clip.frameBytes))
      .digest("hex"),
  );
};

/** Those of ffmpeg's own decoder, on this machine. */
const framesOfFfmpeg = ({ name }: Clip): string[] =>
  execFileSync(
    "ffmpeg",
    [
      ...["-nostdin", "-v", "error", "-i", data(name)],
      ...["-fps_mode", "passthrough", "-pix_fmt", "nv12", "-f", "framemd5", "-"],
    ],
    { encoding: "utf8" },
  )
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(",").at(-1)?.trim() ?? "");

const IN_32_BITS = ["time32", "time64", "small-files"] as const;
/** The C library of 32-bit programs, which the guest's files lack. */
const loader32 = [built("libc32/ld-linux-armhf.so.3"), "--library-path", built("libc32")];

/** Programs of 32 bits (armhf), on a CUSE node: `test/clients/layout-client.c`. */
const programs32: readonly Step[] = [
  ...IN_32_BITS.map((kind): Step => ({
    title: `of 32 bits (${kind}) streams with the helper, and finds every member in its place`,
    words: [
      ...["env", `LD_PRELOAD=${built("libv4l2-cuse-32.so")}`, ...loader32],
      ...[built(`layout-client-${kind}`), NODE, FILE],
    ],
    check: (outcome) => {
      expectEnd(outcome);
      expectFrames(outcome, 3);
      expect(outcome.messages).toEqual([]);
    },
  })),
  {
    title: "of 32 bits without the helper gets EINVAL, and the log says why",
    words: [...loader32, built("layout-client-time32"), NODE, FILE],
    check: ({ status, stdout, messages }) => {
      expect(stdout).toBe("REQBUFS (Invalid argument)");
      expect(status).toBe(1);
      expect(messages).toHaveLength(1);
      expect(messages[0]).toContain("cannot be given mmap(): it is a 32-bit program");
    },
  },
];

const decoder: Step = {
  title: "like GStreamer decodes on the decoder what ffmpeg decodes on x86-64",
  words: decodes("decoder", "ivfparse videoparsersbad", [VP8, H264]),
  limitS: 300,
  check: (outcome) => {
    expectEnd(outcome);
    for (const clip of [VP8, H264]) {
      const frames = framesOfFfmpeg(clip);
      expect(frames.length).toBeGreaterThan(5);
      expect(sums(outcome, clip)).toEqual(frames);
    }
  },
};

const allSteps: readonly Step[] = [
  mapping(programs.mapping, "that is the first", plain, [got, done]),
  ...streams(programs),
  {
    title: "like v4l2-ctl streams with the helper",
    words: [
      ...["env", `LD_PRELOAD=${join(native, "libv4l2-cuse.so")}`],
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
  // arm64 kernels run 32-bit programs with pages of 4 KiB only.
  ...(KERNEL.endsWith("-16k") ? [] : programs32),
  storm(programs, STORM_ROUNDS),
  mapping(programs.mapping, "that comes after all these", plain, [got, done]),
  {
    title: "like GStreamer decodes on visl what the kernel's own visl decodes",
    words: decodes("visl", "ivfparse", [VP8]),
    limitS: 300,
    check: (outcome) => {
      expectEnd(outcome);
      expect(sums(outcome, VP8)).toEqual(
        readFileSync(`${data(VP8.name)}.md5`, "utf8")
          .trim()
          .split("\n")
          .map((line) => line.split(" ")[1]),
      );
    },
  },
  ...(process.env["ARM64_DECODER"] === undefined ? [] : [decoder]),
];

const wanted = new RegExp(process.env["ARM64_STEPS"] ?? "", "i");
const steps = allSteps.filter(({ title }, index) => index === 0 || wanted.test(title));

describe(`on the kernel ${KERNEL}, without a helper, a client`, () => {
  let run: GuestRun;
  beforeAll(async () => {
    if (!existsSync(join(native, "v4l2_cuse.node")) || !existsSync(programs.mapping))
      throw new Error("build for arm64 first: scripts/lib/built-for-arm64 true");
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
