import { describe, expect, it, vi } from "vitest";
import { CharDeviceError } from "../../src/cuse/index.js";
import type { IoctlRequest, OpenFile } from "../../src/cuse/index.js";
import { nativeProblem } from "../../src/native.js";
import { V4l2Error } from "../../src/v4l2/error.js";
import { IOCTLS } from "../../src/v4l2/gen/index.js";
import {
  HELPER_FD,
  HELPER_FD_BYTES,
  HELPER_HELLO,
  HELPER_HELLO_BYTES,
  HELPER_MAP,
  HELPER_MAP_BYTES,
} from "../../src/serve/helper-protocol.js";
import { Poll } from "../../src/v4l2/values/types.js";
import { allOps } from "../v4l2/support/all-ops.js";
import { hex, padded } from "../v4l2/support/bytes.js";
import { fakeDevice } from "../v4l2/support/fakes.js";
import type { DeviceParts } from "../v4l2/support/fakes.js";
import { ProcessMemory } from "../../src/serve/client-call.js";
import { VideoCharDevice } from "../../src/serve/index.js";

const caller = { tid: process.pid, uid: process.getuid?.() ?? 0, gid: 0 };

const ioctlRequest = (cmd: number, arg: Uint8Array, parts: Partial<IoctlRequest> = {}): IoctlRequest => ({
  caller,
  cmd,
  arg,
  argAddress: 0n,
  compat: false,
  isAnonymous: false,
  uninterruptible: () => undefined,
  nonblocking: () => false,
  onInterrupt: () => undefined,
  ...parts,
});

function adapter(parts: DeviceParts = {}) {
  const device = fakeDevice(parts);
  const charDevice = new VideoCharDevice(device);
  const notifyPoll = vi.fn();
  const file: OpenFile = { id: 1n, notifyPoll };
  const handle = charDevice.open({ caller, flags: 2, file });
  if (handle instanceof Promise) throw new Error("open answers at once");
  return { device, charDevice, notifyPoll, handle };
}

/** What the session would answer. */
async function refusalOf(action: () => unknown): Promise<CharDeviceError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof CharDeviceError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("the adapter to src/cuse", () => {
  it("opens, wakes pollers, polls, releases", () => {
    const { device, charDevice, notifyPoll, handle } = adapter({ fileOps: { poll: () => Poll.In } });
    expect(handle.client).toMatchObject({ pid: process.pid });
    handle.notifyPoll();
    expect(notifyPoll).toHaveBeenCalledOnce();
    expect(charDevice.poll(handle, { caller, events: Poll.In })).toBe(Poll.In);
    charDevice.release(handle);
    expect(device.openCount).toBe(0);
  });

  it("turns a V4l2Error into the session's refusal, at once and later", async () => {
    const { charDevice, handle } = adapter({
      ops: {
        gInput: () => {
          throw new V4l2Error("EBUSY", "busy");
        },
        enuminput: async () => Promise.reject(new V4l2Error("EIO", "broken")),
      },
    });
    const now = ioctlRequest(IOCTLS.VIDIOC_G_INPUT.number, new Uint8Array(4));
    const later = ioctlRequest(IOCTLS.VIDIOC_ENUMINPUT.number, new Uint8Array(80));
    expect(() => charDevice.ioctl(handle, now)).toThrow(CharDeviceError);
    expect(await refusalOf(() => charDevice.ioctl(handle, now))).toMatchObject({
      code: "EBUSY",
      copyOut: false,
    });
    expect(await refusalOf(() => charDevice.ioctl(handle, later))).toMatchObject({ code: "EIO" });
  });

  it("asks for the argument to be copied back where the API wants it", async () => {
    const { charDevice, handle } = adapter({
      controls: {
        gExtCtrls: () => {
          throw new V4l2Error("EINVAL", "no such control");
        },
      } as never,
    });
    const request = ioctlRequest(IOCTLS.VIDIOC_G_EXT_CTRLS.number, new Uint8Array(32));
    expect(await refusalOf(() => charDevice.ioctl(handle, request))).toMatchObject({ copyOut: true });
  });

  it("tells of a driver's mistake by itself, and the session sees a refusal", async () => {
    const said = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
    const { charDevice, handle } = adapter({
      ops: {
        gInput: () => {
          throw new TypeError("bug");
        },
      },
    });
    const request = ioctlRequest(IOCTLS.VIDIOC_G_INPUT.number, new Uint8Array(4));
    expect(await refusalOf(() => charDevice.ioctl(handle, request))).toMatchObject({ code: "EIO" });
    expect(said).toHaveBeenCalledOnce();
    said.mockRestore();
  });

  it("a refused open, read and write are refusals too", async () => {
    const { charDevice, handle, device } = adapter();
    const pending = { caller, nonblocking: () => false, onInterrupt: () => undefined, offset: 0n };
    expect(await refusalOf(() => charDevice.read(handle, { ...pending, size: 1 }))).toMatchObject({
      code: "EINVAL",
    });
    expect(
      await refusalOf(() => charDevice.write(handle, { ...pending, data: new Uint8Array(1) })),
    ).toMatchObject({ code: "EINVAL" });
    device.unregister();
    const file = { id: 2n, notifyPoll: () => undefined };
    expect(await refusalOf(() => charDevice.open({ caller, flags: 0, file }))).toMatchObject({
      code: "ENODEV",
    });
  });

  it("knows who is an administrator", async () => {
    const { charDevice, handle } = adapter({ ops: allOps });
    const request = ioctlRequest(IOCTLS.VIDIOC_DBG_G_REGISTER.number, new Uint8Array(56));
    const nobody = { ...request, caller: { ...caller, tid: 0 } };
    expect(await refusalOf(() => charDevice.ioctl(handle, nobody))).toMatchObject({ code: "EPERM" });
    if (process.getuid?.() === 0) expect(charDevice.ioctl(handle, request)).toBe(0);
  });
});

