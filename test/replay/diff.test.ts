/** Where two sessions part: by what was asked, by what was answered, by calls that only one has. */
import { describe, expect, it } from "vitest";
import {
  RecordedCalls,
  sessionDifferences,
  tracerCalls,
  tracerSteps,
  type SessionDiffOptions,
} from "../../src/replay/index.js";
import { FormatView, IOCTLS } from "../../src/v4l2/gen/index.js";
import { PayloadLog, type IoctlEvent, type TraceEvent } from "../../src/v4l2/index.js";
import { base, bufferBytes, ioctl } from "../events/support/events.js";

const noBytes = {
  asked: undefined,
  askedArray: undefined,
  givenArray: undefined,
  note: undefined,
  askedPayloads: undefined,
  givenPayloads: undefined,
};

/** A call whose argument the driver leaves as it is, unless `asked` says what it was before. */
function call(
  name: keyof typeof IOCTLS,
  given: Uint8Array,
  members: Partial<IoctlEvent> = {},
  asked?: Uint8Array,
): IoctlEvent {
  const bytes = { ...noBytes, given, asked: asked ?? given };
  return ioctl({ name, cmd: IOCTLS[name].number, bytes, ...members });
}

function format(width: number, height: number, sizeimage = 0): Uint8Array {
  const bytes = new Uint8Array(IOCTLS.VIDIOC_S_FMT.size);
  const view = new FormatView(bytes);
  view.type = 1;
  const words = new DataView(bytes.buffer);
  for (const [at, value] of [width, height, 0x5659_5559, 1, 0, sizeimage].entries())
    words.setUint32(8 + 4 * at, value, true);
  return bytes;
}

const input = (value: number): Uint8Array => new Uint8Array(new Int32Array([value]).buffer);
const sFmt = (width: number, sizeimage: number, members: Partial<IoctlEvent> = {}): IoctlEvent =>
  call("VIDIOC_S_FMT", format(width, 480, sizeimage), members, format(width, 480));
const gInput = (members: Partial<IoctlEvent> = {}): IoctlEvent => call("VIDIOC_G_INPUT", input(0), members);
const sInput = (value = 0, members: Partial<IoctlEvent> = {}): IoctlEvent =>
  call("VIDIOC_S_INPUT", input(value), members);

const file = (action: "open" | "release" | "read", members: object = {}): TraceEvent => ({
  ...base,
  kind: "file",
  action,
  pid: 1234,
  comm: "v4l2-ctl",
  file: 2n,
  size: action === "open" ? 2 : 0,
  value: 0,
  errno: undefined,
  durationUs: 1,
  ...members,
});

function* callsOf(events: Iterable<TraceEvent>): Generator<ReturnType<RecordedCalls["of"]>[number]> {
  const calls = new RecordedCalls();
  for (const event of events) yield* calls.of(event);
}

const diff = (
  a: Iterable<TraceEvent>,
  b: Iterable<TraceEvent>,
  options?: SessionDiffOptions,
): ReturnType<typeof sessionDifferences> => sessionDifferences(callsOf(a), callsOf(b), options);

