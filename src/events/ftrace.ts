/**
 * Events as the kernel's own tracepoints of V4L2 and videobuf2 print them: `v4l2_qbuf`, `v4l2_dqbuf`, `vb2_qbuf`,
 * `vb2_buf_queue`, `vb2_buf_done`, `vb2_dqbuf`. For scripts that read a trace of the kernel's.
 */
import type { BufferEvent, IoctlEvent, TraceEvent } from "../v4l2/index.js";

/** The names of `enum v4l2_buf_type`, from 1 on. */
const types = [
  "VIDEO_CAPTURE",
  "VIDEO_OUTPUT",
  "VIDEO_OVERLAY",
  "VBI_CAPTURE",
  "VBI_OUTPUT",
  "SLICED_VBI_CAPTURE",
  "SLICED_VBI_OUTPUT",
  "VIDEO_OUTPUT_OVERLAY",
  "VIDEO_CAPTURE_MPLANE",
  "VIDEO_OUTPUT_MPLANE",
  "SDR_CAPTURE",
  "SDR_OUTPUT",
  "META_CAPTURE",
  "META_OUTPUT",
];
/** The names of `enum v4l2_field`, from 0 on. */
const fields = [
  "ANY",
  "NONE",
  "TOP",
  "BOTTOM",
  "INTERLACED",
  "SEQ_TB",
  "SEQ_BT",
  "ALTERNATE",
  "INTERLACED_TB",
  "INTERLACED_BT",
];
/** In the order in which the kernel prints them. A time stamp of unknown origin is the bits of none. */
const flagNames: readonly (readonly [bits: number, name: string])[] = [
  [0x1, "MAPPED"],
  [0x2, "QUEUED"],
  [0x4, "DONE"],
  [0x8, "KEYFRAME"],
  [0x10, "PFRAME"],
  [0x20, "BFRAME"],
  [0x40, "ERROR"],
  [0x100, "TIMECODE"],
  [0x400, "PREPARED"],
  [0x800, "NO_CACHE_INVALIDATE"],
  [0x1000, "NO_CACHE_CLEAN"],
  [0x0, "TIMESTAMP_UNKNOWN"],
  [0x2000, "TIMESTAMP_MONOTONIC"],
  [0x4000, "TIMESTAMP_COPY"],
  [0x100000, "LAST"],
];
const V4L2_BUFFER_BYTES = 88;

/** A line without its end; undefined: the kernel has no such tracepoint. */
export type FtraceLine = (event: TraceEvent) => string | undefined;

/** Remembers which client a file is of: events of buffers do not say. */
export function ftraceLines(): FtraceLine {
  const clients = new Map<string, string>();
  return (event) => {
    switch (event.kind) {
      case "file":
        if (event.action === "open") clients.set(`${event.device}/${event.file}`, task(event));
        if (event.action === "release") clients.delete(`${event.device}/${event.file}`);
        return undefined;
      case "ioctl": {
        const text = ofIoctl(event);
        return text === undefined ? undefined : `${task(event)} ${clock(event)}${text}`;
      }
      case "buffer": {
        const text = ofBuffer(event);
        const who = clients.get(`${event.device}/${event.file ?? ""}`) ?? task({ comm: "v4l2-cuse", pid: 0 });
        return text === undefined ? undefined : `${who} ${clock(event)}${text}`;
      }
      default:
        return undefined;
    }
  };
}

const task = ({ comm, pid }: { readonly comm: string; readonly pid: number }): string =>
  `${comm.replaceAll(/[^\x21-\x7e]/g, "_").padStart(16)}-${String(pid).padEnd(7)}`;

function clock({ monotonicNs }: TraceEvent): string {
  const us = Math.floor(monotonicNs / 1000);
  const seconds = String(Math.floor(us / 1e6)).padStart(5);
  return `[000] ..... ${seconds}.${String(us % 1e6).padStart(6, "0")}: `;
}

const names: Readonly<Partial<Record<string, string>>> = {
  VIDIOC_QBUF: "v4l2_qbuf",
  VIDIOC_DQBUF: "v4l2_dqbuf",
};

function ofIoctl({ name, errno, device, bytes: { given } }: IoctlEvent): string | undefined {
  const event = names[name];
  if (event === undefined || errno !== undefined || given.byteLength !== V4L2_BUFFER_BYTES) return undefined;
  // struct v4l2_buffer
  const view = new DataView(given.buffer, given.byteOffset, given.byteLength);
  const u32 = (offset: number): number => view.getUint32(offset, true);
  const u8 = (offset: number): number => view.getUint8(offset);
  const timestampNs = view.getBigInt64(24, true) * 1_000_000_000n + view.getBigInt64(32, true) * 1000n;
  return (
    `${event}: minor = ${/\d+$/.exec(device)?.[0] ?? "0"}, index = ${u32(0)}, type = ${typeText(u32(4))}, ` +
    `bytesused = ${u32(8)}, flags = ${flagText(u32(12))}, field = ${fields[u32(16)] ?? u32(16)}, ` +
    `timestamp = ${timestampNs}, timecode = { type = 0x${u32(40).toString(16)}, flags = ${timecodeFlags(u32(44))}, ` +
    `frames = ${u8(48)}, seconds = ${u8(49)}, minutes = ${u8(50)}, hours = ${u8(51)}, ` +
    `userbits = { ${u8(52)} ${u8(53)} ${u8(54)} ${u8(55)} } }, sequence = ${u32(56)}`
  );
}

const typeText = (type: number): string => types[type - 1] ?? String(type);

function flagText(flags: number): string {
  let rest = flags;
  const named: string[] = [];
  for (const [bits, name] of flagNames) {
    if ((flags & bits) !== bits) continue;
    named.push(name);
    rest &= ~bits;
  }
  if (rest !== 0) named.push(`0x${(rest >>> 0).toString(16)}`);
  return named.join("|");
}

const timecodeFlags = (flags: number): string =>
  [
    [1, "DROPFRAME"],
    [2, "COLORFRAME"],
    [4, "USERBITS_USERDEFINED"],
    [8, "USERBITS_8BITCHARS"],
  ]
    .filter(([bit]) => (flags & Number(bit)) !== 0)
    .map(([, name]) => name)
    .join("|");

function ofBuffer(event: BufferEvent): string | undefined {
  const { from, to, queued, active, index, type, bytesused, timestampNs } = event;
  const name = nameOf(from, to);
  if (name === undefined) return undefined;
  // The kernel counts buffers until they are dequeued, and prints the payload of the first plane.
  const inQueue = queued + active + event.done;
  return (
    `${name}: owner = 0000000000000000, queued = ${inQueue}, owned_by_drv = ${active}, index = ${index}, ` +
    `type = ${type}, bytesused = ${bytesused[0] ?? 0}, timestamp = ${timestampNs}`
  );
}

function nameOf(from: string, to: string): string | undefined {
  if (to === "queued") return from === "active" ? undefined : "vb2_qbuf";
  if (to === "active") return "vb2_buf_queue";
  if (to === "done" || to === "error") return "vb2_buf_done";
  return to === "dequeued" && (from === "done" || from === "error") ? "vb2_dqbuf" : undefined;
}
