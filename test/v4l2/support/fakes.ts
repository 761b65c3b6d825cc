/** A client's memory and call without a client. */
import type { Call, ClientMemory } from "../../../src/v4l2/call.js";
import { V4l2Error } from "../../../src/v4l2/error.js";
import type { FileHandle } from "../../../src/v4l2/file-handle.js";
import { IOCTLS } from "../../../src/v4l2/gen/index.js";
import { VideoDevice } from "../../../src/v4l2/video-device.js";
import type { VideoDeviceOptions } from "../../../src/v4l2/video-device.js";
import { Cap } from "../../../src/v4l2/values/types.js";
import type { Awaitable } from "../../../src/v4l2/values/types.js";
import type { IoctlName } from "../../../src/v4l2/device.js";

/** Memory with holes: only what was mapped can be read and written. */
export class FakeMemory implements ClientMemory {
  readonly #regions = new Map<bigint, { readonly bytes: Uint8Array; readonly readOnly: boolean }>();
  reads = 0;
  writes = 0;

  /** @returns `bytes` itself: look there for what was written. */
  map(address: bigint, bytes: Uint8Array, readOnly = false): Uint8Array {
    this.#regions.set(address, { bytes, readOnly });
    return bytes;
  }

  read(address: bigint, into: Uint8Array): void {
    this.reads++;
    into.set(this.#find(address, into.byteLength).slice);
  }

  write(address: bigint, from: Uint8Array): void {
    this.writes++;
    const { slice, readOnly } = this.#find(address, from.byteLength);
    if (readOnly) throw new V4l2Error("EFAULT", "read-only");
    slice.set(from);
  }

  #find(address: bigint, length: number): { readonly slice: Uint8Array; readonly readOnly: boolean } {
    for (const [start, { bytes, readOnly }] of this.#regions) {
      const offset = Number(address - start);
      if (address >= start && offset + length <= bytes.byteLength) {
        return { slice: bytes.subarray(offset, offset + length), readOnly };
      }
    }
    throw new V4l2Error("EFAULT", "not mapped");
  }
}

export class FakeCall implements Call {
  readonly caller = { tid: 4321, uid: 1000, gid: 1000 };
  readonly client = { pid: 1234, comm: "v4l2-ctl" };
  readonly memory = new FakeMemory();
  readonly interrupts: (() => void)[] = [];
  admin = false;
  isNonblocking = false;
  sendFd?: (fd: number) => void;

  nonblocking(): boolean {
    return this.isNonblocking;
  }

  onInterrupt(callback: () => void): void {
    this.interrupts.push(callback);
  }

  isAdmin(): boolean {
    return this.admin;
  }
}

export type DeviceParts = Partial<VideoDeviceOptions<undefined>>;

/** A capture device without any op, plus `parts`. */
export function fakeDevice(parts: DeviceParts = {}): VideoDevice<undefined> {
  return new VideoDevice<undefined>({
    name: "video0",
    driver: "fake",
    card: "Fake Card",
    busInfo: "platform:fake",
    deviceCaps: Cap.VideoCapture | Cap.Streaming,
    ops: {},
    open: () => undefined,
    ...parts,
  });
}

let nextId = 1n;

export function openFile<State = undefined>(device: VideoDevice<State>): FileHandle<State> {
  return device.open({
    id: nextId++,
    client: { pid: 1234, comm: "v4l2-ctl" },
    flags: 2,
    notifyPoll: () => undefined,
  });
}

/** One file of one device, and ioctls on it by name. */
export class Harness {
  readonly device: VideoDevice<undefined>;
  readonly file: FileHandle<undefined>;
  readonly call = new FakeCall();

  constructor(parts: DeviceParts = {}) {
    this.device = fakeDevice(parts);
    this.file = openFile(this.device);
  }

  get memory(): FakeMemory {
    return this.call.memory;
  }

  /** @param arg - Changed in place, as on the wire; zeroes of the right size unless given. */
  ioctl(name: IoctlName, arg: Uint8Array = argOf(name)): Awaitable<number> {
    return this.device.ioctl(this.file, IOCTLS[name].number, arg, this.call);
  }
}

/** Zeroes of the size of an ioctl's argument. */
export function argOf(name: IoctlName): Uint8Array {
  return new Uint8Array(IOCTLS[name].size);
}

/** The V4L2Error that `action` throws, or rejects with. */
export async function refusalOf(action: () => unknown): Promise<V4l2Error> {
  try {
    await action();
  } catch (error) {
    if (error instanceof V4l2Error) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

/** The errno name that `action` refuses with. */
export async function errnoOf(action: () => unknown): Promise<string> {
  return (await refusalOf(action)).code;
}
