import { afterEach, describe, expect, it, vi } from "vitest";
import { BufFlag, Cid, isOutput } from "../../src/v4l2/index.js";
import type { StatelessDeviceOptions, StatelessJob } from "../../src/stateless/index.js";
import { StatelessDevice } from "../../src/stateless/index.js";
import { DebugLog } from "../../src/visl/debug-log.js";
import { VislFile } from "../../src/visl/file.js";
import { tryCoded, tryDecoded } from "../../src/visl/formats.js";
import { VislParameters } from "../../src/visl/parameters.js";
import { Bench, CAPTURE, OUTPUT, turn } from "../visl/client.js";
import { submit, vp8Client } from "../visl/vp8.js";

type Job = StatelessJob<VislFile>;
type Answer = string | undefined;

/** A decoder that takes its time: the test says when a frame is made, or why it is not. */
class Decoder {
  readonly jobs: {
    readonly job: Job;
    readonly end: (problem?: string) => void;
    readonly fail: (error: Error) => void;
  }[] = [];
  readonly aborted: Job[] = [];
  readonly bench: Bench;

  constructor(more: Partial<StatelessDeviceOptions<VislFile>> = {}) {
    const parameters = new VislParameters();
    const debug = new DebugLog(parameters, () => undefined);
    this.bench = new Bench({}, ({ name, mediaName, requests, memory }) => {
      const side = { ...(memory && { memory: () => memory(name) }) };
      return new StatelessDevice<VislFile>({
        ...{ name, mediaName, driver: "decoder", card: "decoder", parameters, io: ["mmap"], maxJobs: 2 },
        ...(requests && { requestResolver: requests }),
        source: side,
        destination: side,
        formats: {
          list: () => [],
          current: ({ state }, type) => state.format(type),
          nearest: ({ state }, wish) =>
            isOutput(wish.type) ? tryCoded(wish) : tryDecoded(wish, state.formats.codec),
          set: ({ state }, _format, wish) => {
            if (isOutput(wish.type)) state.setCoded(wish);
            else state.setDecoded(wish);
          },
        },
        open: (_file, controls) => new VislFile(controls, debug),
        decode: (job) =>
          new Promise<Answer>((resolve, reject) => {
            this.jobs.push({ job, end: resolve, fail: reject });
          }),
        jobAbort: (job) => {
          this.aborted.push(job);
        },
        ...more,
      });
    });
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a decoder that takes its time", () => {
  it("works on frames of two files at once, and each client gets its own when it is made", async () => {
    const decoder = new Decoder();
    const clients = [vp8Client(decoder.bench), vp8Client(decoder.bench)];
    for (const [index, client] of clients.entries()) {
      submit(client, 0, BigInt(index) * 1000n, { key: true });
      client.qbuf(CAPTURE, 0);
    }
    await turn();
    expect(decoder.jobs.map(({ job }) => job.context)).toEqual(clients.map(({ context }) => context));
    decoder.jobs[1]?.end();
    await turn();
    expect(clients[1]?.dqbuf(CAPTURE)).toMatchObject({ index: 0, timestampNs: 1000n });
    expect(() => clients[0]?.dqbuf(CAPTURE)).toThrow(expect.objectContaining({ code: "EAGAIN" }));
    decoder.jobs[0]?.end();
    await turn();
    expect(clients[0]?.dqbuf(CAPTURE)).toMatchObject({ index: 0, timestampNs: 0n });
    expect(decoder.bench.visl.jobs).toEqual({ done: 2, failed: 0 });
  });

  it("gives buffers back in error when it could not make the frame, and says why", async () => {
    const decoder = new Decoder();
    const client = vp8Client(decoder.bench);
    submit(client, 0, 0n, { key: true });
    client.qbuf(CAPTURE, 0);
    await turn();
    decoder.jobs[0]?.end("its first partition is cut off");
    await turn();
    expect(client.dqbuf(CAPTURE).flags & BufFlag.Error).not.toBe(0);
    expect(decoder.bench.messages.at(-1)).toMatch(/frame 0 .* cannot be decoded: its first partition/);
    expect(client.context.state.jobs).toEqual({ done: 1, failed: 1 });
  });

  it("that fails costs its client one frame, and the next one is decoded", async () => {
    const decoder = new Decoder();
    const client = vp8Client(decoder.bench);
    for (const index of [0, 1]) {
      submit(client, index, BigInt(index), { key: true });
      client.qbuf(CAPTURE, index);
    }
    await turn();
    decoder.jobs[0]?.fail(new Error("the worker is gone"));
    await turn();
    expect(client.dqbuf(CAPTURE).flags & BufFlag.Error).not.toBe(0);
    expect(decoder.bench.messages.at(-1)).toMatch(/: decode: the worker is gone, at .*; the job has failed$/);
    await turn();
    decoder.jobs[1]?.end();
    await turn();
    expect(client.dqbuf(CAPTURE)).toMatchObject({ index: 1 });
  });

  it("is told of STREAMOFF, and what it makes of the frame later goes nowhere", async () => {
    const decoder = new Decoder();
    const client = vp8Client(decoder.bench);
    const request = submit(client, 0, 0n, { key: true });
    client.qbuf(CAPTURE, 0);
    await turn();
    client.streamoff(CAPTURE);
    expect(decoder.aborted).toEqual([decoder.jobs[0]?.job]);
    expect(decoder.jobs[0]?.job.isRunning).toBe(false);
    expect(request.state).toBe("complete");
    client.streamon(CAPTURE);
    submit(client, 1, 1n, { key: true });
    client.qbuf(CAPTURE, 0);
    await turn();
    decoder.jobs[0]?.end();
    await turn();
    expect(() => client.dqbuf(CAPTURE)).toThrow(expect.objectContaining({ code: "EAGAIN" }));
    expect(decoder.bench.visl.jobs.done).toBe(0);
  });

  it("refuses S_FMT of a queue with buffers, unless it says that it can do that", () => {
    const client = vp8Client(new Decoder().bench);
    expect(() => client.setFormat(client.getFormat(CAPTURE))).toThrow(
      expect.objectContaining({ code: "EBUSY" }),
    );
  });
});

