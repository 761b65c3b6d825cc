/**
 * A recording as the file that v4l2-tracer of v4l-utils 1.32 writes for the same session: its `retrace` plays it, its
 * `clean` takes it. docs/replay.md lists what is different, and why.
 */
import type { DataEvent, FileEvent, IoctlEvent, TraceEvent } from "../v4l2/index.js";
import { controlPayloads } from "../v4l2/index.js";
import {
  BufferView,
  CapabilityView,
  COMPOUND_STRUCTS,
  ExportbufferView,
  ExtControlsView,
  ExtControlView,
  IOCTLS,
  layouts,
  MediaDeviceInfoView,
  WORDS,
} from "../v4l2/gen/index.js";
import {
  bufferFlags,
  bufTypeWord,
  controlWord,
  fieldWord,
  jsonNumber,
  memoryWord,
  structToJson,
  whichWord,
  type Json,
  type JsonObject,
} from "./tracer-structs.js";

/** What the file says wrote it: its `retrace` warns of any other. */
const TRACER_VERSION = "1.32.0";
/** Files and mappings of the client have these numbers; its own are in no recording. */
const FIRST_FD = 1000;
const FIRST_ADDRESS = 0x7000_0000_0000;
const BYTES_IN_LINE = 32;

/** Ioctls whose argument is a struct and nothing else, in the words of the tracer. */
export const STRUCT_IOCTLS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    VIDIOC_QUERYCAP: "v4l2_capability",
    VIDIOC_ENUM_FMT: "v4l2_fmtdesc",
    VIDIOC_G_FMT: "v4l2_format",
    VIDIOC_S_FMT: "v4l2_format",
    VIDIOC_TRY_FMT: "v4l2_format",
    VIDIOC_REQBUFS: "v4l2_requestbuffers",
    VIDIOC_CREATE_BUFS: "v4l2_create_buffers",
    VIDIOC_EXPBUF: "v4l2_exportbuffer",
    VIDIOC_G_CTRL: "v4l2_control",
    VIDIOC_S_CTRL: "v4l2_control",
    VIDIOC_QUERYCTRL: "v4l2_queryctrl",
    VIDIOC_QUERY_EXT_CTRL: "v4l2_query_ext_ctrl",
    VIDIOC_ENUM_FRAMESIZES: "v4l2_frmsizeenum",
    VIDIOC_G_SELECTION: "v4l2_selection",
    VIDIOC_S_SELECTION: "v4l2_selection",
  }),
);
export const BUFFER_IOCTLS: ReadonlySet<string> = new Set([
  "VIDIOC_QUERYBUF",
  "VIDIOC_QBUF",
  "VIDIOC_DQBUF",
  "VIDIOC_PREPARE_BUF",
]);
export const CONTROL_IOCTLS: ReadonlySet<string> = new Set([
  "VIDIOC_G_EXT_CTRLS",
  "VIDIOC_S_EXT_CTRLS",
  "VIDIOC_TRY_EXT_CTRLS",
]);
export const INTEGER_IOCTLS: Readonly<Record<string, string>> = {
  VIDIOC_G_INPUT: "input",
  VIDIOC_S_INPUT: "input",
  VIDIOC_G_OUTPUT: "output",
  VIDIOC_S_OUTPUT: "output",
  MEDIA_IOC_REQUEST_ALLOC: "request_fd",
};
const REQUESTS = new Set(["MEDIA_REQUEST_IOC_QUEUE", "MEDIA_REQUEST_IOC_REINIT"]);

const WHICH_REQUEST = 0x0f01_0000;
const REQUEST_FD = 0x0080_0000;
const MMAP = 1;

/** The structs behind controls, by id: `V4L2_CID_STATELESS_VP8_FRAME` has the type `V4L2_CTRL_TYPE_VP8_FRAME`. */
export const controlStructs: ReadonlyMap<number, string> = new Map(
  Object.entries(COMPOUND_STRUCTS).flatMap(([type, struct]) => {
    const word = Object.entries(WORDS).find(
      ([name, value]) => name.startsWith("V4L2_CTRL_TYPE_") && value === Number(type),
    )?.[0];
    const id = WORDS[word?.replace("V4L2_CTRL_TYPE_", "V4L2_CID_STATELESS_") ?? ""];
    return id === undefined ? [] : [[id, struct] as const];
  }),
);
/** Menus that are shown as words: the items begin like this. */
const menus = new Map(
  ["H264_DECODE_MODE", "H264_START_CODE", "HEVC_DECODE_MODE", "HEVC_START_CODE"].map((name) => [
    WORDS[`V4L2_CID_STATELESS_${name}`],
    Object.entries(WORDS).filter(([word]) => word.startsWith(`V4L2_STATELESS_${name}_`)),
  ]),
);
/** The value of a menu's item that is shown as a word. */
export const menuValue = (id: number, word: Json | undefined): number | undefined =>
  menus.get(id)?.find(([other]) => other === word)?.[1];
