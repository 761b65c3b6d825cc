import { describe, expect, it, vi } from "vitest";
import { V4l2Error } from "../../../src/v4l2/error.js";
import { EdidView, ExtControlsView, IOCTLS, PlaneView } from "../../../src/v4l2/gen/index.js";
import type { ControlOps } from "../../../src/v4l2/ops.js";
import { BufType, Cap, Memory, Priority } from "../../../src/v4l2/values/types.js";
import type { Buffer } from "../../../src/v4l2/values/types.js";
import { allOps, someBuffer } from "../support/all-ops.js";
import { hex, padded } from "../support/bytes.js";
import { argOf, errnoOf, Harness, openFile, refusalOf } from "../support/fakes.js";

const capture = { deviceCaps: Cap.VideoCapture | Cap.Streaming | Cap.Edid, ops: allOps };
const mplane = { deviceCaps: Cap.VideoM2mMplane | Cap.Streaming, ops: allOps };

/** Where test arrays lie in the client. */
const ARRAY = 0x7f00_0000_1000n;

describe("VIDIOC_REQBUFS through dispatch", () => {
  const request = hex`
    04000000   # count
    01000000   # type: VIDEO_CAPTURE
    01000000   # memory: MMAP
    ffffffff   # capabilities: garbage, the driver fills them
    00 ffffff  # flags, reserved: garbage on purpose
  `;

  it("hands the driver plain values and returns its reply", () => {
    const reqbufs = vi.fn(() => ({ count: 3, capabilities: 0x15, flags: 0 }));
    const harness = new Harness({ ops: { gFmt: allOps.gFmt, reqbufs } });
    const arg = request.slice();
    expect(harness.ioctl("VIDIOC_REQBUFS", arg)).toBe(0);
    expect(reqbufs).toHaveBeenCalledWith(
      harness.file,
      { type: BufType.VideoCapture, memory: Memory.Mmap, count: 4, flags: 0 },
      harness.call,
    );
    expect(arg).toEqual(hex`03000000 01000000 01000000 15000000 00 000000`);
  });

  it("adds REMOVE_BUFS where the driver can remove", () => {
    const harness = new Harness({ ops: allOps });
    const arg = request.slice();
    void harness.ioctl("VIDIOC_REQBUFS", arg);
    expect(arg.slice(12, 16)).toEqual(hex`05010000`);
  });

  it("waits for an op that answers later", async () => {
    const harness = new Harness({
      ops: { ...allOps, reqbufs: async () => ({ count: 1, capabilities: 0, flags: 0 }) },
    });
    const arg = request.slice();
    const result = harness.ioctl("VIDIOC_REQBUFS", arg);
    expect(result).toBeInstanceOf(Promise);
    expect(await result).toBe(0);
    expect(arg[0]).toBe(1);
  });

  it("refuses with the op's errno and does not ask for the argument to be copied back", async () => {
    const harness = new Harness({
      ops: {
        ...allOps,
        reqbufs: () => {
          throw new V4l2Error("EBUSY", "streaming");
        },
      },
    });
    const error = await refusalOf(() => harness.ioctl("VIDIOC_REQBUFS", request.slice()));
    expect(error).toMatchObject({ code: "EBUSY", errno: 16, detail: "streaming", copyOut: false });
  });

  it("makes EIO of a driver's mistake", async () => {
    const harness = new Harness({
      ops: {
        ...allOps,
        reqbufs: () => {
          throw new TypeError("bug");
        },
      },
    });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_REQBUFS", request.slice()))).toBe("EIO");
  });

  it.each([
    ["type 0", hex`01000000 00000000 01000000 00000000 00000000`],
    ["a type beyond the last", hex`01000000 0f000000 01000000 00000000 00000000`],
    ["a type that is not the device's", hex`01000000 02000000 01000000 00000000 00000000`],
    ["an unknown memory", hex`01000000 01000000 05000000 00000000 00000000`],
    ["memory 0", hex`01000000 01000000 00000000 00000000 00000000`],
  ])("EINVAL for %s, before the driver sees it", async (_what, arg) => {
    const reqbufs = vi.fn(allOps.reqbufs);
    const harness = new Harness({ ops: { ...allOps, reqbufs } });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_REQBUFS", arg))).toBe("EINVAL");
    expect(reqbufs).not.toHaveBeenCalled();
  });
});