describe("two sessions", () => {
  it("that are the same have no difference", () => {
    const session = [file("open"), gInput(), sFmt(640, 614_400), file("release")];
    expect(diff(session, session)).toEqual({ differences: [], compared: 4 });
  });

  it("are the same whatever process, node, file number, time, and duration they have", () => {
    const other = { pid: 99, comm: "other", device: "video7", file: 5n, durationUs: 900, monotonicNs: 7 };
    const a = [file("open"), gInput(), sFmt(640, 614_400), file("release")];
    const b = [file("open", other), gInput(other), sFmt(640, 614_400, other), file("release", other)];
    expect(diff(a, b).differences).toEqual([]);
  });

  it("part where the clients ask for something else; what follows from it is told apart", () => {
    const { differences } = diff([gInput(), sFmt(640, 614_400)], [gInput(), sFmt(320, 307_200)]);
    expect(differences).toMatchObject([
      {
        stream: "client 1, video file 1",
        what: "asked",
        a: { name: "VIDIOC_S_FMT", where: "call 2" },
        b: { name: "VIDIOC_S_FMT", where: "call 2" },
        asked: [{ field: "v4l2_format.v4l2_pix_format.width", expected: 640, got: 320 }],
        answered: [{ field: "v4l2_format.v4l2_pix_format.sizeimage", expected: 614_400, got: 307_200 }],
      },
    ]);
    expect(differences[0]?.a?.line()).toContain("VIDIOC_S_FMT: type=vid-cap, width=640");
  });

  it("part where the same question has another answer", () => {
    expect(diff([sFmt(640, 614_400)], [sFmt(640, 1)]).differences).toMatchObject([
      { what: "answered", asked: [], answered: [{ expected: 614_400, got: 1 }] },
    ]);
    const refused = { errno: "EBUSY", result: -16 };
    expect(diff([sFmt(640, 614_400)], [sFmt(640, 1, refused)]).differences).toMatchObject([
      { what: "answered", answered: [{ field: "errno", expected: "success", got: "EBUSY" }] },
    ]);
  });

  it("do not part by members that mean nothing before the call", () => {
    const dqbuf = (garbage: number): IoctlEvent =>
      call("VIDIOC_DQBUF", bufferBytes(3), {}, bufferBytes(garbage));
    expect(diff([dqbuf(1)], [dqbuf(2)]).differences).toEqual([]);
    const wrong = call("VIDIOC_DQBUF", bufferBytes(4), {}, bufferBytes(1));
    expect(diff([dqbuf(1)], [wrong]).differences).toMatchObject([
      { what: "answered", answered: [{ field: "v4l2_buffer.index", expected: 3, got: 4 }] },
    ]);
  });

  it("do not part by calls that had to be done again", () => {
    const again = gInput({ errno: "EAGAIN", result: -11 });
    expect(diff([again, again, gInput()], [again, gInput()]).differences).toEqual([]);
  });

  it("are alike again behind calls that only one of them makes", () => {
    const a = [gInput(), sInput(), sFmt(640, 1), gInput()];
    const b = [gInput(), sFmt(640, 1), gInput()];
    const only = { name: "VIDIOC_S_INPUT", where: "call 2" };
    expect(diff(a, b, { most: 9 }).differences).toMatchObject([{ what: "missing", a: only, b: undefined }]);
    expect(diff(b, a, { most: 9 }).differences).toMatchObject([{ what: "missing", a: undefined, b: only }]);
  });

  it("that do something else altogether part once", () => {
    const a = Array.from({ length: 200 }, () => gInput());
    const b = Array.from({ length: 300 }, () => sInput());
    expect(diff(a, b, { most: 9 }).differences).toMatchObject([
      { what: "other", a: { name: "VIDIOC_G_INPUT" }, b: { name: "VIDIOC_S_INPUT" } },
    ]);
  });

  it("part where one of them ends, and by a file that only one has", () => {
    expect(diff([gInput(), sInput(), gInput()], [gInput()], { most: 9 }).differences).toMatchObject([
      { what: "missing", a: { name: "VIDIOC_S_INPUT" }, b: undefined },
    ]);
    const second = sInput(0, { pid: 7, file: 8n });
    expect(diff([gInput()], [gInput(), second, second], { most: 9 }).differences).toMatchObject([
      { stream: "client 2, video file 1", what: "missing", a: undefined, b: { name: "open" } },
    ]);
  });

  it("are compared file by file, however their calls interleave", () => {
    const other = { pid: 77, file: 3n };
    const [x, y] = [gInput(), sInput(1, other)];
    expect(diff([x, y, x, y, x, y], [x, y, y, y, x, x])).toEqual({ differences: [], compared: 8 });
  });

  it("part first where the first session does, whichever file is looked at first", () => {
    const other = { pid: 77, file: 3n };
    const a = [gInput(), sInput(1, other), sInput(2), sInput(3, other)];
    const b = [gInput(), sInput(1, other), sInput(4, other), sInput(9)];
    expect(diff(a, b).differences).toMatchObject([
      { stream: "client 1, video file 1", asked: [{ expected: 2, got: 9 }] },
    ]);
    expect(diff(a, b, { most: 2 }).differences).toHaveLength(2);
  });

  it("differ in what is written into buffers, if both are known", () => {
    const data = (text: string): TraceEvent => ({
      ...base,
      kind: "data",
      file: 2n,
      type: 2,
      index: 0,
      plane: 0,
      offset: 0,
      bytesused: 3,
      bytes: Buffer.from(text),
    });
    const qbuf = call("VIDIOC_QBUF", bufferBytes());
    expect(diff([data("abc"), qbuf], [data("abc"), qbuf]).differences).toEqual([]);
    expect(diff([data("abc"), qbuf], [qbuf]).differences).toEqual([]);
    expect(diff([data("abc"), qbuf], [data("abd"), qbuf]).differences).toMatchObject([
      { what: "asked", asked: [{ field: "data" }] },
    ]);
  });

  it("differ in flags of open and sizes of read", () => {
    expect(diff([file("open")], [file("open", { size: 2050 })]).differences).toMatchObject([
      { what: "asked", asked: [{ field: "flags", expected: 2, got: 2050 }] },
    ]);
    const read = (size: number, value: number): TraceEvent => file("read", { size, value });
    expect(diff([read(9, 9)], [read(9, 4)]).differences).toMatchObject([
      { what: "answered", answered: [{ field: "result", expected: "9", got: "4" }] },
    ]);
  });

  it("may differ in members that are ignored", () => {
    expect(diff([sFmt(640, 1)], [sFmt(640, 2)], { ignored: ["sizeimage"] }).differences).toEqual([]);
  });

  it("differ in values and payloads of controls, though the argument itself is the same", () => {
    const controls = (value: number, payload: number): IoctlEvent => {
      const [arg, array] = [new Uint8Array(IOCTLS.VIDIOC_S_EXT_CTRLS.size), new Uint8Array(40)];
      new DataView(arg.buffer).setUint32(8, 2, true);
      array[12] = value;
      array[24] = 4;
      const payloads = new PayloadLog();
      payloads.add(1, input(payload));
      const nested = { askedArray: array, givenArray: array, askedPayloads: payloads.bytes };
      const event = call("VIDIOC_S_EXT_CTRLS", arg);
      return { ...event, bytes: { ...event.bytes, ...nested } };
    };
    expect(diff([controls(1, 2)], [controls(1, 2)]).differences).toEqual([]);
    expect(diff([controls(1, 2)], [controls(5, 2)]).differences).toMatchObject([
      { asked: [{ field: "v4l2_ext_controls.controls[0].value", expected: 1, got: 5 }] },
    ]);
    expect(diff([controls(1, 2)], [controls(1, 3)]).differences).toMatchObject([
      { asked: [{ field: "v4l2_ext_controls.controls[1].payload", expected: "02000000", got: "03000000" }] },
    ]);
  });

  it("with ioctls that the uAPI does not know are compared by their bytes", () => {
    const own = (value: number): IoctlEvent =>
      ioctl({ name: "__proto__", cmd: 0xc004_56c0 | 0, bytes: { ...noBytes, given: input(value) } });
    expect(diff([own(1)], [own(1)]).differences).toEqual([]);
    expect(diff([own(1)], [own(2)]).differences).toMatchObject([{ asked: [{ field: "bytes" }] }]);
  });

  it("that are long are compared without keeping them", () => {
    let most = 0;
    let [readA, readB] = [0, 0];
    function* long(count: (by: number) => void): Generator<TraceEvent> {
      for (let index = 0; index < 20_000; index++) {
        count(1);
        most = Math.max(most, Math.abs(readA - readB));
        yield sInput(index % 2);
      }
    }
    const a = long((by) => (readA += by));
    const b = long((by) => (readB += by));
    expect(diff(a, b)).toEqual({ differences: [], compared: 20_001 });
    expect(most).toBeLessThan(3);
  });

  it("with ever new clients are compared, and clients that are long gone are forgotten", () => {
    const CLIENTS = 3000;
    const stays = { pid: 1, file: 1n };
    const queue = (pid: number): IoctlEvent => {
      const event = call("MEDIA_REQUEST_IOC_QUEUE", new Uint8Array(0), { pid, device: "media0" });
      return { ...event, bytes: { ...event.bytes, note: "request=1:7" } };
    };
    function* session(last: number): Generator<TraceEvent> {
      yield gInput(stays);
      for (let pid = 2; pid <= CLIENTS; pid++) {
        const members = { pid, file: BigInt(pid) };
        yield* [file("open", members), queue(pid), file("release", members)];
      }
      // It came second, and went.
      yield sInput(1, { pid: 2, file: 2n });
      yield sInput(last, stays);
    }
    const compared = 3 * (CLIENTS - 1) + 5;
    expect(diff(session(5), session(5))).toEqual({ differences: [], compared });
    expect(diff(session(5), session(6)).differences).toMatchObject([
      { stream: "client 1, video file 1", asked: [{ expected: 5, got: 6 }] },
    ]);
    const calls = [...callsOf(session(5))];
    expect(calls.at(-2)?.stream).toBe(`client ${CLIENTS + 1}, video file 1`);
    const ended = calls.flatMap(({ ended: streams }) => streams);
    expect(ended[0]).toBe("client 2, request file 1");
    expect(new Set(ended).size).toBe(ended.length);
    expect(ended.length).toBeGreaterThan(CLIENTS / 2);
  });

  it("whose files are too far from each other are refused in one sentence", () => {
    const other = { pid: 77, file: 3n };
    function* session(first: IoctlEvent, second: IoctlEvent): Generator<TraceEvent> {
      yield gInput();
      yield gInput(other);
      for (let index = 0; index < 70_000; index++) yield first;
      for (let index = 0; index < 70_000; index++) yield second;
    }
    expect(() => diff(session(gInput(), gInput(other)), session(gInput(other), gInput()))).toThrow(
      "too many calls wait",
    );
  });
});

describe("two files of v4l2-tracer", () => {
  const session = (width: number): object[] => [
    { fd: 3, open64: true, path: "/dev/video0", oflag: "O_RDWR" },
    {
      fd: 3,
      ioctl: "VIDIOC_S_FMT",
      from_driver: {
        v4l2_format: {
          type: "V4L2_BUF_TYPE_VIDEO_CAPTURE",
          fmt: { pix: { width, height: 480 } },
        },
      },
    },
  ];

  it("are compared by their answers: questions are not in them", () => {
    const calls = (width: number): ReturnType<typeof tracerCalls> =>
      tracerCalls(tracerSteps(session(width) as never));
    expect(sessionDifferences(calls(640), calls(640)).differences).toEqual([]);
  });
});