const VALUE64 = new Set(
  ["MPEG_VIDEO_DEC_PTS", "MPEG_VIDEO_DEC_FRAME", "MPEG_VIDEO_DEC_CONCEAL_COLOR", "PIXEL_RATE"].map(
    (name) => WORDS[`V4L2_CID_${name}`],
  ),
);
const ENTRY_POINTS = WORDS["V4L2_CID_STATELESS_HEVC_ENTRY_POINT_OFFSETS"];

interface OpenFile {
  readonly fd: number;
  readonly path: string;
}

/** Where a client has a buffer. */
interface Mapping {
  /** The file's, or that of EXPBUF. */
  readonly fd: number;
  readonly offset: number;
  readonly length: number;
  address: bigint | undefined;
}

/** What a driver says of itself. */
interface DriverName {
  readonly driver: string;
  readonly busInfo: string;
}

/**
 * What is known only later than the file has to say it: what a driver calls itself, which a client asks when the device is
 * open, and the numbers of requests' descriptors, which the helper chooses in the client.
 */
export class SessionFacts {
  readonly #drivers = new Map<string, DriverName>();
  readonly #requests = new Map<
    string,
    { readonly seen: Set<string>; readonly fds: (number | undefined)[] }
  >();

  /** To be given all events of the session. */
  take(event: TraceEvent): void {
    if (event.kind === "request") this.#request(event.device, event.request);
    if (event.kind !== "ioctl" || event.errno !== undefined) return;
    const { device, name, bytes } = event;
    const { given, note } = bytes;
    if (note?.startsWith(NOTE) === true) this.#request(device, note.slice(NOTE.length));
    if (name === "MEDIA_IOC_REQUEST_ALLOC") this.#of(device).fds.push(undefined);
    if (name === "VIDIOC_QUERYCAP" && given.byteLength === IOCTLS.VIDIOC_QUERYCAP.size)
      this.#name(device, new CapabilityView(given));
    else if (name === "MEDIA_IOC_DEVICE_INFO" && given.byteLength === IOCTLS.MEDIA_IOC_DEVICE_INFO.size)
      this.#name(device, new MediaDeviceInfoView(given));
  }

  driverOf(device: string): DriverName {
    return this.#drivers.get(device) ?? { driver: "", busInfo: "" };
  }

  /** The descriptor that a device's `count`th request got, from 0. */
  requestFd(device: string, count: number): number | undefined {
    return this.#of(device).fds[count];
  }

  #name(
    device: string,
    { driver, bus_info: busInfo }: { readonly driver: string; readonly bus_info: string },
  ): void {
    if (!this.#drivers.has(device)) this.#drivers.set(device, { driver, busInfo });
  }

  /** @param name - `12`, or `12:7` once a client has named it. */
  #request(device: string, name: string): void {
    const [, id = "", fd] = /^(\d+):(\d+)$/.exec(name) ?? [];
    const { seen, fds } = this.#of(device);
    if (fd === undefined || seen.has(id)) return;
    seen.add(id);
    const first = fds.indexOf(undefined);
    if (first >= 0) fds[first] = Number(fd);
  }

  #of(device: string): { readonly seen: Set<string>; readonly fds: (number | undefined)[] } {
    let requests = this.#requests.get(device);
    if (requests === undefined) this.#requests.set(device, (requests = { seen: new Set(), fds: [] }));
    return requests;
  }
}

const NOTE = "request=";

export interface TracerOptions {
  /** Made of the same events. */
  readonly facts: SessionFacts;
  /** The arguments before each call, too, as `v4l2-tracer --userspace` shows them. Default: of QBUF only, as it does. */
  readonly showsAsked?: boolean | undefined;
}

/** Makes the file of events. */
export class TracerFile {
  readonly #write: (text: string) => void;
  readonly #facts: SessionFacts;
  readonly #allocated = new Map<string, number>();
  readonly #showsAsked: boolean;
  readonly #files = new Map<string, OpenFile>();
  readonly #mappings = new Map<string, Mapping>();
  readonly #pieces = new Map<string, DataEvent["bytes"][]>();
  readonly #leftOut = new Map<string, number>();
  #nextFd = FIRST_FD;
  #nextAddress = BigInt(FIRST_ADDRESS);

