/** From numbers of a client to narrowed values, with what happens to unknown ones. */
import { V4l2Error } from "../error.js";
import type { BufType } from "../values/types.js";
import { Colorspace, Field, isBufType, Memory, Quantization, XferFunc, YcbcrEnc } from "../values/types.js";
import type { DeviceTraits } from "../device-traits.js";

/** @throws {V4l2Error} EINVAL - no such type. */
export function parseBufType(value: number): BufType {
  if (!isBufType(value)) throw new V4l2Error("EINVAL", `buffer type ${value} does not exist`);
  return value;
}

/**
 * A type that the device has, as the kernel's core checks before most format and buffer ioctls.
 * @throws {V4l2Error} EINVAL
 */
export function parseDeviceBufType(value: number, device: DeviceTraits): BufType {
  const type = parseBufType(value);
  if (!device.accepts(type)) throw new V4l2Error("EINVAL", `the device has no queue of type ${type}`);
  return type;
}

/** Differs from the kernel, where vb2 refuses an unknown memory: the errno is the same. @throws {V4l2Error} EINVAL */
export function parseMemory(value: number): Memory {
  switch (value) {
    case Memory.Mmap:
    case Memory.Userptr:
    case Memory.Overlay:
    case Memory.Dmabuf:
      return value;
    default:
      throw new V4l2Error("EINVAL", `memory ${value} does not exist`);
  }
}

/**
 * The memory of a buffer in QBUF and PREPARE_BUF. Drivers compare it with their buffer's, after other checks: a number
 * that does not exist becomes OVERLAY, which is no buffer's either.
 */
export function parseBufferMemory(value: number): Memory {
  return member(bufferMemories, value, Memory.Overlay);
}

const bufferMemories: ReadonlySet<number> = new Set([Memory.Mmap, Memory.Userptr, Memory.Dmabuf]);

function member<Value extends number>(known: ReadonlySet<number>, value: number, otherwise: Value): Value {
  // A member of the set of all values of the enumeration is one of its values.
  return known.has(value) ? (value as Value) : otherwise;
}

const fields: ReadonlySet<number> = new Set(Object.values(Field));
const colorspaces: ReadonlySet<number> = new Set(Object.values(Colorspace));
const encodings: ReadonlySet<number> = new Set(Object.values(YcbcrEnc));
const quantizations: ReadonlySet<number> = new Set(Object.values(Quantization));
const xferFuncs: ReadonlySet<number> = new Set(Object.values(XferFunc));

/** An unknown field order asks for nothing that a driver could do: it arrives as `Any`, the driver's choice. */
export function parseField(value: number): Field {
  return member<Field>(fields, value, Field.Any);
}

/** An unknown colorspace is the default one; the caller then drops the other color fields (v4l2-ioctl.c). */
export function parseColorspace(value: number): Colorspace {
  return member<Colorspace>(colorspaces, value, Colorspace.Default);
}

/** An encoding that does not belong to the kind of format (HSV or not) is the default one. */
export function parseYcbcrEnc(value: number, isHsv: boolean): YcbcrEnc {
  const encoding = member<YcbcrEnc>(encodings, value, YcbcrEnc.Default);
  const valid = isHsv ? encoding >= YcbcrEnc.Hsv180 : encoding < YcbcrEnc.Hsv180;
  return valid ? encoding : YcbcrEnc.Default;
}

export function parseQuantization(value: number): Quantization {
  return member<Quantization>(quantizations, value, Quantization.Default);
}

export function parseXferFunc(value: number): XferFunc {
  return member<XferFunc>(xferFuncs, value, XferFunc.Default);
}
