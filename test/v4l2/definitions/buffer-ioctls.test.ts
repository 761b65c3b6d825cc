import { describe, expect, it, vi } from "vitest";
import { PlaneView } from "../../../src/v4l2/gen/index.js";
import { BufCap, BufFlag, BufType, Cap, Field, Memory } from "../../../src/v4l2/values/types.js";
import type { Buffer } from "../../../src/v4l2/values/types.js";
import { allOps, someBuffer } from "../support/all-ops.js";
import { hex, padded } from "../support/bytes.js";
import { argOf, errnoOf, Harness } from "../support/fakes.js";

const mplane = { deviceCaps: Cap.VideoM2mMplane | Cap.Streaming };
const ARRAY = 0x7f00_0000_1000n;

/** A harness whose QBUF shows what vb2 sees, and answers with `reply`. */
function queueing(reply: Buffer, parts = {}): { harness: Harness; seen: Buffer[] } {
  const seen: Buffer[] = [];
  const qbuf = (_file: unknown, buffer: Buffer): Buffer => {
    seen.push(buffer);
    return reply;
  };
  return { harness: new Harness({ ...parts, ops: { ...allOps, qbuf } }), seen };
}

describe("VIDIOC_QBUF, single-planar", () => {
  const request = (flags: string, memory: string, m: string): Uint8Array => hex`
    02000000                                    # index
    01000000                                    # type: VIDEO_CAPTURE
    00100000                                    # bytesused
    ${flags}
    01000000 00000000                           # field: NONE, padding
    0200000000000000 0300000000000000           # timestamp: 2 s, 3 us
    02000000 01000000 04 03 02 01 61 62 63 64   # timecode
    07000000                                    # sequence
    ${memory}
    ${m}
    00800000                                    # length
    ffffffff                                    # reserved2
    18000000 00000000                           # request_fd, padding
  `;

  it("MMAP: one plane, timestamp in nanoseconds", () => {
    const { harness, seen } = queueing(someBuffer);
    void harness.ioctl("VIDIOC_QBUF", request("00000000", "01000000", "0080000000000000"));
    expect(seen).toEqual([
      {
        index: 2,
        type: BufType.VideoCapture,
        memory: Memory.Mmap,
        flags: 0,
        field: Field.None,
        timestampNs: 2_000_003_000n,
        sequence: 7,
        planes: [{ bytesused: 4096, length: 32768, dataOffset: 0, offset: 0x8000 }],
      },
    ]);
  });

  it.each([
    ["USERPTR", "02000000", "00100000007f0000", { userptr: ARRAY - 0x1000n + 0x1000n }],
    ["DMABUF", "04000000", "0500000000000000", { fd: 5 }],
    ["DMABUF, no fd", "04000000", "ffffffff00000000", { fd: -1 }],
  ])("%s: where the memory is", (_what, memory, m, location) => {
    const { harness, seen } = queueing(someBuffer);
    void harness.ioctl("VIDIOC_QBUF", request("00000000", memory, m));
    expect(seen[0]?.planes).toEqual([{ bytesused: 4096, length: 32768, dataOffset: 0, ...location }]);
  });

  it("timecode and request only behind their flags", () => {
    const { harness, seen } = queueing(someBuffer);
    void harness.ioctl("VIDIOC_QBUF", request("00018000", "01000000", "0000000000000000"));
    expect(seen[0]?.requestFd).toBe(24);
    expect(seen[0]?.timecode).toEqual({
      type: 2,
      flags: 1,
      frames: 4,
      seconds: 3,
      minutes: 2,
      hours: 1,
      userbits: [0x61, 0x62, 0x63, 0x64],
    });
  });

  it("the reply covers the whole struct", () => {
    const { harness } = queueing({
      ...someBuffer,
      index: 1,
      flags: BufFlag.Queued | BufFlag.Mapped,
      timestampNs: 5_000_006_999n,
      sequence: 9,
      planes: [{ bytesused: 1, length: 2, dataOffset: 0, offset: 0x4000_8000 }],
    });
    const arg = request("00018000", "02000000", "ffffffffffffffff");
    void harness.ioctl("VIDIOC_QBUF", arg);
    expect(arg).toEqual(hex`
      01000000 01000000 01000000 03000000 01000000 00000000
      0500000000000000 0600000000000000
      00000000 00000000 00000000 00000000
      09000000 01000000 0080004000000000 02000000
      00000000 00000000 00000000
    `);
  });

  it("requestFd and timecode go back", () => {
    const timecode = {
      type: 1,
      flags: 0,
      frames: 1,
      seconds: 2,
      minutes: 3,
      hours: 4,
      userbits: [0, 0, 0, 1],
    } as const;
    const { harness } = queueing({ ...someBuffer, flags: BufFlag.RequestFd, requestFd: 12, timecode });
    const arg = request("00000000", "01000000", "0000000000000000");
    void harness.ioctl("VIDIOC_QBUF", arg);
    expect(arg.subarray(40, 56)).toEqual(hex`01000000 00000000 01 02 03 04 00000001`);
    expect(arg.subarray(80, 84)).toEqual(hex`0c000000`);
  });

  it("an unknown memory reaches the driver as OVERLAY, which no buffer has: other refusals come before that", () => {
    const { harness, seen } = queueing(someBuffer);
    void harness.ioctl("VIDIOC_QBUF", request("00000000", "00000000", "0000000000000000"));
    expect(seen).toMatchObject([{ memory: Memory.Overlay }]);
  });

  it.each([
    ["the largest", 0x7fff_ffff_ffff_ffffn, 0x7fff_ffff_ffff_ffffn],
    ["negative", -1n, -1n],
    ["less than a second", 0n, 7n],
    ["a whole second", 5n, 0n],
  ])("a timestamp survives, even one that is nonsense: %s", (_what, seconds, microseconds) => {
    const { harness, seen } = queueing(someBuffer);
    const arg = request("00000000", "01000000", "0000000000000000");
    const view = new DataView(arg.buffer);
    view.setBigInt64(24, seconds, true);
    view.setBigInt64(32, microseconds, true);
    void harness.ioctl("VIDIOC_QBUF", arg);
    const ns = seen[0]?.timestampNs ?? -1n;
    expect(ns).toBe(BigInt.asUintN(64, seconds * 1_000_000_000n + microseconds * 1000n));
  });

  it("whole seconds go out without microseconds", () => {
    const { harness } = queueing({ ...someBuffer, timestampNs: 5_000_000_000n });
    const arg = request("00000000", "01000000", "0000000000000000");
    void harness.ioctl("VIDIOC_QBUF", arg);
    expect(arg.subarray(24, 40)).toEqual(hex`0500000000000000 0000000000000000`);
  });

  it.each([
    ["DMABUF", { fd: 5 }, "0500000000000000"],
    ["DMABUF without one so far", {}, "ffffffff00000000"],
  ])("the reply tells the fd: %s", (_what, location, m) => {
    const planes = [{ bytesused: 1, length: 2, dataOffset: 0, ...location }];
    const { harness } = queueing({ ...someBuffer, memory: Memory.Dmabuf, planes });
    const arg = request("00000000", "04000000", "ffffffffffffffff");
    void harness.ioctl("VIDIOC_QBUF", arg);
    expect(arg.subarray(64, 72)).toEqual(hex`${m}`);
  });

  it("a timestamp with the top bit set goes out as seconds before 1970, like the kernel's", () => {
    const { harness } = queueing({ ...someBuffer, timestampNs: 2n ** 64n - 1n });
    const arg = request("00000000", "01000000", "0000000000000000");
    void harness.ioctl("VIDIOC_QBUF", arg);
    const view = new DataView(arg.buffer);
    expect(view.getBigInt64(24, true)).toBe(-1n);
    expect(view.getBigInt64(32, true)).toBe(999_999n);
  });
});

