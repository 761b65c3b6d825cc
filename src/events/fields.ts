/**
 * Every member of every event: its name, its form in a recording, and what it means. Recordings carry the names and
 * forms of this table with them, the JSON Schema and docs/events.md are made from it, and the compiler compares it with
 * the types of the events.
 */
import type { TraceEvent } from "../v4l2/index.js";

/** The version of the events: a new one when a member changes its meaning, or goes. New members and kinds may come. */
export const EVENTS_VERSION = 1;

/** How a member is stored. A `?` says that it may be undefined. */
export const fieldForms = [
  "u16",
  "u32",
  "i32",
  "u64",
  "u64?",
  "f64",
  "f64?",
  "bool",
  /** A string that is likely to come again. */
  "name",
  "name?",
  /** Any string. */
  "text",
  "text?",
  "u32[]",
  /** Buffers: file, type, index. */
  "keys",
  "bytes?",
  /** Strings and numbers by their names. */
  "parts?",
] as const;
export type FieldForm = (typeof fieldForms)[number];

/** One member of an event. */
export interface EventField {
  readonly name: string;
  readonly form: FieldForm;
  readonly doc: string;
  /** The words that it can have, where they are known. */
  readonly words?: readonly string[];
}

/** Members that {@link recordedMembers} of an ioctl are stored under. */
export const ioctlByteMembers = [
  "askedBytes",
  "givenBytes",
  "askedArray",
  "givenArray",
  "note",
  "askedPayloads",
  "givenPayloads",
] as const;

/** Every event has these; they stand in the head of each record. */
export const commonFields = {
  device: "Name of the node, `video0`.",
  monotonicNs:
    "CLOCK_MONOTONIC when it happened, nanoseconds: the clock of buffers' time stamps. Exact for 104 days after boot, to 2 ns after that.",
  timeMs: "Milliseconds since 1970, with microseconds behind the point.",
} as const;

type Kind = TraceEvent["kind"];
type EventOf<K extends Kind> = Extract<TraceEvent, { readonly kind: K }>;
/** Members of an event that are neither common nor made from the bytes. */
type StoredMember<K extends Kind> = Exclude<
  keyof EventOf<K>,
  keyof typeof commonFields | "kind" | "bytes" | "text" | "dialog" | "args" | "asked"
> &
  string;
type FieldsOf<K extends Kind> = Readonly<
  Record<
    | (K extends "message" ? StoredMember<K> | "text" : StoredMember<K>)
    | (K extends "data" ? "bytes" : never)
    | (K extends "ioctl" ? (typeof ioctlByteMembers)[number] : never),
    readonly [form: FieldForm, doc: string, words?: readonly string[]]
  >
>;

const file = "Number of the open file.";
const pid = "Process of the client.";
const comm = "Its name.";
const bufferType = "`enum v4l2_buf_type` of the queue.";
const states = ["dequeued", "in-request", "preparing", "queued", "active", "done", "error"];
const requestStates = ["idle", "validating", "queued", "complete", "cleaning", "updating"];

