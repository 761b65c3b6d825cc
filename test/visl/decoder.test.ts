import { createHash } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { BufFlag, Cid, Colorspace, fourcc, V4l2Error } from "../../src/v4l2/index.js";
import {
  CtrlFwhtParamsView,
  CtrlH264DecodeParamsView,
  CtrlH264PpsView,
  CtrlH264SpsView,
} from "../../src/v4l2/gen/index.js";
import type { Client } from "./client.js";
import { Bench, CAPTURE, OUTPUT, turn } from "./client.js";
import { submit, vp8Client, vp8Frame } from "./vp8.js";
import { debugLines } from "./debug-text.js";
import { golden } from "./golden.js";
import { readJobs } from "../stateless/trace-text.js";

/** The errno of a refusal, or "ok". */
function errno(call: () => unknown): string {
  try {
    call();
    return "ok";
  } catch (error) {
    if (error instanceof V4l2Error) return error.code;
    throw error;
  }
}

const md5 = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("hex");

describe("decoding a clip", () => {
  it("gives the kernel's frames", async () => {
    const client = vp8Client();
    const shown = golden("vp8.ivf/frame-md5.txt").match(/[\da-f]{32}/g) ?? [];
    const jobs = readJobs("vp8", golden("vp8.ivf/trace-controls.txt.gz"));
    for (const [frame, expected] of shown.entries()) {
      const values = jobs[frame]?.frame;
      const request = submit(client, frame % 2, BigInt(frame) * 1000n, {
        key: frame === 0,
        last: values?.last_frame_ts ?? 0n,
        golden: values?.golden_frame_ts ?? 0n,
        alt: values?.alt_frame_ts ?? 0n,
      });
      const index = frame;
      client.qbuf(CAPTURE, index);
      await turn();
      expect(request.state).toBe("complete");
      const output = client.dqbuf(OUTPUT);
      const capture = client.dqbuf(CAPTURE);
      expect(output.sequence).toBe(frame);
      expect(capture).toMatchObject({ index, sequence: frame, timestampNs: BigInt(frame) * 1000n });
      expect(capture.flags & BufFlag.Error).toBe(0);
      expect(capture.planes[0]?.bytesused).toBe(115200);
      expect(md5(client.bytes(CAPTURE, index))).toBe(expected);
    }
    expect(shown).toHaveLength(10);
  });

  it("prints the kernel's debug lines, from open to close", async () => {
    const parameters = { debug: 1, dprintkFrameStart: 0, dprintkNframes: 100 };
    const bench = new Bench({ parameters });
    const client = bench.open();
    client.setCoded("VP8F", 1280, 720);
    client.frameSizes(fourcc("NV12"));
    client.frameSizes(fourcc("NV12"));
    for (let count = 0; count < 2; count++) client.createBuf(OUTPUT);
    for (let count = 0; count < 6; count++) client.createBuf(CAPTURE);
    client.streamon(OUTPUT);
    client.streamon(CAPTURE);
    for (let frame = 0; frame < 6; frame++) {
      const last = BigInt(Math.max(0, frame - 1)) * 1000n;
      submit(client, frame % 2, BigInt(frame) * 1000n, { key: frame === 0, last });
      client.qbuf(CAPTURE, frame);
      await turn();
      client.dqbuf(OUTPUT);
      client.dqbuf(CAPTURE);
    }
    client.streamoff(OUTPUT);
    client.streamoff(CAPTURE);
    client.close();
    // The kernel's are of many opens; the last one decodes.
    const kernel = debugLines(golden("vp8_720p.ivf/dmesg.txt.gz"));
    const start = kernel.findLastIndex(({ from }) => from === "visl_reset_coded_fmt");
    const comparable = (lines: ReturnType<typeof debugLines>) =>
      lines.map(({ from, text }) => `${from}: ${text.replace(/\b[\da-f]{16}\b/g, "ADDRESS")}`);
    expect(comparable(debugLines(bench.messages.join("\n")))).toEqual(comparable(kernel.slice(start)));
  });

  it("draws with the formats of the moment, after a change of resolution", async () => {
    const client = vp8Client();
    submit(client, 0, 0n, { key: true });
    client.qbuf(CAPTURE, 0);
    await turn();
    client.streamoff(OUTPUT);
    client.streamoff(CAPTURE);
    expect(errno(() => client.setCoded("VP8F", 640, 480))).toBe("EBUSY");
    client.reqbufs(CAPTURE, 0);
    client.reqbufs(OUTPUT, 0);
    client.setCoded("VP8F", 640, 480);
    expect(client.getFormat(CAPTURE)).toMatchObject({ width: 640, height: 480 });
    client.reqbufs(OUTPUT, 1);
    client.reqbufs(CAPTURE, 1);
    client.streamon(OUTPUT);
    client.streamon(CAPTURE);
    submit(client, 0, 0n, { key: true });
    client.qbuf(CAPTURE, 0);
    await turn();
    expect(client.dqbuf(CAPTURE)).toMatchObject({ sequence: 0, planes: [{ bytesused: 460800 }] });
  });

  it("runs without requests too, with whatever the controls say", async () => {
    const client = vp8Client();
    client.qbuf(OUTPUT, 0, { timestampNs: 5000n });
    client.qbuf(CAPTURE, 0);
    await turn();
    expect(client.dqbuf(CAPTURE)).toMatchObject({ timestampNs: 5000n, sequence: 0 });
    expect(client.dqbuf(OUTPUT).flags & BufFlag.Error).toBe(0);
  });

  it("serves two files with different codecs in turn", async () => {
    const bench = new Bench();
    const first = vp8Client(bench);
    const second = bench.open();
    second.setCoded("SFWH", 640, 480);
    second.reqbufs(OUTPUT, 1);
    second.reqbufs(CAPTURE, 1);
    second.streamon(OUTPUT);
    second.streamon(CAPTURE);
    submit(first, 0, 1n, { key: true });
    first.qbuf(CAPTURE, 0);
    second.qbuf(OUTPUT, 0, { timestampNs: 2n });
    second.qbuf(CAPTURE, 0);
    await turn();
    await turn();
    expect(first.dqbuf(CAPTURE).timestampNs).toBe(1n);
    expect(second.dqbuf(CAPTURE).timestampNs).toBe(2n);
    expect(md5(first.bytes(CAPTURE, 0))).not.toBe(md5(second.bytes(CAPTURE, 0)));
  });
});