  constructor(write: (text: string) => void, { facts, showsAsked = false }: TracerOptions) {
    this.#write = write;
    this.#facts = facts;
    this.#showsAsked = showsAsked;
    write(
      `[\n{ "package_version": "${TRACER_VERSION}", "git_commit_cnt": "", "git_sha": "", "git_commit_date": "" },\n` +
        `{ "Trace": "v4l2-cuse export --to v4l2-tracer", "Timestamp": "" }`,
    );
  }

  /** Calls that the tracer's files have no form for, by name. */
  get leftOut(): ReadonlyMap<string, number> {
    return this.#leftOut;
  }

  take(event: TraceEvent): void {
    if (event.kind === "file") this.#file(event);
    else if (event.kind === "ioctl") this.#ioctl(event);
    else if (event.kind === "data") this.#data(event);
  }

  end(): void {
    this.#write("\n]\n");
  }

  #object(object: JsonObject): void {
    this.#write(`,\n${jsonText(object)}`);
  }

  // Files

  #file({ action, device, file, size, errno }: FileEvent): void {
    const key = `${device}/${file}`;
    if (action === "open" && errno === undefined) this.#open(device, key, size);
    const open = this.#files.get(key);
    if (action !== "release" || open === undefined) return;
    this.#files.delete(key);
    for (const name of this.#mappings.keys()) if (name.startsWith(`${file}/`)) this.#mappings.delete(name);
    this.#object({ fd: open.fd, close: open.path });
  }

  #open(device: string, key: string, flags: number): OpenFile {
    const open = { fd: this.#nextFd++, path: `/dev/${device}` };
    this.#files.set(key, open);
    const { driver, busInfo } = this.#facts.driverOf(device);
    this.#object({
      fd: open.fd,
      open64: { path: open.path, oflag: openFlags(flags), mode: "00000" },
      driver,
      bus_info: busInfo,
    });
    return open;
  }

  /** The number in the client: of requests it is known, of others made up. */
  #fdOf({ device, file, name, bytes }: IoctlEvent): number {
    const request = /:(\d+)$/.exec(bytes.note ?? "")?.[1];
    if (REQUESTS.has(name) && request !== undefined) return Number(request);
    const key = `${device}/${file}`;
    // It was opened before the recording began.
    return (this.#files.get(key) ?? this.#open(device, key, 2)).fd;
  }

  // Buffers

  #data({ file, type, index, plane, bytes, offset, bytesused }: DataEvent): void {
    if (plane !== 0) return; // The tracer knows one plane.
    const key = `${file ?? ""}/${type}/${index}`;
    const mapping = this.#mappings.get(key);
    if (mapping === undefined) return;
    const pieces = this.#pieces.get(key) ?? [];
    pieces.push(bytes.slice());
    this.#pieces.set(key, pieces);
    if (offset + bytes.byteLength < bytesused) return;
    this.#pieces.delete(key);
    this.#dump({ type, index, bytesused }, mapping, Buffer.concat(pieces));
  }

  #dump(
    { type, index, bytesused }: Pick<DataEvent, "type" | "index" | "bytesused">,
    mapping: Mapping,
    bytes: Buffer,
  ): void {
    const { fd, offset, length } = mapping;
    if (mapping.address === undefined) {
      mapping.address = this.#nextAddress;
      this.#nextAddress += BigInt(Math.ceil(length / 4096) * 4096);
      this.#object({
        mmap64: { addr: 0, len: length, prot: 3, flags: "0x1", fildes: fd, off: offset },
        buffer_address: jsonNumber(mapping.address),
      });
    }
    const lines: string[] = [];
    for (let at = 0; at < bytes.byteLength; at += BYTES_IN_LINE) {
      const line = bytes.subarray(at, at + BYTES_IN_LINE);
      const words = Array.from(line, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
      lines.push(line.byteLength === BYTES_IN_LINE ? words : `${words} `);
    }
    this.#object({
      mem_dump: bufTypeWord(type),
      fd,
      offset,
      index,
      bytesused,
      address: jsonNumber(mapping.address),
      mem_array: lines,
    });
  }

  /** An answer tells where a buffer is. */
  #learn({ name, file, bytes }: IoctlEvent, fd: number): void {
    const { given, givenArray } = bytes;
    if (name === "VIDIOC_QUERYBUF") {
      const { type, index, memory, m, length } = new BufferView(given);
      if (memory !== MMAP) return;
      const isPlanes = type === 9 || type === 10;
      if (isPlanes && (givenArray?.byteLength ?? 0) < 64) return;
      const plane = givenArray && new DataView(givenArray.buffer, givenArray.byteOffset, 64);
      const key = `${file}/${type}/${index}`;
      this.#mappings.set(key, {
        fd,
        offset: isPlanes ? (plane?.getUint32(8, true) ?? 0) : m.offset,
        length: isPlanes ? (plane?.getUint32(4, true) ?? 0) : length,
        address: undefined,
      });
    } else if (name === "VIDIOC_EXPBUF") {
      const { type, index, plane, fd: exported } = new ExportbufferView(given);
      const key = `${file}/${type}/${index}`;
      const known = this.#mappings.get(key);
      if (plane !== 0 || known === undefined) return;
      this.#mappings.set(key, { ...known, fd: exported, offset: 0, address: undefined });
    }
  }

  // Ioctls

  #ioctl(event: IoctlEvent): void {
    const { name, cmd, errno, bytes } = event;
    if (name === "MEDIA_IOC_REQUEST_ALLOC" && errno === undefined) {
      this.#requestAlloc(event);
      return;
    }
    const known = Object.hasOwn(IOCTLS, name) ? IOCTLS[name as keyof typeof IOCTLS] : undefined;
    if (known?.number !== cmd || known.size !== bytes.given.byteLength || !isShown(name)) {
      this.#leftOut.set(name, (this.#leftOut.get(name) ?? 0) + 1);
      return;
    }
    const fd = this.#fdOf(event);
    const object: Record<string, Json> = { fd, ioctl: name };
    const [reads, writes] = [(cmd >>> 31) & 1, (cmd >>> 30) & 1];
    if (writes === 1 && (reads === 0 || name === "VIDIOC_QBUF" || this.#showsAsked)) {
      const asked = {
        arg: bytes.asked ?? bytes.given,
        array: bytes.askedArray,
        payloads: bytes.askedPayloads,
      };
      const json = argument(name, asked, false);
      if (Object.keys(json).length > 0) object["from_userspace"] = json;
    }
    if (errno !== undefined) object["errno"] = errno;
    if (reads === 1) {
      const array = bytes.givenArray ?? bytes.askedArray;
      const json = argument(
        name,
        { arg: bytes.given, array, payloads: bytes.askedPayloads, newer: bytes.givenPayloads },
        errno !== undefined,
      );
      if (Object.keys(json).length > 0) object["from_driver"] = json;
    }
    this.#object(object);
    if (errno === undefined) this.#learn(event, fd);
  }

  /** With the helper, the number of the descriptor is made up in the client. */
  #requestAlloc(event: IoctlEvent): void {
    const { device, name, bytes } = event;
    const count = this.#allocated.get(device) ?? 0;
    this.#allocated.set(device, count + 1);
    const { given } = bytes;
    const fd =
      given.byteLength === 4
        ? new DataView(given.buffer, given.byteOffset, 4).getInt32(0, true)
        : (this.#facts.requestFd(device, count) ?? -1);
    this.#object({ fd: this.#fdOf(event), ioctl: name, from_driver: { request_fd: fd } });
  }
}

