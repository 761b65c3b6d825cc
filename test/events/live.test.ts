/** A recording that comes in pieces, of any size, and followers that are told the end. */
import { PassThrough, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { followEvents, LiveRecording, RecordingError, streamSink } from "../../src/events/index.js";
import { TraceStream, type TraceEvent } from "../../src/v4l2/index.js";
import { examples, ioctl, read, record } from "./support/events.js";

function heard(pieces: Iterable<Uint8Array>): { readonly kinds: string[]; readonly isCut: boolean } {
  const live = new LiveRecording("the stream");
  const kinds: string[] = [];
  for (const piece of pieces) for (const { kind } of live.push(piece)) kinds.push(kind);
  return { kinds, isCut: live.isCut };
}

function* inPieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

describe("a recording that comes in pieces", () => {
  it.each([1, 7, 64, 1 << 20])("of %i bytes has the same events as the file", async (size) => {
    const bytes = await record(examples);
    const kinds = read(bytes).events.map(({ kind }) => kind);
    expect(heard(inPieces(bytes, size))).toEqual({ kinds, isCut: false });
  });

  it("gives an event as soon as its last byte is there", async () => {
    const bytes = await record(examples.slice(0, 1));
    const live = new LiveRecording("the stream");
    expect([...live.push(bytes.subarray(0, -1))]).toEqual([]);
    expect(live.isCut).toBe(true);
    expect([...live.push(bytes.subarray(-1))]).toHaveLength(1);
    expect(live.isCut).toBe(false);
  });

  it("and is none is refused in one sentence, however it is cut", async () => {
    const bytes = await record(examples);
    const long = bytes.slice();
    new DataView(long.buffer, long.byteOffset).setUint32(12, 0xffff_ffff, true);
    for (const wrong of [Buffer.from("GET / HTTP/1.1\r\n\r\n"), long]) {
      expect(() => heard([wrong])).toThrow(RecordingError);
      expect(() => heard(inPieces(wrong, 1))).toThrow(RecordingError);
    }
  });

  it("whose bytes are wrong gives events or one RecordingError", async () => {
    const bytes = await record(examples);
    for (let at = 0; at < bytes.byteLength; at += 3) {
      const wrong = Buffer.from(bytes);
      wrong[at] = (wrong[at] ?? 0) ^ 0xff;
      try {
        heard(inPieces(wrong, 100));
      } catch (error) {
        expect(error).toBeInstanceOf(RecordingError);
      }
    }
  });
});

describe("a follower", () => {
  const example = ioctl();

  it("that finishes gets what it has heard, and hears no more", async () => {
    const stream = new TraceStream();
    const through = new PassThrough();
    const pieces: Buffer[] = [];
    through.on("data", (piece: Buffer) => pieces.push(piece));
    const follower = followEvents([stream], streamSink(through), { program: "test", flushMs: 60_000 });
    expect(stream.active).toBe(true);
    stream.emit(example);
    await follower.finish();
    expect(stream.active).toBe(false);
    expect(heard([Buffer.concat(pieces)]).kinds).toEqual([example.kind]);
  });

  it("that does not read loses events, is told how many, and holds nobody up", async () => {
    const stream = new TraceStream();
    let go: () => void = () => undefined;
    const pieces: Buffer[] = [];
    const slow = new Writable({
      write: (piece: Buffer, _encoding, done) => {
        pieces.push(Buffer.from(piece));
        go = done;
      },
    });
    const follower = followEvents([stream], streamSink(slow), {
      program: "test",
      maxWaitingBytes: 1 << 20,
      flushMs: 1,
    });
    const many = 100_000;
    for (let index = 0; index < many; index++) stream.emit(example);
    expect(follower.dropped).toBeGreaterThan(1000);
    const isOver = follower.finish();
    const timer = setInterval(() => {
      go();
    }, 1);
    await isOver;
    clearInterval(timer);
    const live = new LiveRecording("the stream");
    let [told, dropped] = [0, 0];
    for (const event of live.push(Buffer.concat(pieces)) as Iterable<TraceEvent>)
      if (event.kind === "dropped") dropped += event.count;
      else told += 1;
    expect(told + dropped).toBe(many);
  });
});
