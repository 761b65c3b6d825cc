/**
 * Bytes from the kernel's debug lines: the way back from what the printers do, for the ioctls in
 * `data/dev-debug.txt` (lines of a real kernel). So a printer can be compared with the kernel's own text.
 */
import {
  BufferView,
  CapabilityView,
  CreateBuffersView,
  ExportbufferView,
  ExtControlsView,
  ExtControlView,
  FmtdescView,
  FormatView,
  FrmsizeenumView,
  PlaneView,
  QueryExtCtrlView,
  RemoveBuffersView,
} from "../../../src/v4l2/gen/index.js";
import { bufTypeNames, fieldNames, memoryNames } from "../../../src/v4l2/values/names.js";
import type { NameTable } from "../../../src/v4l2/values/names.js";
import { IntView } from "../../../src/v4l2/ioctl/scalar-views.js";
import { argOf } from "./fakes.js";
import type { IoctlName } from "../../../src/v4l2/device.js";

export interface DebugEntry {
  readonly name: IoctlName;
  /** What follows `video0: `, all lines. */
  readonly text: string;
  /** The positive errno, 0 for success. */
  readonly errno: number;
}

export interface Argument {
  readonly arg: Uint8Array;
  readonly array?: Uint8Array;
}

/** Groups a log into entries: `plane 0: ...` and `timecode=...` belong to the line before. */
export function parseDebugLog(log: string): readonly DebugEntry[] {
  const entries = log.trim().split(/\n(?=video0: )/);
  return entries.map((entry) => {
    const match = /^video0: (VIDIOC_\w+): (?:error -(\d+): )?/.exec(entry);
    if (match === null) throw new Error(`not a debug line: ${entry}`);
    // The fixture holds names of real ioctls only.
    return {
      name: match[1] as IoctlName,
      text: entry.slice("video0: ".length),
      errno: Number(match[2] ?? 0),
    };
  });
}

/** The fields of one line; `error -22: ` and the like are not fields. */
class Fields {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  text(name: string): string {
    const match = new RegExp(`(?:^|[ ,])${name}='?([^,'\n]*)`).exec(this.#text);
    if (match?.[1] === undefined) throw new Error(`no ${name} in ${this.#text}`);
    return match[1];
  }

  number(name: string): number {
    return Number(this.text(name));
  }

  enum(name: string, table: NameTable): number {
    return table.indexOf(this.text(name));
  }

  /** The number in parentheses of `NV12 little-endian (0x3231564e)`. */
  fourcc(name: string): number {
    return Number(/\((0x[0-9a-f]+)\)/.exec(this.text(name))?.[1]);
  }