describe.runIf(process.arch === "x64")("32-bit clients", () => {
  const compat = { compat: true };

  it("get the answer in their layout", () => {
    const { charDevice, handle } = adapter({
      ops: { enuminput: () => ({ name: "x", type: 2, std: 0x1122_3344_5566_7788n, status: 0x99 }) },
    });
    const arg = new Uint8Array(76);
    expect(charDevice.ioctl(handle, ioctlRequest(0xc04c561a, arg, compat))).toBe(0);
    expect(arg.subarray(48, 60)).toEqual(hex`8877665544332211 99000000`);
  });

  it("get it later, and after a refusal where the API wants it", async () => {
    const { charDevice, handle } = adapter({
      ops: { enuminput: async () => ({ name: "x", type: 2, std: 0x77n }) },
      controls: {
        gExtCtrls: () => {
          throw Object.assign(new V4l2Error("EINVAL", "no such control"));
        },
      } as never,
    });
    const input = new Uint8Array(76);
    expect(await charDevice.ioctl(handle, ioctlRequest(0xc04c561a, input, compat))).toBe(0);
    expect(input[48]).toBe(0x77);
    const controls = hex`00000000 00000000 ffffffff 00000000 00000000 00000000`;
    const refused = () => charDevice.ioctl(handle, ioctlRequest(0xc0185647, controls, compat));
    expect(await refusalOf(refused)).toMatchObject({ code: "EINVAL", copyOut: true });
    expect(controls.subarray(8, 12)).not.toEqual(hex`ffffffff`);
  });

  it("have the other ioctls in common with 64-bit clients", () => {
    const { charDevice, handle } = adapter({ ops: allOps });
    const arg = new Uint8Array(104);
    expect(charDevice.ioctl(handle, ioctlRequest(IOCTLS.VIDIOC_QUERYCAP.number, arg, compat))).toBe(0);
    expect(Buffer.from(arg).toString("latin1")).toMatch(/^fake\0/);
  });

  it("are known to the driver in its own ioctls", () => {
    const seen: (boolean | undefined)[] = [];
    const { charDevice, handle } = adapter({
      ops: {
        default: (_file, _cmd, _arg, call) => {
          seen.push(call.is32Bit);
          return 0;
        },
      },
    });
    void charDevice.ioctl(handle, ioctlRequest(0xc00456c1, new Uint8Array(4), compat));
    void charDevice.ioctl(handle, ioctlRequest(0xc00456c1, new Uint8Array(4)));
    expect(seen).toEqual([true, false]);
  });

  it("a 64-bit client has none of their numbers", async () => {
    const { charDevice, handle } = adapter({ ops: allOps });
    const request = ioctlRequest(0xc044560f, new Uint8Array(68));
    expect(await refusalOf(() => charDevice.ioctl(handle, request))).toMatchObject({ code: "ENOTTY" });
  });
});