const isShown = (name: string): boolean =>
  STRUCT_IOCTLS.has(name) ||
  BUFFER_IOCTLS.has(name) ||
  CONTROL_IOCTLS.has(name) ||
  REQUESTS.has(name) ||
  Object.hasOwn(INTEGER_IOCTLS, name) ||
  name === "VIDIOC_STREAMON" ||
  name === "VIDIOC_STREAMOFF";

interface Argument {
  readonly arg: Uint8Array;
  readonly array: Uint8Array | undefined;
  readonly payloads: Uint8Array | undefined;
  /** What the driver wrote over them. */
  readonly newer?: Uint8Array | undefined;
}

function argument(name: string, { arg, array, payloads, newer }: Argument, isRefused: boolean): JsonObject {
  const view = new DataView(arg.buffer, arg.byteOffset, arg.byteLength);
  const struct = STRUCT_IOCTLS.get(name);
  if (struct !== undefined) return { [struct]: structToJson(struct, arg) };
  if (BUFFER_IOCTLS.has(name)) return { v4l2_buffer: buffer(new BufferView(arg), array) };
  const integer = INTEGER_IOCTLS[name];
  if (integer !== undefined) return { [integer]: view.getInt32(0, true) };
  if (name === "VIDIOC_STREAMON" || name === "VIDIOC_STREAMOFF")
    return { type: bufTypeWord(view.getUint32(0, true)) };
  if (!CONTROL_IOCTLS.has(name)) return {};
  const values = new Map<number, Uint8Array>();
  for (const log of [payloads, newer])
    for (const { index, bytes } of controlPayloads(log)) values.set(index, bytes);
  return { v4l2_ext_controls: controls(new ExtControlsView(arg), array, values, isRefused) };
}

