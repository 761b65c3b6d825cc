import { describe, expect, it } from "vitest";
import { parseParameter } from "../../src/stateless/index.js";
import { DebugLog } from "../../src/visl/debug-log.js";
import { defaultFormats, setCoded } from "../../src/visl/formats.js";
import { parameterDefinitions, VislParameters } from "../../src/visl/parameters.js";
import { debugLines } from "./debug-text.js";
import { golden } from "./golden.js";

const definition = (name: string) => {
  const found = parameterDefinitions.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no parameter ${name}`);
  return found;
};

describe("parameters", () => {
  it("have the original's names, defaults and access rights", () => {
    const parameters = new VislParameters();
    const listed = parameterDefinitions.map(
      (one) => `${one.name}: ${parameters.read(one)} ${one.writable ? "rw" : "r"}`,
    );
    expect(listed.sort()).toEqual([
      "bitstream_trace_frame_start: -1 r",
      "bitstream_trace_nframes: 0 r",
      "keep_bitstream_buffers: N r",
      "tpg_verbose: N rw",
      "visl_debug: 0 rw",
      "visl_dprintk_frame_start: -1 r",
      "visl_dprintk_nframes: 0 r",
      "visl_transtime_ms: 0 rw",
    ]);
  });

  it("can be changed while the device runs, where the original's can", () => {
    const parameters = new VislParameters({ keepBitstreamBuffers: true });
    parameters.write(definition("visl_transtime_ms"), "20\n");
    parameters.write(definition("tpg_verbose"), "Y\n");
    expect(parameters.values).toMatchObject({
      transtimeMs: 20,
      tpgVerbose: true,
      keepBitstreamBuffers: true,
    });
    expect(() => {
      parameters.write(definition("keep_bitstream_buffers"), "0");
    }).toThrow(expect.objectContaining({ code: "EACCES" }));
  });

  const uint = definition("visl_debug");
  const int = definition("visl_dprintk_frame_start");
  const bool = definition("tpg_verbose");

  it.each([
    [uint, "1", 1],
    [uint, "0x10\n", 16],
    [uint, "010", 8],
    [uint, "4294967295", 4294967295],
    [int, "-1", -1],
    [int, "+7", 7],
    [bool, "on", true],
    [bool, "of", false],
    [bool, "yes, please", true],
    [bool, "0", false],
  ])("%o reads %j", (one, text, value) => {
    expect(parseParameter(one, text)).toBe(value);
  });

  it.each([
    [uint, "", "EINVAL"],
    [uint, "-1", "EINVAL"],
    [uint, "one", "EINVAL"],
    [uint, "089", "EINVAL"],
    [uint, "4294967296", "ERANGE"],
    [int, "2147483648", "ERANGE"],
    [bool, "", "EINVAL"],
    [bool, "maybe", "EINVAL"],
  ])("%o refuses %j", (one, text, code) => {
    expect(() => parseParameter(one, text)).toThrow(expect.objectContaining({ code }));
  });

  it("select frames by start and number, and none when the start is negative", () => {
    const parameters = new VislParameters({ debug: 1, dprintkFrameStart: 2, dprintkNframes: 2 });
    expect([0, 1, 2, 3, 4].filter((frame) => parameters.printsFrame(frame))).toEqual([2, 3]);
    expect(new VislParameters({ debug: 1, dprintkNframes: 9 }).printsFrame(0)).toBe(false);
    expect(new VislParameters({ dprintkFrameStart: 0, dprintkNframes: 9 }).printsFrame(0)).toBe(false);
    expect(new VislParameters({ bitstreamTraceFrameStart: 0, bitstreamTraceNframes: 1 }).dumpsFrame(0)).toBe(
      true,
    );
  });
});

describe("debug lines", () => {
  it("tell of formats as the kernel's do, when a file is opened and its OUTPUT set", () => {
    const printed: string[] = [];
    const log = new DebugLog(new VislParameters({ debug: 1 }), (line) => printed.push(line));
    const formats = defaultFormats();
    log.format("visl_reset_coded_fmt", "OUTPUT format was set to:", formats.coded);
    log.format("visl_reset_decoded_fmt", "CAPTURE format was set to:", formats.decoded);
    expect(debugLines(printed.join("\n"))).toEqual(
      debugLines(golden("fwht/dmesg.txt.gz")).slice(0, printed.length),
    );
    printed.length = 0;
    const wish = { ...formats.coded, width: 640, height: 480 };
    log.format("visl_s_fmt_vid_out", "Trying to set the OUTPUT format to:", wish);
    const kernel = debugLines(golden("fwht/dmesg.txt.gz"));
    const at = kernel.findIndex(({ from }) => from === "visl_s_fmt_vid_out");
    expect(debugLines(printed.join("\n"))).toEqual(kernel.slice(at, at + printed.length));
    expect(setCoded(wish).coded.planes[0]?.sizeimage).toBe(1843200);
  });

  it("are not printed without the parameter", () => {
    const log = new DebugLog(new VislParameters(), () => {
      throw new Error("printed");
    });
    log.line("visl_open", "Created instance");
    log.frame(0, "visl_tpg_fill", "");
    expect(log.active).toBe(false);
  });
});
