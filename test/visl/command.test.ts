/** The options of `v4l2-cuse visl`; nothing is started. */
import { describe, expect, it } from "vitest";
import { vislCommand } from "../../src/cli/visl.js";

function parse(...args: string[]): Record<string, unknown> {
  const command = vislCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  command.parseOptions(args);
  return command.opts();
}

describe("v4l2-cuse visl", () => {
  it("leaves parameters alone that are not named", () => {
    expect(parse()).toEqual({
      graft: "auto",
      log: "pretty",
      traceFormat: "text",
      kernel: "7.2",
      debugfs: true,
      drawing: true,
    });
  });

  it("takes the original's parameters", () => {
    expect(
      parse(
        ..."--debug --transtime-ms 0x10 --dprintk-frame-start -1 --dprintk-nframes 7".split(" "),
        ..."--keep-bitstream-buffers --bitstream-trace-frame-start 0 --bitstream-trace-nframes 1000".split(
          " ",
        ),
        "--tpg-verbose",
      ),
    ).toMatchObject({
      debug: 1,
      transtimeMs: 16,
      dprintkFrameStart: -1,
      dprintkNframes: 7,
      keepBitstreamBuffers: true,
      bitstreamTraceFrameStart: 0,
      bitstreamTraceNframes: 1000,
      tpgVerbose: true,
    });
    expect(parse("--debug", "3")).toMatchObject({ debug: 3 });
  });

  it("takes trace events one by one, with commas, or both", () => {
    expect(
      parse("--trace", "vp8,v4l2_*_dpb_entry", "--trace", "all", "--trace-format", "json"),
    ).toMatchObject({
      trace: ["vp8", "v4l2_*_dpb_entry", "all"],
      traceFormat: "json",
    });
  });

  it("takes nodes and who may open them", () => {
    expect(
      parse("--video", "5", "--media", "6", "--mode", "0660", "--group", "video", "--no-debugfs"),
    ).toMatchObject({ video: 5, media: 6, mode: 0o660, group: "video", debugfs: false });
  });

  it.each([
    [["--trace", "vp10"], "No trace event is named vp10: --trace list shows them."],
    [["--transtime-ms", "soon"], 'visl_transtime_ms: "soon" is not a number.'],
    [["--dprintk-nframes", "-1"], "visl_dprintk_nframes: -1 is out of range: 0 to 4294967295."],
    [["--kernel", "5.4"], "Allowed choices are 6.12, 7.2."],
    [["--media", "video"], "A node number is 0 to 255."],
  ])("refuses %j in a sentence", (args, reason) => {
    expect(() => parse(...args)).toThrow(reason);
  });
});