  matches(pattern: RegExp): readonly RegExpMatchArray[] {
    return [...this.#text.matchAll(pattern)];
  }
}

function fillFormat(view: FormatView, fields: Fields): void {
  const pix = view.fmt.pix_mp;
  view.type = fields.enum("type", bufTypeNames);
  pix.width = fields.number("width");
  pix.height = fields.number("height");
  pix.pixelformat = fields.fourcc("format");
  pix.field = fields.enum("field", fieldNames);
  pix.colorspace = fields.number("colorspace");
  pix.num_planes = fields.number("num_planes");
  pix.ycbcr_enc = fields.number("ycbcr_enc");
  pix.quantization = fields.number("quantization");
  pix.xfer_func = fields.number("xfer_func");
  for (const [, index, bytesperline, sizeimage] of fields.matches(
    /plane (\d+): bytesperline=(\d+) sizeimage=(\d+)/g,
  )) {
    const plane = pix.plane_fmt.get(Number(index));
    plane.bytesperline = Number(bytesperline);
    plane.sizeimage = Number(sizeimage);
  }
}

function fillBuffer(arg: Uint8Array, fields: Fields): Argument {
  const view = new BufferView(arg);
  const [time] = fields.matches(/(\d\d):(\d\d):(\d\d)\.(\d{6}) index=/g);
  const [, hours, minutes, seconds, microseconds] = time ?? [];
  view.timestamp.tv_sec = BigInt(Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds));
  view.timestamp.tv_usec = BigInt(Number(microseconds));
  view.index = fields.number("index");
  view.type = fields.enum("type", bufTypeNames);
  view.request_fd = fields.number("request_fd");
  view.flags = fields.number("flags");
  view.field = fields.enum("field", fieldNames);
  view.sequence = fields.number("sequence");
  view.memory = fields.enum("memory", memoryNames);
  const planes = fields.matches(
    /plane \d+: bytesused=(\d+), data_offset=(0x[0-9a-f]+), offset\/userptr=(0x[0-9a-f]+), length=(\d+)/g,
  );
  view.length = planes.length;
  view.m.planes = 0x1000n;
  const array = new Uint8Array(planes.length * PlaneView.SIZE);
  for (const [index, [, bytesused, dataOffset, userptr, length]] of planes.entries()) {
    const plane = new PlaneView(array.subarray(index * PlaneView.SIZE));
    plane.bytesused = Number(bytesused);
    plane.data_offset = Number(dataOffset);
    plane.m.userptr = BigInt(userptr ?? 0);
    plane.length = Number(length);
  }
  return { arg, array };
}

function fillExtControls(arg: Uint8Array, fields: Fields): Argument {
  const view = new ExtControlsView(arg);
  view.which = fields.number("which");
  view.count = fields.number("count");
  view.error_idx = fields.number("error_idx");
  view.request_fd = fields.number("request_fd");
  const array = new Uint8Array(view.count * ExtControlView.SIZE);
  for (const [index, [, kind, id, value]] of fields
    .matches(/id\/(val|size)=(0x[0-9a-f]+)\/((?:0x)?[0-9a-f]+)/g)
    .entries()) {
    const control = new ExtControlView(array.subarray(index * ExtControlView.SIZE));
    control.id = Number(id);
    if (kind === "size") control.size = Number(value);
    else control.value = Number(value);
  }
  return { arg, array };
}

/** The argument that the kernel printed. */
export function argumentOf({ name, text }: DebugEntry): Argument {
  const arg = argOf(name);
  const fields = new Fields(text);
  switch (name) {
    case "VIDIOC_QUERYCAP": {
      const view = new CapabilityView(arg);
      view.driver = fields.text("driver");
      view.card = fields.text("card");
      view.bus_info = fields.text("bus");
      view.version = fields.number("version");
      view.capabilities = fields.number("capabilities");
      view.device_caps = fields.number("device_caps");
      return { arg };
    }
    case "VIDIOC_ENUM_FMT": {
      const view = new FmtdescView(arg);
      view.index = fields.number("index");
      view.type = fields.enum("type", bufTypeNames);
      view.flags = fields.number("flags");
      view.pixelformat = fields.fourcc("pixelformat");
      view.description = fields.text("description");
      return { arg };
    }
    case "VIDIOC_S_FMT":
    case "VIDIOC_G_FMT":
      fillFormat(new FormatView(arg), fields);
      return { arg };
    case "VIDIOC_CREATE_BUFS": {
      const view = new CreateBuffersView(arg);
      view.index = fields.number("index");
      view.count = fields.number("count");
      view.memory = fields.enum("memory", memoryNames);
      view.capabilities = fields.number("capabilities");
      view.max_num_buffers = fields.number("max num buffers");
      fillFormat(view.format, fields);
      return { arg };
    }
    case "VIDIOC_ENUM_FRAMESIZES": {
      const view = new FrmsizeenumView(arg);
      view.index = fields.number("index");
      view.pixel_format = fields.fourcc("pixelformat");
      return { arg };
    }
    case "VIDIOC_QUERY_EXT_CTRL": {
      const view = new QueryExtCtrlView(arg);
      view.id = fields.number("id");
      view.type = fields.number("type");
      view.name = fields.text("name");
      const [minimum, maximum] = fields.text("min/max").split("/");
      view.minimum = BigInt(minimum ?? 0);
      view.maximum = BigInt(maximum ?? 0);
      view.step = BigInt(fields.text("step"));
      view.flags = fields.number("flags");
      view.elem_size = fields.number("elem_size");
      view.elems = fields.number("elems");
      view.nr_of_dims = fields.number("nr_of_dims");
      view.dims.set(0, fields.number("dims"));
      return { arg };
    }
    case "VIDIOC_QUERYBUF":
    case "VIDIOC_QBUF":
    case "VIDIOC_DQBUF":
      return fillBuffer(arg, fields);
    case "VIDIOC_EXPBUF": {
      const view = new ExportbufferView(arg);
      view.fd = fields.number("fd");
      view.type = fields.enum("type", bufTypeNames);
      view.index = fields.number("index");
      view.plane = fields.number("plane");
      view.flags = fields.number("flags");
      return { arg };
    }
    case "VIDIOC_REMOVE_BUFS": {
      const view = new RemoveBuffersView(arg);
      view.type = fields.enum("type", bufTypeNames);
      view.index = fields.number("index");
      view.count = fields.number("count");
      return { arg };
    }
    case "VIDIOC_STREAMON":
    case "VIDIOC_STREAMOFF":
      new IntView(arg).value = fields.enum("type", bufTypeNames);
      return { arg };
    case "VIDIOC_G_EXT_CTRLS":
    case "VIDIOC_S_EXT_CTRLS":
      return fillExtControls(arg, fields);
    default:
      throw new Error(`no way back from ${name}`);
  }
}