describe("clearing", () => {
  it("hides everything behind the last input field", () => {
    const enuminput = vi.fn(() => ({ name: "Camera", type: 2 }));
    const harness = new Harness({ ops: { enuminput } });
    const arg = padded(80, hex`00000000`, 0xff);
    arg.set(hex`00000000`);
    void harness.ioctl("VIDIOC_ENUMINPUT", arg);
    expect(arg).toEqual(padded(80, hex`00000000 43616d657261` /* then zeroes, and: */).fill(2, 36, 37));
  });

  it("leaves bytes of ioctls that clear nothing", () => {
    const harness = new Harness({ ops: allOps });
    const arg = padded(204, hex`01000000`, 0xff);
    arg.set(hex`01000000`);
    const sParm = vi.spyOn(harness.device.ops, "sParm");
    void harness.ioctl("VIDIOC_S_PARM", arg);
    expect(sParm.mock.calls[0]?.[1]).toMatchObject({ mode: 1, extendedmode: 0, buffers: 0xffffffff });
  });
});

describe("nested arrays", () => {
  const qbuf = (length: number, address = ARRAY): Uint8Array => {
    const arg = padded(
      88,
      hex`
      00000000  # index
      09000000  # type: VIDEO_CAPTURE_MPLANE
    `,
    );
    const view = new DataView(arg.buffer);
    view.setUint32(60, Memory.Mmap, true);
    view.setBigUint64(64, address, true);
    view.setUint32(72, length, true);
    return arg;
  };

  it("hands over as many planes as the client named, up to 8", () => {
    const seen: Buffer[] = [];
    const harness = new Harness({
      ...mplane,
      ops: {
        ...allOps,
        qbuf: (_file, buffer) => {
          seen.push(buffer);
          return { ...someBuffer, planes: [{ bytesused: 1, length: 2, dataOffset: 3, offset: 0x8000 }] };
        },
      },
    });
    const array = harness.memory.map(ARRAY, new Uint8Array(8 * PlaneView.SIZE).fill(0xff));
    const arg = qbuf(8);
    expect(harness.ioctl("VIDIOC_QBUF", arg)).toBe(0);
    expect(seen[0]?.planes).toHaveLength(8);
    expect(array.slice(0, 64)).toEqual(padded(64, hex`01000000 02000000 0080000000000000 03000000`));
    expect(array.slice(64).every((byte) => byte === 0xff)).toBe(true);
    expect(new DataView(arg.buffer).getBigUint64(64, true)).toBe(ARRAY);
    expect(new DataView(arg.buffer).getUint32(72, true)).toBe(1);
  });

  it("EINVAL for 9 planes, without looking at the client's memory", async () => {
    const harness = new Harness(mplane);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_QBUF", qbuf(9)))).toBe("EINVAL");
    expect(harness.memory.reads).toBe(0);
  });

  it("EINVAL for 2^32 - 1 planes, controls, EDID blocks", async () => {
    const harness = new Harness({ ...capture, deviceCaps: capture.deviceCaps | Cap.VideoM2mMplane });
    const controls = argOf("VIDIOC_S_EXT_CTRLS");
    new ExtControlsView(controls).count = 0xffffffff;
    const edid = argOf("VIDIOC_S_EDID");
    new EdidView(edid).blocks = 0xffffffff;
    expect(await errnoOf(() => harness.ioctl("VIDIOC_QBUF", qbuf(0xffffffff)))).toBe("EINVAL");
    expect(await errnoOf(() => harness.ioctl("VIDIOC_S_EXT_CTRLS", controls))).toBe("EINVAL");
    expect(await errnoOf(() => harness.ioctl("VIDIOC_S_EDID", edid))).toBe("EINVAL");
    expect(harness.memory.reads).toBe(0);
  });

  it("takes no array when the client names no planes", () => {
    const seen: Buffer[] = [];
    const harness = new Harness({
      ...mplane,
      ops: {
        ...allOps,
        qbuf: (_file, buffer) => {
          seen.push(buffer);
          throw new V4l2Error("EINVAL", "no planes");
        },
      },
    });
    expect(() => harness.ioctl("VIDIOC_QBUF", qbuf(0))).toThrow("no planes");
    expect(seen[0]?.planes).toEqual([]);
    expect(harness.memory.reads).toBe(0);
  });

  it.each([0n, 0xffff_ffff_ffff_fff0n, ARRAY + 0x10000n])("EFAULT for a bad pointer %s", async (address) => {
    const harness = new Harness(mplane);
    harness.memory.map(ARRAY, new Uint8Array(64));
    const error = await refusalOf(() => harness.ioctl("VIDIOC_QBUF", qbuf(1, address)));
    expect(error).toMatchObject({ code: "EFAULT", copyOut: false });
  });

  it("EFAULT for an array that crosses the end of the mapping", async () => {
    const harness = new Harness(mplane);
    harness.memory.map(ARRAY, new Uint8Array(64));
    expect(await errnoOf(() => harness.ioctl("VIDIOC_QBUF", qbuf(2)))).toBe("EFAULT");
  });

  it("EFAULT for a read-only array, after the call was made", async () => {
    const dqbuf = vi.fn(() => ({ ...someBuffer, type: BufType.VideoCaptureMplane }));
    const harness = new Harness({ ...mplane, ops: { ...allOps, dqbuf } });
    harness.memory.map(ARRAY, new Uint8Array(64), true);
    const error = await refusalOf(() => harness.ioctl("VIDIOC_DQBUF", qbuf(1)));
    expect(error).toMatchObject({ code: "EFAULT", copyOut: true });
    expect(dqbuf).toHaveBeenCalledOnce();
  });

  it("does not write the array back after a refusal", async () => {
    const harness = new Harness({
      ...mplane,
      ops: {
        ...allOps,
        qbuf: () => {
          throw new V4l2Error("EINVAL", "no");
        },
      },
    });
    harness.memory.map(ARRAY, new Uint8Array(64));
    expect(await errnoOf(() => harness.ioctl("VIDIOC_QBUF", qbuf(1)))).toBe("EINVAL");
    expect(harness.memory.writes).toBe(0);
  });

  it("bounds before it looks whether the device has the ioctl, as the kernel does", async () => {
    const harness = new Harness();
    expect(await errnoOf(() => harness.ioctl("VIDIOC_QBUF", qbuf(9)))).toBe("EINVAL");
    expect(await errnoOf(() => harness.ioctl("VIDIOC_QBUF", qbuf(1)))).toBe("EFAULT");
  });
});