describe("slices of one frame", () => {
  it("share a CAPTURE buffer that is held until the last one", async () => {
    const bench = new Bench();
    const client = bench.open();
    client.setCoded("S264", 320, 240);
    client.reqbufs(OUTPUT, 4);
    client.reqbufs(CAPTURE, 2);
    client.streamon(OUTPUT);
    client.streamon(CAPTURE);
    client.qbuf(CAPTURE, 0);
    client.qbuf(CAPTURE, 1);
    const sps = new CtrlH264SpsView(new Uint8Array(CtrlH264SpsView.SIZE));
    sps.profile_idc = 77;
    sps.chroma_format_idc = 1;
    const controls: [number, Uint8Array][] = [
      [Cid.StatelessH264Sps, sps.bytes],
      [Cid.StatelessH264Pps, new Uint8Array(CtrlH264PpsView.SIZE)],
      [Cid.StatelessH264DecodeParams, new Uint8Array(CtrlH264DecodeParamsView.SIZE)],
    ];
    for (let slice = 0; slice < 4; slice++) {
      const fd = 10 + slice;
      const request = bench.request(fd);
      client.setControls(fd, ...controls);
      const hold = slice < 3 ? BufFlag.M2mHoldCaptureBuf : 0;
      client.qbuf(OUTPUT, slice, { requestFd: fd, flags: BufFlag.RequestFd | hold, timestampNs: 7000n });
      request.queue();
      await turn();
      expect(client.dqbuf(OUTPUT).sequence).toBe(slice);
      if (slice < 3) expect(errno(() => client.dqbuf(CAPTURE))).toBe("EAGAIN");
    }
    // The sequence counts jobs, not frames.
    expect(client.dqbuf(CAPTURE)).toMatchObject({ index: 0, sequence: 3, timestampNs: 7000n });
  });
});

