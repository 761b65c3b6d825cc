/** One event of each kind, and recordings of any. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { fileSink, Recorder, Recording } from "../../../src/events/index.js";
import type { IoctlEvent, TraceEvent } from "../../../src/v4l2/index.js";
import { IOCTLS } from "../../../src/v4l2/gen/index.js";

export const base = { timeMs: 1_700_000_000_000, monotonicNs: 5_000_000_000, device: "video0" } as const;

const none = (): Readonly<Record<string, unknown>> => ({});

/** `struct v4l2_buffer` of buffer 3 of a capture queue. */
export function bufferBytes(index = 3): Uint8Array {
  const bytes = new Uint8Array(88);
  new DataView(bytes.buffer).setUint32(0, index, true);
  new DataView(bytes.buffer).setUint32(4, 1, true);
  new DataView(bytes.buffer).setUint32(60, 1, true);
  return bytes;
}

export const ioctl = (members: Partial<IoctlEvent> = {}): IoctlEvent => ({
  ...base,
  kind: "ioctl",
  name: "VIDIOC_QBUF",
  cmd: IOCTLS.VIDIOC_QBUF.number,
  pid: 1234,
  comm: "v4l2-ctl",
  file: 2n,
  durationUs: 17,
  result: 0,
  errno: undefined,
  detail: undefined,
  bytes: {
    asked: undefined,
    given: bufferBytes(),
    askedArray: undefined,
    givenArray: undefined,
    note: undefined,
    askedPayloads: undefined,
    givenPayloads: undefined,
  },
  text: () => "",
  dialog: () => "",
  args: none,
  asked: () => undefined,
  ...members,
});

const key = { file: 2n, type: 1, index: 3 } as const;

/** Every kind, with every member that may be undefined once there and once not. */
export const examples: readonly TraceEvent[] = [
  ioctl(),
  ioctl({ errno: "EINVAL", result: -22, detail: "buffer 3 is queued, not yours", name: "VIDIOC_DQBUF" }),
  {
    ...base,
    kind: "file",
    action: "read",
    pid: 1,
    comm: "cat",
    file: 9n,
    size: 4096,
    value: 7,
    errno: undefined,
    durationUs: 3,
  },
  {
    ...base,
    kind: "file",
    action: "open",
    pid: 1,
    comm: "a\u{1f4f7}\0b",
    file: 9n,
    size: 2,
    value: 0,
    errno: "EBUSY",
    durationUs: 3,
  },
  {
    ...base,
    ...key,
    kind: "buffer",
    from: "active",
    to: "done",
    sequence: 2 ** 32 - 1,
    timestampNs: 2n ** 63n,
    bytesused: [10, 20],
    request: "12:7",
    queued: 1,
    active: 2,
    done: 3,
    buffers: 6,
  },
  {
    ...base,
    ...key,
    file: undefined,
    kind: "buffer",
    from: "dequeued",
    to: "queued",
    sequence: 0,
    timestampNs: 0n,
    bytesused: [],
    request: undefined,
    queued: 0,
    active: 0,
    done: 0,
    buffers: 0,
  },
  {
    ...base,
    kind: "request",
    request: "12:7",
    from: "idle",
    to: "queued",
    buffers: [key, { ...key, file: undefined }],
  },
  { ...base, kind: "job", file: 2n, action: "started", job: 4, request: "12:7", source: 1, destination: 2 },
  {
    ...base,
    kind: "job",
    file: 2n,
    action: "aborted",
    job: 4,
    request: undefined,
    source: undefined,
    destination: undefined,
  },
  {
    ...base,
    ...key,
    kind: "frame",
    action: "drawn",
    sequence: 41,
    dueNs: 4_999_000_000,
    lateNs: 1_000_000,
    drawNs: 5000,
    intervalNs: 33_333_333,
    reason: undefined,
    clientState: undefined,
  },
  {
    ...base,
    ...key,
    index: undefined,
    kind: "frame",
    action: "lost",
    sequence: 41,
    dueNs: 4_999_000_000,
    lateNs: 1_000_000,
    drawNs: 0,
    intervalNs: undefined,
    reason: "no buffer is queued",
    clientState: "T",
  },
  { ...base, kind: "wait", action: "begin", name: "VIDIOC_DQBUF", file: 2n, pid: 1, comm: "x" },
  { ...base, kind: "wait", action: "wake", name: "poll", file: 2n, pid: undefined, comm: undefined },
  { ...base, kind: "loop", fromNs: 1, blockedNs: 30_000_000, cpuNs: 29_000_000, waitedNs: 5, stopped: true },
  { ...base, kind: "worker", action: "answered", pid: 77, file: 2n, serial: 5, detail: undefined },
  {
    ...base,
    kind: "worker",
    action: "ended",
    pid: undefined,
    file: undefined,
    serial: undefined,
    detail: "was closed",
  },
  { ...base, kind: "graft", action: "refused", file: 2n, pid: 3, comm: "ffmpeg", detail: "it is traced" },
  {
    ...base,
    ...key,
    kind: "data",
    plane: 1,
    offset: 65536,
    bytesused: 70_000,
    bytes: Buffer.from("what is in it"),
  },
  { ...base, kind: "message", level: "warning", text: "a sentence" },
  { ...base, kind: "message", level: "error", text: "a sentence", stack: "at x" },
  {
    ...base,
    kind: "message",
    level: "warning",
    text: "a sentence",
    details: { control: "V4L2_CID_STATELESS_VP8_FRAME", submitted: 7, timestampNs: 2n ** 63n },
  },
];

/** A file that ends with the test. */
export function temporaryFile(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return join(folder, name);
}

/** Records these events. @returns The file's bytes. */
export async function record(events: Iterable<TraceEvent>): Promise<Buffer> {
  const path = temporaryFile("recording");
  const fd = openSync(path, "w");
  const recorder = new Recorder(fileSink(fd), {
    program: "test",
    failed: (error) => {
      throw error;
    },
  });
  for (const event of events) recorder.take(event);
  await recorder.end();
  closeSync(fd);
  return readFileSync(path);
}

/** Reads a recording of these bytes. @param copy - Events of ioctls are valid until the next one. */
export function read(bytes: Uint8Array): { readonly events: TraceEvent[]; readonly isCut: boolean } {
  const path = temporaryFile("recording");
  writeFileSync(path, bytes);
  const fd = openSync(path, "r");
  try {
    const recording = new Recording(fd, "recording");
    const events: TraceEvent[] = [];
    for (const event of recording.events()) {
      if (event.kind === "ioctl")
        events.push({ ...event, bytes: { ...event.bytes, given: event.bytes.given.slice() } });
      else events.push(event);
    }
    return { events, isCut: recording.isCut };
  } finally {
    closeSync(fd);
  }
}