describe("who listens to jobs", () => {
  it("sees the controls of the request, the bitstream and the file, before the frame is decoded", async () => {
    const seen: unknown[] = [];
    const bench = new Bench();
    const stop = bench.visl.onJob((job) => {
      const { context, request, state, frame, bitstream } = job;
      const given = request === undefined ? undefined : state.controls.inRequest(request);
      seen.push({
        codec: frame.codec.name,
        submitted: frame.codec.controls.filter(({ id }) => given?.has(id) === true).map(({ id }) => id),
        value: state.controls.find(Cid.StatelessVp8Frame)?.value.last_frame_ts,
        bitstream: Buffer.from(bitstream).toString(),
        isFirst: context.source.streaming && job.destination.state === "active",
      });
    });
    const client = vp8Client(bench);
    client.bytes(OUTPUT, 0).set(Buffer.from("VP8"));
    const planes = [{ bytesused: 3, length: 0, dataOffset: 0, offset: 0 }];
    submit(client, 0, 5n, { key: true, last: 77n }, planes);
    client.qbuf(CAPTURE, 0);
    await turn();
    const submitted = [Cid.StatelessVp8Frame];
    expect(seen).toEqual([{ codec: "vp8", submitted, value: 77n, bitstream: "VP8", isFirst: true }]);
    stop();
    submit(client, 1, 6n, { key: true });
    client.qbuf(CAPTURE, 1);
    await turn();
    expect(seen).toHaveLength(1);
  });

  it("may report a problem, with which the frame ends in an error", async () => {
    const bench = new Bench();
    bench.visl.onJob((job) => {
      job.report("first_part_size is 12, the frame says 13");
    });
    const client = vp8Client(bench);
    submit(client, 0, 0n, { key: true });
    client.qbuf(CAPTURE, 0);
    await turn();
    expect(client.dqbuf(CAPTURE).flags & BufFlag.Error).not.toBe(0);
    expect(bench.messages.at(-1)).toMatch(/cannot be decoded: first_part_size is 12/);
  });
});