describe("ioctls that answer after a refusal too", () => {
  const controls = {
    sExtCtrls: (request, _file, _call) => {
      request.errorIdx = 1;
      const second = request.controls[1];
      if (second !== undefined) second.size = 77;
      throw new V4l2Error("ERANGE", "out of range");
    },
  } satisfies Partial<ControlOps> as unknown as ControlOps;

  const request = (): Uint8Array => {
    const arg = argOf("VIDIOC_S_EXT_CTRLS");
    const view = new ExtControlsView(arg);
    view.count = 2;
    view.controls = ARRAY;
    view.reserved.set(0, 0xffff);
    return arg;
  };

  it("copy the argument and the array back", async () => {
    const harness = new Harness({ controls });
    const array = harness.memory.map(ARRAY, new Uint8Array(40));
    const arg = request();
    const error = await refusalOf(() => harness.ioctl("VIDIOC_S_EXT_CTRLS", arg));
    expect(error).toMatchObject({ code: "ERANGE", copyOut: true });
    expect(new ExtControlsView(arg).error_idx).toBe(1);
    expect(new ExtControlsView(arg).reserved.get(0)).toBe(0);
    expect(array[24]).toBe(77);
  });

  it("do so when the refusal comes later", async () => {
    const later = {
      sExtCtrls: async (...args: Parameters<ControlOps["sExtCtrls"]>) => {
        await Promise.resolve();
        await controls.sExtCtrls(...args);
      },
    } as unknown as ControlOps;
    const harness = new Harness({ controls: later });
    const array = harness.memory.map(ARRAY, new Uint8Array(40));
    const arg = request();
    const error = await refusalOf(() => harness.ioctl("VIDIOC_S_EXT_CTRLS", arg));
    expect(error).toMatchObject({ code: "ERANGE", copyOut: true });
    expect(new ExtControlsView(arg).error_idx).toBe(1);
    expect(array[24]).toBe(77);
  });

  it("not when the device has no such ioctl", async () => {
    const harness = new Harness();
    harness.memory.map(ARRAY, new Uint8Array(40));
    const error = await refusalOf(() => harness.ioctl("VIDIOC_S_EXT_CTRLS", request()));
    expect(error).toMatchObject({ code: "ENOTTY", copyOut: false });
    expect(harness.memory.writes).toBe(0);
  });

  it("also for EBUSY by priority", async () => {
    const harness = new Harness({ controls });
    harness.memory.map(ARRAY, new Uint8Array(40));
    harness.device.priorities.change(openFile(harness.device), Priority.Record);
    const error = await refusalOf(() => harness.ioctl("VIDIOC_S_EXT_CTRLS", request()));
    expect(error).toMatchObject({ code: "EBUSY", copyOut: true });
  });

  it("EFAULT of the array is what counts then", async () => {
    const harness = new Harness({ controls });
    harness.memory.map(ARRAY, new Uint8Array(40), true);
    const error = await refusalOf(() => harness.ioctl("VIDIOC_S_EXT_CTRLS", request()));
    expect(error).toMatchObject({ code: "EFAULT", copyOut: true });
  });
});

