/** What buffers of an OUTPUT queue hold, for whoever records it: told once, when the client has queued it. */
import { describe, expect, it } from "vitest";
import { BufFlag, BufType, Memory, TraceStream } from "../../src/v4l2/index.js";
import type { TraceEvent } from "../../src/v4l2/index.js";
import { client, ready } from "./client.js";
import { FakeRequest } from "./fake-request.js";
import { at } from "./fakes.js";

type DataEvent = Extract<TraceEvent, { readonly kind: "data" }>;

/** A trace of which somebody wants so many bytes of each buffer. */
function traced(dataBytes: number): { trace: TraceStream; data: DataEvent[] } {
  const trace = new TraceStream();
  const data: DataEvent[] = [];
  trace.record(
    (event) => event.kind === "data" && data.push({ ...event, bytes: event.bytes.slice() }),
    dataBytes,
  );
  return { trace, data };
}

const type = BufType.VideoOutput;
/** What one event carries at most. */
const PIECE = 64 * 1024;
const told = (data: readonly DataEvent[]) =>
  data.map(({ index, plane, offset, bytesused, bytes }) => [index, plane, offset, bytesused, bytes.length]);
const planes = (bytesused: number) => [{ bytesused, length: 64, dataOffset: 0, offset: 0 }];

describe("an OUTPUT buffer's bytes", () => {
  it("are told when it is queued, as many as are in it, and as many as are wanted", () => {
    for (const [wanted, length] of [
      [64, 10],
      [10, 10],
      [4, 4],
    ] as const) {
      const { trace, data } = traced(wanted);
      const c = ready({ type, trace });
      at(c.queue, 1).plane(0).bytes.fill(7);
      c.qbuf(1, { planes: planes(10) });
      expect(told(data)).toEqual([[1, 0, 0, 10, length]]);
      expect([...(data[0]?.bytes ?? [])]).toEqual(new Array<number>(length).fill(7));
      c.ops.streamon(c.file, type);
      c.driver.complete();
      c.dqbuf();
      expect(data).toHaveLength(1);
    }
  });

  it("are told in pieces", () => {
    const { trace, data } = traced(2 ** 30);
    const c = client({ type, trace }, (driver) => (driver.planeSizes = [2 * PIECE + 1]));
    c.queue.reqbufs("mmap", 1);
    c.qbuf(0, { planes: planes(2 * PIECE + 1) });
    expect(told(data)).toEqual([
      [0, 0, 0, 2 * PIECE + 1, PIECE],
      [0, 0, PIECE, 2 * PIECE + 1, PIECE],
      [0, 0, 2 * PIECE, 2 * PIECE + 1, 1],
    ]);
  });

  it("are told in no piece that is empty", () => {
    const { trace, data } = traced(2 ** 30);
    const c = client({ type, trace }, (driver) => (driver.planeSizes = [PIECE]));
    c.queue.reqbufs("mmap", 1);
    c.qbuf(0, { planes: planes(PIECE) });
    expect(told(data)).toEqual([[0, 0, 0, PIECE, PIECE]]);
  });

  it("are told when it goes into a request, and not again when that is queued", () => {
    const { trace, data } = traced(64);
    const request = new FakeRequest();
    const c = ready({ type, trace, supportsRequests: true, requests: { byFd: () => request } });
    c.qbuf(0, { planes: planes(10), flags: BufFlag.RequestFd, requestFd: 3 });
    expect(told(data)).toEqual([[0, 0, 0, 10, 10]]);
    request.queue();
    c.ops.streamon(c.file, type);
    expect(data).toHaveLength(1);
  });

  it("of the client's own memory are told when the request is queued, for before they are not ours", () => {
    const { trace, data } = traced(64);
    const request = new FakeRequest();
    const c = client({ type, trace, supportsRequests: true, requests: { byFd: () => request } });
    c.queue.reqbufs("dmabuf", 1);
    c.memory.files.set("1:7", { bytes: new Uint8Array(64) });
    c.qbuf(0, {
      ...{ memory: Memory.Dmabuf, flags: BufFlag.RequestFd, requestFd: 3 },
      planes: [{ bytesused: 10, length: 64, dataOffset: 0, fd: 7 }],
    });
    expect(data).toEqual([]);
    request.queue();
    expect(told(data)).toEqual([[0, 0, 0, 10, 10]]);
  });

  it("are told to nobody who wants none, and those of CAPTURE buffers never", () => {
    const none = traced(0);
    const output = ready({ type, trace: none.trace });
    output.qbuf(0, { planes: planes(10) });
    const some = traced(64);
    const capture = ready({ trace: some.trace });
    capture.qbuf(0, { planes: planes(10) });
    expect([none.data, some.data]).toEqual([[], []]);
  });
});