describe("a request", () => {
  it("without a buffer is ENOENT", () => {
    expect(errno(() => new Bench().request(1).queue())).toBe("ENOENT");
  });

  it("that lacks a control is ENOENT, says which, and stays idle", () => {
    const client = vp8Client();
    const request = client.bench.request(1);
    client.qbuf(OUTPUT, 0, { requestFd: 1 });
    expect(() => {
      request.queue();
    }).toThrow("VP8 Frame Parameters");
    expect(errno(() => request.queue())).toBe("ENOENT");
    expect(request.state).toBe("idle");
  });

  it("with another codec's control lacks its own", () => {
    const client = vp8Client();
    const request = client.bench.request(1);
    const fwht = new CtrlFwhtParamsView(new Uint8Array(CtrlFwhtParamsView.SIZE));
    fwht.version = 3;
    fwht.width = 640;
    fwht.height = 480;
    client.setControls(1, [Cid.StatelessFwhtParams, fwht.bytes]);
    client.qbuf(OUTPUT, 0, { requestFd: 1 });
    expect(errno(() => request.queue())).toBe("ENOENT");
  });

  it("may do without a control that was set before", async () => {
    const client = vp8Client();
    client.setControls(undefined, [Cid.StatelessVp8Frame, vp8Frame({ key: true })]);
    const request = client.bench.request(1);
    client.qbuf(OUTPUT, 0, { requestFd: 1 });
    client.qbuf(CAPTURE, 0);
    request.queue();
    await turn();
    expect(request.state).toBe("complete");
  });

  it("with two buffers is EINVAL", () => {
    const client = vp8Client();
    const request = client.bench.request(1);
    client.setControls(1, [Cid.StatelessVp8Frame, vp8Frame({ key: true })]);
    client.qbuf(OUTPUT, 0, { requestFd: 1 });
    client.qbuf(OUTPUT, 1, { requestFd: 1 });
    expect(errno(() => request.queue())).toBe("EINVAL");
  });

  it("cannot be queued twice", () => {
    const client = vp8Client();
    const request = submit(client, 0, 0n, { key: true });
    expect(request.state).toBe("queued");
    expect(errno(() => request.queue())).toBe("EBUSY");
  });

  it("waits for a CAPTURE buffer, with others behind it", async () => {
    const client = vp8Client();
    const first = submit(client, 0, 0n, { key: true });
    const second = submit(client, 1, 1000n, { last: 0n });
    await turn();
    expect([first.state, second.state]).toEqual(["queued", "queued"]);
    client.qbuf(CAPTURE, 0);
    await turn();
    expect([first.state, second.state]).toEqual(["complete", "queued"]);
    client.qbuf(CAPTURE, 1);
    await turn();
    expect(second.state).toBe("complete");
  });

  it("cannot hold a CAPTURE buffer", () => {
    const client = vp8Client();
    client.bench.request(1);
    expect(errno(() => client.qbuf(CAPTURE, 0, { requestFd: 1 }))).toBe("EPERM");
  });
});

describe("a frame whose reference is unknown", () => {
  it("comes back in error, with a sentence about it in the log", async () => {
    const client = vp8Client();
    const request = submit(client, 0, 1000n, { last: 999n, golden: 999n });
    client.qbuf(CAPTURE, 0);
    await turn();
    expect(request.state).toBe("complete");
    expect(client.dqbuf(OUTPUT).flags & BufFlag.Error).not.toBe(0);
    expect(client.dqbuf(CAPTURE).flags & BufFlag.Error).not.toBe(0);
    expect(client.bench.messages.at(-1)).toMatch(/frame 0 .* cannot be decoded: .* time stamp 999/);
    expect(client.context.state.jobs).toEqual({ done: 1, failed: 1 });
  });
});