const fields: { readonly [K in Kind]: FieldsOf<K> } = {
  ioctl: {
    name: ["name", "`VIDIOC_QBUF`; for numbers that nobody knows the kernel's form, `'V', dir=r-, #0x...`."],
    cmd: ["u32", "Its number."],
    pid: ["u32", pid],
    comm: ["name", comm],
    file: ["u64", file],
    durationUs: ["f64", "From the call's arrival to its answer."],
    result: ["i32", "What `ioctl(2)` returned, or the errno."],
    errno: ["name?", "The errno's name."],
    detail: ["text?", "Why it was refused."],
    askedBytes: ["bytes?", "The argument before the call, if it goes both ways."],
    givenBytes: ["bytes?", "The argument after the call."],
    askedArray: ["bytes?", "The array that the argument points to, before the call."],
    givenArray: ["bytes?", "The same after the call."],
    note: ["text?", "What the log says behind the argument."],
    askedPayloads: [
      "bytes?",
      "Control payloads that the driver read: of each its index in the array and its length (both `u32`), and its bytes.",
    ],
    givenPayloads: ["bytes?", "The same that the driver wrote."],
  },
  file: {
    action: ["name", "What was done.", ["open", "release", "read", "write", "mmap"]],
    pid: ["u32", pid],
    comm: ["name", comm],
    file: ["u64", file],
    size: ["f64", "read, write, mmap: bytes asked for; open: the flags; release: 0."],
    value: ["f64", "read, write: bytes moved."],
    errno: ["name?", "The errno's name."],
    durationUs: ["f64", "From the call's arrival to its answer."],
  },
  buffer: {
    file: ["u64?", "Number of the open file that has the queue."],
    type: ["u32", bufferType],
    index: ["u32", "Of the buffer."],
    from: ["name", "The state that it was in.", states],
    to: ["name", "The state that it is in.", states],
    sequence: ["u32", "Its sequence number."],
    timestampNs: ["u64", "Its time stamp, nanoseconds."],
    request: ["name?", "The request that it is in, or was queued with."],
    queued: ["u16", "Buffers of the queue that wait for the driver, after this."],
    active: ["u16", "Buffers of the queue that are the driver's, after this."],
    done: ["u16", "Buffers of the queue that wait for DQBUF, after this."],
    buffers: ["u16", "Buffers that the queue has."],
    bytesused: ["u32[]", "Payload of each plane, bytes."],
  },
  request: {
    request: [
      "name",
      "The request, as the kernel names it: `12:7` is the twelfth of the device, descriptor 7 of the client.",
    ],
    from: ["name", "The state that it was in.", requestStates],
    to: ["name", "The state that it is in.", requestStates],
    buffers: ["keys", "The buffers in it: file, type and index of each."],
  },
  job: {
    file: ["u64", file],
    action: ["name", "What became of it.", ["queued", "started", "finished", "aborted"]],
    job: ["u32", "Counts the jobs of the device, from 1."],
    request: ["name?", "The request whose controls are in effect."],
    source: ["f64?", "Index of the OUTPUT buffer that it takes."],
    destination: ["f64?", "Index of the CAPTURE buffer that it fills."],
  },
  frame: {
    action: ["name", "Was the frame drawn into a buffer, or lost?", ["drawn", "lost"]],
    file: ["u64?", "Number of the open file that has the queue."],
    type: ["u32", bufferType],
    index: ["f64?", "Of the buffer, if it was drawn."],
    sequence: ["u32", "Counts lost frames, too."],
    dueNs: ["f64", "When it was due, CLOCK_MONOTONIC."],
    lateNs: ["f64", "How long after that it was given to the client, or lost."],
    drawNs: [
      "f64",
      "How long drawing it took. Lost: how long the device has been drawing the one before it, if that is why.",
    ],
    intervalNs: ["f64?", "Time between frames; absent: as fast as buffers come."],
    reason: ["text?", "Why it was lost."],
    clientState: [
      "name?",
      "Lost: the letter in /proc of the process that has the queue; `T` while it is stopped.",
    ],
  },
  wait: {
    action: [
      "name",
      "begin: a call waits; its end is the call's own event. poll: nothing is ready. wake: who polls is to look again.",
      ["begin", "poll", "wake"],
    ],
    name: ["name", "The call: `VIDIOC_DQBUF`, `read`, `poll`."],
    file: ["u64", file],
    pid: ["f64?", pid],
    comm: ["name?", comm],
  },
  loop: {
    fromNs: ["f64", "When the event loop was last seen to run, CLOCK_MONOTONIC."],
    blockedNs: ["f64", "How long it did not run, at the most."],
    cpuNs: ["f64", "Processor time of the driver's process meanwhile."],
    waitedNs: [
      "f64",
      "How long the loop's thread waited for a processor meanwhile; 0 where the kernel does not count it.",
    ],
    stopped: ["bool", "Was the process continued after a stop (SIGCONT)?"],
  },
  worker: {
    action: ["name", "What happened.", ["started", "sent", "answered", "ended"]],
    pid: ["f64?", "Of the worker."],
    file: ["u64?", "Number of the open file that it works for."],
    serial: ["f64?", "sent, answered: the number of the piece of work."],
    detail: ["text?", "ended: how."],
  },
  graft: {
    action: [
      "name",
      "begin to undone: a client's descriptor is replaced by one that maps. hello, map, descriptor: the helper in the client asks.",
      ["begin", "placed", "grafted", "refused", "undone", "hello", "map", "descriptor"],
    ],
    file: ["u64", file],
    pid: ["u32", pid],
    comm: ["name", comm],
    detail: ["text?", "refused: why."],
  },
  message: {
    level: ["name", "How bad it is.", ["info", "warning", "error"]],
    text: ["text", "A sentence for the operator."],
    details: ["parts?", "What the sentence says, in parts."],
    stack: ["text?", "Of a mistake of the driver: where it was."],
  },
  data: {
    file: ["u64?", "Number of the open file that has the queue."],
    type: ["u32", bufferType],
    index: ["u32", "Of the buffer."],
    plane: ["u32", "Of the buffer, from 0."],
    offset: ["u32", "Where the bytes begin in the plane."],
    bytesused: ["u32", "Payload of the plane. What is missing of it was more than `--record-bytes` says."],
    bytes: ["bytes?", "What the plane held; JSON: hexadecimal."],
  },
  dropped: {
    count: ["u32", "So many events are not in the recording: they came faster than they could be written."],
  },
};

/** What happened, in one sentence, for the documentation. */
export const kindDocs: Readonly<Record<Kind, string>> = {
  ioctl: "An ioctl was answered.",
  file: "A file was opened or closed, read, written, or mapped.",
  buffer: "A buffer went from one state to another.",
  request: "A media request went from one state to another.",
  job: "A mem2mem job.",
  frame: "A frame of a device with a clock was drawn, or lost.",
  wait: "A call waits, or somebody who polls.",
  loop: "The event loop of the driver did not run for a while. Measured while somebody listens.",
  worker: "A process that works for the driver.",
  graft: "A step in giving a client `mmap()`, or a descriptor.",
  message: "A sentence for the operator.",
  data: "What an OUTPUT buffer held when the client queued it. Only with `--record-bytes`, in pieces.",
  dropped: "Of a recording: events that it does not have.",
};

/** The members of a kind, in the order in which they are stored. */
export const eventFields = Object.fromEntries(
  Object.entries(fields).map(([kind, members]) => [
    kind,
    Object.entries(members).map(([name, [form, doc, words]]) => ({
      name,
      form,
      doc,
      ...(words && { words }),
    })),
  ]),
) as unknown as Readonly<Record<Kind, readonly EventField[]>>;

/** The kinds, by the number that they have in recordings; 0 is a string. */
export const eventKinds = Object.keys(fields) as readonly Kind[];
