/**
 * What v4l2-ctl 1.30, media-ctl and gst-inspect-1.0 print about visl, compared with what they printed about the kernel's.
 * test/visl/differences.ts has the few lines that differ.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { withHelper } from "../device/support/camera.js";
import { temporaryFolder } from "../device/support/mem2mem.js";
import { startSharedVisl, type Visl } from "../device/support/visl.js";
import { withDifferences } from "../visl/differences.js";
import { golden, sections } from "../visl/golden.js";

const timeoutMs = 200_000;

const shared = startSharedVisl("--kernel", "6.12");

/** Runs a shell script that finds the nodes in $V and $M. @returns What it printed, about video0 and media0. */
async function printed(visl: Visl, script: string): Promise<string> {
  const env = { ...process.env, V: visl.video, M: visl.media };
  const { lines, code, stderr } = await withHelper(["bash", "-c", script], { timeoutMs, env }).result;
  if (code !== 0) throw new Error(`${script}: ${code}: ${stderr}`);
  const text = lines.map((line) => `${line}\n`).join("");
  return text.replaceAll(visl.video, "/dev/video0").replaceAll(visl.media, "/dev/media0");
}

const kernels = (name: string): string => withDifferences(name, golden(name));

describe("v4l2-ctl and media-ctl print what they print of the kernel's visl", () => {
  it.each([
    ["all", "v4l2-ctl -d $V --all"],
    ["list-devices", "v4l2-ctl --list-devices"],
    ["list-ctrls", "v4l2-ctl -d $V --list-ctrls"],
    ["list-ctrls-menus", "v4l2-ctl -d $V --list-ctrls-menus"],
    ["list-formats", "v4l2-ctl -d $V --list-formats"],
    ["list-formats-ext", "v4l2-ctl -d $V --list-formats-ext"],
    ["list-formats-out", "v4l2-ctl -d $V --list-formats-out"],
    ["list-formats-out-ext", "v4l2-ctl -d $V --list-formats-out-ext"],
    [
      "get-fmt",
      "v4l2-ctl -d $V --get-fmt-video --get-fmt-video-out; v4l2-ctl -d $V --verbose --get-fmt-video",
    ],
    [
      "set-yu12",
      "v4l2-ctl -d $V --verbose --set-fmt-video=pixelformat=YU12 --get-fmt-video " +
        "--set-fmt-video-out=width=320,height=240,pixelformat=VP8F --get-fmt-video-out",
    ],
    ["media-ctl-p", "media-ctl -d $M -p"],
    ["media-ctl-dot", "media-ctl -d $M --print-dot"],
  ])("%s", async (name, script) => {
    expect(await printed(shared(), script)).toBe(kernels(`${name}.txt.gz`));
  });

  it("frame sizes and intervals of each format", async () => {
    const text = golden("frmsizes-all.txt.gz");
    const script = [...sections(text).keys()].map(
      (name) =>
        `echo == ${name}; v4l2-ctl -d $V --list-framesizes=${name}; ` +
        `v4l2-ctl -d $V --list-frameintervals=width=640,height=480,pixelformat=${name}; true`,
    );
    expect(await printed(shared(), `{ ${script.join("; ")}; } 2>&1`)).toBe(text);
  });
});

describe("formats, set and read back by v4l2-ctl", () => {
  const texts = sections(golden("set-formats.txt.gz"));
  let answers: Map<string, string>;

  beforeAll(async () => {
    const script = [...texts.keys()].map((heading) => {
      const [, name = "", width = "", height = ""] = /^(....) (\d+)x(\d+)$/.exec(heading) ?? [];
      const format = `width=${width},height=${height},pixelformat=${name}`;
      return (
        `echo == ${heading}; v4l2-ctl -d $V --set-fmt-video-out=${format} ` +
        "--get-fmt-video --get-fmt-video-out --list-formats"
      );
    });
    answers = sections(await printed(shared(), script.join("\n")));
  }, timeoutMs);

  it.each([...texts])("%s", (heading, text) => {
    expect(answers.get(heading)).toBe(text);
  });
});

describe("gst-inspect-1.0", () => {
  it.each([
    "v4l2codecs",
    "v4l2slvp8dec",
    "v4l2slvp9dec",
    "v4l2slav1dec",
    "v4l2slh264dec",
    "v4l2slh265dec",
    "v4l2slmpeg2dec",
  ])("%s", async (element) => {
    expect(await printed(shared(), `gst-inspect-1.0 ${element}`)).toBe(
      kernels(`gst-inspect-${element}.txt.gz`),
    );
  });
});

describe("v4l2-compliance -m -s", () => {
  /** `"VIDIOC_G_FMT ok"`, `"VIDIOC_G_FMT EINVAL"`: each answer that strace saw an ioctl get. */
  function answersIn(trace: string): Set<string> {
    const unfinished = new Map<string, string>();
    const answers = new Set<string>();
    for (const line of trace.split("\n")) {
      const [, pid = "", call = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
      if (call.includes("<unfinished ...>")) {
        unfinished.set(pid, call);
        continue;
      }
      const whole = call.includes(" resumed>") ? `${unfinished.get(pid) ?? ""}${call}` : call;
      const [, name, errno] = /^ioctl\(\d+, (\w+).*\) += (?:-1 (\w+)|\d+)/.exec(whole) ?? [];
      if (name !== undefined && /^(VIDIOC|MEDIA)_/.test(name)) answers.add(`${name} ${errno ?? "ok"}`);
    }
    return answers;
  }

  it("gets every answer that the kernel's visl gives, and no other", async () => {
    const trace = join(temporaryFolder(), "strace.txt");
    await printed(shared(), `strace -f -e trace=ioctl -o ${trace} v4l2-compliance -m $M -s`);
    // The helper asks in its own way: see native/preload/protocol.h.
    const isExpbuf = (answer: string): boolean => answer.startsWith("VIDIOC_EXPBUF ");
    const kernels = golden("compliance-answers.txt").trim().split("\n");
    const answers = [...answersIn(readFileSync(trace, "utf8"))];
    expect(answers.filter(isExpbuf)).toEqual([]);
    const rest = (all: readonly string[]): string[] => all.filter((answer) => !isExpbuf(answer)).sort();
    expect(rest(answers)).toEqual(rest(kernels));
  });
});