describe("an empty OUTPUT buffer", () => {
  const planes = [{ bytesused: 0, length: 0, dataOffset: 0, offset: 0 }];

  it("in a request comes back in error, with a sentence about it in the log", async () => {
    const client = vp8Client();
    const request = client.bench.request(1);
    client.setControls(1, [Cid.StatelessVp8Frame, vp8Frame({ key: true })]);
    client.qbuf(OUTPUT, 0, { requestFd: 1, planes });
    request.queue();
    client.qbuf(CAPTURE, 0);
    await turn();
    expect(client.dqbuf(OUTPUT).flags & BufFlag.Error).not.toBe(0);
    expect(client.dqbuf(CAPTURE).flags & BufFlag.Error).not.toBe(0);
    expect(client.bench.messages.at(-1)).toMatch(/frame 0 .* cannot be decoded: its OUTPUT buffer is empty/);
  });

  it("without a request is as full as the plane, as v4l2-compliance wants it", async () => {
    const client = vp8Client();
    client.qbuf(OUTPUT, 0, { planes });
    client.qbuf(CAPTURE, 0);
    await turn();
    expect(client.dqbuf(OUTPUT).flags & BufFlag.Error).toBe(0);
  });
});

describe("STREAMOFF and close", () => {
  it("give back what waits, and complete its request", () => {
    const client = vp8Client();
    const request = submit(client, 0, 0n, { key: true });
    client.streamoff(OUTPUT);
    expect(request.state).toBe("complete");
    expect(client.context.source.buffer(0)?.state).toBe("dequeued");
  });

  it("end a job that pretends to take long", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const client = vp8Client(new Bench({ parameters: { transtimeMs: 50 } }));
      const request = submit(client, 0, 0n, { key: true });
      client.qbuf(CAPTURE, 0);
      await turn();
      expect(errno(() => client.dqbuf(CAPTURE))).toBe("EAGAIN");
      client.streamoff(CAPTURE);
      expect(request.state).toBe("complete");
      client.streamon(CAPTURE);
      submit(client, 1, 0n, { key: true });
      client.qbuf(CAPTURE, 0);
      await turn();
      client.close();
      expect(vi.getTimerCount()).toBe(0);
      expect(client.bench.memory.live).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("leave requests behind that can only be closed", () => {
    const client = vp8Client();
    const prepared = client.bench.request(1);
    client.setControls(1, [Cid.StatelessVp8Frame, vp8Frame({ key: true })]);
    const filled = client.bench.request(2);
    client.setControls(2, [Cid.StatelessVp8Frame, vp8Frame({ key: true })]);
    client.qbuf(OUTPUT, 0, { requestFd: 2 });
    const queued = submit(client, 1, 0n, { key: true });
    client.close();
    expect(client.bench.memory.live).toBe(0);
    expect([prepared.state, filled.state, queued.state]).toEqual(["idle", "idle", "complete"]);
    for (const request of [prepared, filled]) expect(errno(() => request.queue())).toBe("ENOENT");
    for (const request of [prepared, filled, queued]) {
      request.close();
    }
  });

  it("leave other files alone", async () => {
    const bench = new Bench();
    const gone = vp8Client(bench);
    const other = vp8Client(bench);
    submit(gone, 0, 0n, { key: true });
    submit(other, 0, 0n, { key: true });
    gone.qbuf(CAPTURE, 0);
    other.qbuf(CAPTURE, 0);
    gone.close();
    await turn();
    expect(other.dqbuf(CAPTURE).sequence).toBe(0);
    expect([...bench.visl.contexts]).toHaveLength(1);
  });

  it("start sequences anew", async () => {
    const client = vp8Client();
    for (let round = 0; round < 2; round++) {
      submit(client, 0, 0n, { key: true });
      client.qbuf(CAPTURE, 0);
      await turn();
      expect(client.dqbuf(CAPTURE).sequence).toBe(0);
      client.streamoff(OUTPUT);
      client.streamoff(CAPTURE);
      client.streamon(OUTPUT);
      client.streamon(CAPTURE);
    }
  });
});

describe("transtime_ms", () => {
  it("delays the end of a job", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const client = vp8Client(new Bench({ parameters: { transtimeMs: 50 } }));
      submit(client, 0, 0n, { key: true });
      client.qbuf(CAPTURE, 0);
      await turn();
      vi.advanceTimersByTime(49);
      expect(errno(() => client.dqbuf(CAPTURE))).toBe("EAGAIN");
      vi.advanceTimersByTime(1);
      expect(client.dqbuf(CAPTURE).sequence).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("bitstream dumps", () => {
  async function decodeOne(client: Client): Promise<void> {
    submit(client, 0, 0n, { key: true });
    client.bytes(OUTPUT, 0).fill(0xab);
    client.qbuf(CAPTURE, 0);
    await turn();
    client.dqbuf(OUTPUT);
  }

  it("hold the payload of the frames asked for, until streaming ends", async () => {
    const parameters = { bitstreamTraceFrameStart: 0, bitstreamTraceNframes: 10 };
    const { visl } = new Bench();
    expect(visl.bitstreams.count).toBe(0);
    const bench = new Bench({ parameters });
    const client = vp8Client(bench);
    await decodeOne(client);
    const dump = bench.visl.bitstreams.find("bitstream0");
    expect(dump?.bytes).toEqual(new Uint8Array(100).fill(0xab));
    client.streamoff(CAPTURE);
    expect(bench.visl.bitstreams.count).toBe(0);
  });

  it("are kept with keep_bitstream_buffers", async () => {
    const bench = new Bench({
      parameters: { bitstreamTraceFrameStart: 0, bitstreamTraceNframes: 1, keepBitstreamBuffers: true },
    });
    const client = vp8Client(bench);
    await decodeOne(client);
    client.close();
    expect(bench.visl.bitstreams.count).toBe(1);
  });
});

describe("formats", () => {
  it("of CAPTURE do not depend on OUTPUT", () => {
    const client = new Bench().open();
    expect(client.formats(OUTPUT)).toHaveLength(7);
    expect(client.formats(CAPTURE)).toEqual([fourcc("NV12"), fourcc("YU12")]);
    expect(client.formats(CAPTURE, true)).toEqual([fourcc("NV12"), fourcc("YU12"), fourcc("P010")]);
    expect(client.formats(OUTPUT, true)).toEqual([]);
  });

  it("that grow after buffers were made are noticed", async () => {
    const client = vp8Client();
    submit(client, 0, 0n, { key: true });
    client.qbuf(CAPTURE, 0);
    client.setFormat({ ...client.getFormat(CAPTURE), width: 1920, height: 1080 });
    expect(errno(() => client.qbuf(CAPTURE, 1))).toBe("EINVAL");
    await turn();
    expect(client.dqbuf(CAPTURE).flags & BufFlag.Error).not.toBe(0);
    expect(client.bench.messages.at(-1)).toMatch(/CAPTURE buffer has 115200 bytes/);
  });

  it("carry a client's colorimetry from OUTPUT to CAPTURE", () => {
    const client = new Bench().open();
    client.setFormat({ ...client.getFormat(OUTPUT), colorspace: Colorspace.Bt2020 });
    expect(client.getFormat(CAPTURE).colorspace).toBe(Colorspace.Bt2020);
  });

  it("of CREATE_BUFS must be large enough", () => {
    const client = vp8Client();
    expect(client.context.destination.numBuffers).toBe(10);
    client.createBuf(CAPTURE);
    expect(client.context.destination.numBuffers).toBe(11);
  });
});

describe("the queues", () => {
  it("have the kernel's capabilities, and at most 32 buffers", () => {
    const client = new Bench().open();
    expect(client.createBuf(OUTPUT, 0)).toMatchObject({ capabilities: 0x1bd, maxNumBuffers: 32 });
    expect(client.createBuf(CAPTURE, 0)).toMatchObject({ capabilities: 0x195, maxNumBuffers: 32 });
  });
});

describe("traces", () => {
  it("are of the client whose job it is", async () => {
    const bench = new Bench();
    const names: string[] = [];
    bench.visl.tracepoints.enable("vp8");
    bench.visl.tracepoints.subscribe(({ name, origin, text }) => {
      names.push(`${origin.comm}-${origin.pid} ${name} ${text().length > 100}`);
    });
    const client = vp8Client(bench);
    submit(client, 0, 0n, { key: true });
    client.qbuf(CAPTURE, 0);
    await turn();
    expect(names).toEqual(["client-42 v4l2_ctrl_vp8_frame true", "client-42 v4l2_ctrl_vp8_entropy true"]);
  });
});