describe("VIDIOC_DQBUF and VIDIOC_QUERYBUF, multi-planar", () => {
  const request = (length: number): Uint8Array => {
    const arg = padded(88, hex`01000000 09000000`, 0xff);
    const view = new DataView(arg.buffer);
    view.setBigUint64(64, ARRAY, true);
    view.setUint32(72, length, true);
    return arg;
  };
  const two: Buffer = {
    ...someBuffer,
    type: BufType.VideoCaptureMplane,
    planes: [
      { bytesused: 10, length: 20, dataOffset: 0, offset: 0 },
      { bytesused: 30, length: 40, dataOffset: 5, offset: 0x8000 },
    ],
  };

  it("tells vb2 how many planes the client can take, and fills them", () => {
    const dqbuf = vi.fn(() => two);
    const harness = new Harness({ ...mplane, ops: { ...allOps, dqbuf } });
    const array = harness.memory.map(ARRAY, new Uint8Array(3 * PlaneView.SIZE).fill(0xff));
    const arg = request(3);
    void harness.ioctl("VIDIOC_DQBUF", arg);
    expect(dqbuf).toHaveBeenCalledWith(
      harness.file,
      { type: BufType.VideoCaptureMplane, planeCapacity: 3 },
      harness.call,
    );
    expect(array.subarray(0, 128)).toEqual(
      Uint8Array.from([
        ...padded(64, hex`0a000000 14000000 0000000000000000 00000000`),
        ...padded(64, hex`1e000000 28000000 0080000000000000 05000000`),
      ]),
    );
    expect(array.subarray(128).every((byte) => byte === 0xff)).toBe(true);
    expect(arg.subarray(8, 12)).toEqual(hex`00000000`); // bytesused
    expect(arg.subarray(72, 76)).toEqual(hex`02000000`); // length
  });

  it("an op that answers with more planes than there is room for has a bug", () => {
    const harness = new Harness({ ...mplane, ops: { ...allOps, querybuf: () => two } });
    harness.memory.map(ARRAY, new Uint8Array(PlaneView.SIZE));
    for (const room of [0, 1])
      expect(() => harness.ioctl("VIDIOC_QUERYBUF", request(room))).toThrow("no room for 2 planes");
  });

  it("single-planar queues have room for one", () => {
    const querybuf = vi.fn(() => someBuffer);
    const harness = new Harness({ ops: { ...allOps, querybuf } });
    void harness.ioctl("VIDIOC_QUERYBUF", padded(88, hex`02000000 01000000`));
    expect(querybuf).toHaveBeenCalledWith(
      harness.file,
      { type: 1, index: 2, planeCapacity: 1 },
      harness.call,
    );
  });

  it("waits", async () => {
    const harness = new Harness({ ops: { ...allOps, dqbuf: async () => ({ ...someBuffer, sequence: 5 }) } });
    const arg = padded(88, hex`00000000 01000000`);
    expect(await harness.ioctl("VIDIOC_DQBUF", arg)).toBe(0);
    expect(arg[56]).toBe(5);
  });
});

