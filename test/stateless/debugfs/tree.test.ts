import { constants } from "node:fs";
import { describe, expect, it } from "vitest";
import { statelessTree } from "../../../src/stateless/debugfs/contents.js";
import type { FuseOperations, Stats } from "../../../src/stateless/debugfs/operations.js";
import { fuseOperations } from "../../../src/stateless/debugfs/operations.js";
import { Bench, CAPTURE, OUTPUT, turn } from "../../visl/client.js";

/** The calls of programs, on the operations instead of a mount. */
class Shell {
  constructor(readonly operations: FuseOperations) {}

  stat(path: string): Stats | number {
    let answer: Stats | number = 1;
    this.operations.getattr(path, (error, stats) => {
      answer = stats ?? error;
    });
    return answer;
  }

  ls(path: string): string[] | number {
    let answer: string[] | number = 1;
    this.operations.readdir(path, (error, names) => {
      answer = names ?? error;
    });
    return answer;
  }

  open(path: string, flags: number): number {
    let answer = 0;
    this.operations.open(path, flags, (error, fd) => {
      answer = fd ?? error;
    });
    return answer;
  }

  /** Reads in pieces of three bytes, as a slow program would. */
  cat(path: string): string {
    const fd = this.open(path, constants.O_RDONLY);
    if (fd < 0) throw new Error(`errno ${-fd}`);
    const pieces: Buffer[] = [];
    const piece = Buffer.alloc(3);
    for (let at = 0, count = 1; count > 0; at += count) {
      this.operations.read(path, fd, piece, piece.length, at, (bytes) => {
        count = bytes;
      });
      pieces.push(Buffer.from(piece.subarray(0, count)));
    }
    this.operations.release(path, fd, () => undefined);
    return Buffer.concat(pieces).toString();
  }

  echo(text: string, path: string): number {
    const fd = this.open(path, constants.O_WRONLY);
    if (fd < 0) return fd;
    const bytes = Buffer.from(`${text}\n`);
    let answer = 0;
    this.operations.truncate(path, 0, () => undefined);
    this.operations.write(path, fd, bytes, bytes.length, 0, (count) => {
      answer = count;
    });
    this.operations.release(path, fd, () => undefined);
    return answer;
  }
}

function shell(bench = new Bench()): Shell {
  return new Shell(fuseOperations(statelessTree(bench.visl)));
}

describe("the tree", () => {
  it("has directories that can be entered, and files that can be read, or read and written", () => {
    const { stat, ls } = ((it) => ({ stat: it.stat.bind(it), ls: it.ls.bind(it) }))(shell());
    expect(ls("/")).toEqual(["bitstream", "parameters", "events", "contexts", "counters"]);
    expect(stat("/")).toMatchObject({ mode: constants.S_IFDIR | 0o700 });
    expect(stat("/parameters")).toMatchObject({ mode: constants.S_IFDIR | 0o755 });
    expect(stat("/parameters/tpg_verbose")).toMatchObject({ mode: constants.S_IFREG | 0o644, size: 2 });
    expect(stat("/parameters/keep_bitstream_buffers")).toMatchObject({ mode: constants.S_IFREG | 0o444 });
    expect(stat("/nothing")).toBe(-2);
    expect(stat("/counters/below")).toBe(-2);
    expect(ls("/counters")).toBe(-20);
  });

  it("shows parameters, and changes those that can be changed", () => {
    const bench = new Bench();
    const sh = shell(bench);
    expect(sh.cat("/parameters/visl_dprintk_frame_start")).toBe("-1\n");
    expect(sh.echo("20", "/parameters/visl_transtime_ms")).toBe(3);
    expect(bench.visl.parameters.values).toMatchObject({ transtimeMs: 20 });
    expect(sh.echo("twenty", "/parameters/visl_transtime_ms")).toBe(-22);
    expect(sh.echo("9999999999", "/parameters/visl_transtime_ms")).toBe(-34);
    expect(sh.echo("1", "/parameters/keep_bitstream_buffers")).toBe(-13);
    expect(sh.cat("/parameters/visl_transtime_ms")).toBe("20\n");
  });

  it("chooses trace events, as tracefs does", () => {
    const bench = new Bench();
    const sh = shell(bench);
    expect(sh.cat("/events/enable")).toBe("0\n");
    sh.echo("1", "/events/visl_vp8_controls/v4l2_ctrl_vp8_frame/enable");
    expect([...bench.visl.tracepoints.enabled]).toEqual(["visl_vp8_controls:v4l2_ctrl_vp8_frame"]);
    expect(sh.cat("/events/visl_vp8_controls/enable")).toBe("X\n");
    sh.echo("1", "/events/visl_vp8_controls/enable");
    expect(sh.cat("/events/visl_vp8_controls/enable")).toBe("1\n");
    sh.echo("0", "/events/enable");
    expect(bench.visl.tracepoints.enabled.size).toBe(0);
    expect(sh.echo("perhaps", "/events/enable")).toBe(-22);
  });

  it("has dumps, contexts and counters while they are there", async () => {
    const bench = new Bench({ parameters: { bitstreamTraceFrameStart: 0, bitstreamTraceNframes: 9 } });
    const sh = shell(bench);
    expect(sh.ls("/contexts")).toEqual([]);
    const client = bench.open();
    client.reqbufs(OUTPUT, 1);
    client.reqbufs(CAPTURE, 2);
    client.streamon(OUTPUT);
    client.streamon(CAPTURE);
    client.qbuf(OUTPUT, 0);
    client.bytes(OUTPUT, 0).set(Buffer.from("slice data"));
    client.qbuf(CAPTURE, 1);
    await turn();
    const context = `/contexts/${client.file.id}`;
    expect(sh.ls("/contexts")).toEqual([String(client.file.id)]);
    expect(sh.cat(`${context}/client`)).toBe("pid: 42\ncomm: client\n");
    expect(sh.cat(`${context}/capture`)).toContain("[1]: done, timestamp: 0, sequence: 0");
    expect(sh.cat(`${context}/formats`)).toMatch(/^codec: fwht\nOUTPUT:\nwidth: 640\n/);
    expect(sh.cat("/counters")).toMatch(/^open files: 1\njobs: 1\nfailed jobs: 0\n/);
    expect(sh.ls("/bitstream")).toEqual(["bitstream0"]);
    expect(sh.stat("/bitstream/bitstream0")).toMatchObject({ size: 100 });
    expect(sh.cat("/bitstream/bitstream0")).toMatch(/^slice data/);
    client.close();
    expect([sh.ls("/contexts"), sh.ls("/bitstream")]).toEqual([[], []]);
  });

  it("has the counters of the check where it is on", () => {
    const { visl } = new Bench();
    const messages = new Map([
      ["other", 1],
      ["HEVC_SPS", 2],
    ]);
    const sh = new Shell(fuseOperations(statelessTree(visl, { requests: 5, wrong: 3, messages })));
    expect(sh.cat("/check")).toBe("requests: 5\nwrong requests: 3\nHEVC_SPS: 2\nother: 1\n");
    expect(shell().stat("/check")).toBe(-2);
  });

  it("keeps what a reader began to read", async () => {
    const bench = new Bench();
    const sh = shell(bench);
    const fd = sh.open("/counters", constants.O_RDONLY);
    bench.open();
    const into = Buffer.alloc(100);
    sh.operations.read("/counters", fd, into, 100, 0, () => undefined);
    expect(into.toString()).toMatch(/^open files: 0\n/);
    sh.operations.read("/counters", fd + 1, into, 100, 0, (count) => {
      expect(count).toBe(-9);
    });
    await turn();
  });
});
