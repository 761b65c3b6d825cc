/**
 * The traces of `v4l2-cuse visl`, as a user chooses them on the command line: where they go, in which form, of which
 * codec and event; and the parameters that can be changed while the device runs.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { helperPath } from "../../src/native.js";
import { splitTrace } from "../stateless/trace-text.js";
import { describeDevice, until } from "./support/device.js";
import { temporaryFolder } from "./support/mem2mem.js";
import { startProgram } from "./support/probe.js";
import { startVisl, type Visl } from "./support/visl.js";
import { built } from "../support/built.js";

const program = built("visl-client");

/** Decodes one frame of VP8 and one of FWHT. */
async function decodeBoth(visl: Visl): Promise<void> {
  const env = { ...process.env, LD_PRELOAD: helperPath() };
  const frame = "bitstream 0 0 0 100 frame - 0 submit 0 wait 0 10000";
  for (const steps of [
    `format VP8F 320x240 262144 alloc 1 on both request 0 vp8 0 key ${frame}`,
    `format SFWH 640x480 262144 alloc 1 on both request 0 fwht 0 ${frame}`,
  ]) {
    const run = startProgram(program, [visl.video, visl.media, ...steps.split(" ")], { env });
    expect((await run.result).lines.at(-1)).toBe("wait 0: complete");
  }
}

const both = ["v4l2_ctrl_vp8_frame", "v4l2_ctrl_vp8_entropy", "v4l2_ctrl_fwht_params"];

describeDevice("traces of visl", () => {
  it.each([
    ["all", both],
    ["vp8", both.slice(0, 2)],
    ["fwht", both.slice(2)],
    ["vp8,fwht", both],
    ["visl_vp8_controls", both.slice(0, 2)],
    ["visl_vp8_controls:v4l2_ctrl_vp8_entropy", both.slice(1, 2)],
    ["v4l2_ctrl_*_frame", both.slice(0, 1)],
    ["h264", []],
  ])("--trace %s", async (chosen, events) => {
    const file = join(temporaryFolder(), "trace.txt");
    const visl = await startVisl("--trace", chosen, "--trace-file", file);
    await decodeBoth(visl);
    expect(await visl.stop()).toMatchObject({ code: 0, lines: [] });
    const printed = splitTrace(readFileSync(file, "utf8"));
    expect(printed.map(({ name }) => name)).toEqual(events);
  });

  it("are none unless asked for, and go to the terminal unless to a file", async () => {
    const silent = await startVisl();
    const loud = await startVisl("--trace", "vp8");
    for (const visl of [silent, loud]) await decodeBoth(visl);
    expect((await silent.stop()).stderr).not.toContain("v4l2_ctrl_");
    const [, frame] = /: v4l2_ctrl_vp8_frame: ([^]*?)\n\S* *\S+-\d+ /.exec((await loud.stop()).stderr) ?? [];
    expect(frame?.split("\n")).toEqual(expect.arrayContaining(["width 320", "flags KEY_FRAME|SHOW_FRAME"]));
  });

  it("--trace-format json: an object per line with every field by its name", async () => {
    const file = join(temporaryFolder(), "trace.jsonl");
    const visl = await startVisl("--trace", "vp8", "--trace-file", file, "--trace-format", "json");
    await decodeBoth(visl);
    await visl.stop();
    const objects = readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(objects.map(({ event }) => event)).toEqual(both.slice(0, 2));
    expect(objects[0]).toMatchObject({
      kind: "control",
      device: visl.video.replace("/dev/", ""),
      comm: "visl-client",
      group: "visl_vp8_controls",
      fields: { width: 320, height: 240, flags: ["KEY_FRAME", "SHOW_FRAME"] },
    });
  });

  it("are appended to a file that is there", async () => {
    const file = join(temporaryFolder(), "trace.txt");
    writeFileSync(file, "before\n");
    const visl = await startVisl("--trace", "fwht", "--trace-file", file);
    await decodeBoth(visl);
    await visl.stop();
    expect(readFileSync(file, "utf8")).toMatch(/^before\n.*: v4l2_ctrl_fwht_params: /);
  });

  it("can be switched while the device runs, and so can the parameters that the kernel's visl lets change", async () => {
    const trace = join(temporaryFolder(), "trace.txt");
    const visl = await startVisl("--log", "pretty", "--trace-file", trace);
    const tree = visl.video.replace("/dev/", "/run/v4l2-cuse/");
    await decodeBoth(visl);
    const said = (): string => visl.process.lines.join("\n");
    expect(said()).not.toContain("visl visl.0: visl_open");
    writeFileSync(join(tree, "events/visl_fwht_controls/enable"), "1\n");
    writeFileSync(join(tree, "parameters/visl_debug"), "1\n");
    writeFileSync(join(tree, "parameters/visl_transtime_ms"), "300\n");
    const before = Date.now();
    await decodeBoth(visl);
    expect(Date.now() - before).toBeGreaterThan(2 * 300);
    await until(() => said().includes("visl visl.0: visl_open: Created instance"), "debug lines", 10_000);
    await until(() => readFileSync(trace, "utf8").endsWith("\n"), "the trace", 10_000);
    expect(splitTrace(readFileSync(trace, "utf8")).map(({ name }) => name)).toEqual(both.slice(2));
    expect(() => {
      writeFileSync(join(tree, "parameters/visl_dprintk_nframes"), "1\n");
    }).toThrow(/EACCES|EPERM/);
  });
});