describe("VIDIOC_CREATE_BUFS", () => {
  const request = (): Uint8Array => {
    const arg = padded(
      256,
      hex`
        ffffffff 02000000 01000000 00000000  # index, count, memory: MMAP, padding
        0a000000 00000000                    # format.type: VIDEO_OUTPUT_MPLANE, padding
        40010000 f0000000 53323634 01000000 00000000
        00000400 00000000
      `,
    );
    arg[24 + 20 + 160] = 1; // num_planes
    arg.fill(0xff, 224); // capabilities, flags, max_num_buffers, reserved: garbage
    return arg;
  };

  it("hands over the format and returns what was made", () => {
    const createBufs = vi.fn(() => ({ index: 3, count: 2, capabilities: 0x80, flags: 0, maxNumBuffers: 64 }));
    const harness = new Harness({ ...mplane, ops: { ...allOps, createBufs } });
    const arg = request();
    void harness.ioctl("VIDIOC_CREATE_BUFS", arg);
    expect(createBufs.mock.calls[0]).toMatchObject([
      {},
      {
        count: 2,
        memory: 1,
        format: { type: 10, width: 320, planes: [{ bytesperline: 0, sizeimage: 262144 }] },
      },
      {},
    ]);
    expect(arg.subarray(0, 12)).toEqual(hex`03000000 02000000 01000000`);
    expect(arg.subarray(16, 32)).toEqual(hex`0a000000 00000000 40010000 f0000000`);
    expect(arg.subarray(224)).toEqual(padded(32, hex`80010000 00000000 40000000`));
  });

  it.each([
    ["VIDEO_CAPTURE", 1, Cap.VideoM2m, "dececafe"],
    ["VIDEO_OUTPUT", 2, Cap.VideoM2m, "dececafe"],
    ["VIDEO_OUTPUT_MPLANE", 10, Cap.VideoM2mMplane, "00000000"],
  ])(
    "says that the new fields of a format are filled in: %s has such fields or not",
    (_what, type, cap, priv) => {
      const createBufs = () => ({ index: 0, count: 1, capabilities: 0, flags: 0, maxNumBuffers: 64 });
      const harness = new Harness({ deviceCaps: cap | Cap.Streaming, ops: { ...allOps, createBufs } });
      const arg = padded(256, hex`ffffffff 02000000 01000000 00000000`);
      arg[16] = type;
      // Garbage, in the place of priv.
      arg.set(hex`40010000 f0000000 59555956 01000000`, 24);
      if (type === 10) arg[24 + 20 + 160] = 1;
      void harness.ioctl("VIDIOC_CREATE_BUFS", arg);
      expect(Buffer.from(arg.subarray(52, 56)).reverse().toString("hex")).toBe(
        priv === "00000000" ? priv : "feedcafe",
      );
    },
  );

  it("tells no maximum without the capability", () => {
    const createBufs = () => ({ index: 0, count: 1, capabilities: 0, flags: 0, maxNumBuffers: 64 });
    const harness = new Harness({ ...mplane, ops: { ...allOps, createBufs } });
    const arg = request();
    void harness.ioctl("VIDIOC_CREATE_BUFS", arg);
    expect(arg.subarray(232, 236)).toEqual(hex`00000000`);
  });
});