describe("the helper library's ioctls", () => {
  it("HELLO: the file's client can map, and learns what the driver knows", () => {
    const { charDevice, handle } = adapter();
    const arg = hex`01000000 ffffffff`;
    expect(arg).toHaveLength(HELPER_HELLO_BYTES);
    expect(charDevice.ioctl(handle, ioctlRequest(HELPER_HELLO, arg))).toBe(0);
    expect(handle.canMap).toBe(true);
    expect(arg).toEqual(hex`01000000 03000000`);
  });

  it("HELLO of a helper that cannot map", () => {
    const { charDevice, handle } = adapter();
    void charDevice.ioctl(handle, ioctlRequest(HELPER_HELLO, hex`01000000 02000000`));
    expect(handle.canMap).toBe(false);
  });

  it.each([HELPER_HELLO, HELPER_MAP, HELPER_FD])("%i of another version is EINVAL", async (cmd) => {
    const { charDevice, handle } = adapter({ ops: allOps });
    const arg = padded((cmd >>> 16) & 0x3fff, hex`02000000`);
    expect(await refusalOf(() => charDevice.ioctl(handle, ioctlRequest(cmd, arg)))).toMatchObject({
      code: "EINVAL",
    });
  });

  it("MAP: the op refuses first", async () => {
    const mmap = vi.fn(() => {
      throw new V4l2Error("EINVAL", "no buffer there");
    });
    const { charDevice, handle } = adapter({ fileOps: { mmap } });
    const arg = padded(
      HELPER_MAP_BYTES,
      hex`01000000 ffffffff 0080000000000000 0010000000000000 03000000 01000000`,
    );
    expect(await refusalOf(() => charDevice.ioctl(handle, ioctlRequest(HELPER_MAP, arg)))).toMatchObject({
      code: "EINVAL",
    });
    expect(mmap).toHaveBeenCalledWith(
      handle,
      { offset: 0x8000n, length: 4096n, prot: 3, flags: 1 },
      expect.anything(),
    );
  });

  it("MAP without an op is ENODEV, what mmap() of such a device says", async () => {
    const { charDevice, handle } = adapter();
    const arg = padded(HELPER_MAP_BYTES, hex`01000000`);
    expect(await refusalOf(() => charDevice.ioctl(handle, ioctlRequest(HELPER_MAP, arg)))).toMatchObject({
      code: "ENODEV",
    });
  });

  it("FD: only EXPBUF makes an fd", async () => {
    const { charDevice, handle } = adapter({ ops: allOps });
    const arg = padded(HELPER_FD_BYTES, hex`01000000 ffffffff 00000000`);
    expect(await refusalOf(() => charDevice.ioctl(handle, ioctlRequest(HELPER_FD, arg)))).toMatchObject({
      code: "ENOTTY",
    });
  });
});

describe.skipIf(nativeProblem() !== undefined)("with the native addon", () => {
  it("a socket that is none is refused, and what was to be sent is let go", async () => {
    const release = vi.fn();
    const { charDevice, handle } = adapter({
      fileOps: { mmap: () => ({ fd: 0, fdOffset: 0n, release }) },
      ops: { ...allOps, expbuf: () => ({ fd: 0, release }) },
    });
    const map = padded(HELPER_MAP_BYTES, hex`01000000 ffffff7f`);
    expect(await refusalOf(() => charDevice.ioctl(handle, ioctlRequest(HELPER_MAP, map)))).toMatchObject({
      code: "EBADF",
    });
    const fd = padded(HELPER_FD_BYTES, hex`01000000 ffffff7f`);
    new DataView(fd.buffer).setUint32(8, IOCTLS.VIDIOC_EXPBUF.number, true);
    fd.set(hex`01000000`, 16);
    expect(await refusalOf(() => charDevice.ioctl(handle, ioctlRequest(HELPER_FD, fd)))).toMatchObject({
      code: "EBADF",
    });
    expect(release).toHaveBeenCalledTimes(2);
  });

  it("memory that is not there is EFAULT", () => {
    const memory = new ProcessMemory({ tid: process.pid, uid: 0 });
    expect(() => {
      memory.read(8n, new Uint8Array(4));
    }).toThrow(expect.objectContaining({ code: "EFAULT" }) as Error);
    expect(() => {
      memory.write(8n, new Uint8Array(4));
    }).toThrow(V4l2Error);
  });

  it("memory of a caller that we cannot see is EFAULT", () => {
    expect(() => {
      new ProcessMemory({ tid: 0, uid: 0 }).read(0x1000n, new Uint8Array(4));
    }).toThrow("not visible");
  });
});
