/**
 * What visl logs and traces while GStreamer decodes, compared with the kernel's: a line per ioctl (`dev_debug`), the
 * driver's own (`visl_debug`, with the text on each frame), every field of every control (ftrace).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onFuseNodes } from "../device/support/device.js";
import { temporaryFolder } from "../device/support/mem2mem.js";
import { startVisl } from "../device/support/visl.js";
import { debugLines } from "../visl/debug-text.js";
import { withDifferences } from "../visl/differences.js";
import { golden } from "../visl/golden.js";
import { splitTrace } from "../stateless/trace-text.js";
import { decode } from "./support.js";

/** Descriptors are the client's own affair: they get numbers in the order in which they appear. */
function withCountedDescriptors(text: string): string {
  const seen: string[] = [];
  return text.replace(/\b(fd|request_fd)=(\d+)/g, (_, name: string, fd: string) => {
    if (!seen.includes(fd)) seen.push(fd);
    return `${name}=#${seen.indexOf(fd)}`;
  });
}

/** On a FUSE node they are places in the node's memory, which are not the kernel's numbers. They get numbers, too. */
function withCountedOffsets(text: string): string {
  if (!onFuseNodes) return text;
  const seen: string[] = [];
  return text.replace(/(?<=\boffset\/userptr=)0x[\da-f]+/g, (offset) => {
    if (!seen.includes(offset)) seen.push(offset);
    return `#${seen.indexOf(offset)}`;
  });
}

/** The kernel's ioctl lines, without their time. */
const kernelIoctls = (clip: string): string => {
  const name = `${clip}/dmesg-ioctls.txt.gz`;
  const text = golden(name)
    .replace(/^\[ *[\d.]+\] /gm, "")
    .replace(/^videodev: v4l2_(open|release): /gm, "");
  return withCountedOffsets(withCountedDescriptors(withDifferences(name, text)));
};

/** What a client asked, where it was given something else: the kernel does not tell. */
const withoutQuestions = (text: string): string => text.replace(/=(0x[\da-f]+\/)?[^=]*?->/g, "=$1");

/** Ours, of calls that GStreamer made: without time, client, duration and reason. */
function ourIoctls(lines: readonly string[], node: string): string {
  const rows: string[] = [];
  let isShown = false;
  for (const line of lines) {
    const [, client, text] = /^\d\d:\d\d:\d\d\.\d{6} (\S.*\[\d+\]) (video\d+: .*)$/.exec(line) ?? [];
    if (text !== undefined) {
      isShown = !client?.startsWith("v4l2-cuse run");
      if (isShown)
        rows.push(withoutQuestions(text.replace(/ \(\d+ us(; .*)?\)$/, "").replace(node, "video0")));
    } else if (!line.startsWith("    ")) isShown = false;
    else if (isShown) rows.push(line.slice(4));
  }
  return withCountedOffsets(withCountedDescriptors(rows.map((row) => `${row}\n`).join("")));
}

/** The driver's debug lines about GStreamer's files. The launcher looks at the device first, with a file of its own. */
function ourDebugLines(lines: readonly string[]): ReturnType<typeof debugLines> {
  const said = debugLines(lines.join("\n"));
  let opens = lines.filter((line) => /v4l2-cuse run\[\d+\] video\d+: open /.test(line)).length;
  const start = said.findIndex(({ from }) => from === "visl_release" && --opens === 0);
  return said.slice(start + 1);
}

/** Addresses differ; of the kernel's they are hidden or hashed. */
const withoutAddresses = (lines: ReturnType<typeof debugLines>): string[] =>
  lines.map(({ from, text }) => `${from}: ${text.replace(/\b[\da-f]{16}\b|\(____ptrval____\)/g, "ADDRESS")}`);

describe("while GStreamer decodes", () => {
  it.each([
    ["vp8.ivf", "v4l2slvp8dec"],
    ["vp9.ivf", "v4l2slvp9dec"],
    ["av1.ivf", "v4l2slav1dec"],
    ["h264_main_b.h264", "v4l2slh264dec"],
    ["hevc_main_b.h265", "v4l2slh265dec"],
    ["mpeg2_b.m2v", "v4l2slmpeg2dec"],
  ])("%s", async (clip, decoder) => {
    // GStreamer, whose look for decoders is in the log, looks again when its devices' files are some seconds older or
    // younger than the last, and a test takes less than one.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const traceFile = join(temporaryFolder(), "trace.txt");
    const visl = await startVisl(
      ...["--kernel", "6.12", "--log", "pretty", "--debug"],
      ...["--dprintk-frame-start", "0", "--dprintk-nframes", "1000"],
      ...["--trace", "all", "--trace-file", traceFile],
    );
    expect(await decode(clip, decoder, "/dev/null").result).toMatchObject({ code: 0 });
    const { code, lines } = await visl.stop();
    expect(code).toBe(0);
    const node = visl.video.replace("/dev/", "");
    expect.soft(ourIoctls(lines, node)).toBe(kernelIoctls(clip));
    const kernelSaid = debugLines(golden(`${clip}/dmesg.txt.gz`));
    expect.soft(withoutAddresses(ourDebugLines(lines))).toEqual(withoutAddresses(kernelSaid));
    const traced = splitTrace(readFileSync(traceFile, "utf8"));
    expect(traced).toEqual(splitTrace(golden(`${clip}/trace-controls.txt.gz`)));
  });
});