describe("VIDIOC_STREAMON, VIDIOC_REMOVE_BUFS", () => {
  it("STREAMON takes the type", async () => {
    const streamon = vi.fn();
    const harness = new Harness({ ops: { ...allOps, streamon } });
    expect(harness.ioctl("VIDIOC_STREAMON", hex`01000000`)).toBe(0);
    expect(streamon).toHaveBeenCalledWith(harness.file, 1, harness.call);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_STREAMON", hex`00000000`))).toBe("EINVAL");
  });

  it("REMOVE_BUFS needs createBufs beside it", async () => {
    const { createBufs: _createBufs, ...ops } = allOps;
    const harness = new Harness({ ops });
    expect(
      await errnoOf(() => harness.ioctl("VIDIOC_REMOVE_BUFS", padded(64, hex`00000000 01000000 01000000`))),
    ).toBe("ENOTTY");
    const reqbufs = hex`04000000 01000000 01000000 00000000 00000000`;
    expect(harness.ioctl("VIDIOC_REQBUFS", reqbufs)).toBe(0);
    expect(new DataView(reqbufs.buffer).getUint32(12, true) & BufCap.RemoveBufs).toBe(0);
    const removeBufs = vi.fn();
    const other = new Harness({ ops: { ...allOps, removeBufs } });
    void other.ioctl("VIDIOC_REMOVE_BUFS", padded(64, hex`02000000 03000000 01000000`, 0xff));
    expect(removeBufs).toHaveBeenCalledWith(other.file, { type: 1, index: 2, count: 3 }, other.call);
  });

  it("nothing of it without V4L2_CAP_STREAMING", async () => {
    const harness = new Harness({ deviceCaps: Cap.VideoCapture, ops: allOps });
    for (const name of ["VIDIOC_REQBUFS", "VIDIOC_STREAMON", "VIDIOC_DQBUF", "VIDIOC_EXPBUF"] as const) {
      expect(await errnoOf(() => harness.ioctl(name, argOf(name)))).toBe("ENOTTY");
    }
  });
});

describe("VIDIOC_EXPBUF", () => {
  const request = (): Uint8Array =>
    padded(64, hex`01000000 02000000 00000000 00000800 ffffffff`, 0xff).fill(0xff, 16);

  it("ENOTTY for a client that cannot receive an fd", async () => {
    const harness = new Harness({ ops: allOps });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_EXPBUF", request()))).toBe("ENOTTY");
  });

  it("sends the fd and lets go of it; the number is the client's helper's to fill in", async () => {
    const release = vi.fn();
    const expbuf = vi.fn(async () => ({ fd: 7, release }));
    const harness = new Harness({ ops: { ...allOps, expbuf } });
    const sent: number[] = [];
    harness.call.sendFd = (fd) => void sent.push(fd);
    const arg = request();
    expect(await harness.ioctl("VIDIOC_EXPBUF", arg)).toBe(0);
    expect(expbuf).toHaveBeenCalledWith(
      harness.file,
      { type: 1, index: 2, plane: 0, flags: 0x80000 },
      harness.call,
    );
    expect(sent).toEqual([7]);
    expect(release).toHaveBeenCalledOnce();
    expect(arg).toEqual(padded(64, hex`01000000 02000000 00000000 00000800 ffffffff`));
  });

  it("is fine with a driver that keeps its fd", async () => {
    const harness = new Harness({ ops: { ...allOps, expbuf: () => ({ fd: 7 }) } });
    harness.call.sendFd = () => undefined;
    expect(await harness.ioctl("VIDIOC_EXPBUF", request())).toBe(0);
  });

  it("lets go of the fd when it cannot be sent", () => {
    const release = vi.fn();
    const harness = new Harness({ ops: { ...allOps, expbuf: () => ({ fd: 7, release }) } });
    harness.call.sendFd = () => {
      throw new Error("the socket is gone");
    };
    expect(() => harness.ioctl("VIDIOC_EXPBUF", request())).toThrow("gone");
    expect(release).toHaveBeenCalledOnce();
  });
});