function buffer(view: BufferView, planes: Uint8Array | undefined): JsonObject {
  const { type, flags, memory, timestamp } = view;
  const { tv_sec: seconds, tv_usec: microseconds } = timestamp;
  const m: Record<string, Json> = {};
  if ((type === 9 || type === 10) && planes !== undefined && planes.byteLength >= 64) {
    const plane = new DataView(planes.buffer, planes.byteOffset, 64);
    m["planes"] = [
      {
        bytesused: plane.getUint32(0, true),
        length: plane.getUint32(4, true),
        m: memory === MMAP ? { mem_offset: plane.getUint32(8, true) } : {},
        data_offset: plane.getUint32(16, true),
      },
    ];
  } else if ((type === 1 || type === 2) && memory === MMAP) m["offset"] = view.m.offset;
  return {
    index: view.index,
    type: bufTypeWord(type),
    bytesused: view.bytesused,
    flags: bufferFlags(flags),
    field: fieldWord(view.field),
    timestamp: { tv_sec: jsonNumber(seconds), tv_usec: jsonNumber(microseconds) },
    timestamp_ns: jsonNumber(BigInt.asUintN(64, seconds * 1_000_000_000n + microseconds * 1000n)),
    sequence: view.sequence,
    memory: memoryWord(memory),
    m,
    length: view.length,
    ...((flags & REQUEST_FD) !== 0 && { request_fd: view.request_fd }),
  };
}

function controls(
  view: ExtControlsView,
  array: Uint8Array | undefined,
  payloads: ReadonlyMap<number, Uint8Array>,
  isRefused: boolean,
): JsonObject {
  const { which, count, error_idx: errorIdx, request_fd: requestFd } = view;
  const there = Math.min(count, Math.floor((array?.byteLength ?? 0) / ExtControlView.SIZE));
  return {
    which: whichWord(which),
    count,
    ...(isRefused && { error_idx: errorIdx }),
    ...(which === WHICH_REQUEST && { request_fd: requestFd }),
    controls: Array.from({ length: there }, (_, index) => {
      const bytes = (array ?? new Uint8Array(0)).subarray(
        index * ExtControlView.SIZE,
        (index + 1) * ExtControlView.SIZE,
      );
      return control(new ExtControlView(bytes), payloads.get(index));
    }),
  };
}

function control(view: ExtControlView, payload: Uint8Array | undefined): JsonObject {
  const { id, size, value, value64 } = view;
  const head = { id: controlWord(id), size };
  const menu = menus.get(id);
  if (menu !== undefined) {
    const word = menu.find(([, item]) => item === value)?.[0];
    return { ...head, value: word ?? (value === 0 ? "" : `0x${value.toString(16)}`) };
  }
  // A fault of v4l2-tracer: it takes a value of 0 for a pointer that is not there.
  if (value64 === 0n) return head;
  const struct = controlStructs.get(id);
  if (struct !== undefined) {
    if (payload === undefined || payload.byteLength < layouts.get(struct).size) return head;
    return { ...head, [struct]: structToJson(struct, payload) };
  }
  if (id === ENTRY_POINTS && payload !== undefined) {
    const offsets = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const elems = Math.floor(payload.byteLength / 4);
    return {
      ...head,
      elems,
      p_u32: Array.from({ length: elems }, (_, at) => offsets.getUint32(at * 4, true)),
    };
  }
  if (VALUE64.has(id)) return { ...head, value64: jsonNumber(value64) };
  return size === 0 ? { ...head, value } : head;
}

/** `O_RDONLY`, `0x802`. The kernel adds O_LARGEFILE. */
function openFlags(flags: number): string {
  const word = ["O_RDONLY", "O_WRONLY", "O_RDWR"][flags & ~0x8000];
  return word ?? `0x${(flags & ~0x8000).toString(16)}`;
}

/** In the tracer's own lay-out, which its `clean` goes through line by line. */
export function jsonText(value: Json, indent = ""): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value).replaceAll("/", "\\/");
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[\n${value.map((item: Json) => `${inner}${jsonText(item, inner)}`).join(",\n")}\n${indent}]`;
  }
  const members = Object.entries(value as JsonObject);
  if (members.length === 0) return "{}";
  const lines = members.map(([name, member]) => `${inner}${JSON.stringify(name)}:${jsonText(member, inner)}`);
  return `{\n${lines.join(",\n")}\n${indent}}`;
}