describe("numbers that are not V4L2's", () => {
  const PRIVATE = 0xc00456c0;

  it("ENOTTY without a default op", async () => {
    const harness = new Harness();
    expect(
      await errnoOf(() => harness.device.ioctl(harness.file, PRIVATE, new Uint8Array(4), harness.call)),
    ).toBe("ENOTTY");
  });

  it("go to the default op, with what the priority allows", async () => {
    const calls: unknown[] = [];
    const harness = new Harness({
      ops: {
        default: (_file, cmd, arg, _call, mayChange) => {
          calls.push([cmd, [...arg], mayChange]);
          arg[0] = 9;
          return 5;
        },
      },
    });
    const arg = hex`01020304`;
    expect(await harness.device.ioctl(harness.file, PRIVATE, arg, harness.call)).toBe(5);
    harness.device.priorities.change(openFile(harness.device), Priority.Record);
    await harness.device.ioctl(harness.file, PRIVATE, arg, harness.call);
    expect(calls).toEqual([
      [PRIVATE, [1, 2, 3, 4], true],
      [PRIVATE, [9, 2, 3, 4], false],
    ]);
  });

  it("a known ioctl with another size is not the known ioctl", async () => {
    const harness = new Harness(capture);
    const wrong = IOCTLS.VIDIOC_REQBUFS.number + 0x10000;
    expect(
      await errnoOf(() => harness.device.ioctl(harness.file, wrong, new Uint8Array(21), harness.call)),
    ).toBe("ENOTTY");
  });
});

describe("priority", () => {
  it("keeps those with less from changing anything, not from looking", async () => {
    const harness = new Harness(capture);
    const other = openFile(harness.device);
    harness.device.priorities.change(other, Priority.Record);
    const arg = padded(204, hex`01000000`);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_S_PARM", arg.slice()))).toBe("EBUSY");
    expect(harness.ioctl("VIDIOC_G_PARM", arg.slice())).toBe(0);
    harness.device.release(other);
    expect(harness.ioctl("VIDIOC_S_PARM", arg.slice())).toBe(0);
  });

  it("is checked after whether the ioctl exists", async () => {
    const harness = new Harness();
    harness.device.priorities.change(openFile(harness.device), Priority.Record);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_S_PARM"))).toBe("ENOTTY");
  });

  it("VIDIOC_S_PRIORITY changes it, VIDIOC_G_PRIORITY tells the highest", async () => {
    const harness = new Harness();
    for (const priority of [Priority.Record, Priority.Background, Priority.Interactive]) {
      expect(harness.ioctl("VIDIOC_S_PRIORITY", Uint8Array.of(priority, 0, 0, 0))).toBe(0);
      expect(harness.file.priority).toBe(priority);
      const reply = new Uint8Array(4);
      void harness.ioctl("VIDIOC_G_PRIORITY", reply);
      expect(reply).toEqual(Uint8Array.of(priority, 0, 0, 0));
    }
    expect(await errnoOf(() => harness.ioctl("VIDIOC_S_PRIORITY", hex`00000000`))).toBe("EINVAL");
    expect(await errnoOf(() => harness.ioctl("VIDIOC_S_PRIORITY", hex`04000000`))).toBe("EINVAL");
  });
});

describe("a device that is gone", () => {
  it("answers ENODEV to everything", async () => {
    const harness = new Harness(capture);
    harness.device.unregister();
    expect(await errnoOf(() => harness.ioctl("VIDIOC_QUERYCAP"))).toBe("ENODEV");
    expect(await errnoOf(() => openFile(harness.device))).toBe("ENODEV");
  });
});
