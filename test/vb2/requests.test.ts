/** Buffers in media requests: which way a queue is used, and what becomes of a buffer when its request does not. */
import { describe, expect, it, vi } from "vitest";
import { BufFlag, BufType, Field, Memory, V4l2Error } from "../../src/v4l2/index.js";
import type { Buffer, ExportedFd } from "../../src/v4l2/index.js";
import { bufferOps } from "../../src/vb2/index.js";
import type { PlaneMemory } from "../../src/vb2/index.js";
import { FakeRequest } from "./fake-request.js";
import { at, bench, expectErrno, FakeMemory, FakeProvider } from "./fakes.js";
import type { Bench, FakeFileHandle } from "./fakes.js";

const type = BufType.VideoOutputMplane;

interface Client extends Bench {
  readonly ops: ReturnType<typeof bufferOps<FakeFileHandle>>;
  readonly requests: Map<number, FakeRequest>;
  request(fd: number): FakeRequest;
  qbuf(index: number, requestFd?: number, more?: Partial<Buffer>): Buffer;
  flags(index: number): number;
}

function client(config: Parameters<typeof bench>[0] = {}): Client {
  const requests = new Map<number, FakeRequest>([
    [3, new FakeRequest()],
    [4, new FakeRequest()],
  ]);
  const b = bench({
    type,
    supportsRequests: true,
    requests: {
      byFd: (_call, fd) => {
        const request = requests.get(fd);
        if (request === undefined) throw new V4l2Error("EINVAL", "no such request");
        return request;
      },
    },
    ...config,
  });
  const ops = bufferOps<FakeFileHandle>(() => b.queue);
  b.queue.reqbufs("mmap", 3);
  b.queue.owner = b.file;
  return {
    ...b,
    ops,
    requests,
    request: (fd) => {
      const request = requests.get(fd);
      if (request === undefined) throw new Error(`no request ${fd}`);
      return request;
    },
    qbuf: (index, requestFd, more = {}) => {
      const buffer: Buffer = {
        index,
        type,
        memory: Memory.Mmap,
        flags: requestFd === undefined ? 0 : BufFlag.RequestFd,
        field: Field.None,
        timestampNs: 1000n,
        sequence: 0,
        planes: [{ bytesused: 5, length: 64, dataOffset: 0, offset: 0 }],
        ...(requestFd !== undefined && { requestFd }),
        ...more,
      };
      return ops.qbuf(b.file, buffer, b.call);
    },
    flags: (index) => b.queue.describe(at(b.queue, index)).flags,
  };
}

describe("QBUF with a request", () => {
  it("puts the buffer into the request and says so", () => {
    const c = client();
    const reply = c.qbuf(1, 3);
    expect(reply).toMatchObject({ requestFd: 3 });
    expect(reply.flags & (BufFlag.InRequest | BufFlag.RequestFd | BufFlag.Queued | BufFlag.Prepared)).toBe(
      BufFlag.InRequest | BufFlag.RequestFd,
    );
    expect(at(c.queue, 1).state).toBe("in-request");
    expect(c.request(3).find(c.queue)?.kind).toBe("buffer");
    expect(c.driver.calls).toContain("bufOutValidate");
    expect(c.driver.calls).not.toContain("bufPrepare");
  });

  it("takes the time stamp at once", () => {
    const c = client({ timestamps: "copy" });
    expect(c.qbuf(0, 3, { timestampNs: 77n }).timestampNs).toBe(77n);
  });

  it.each([
    ["EINVAL: no such request", 99, "EINVAL"],
    ["EBADR: without a request where they are required", undefined, "EBADR"],
  ] as const)("%s", (_, fd, code) => {
    const c = client({ requiresRequests: true });
    expectErrno(code, () => c.qbuf(0, fd));
    expect(at(c.queue, 0).state).toBe("dequeued");
  });

  it("EBADR on a queue without requests", () => {
    const c = client({ supportsRequests: false });
    expectErrno("EBADR", () => c.qbuf(0, 3));
  });

  it("EBUSY when the queue is used without, and the other way round; STREAMOFF forgets", () => {
    const c = client();
    c.qbuf(0);
    expectErrno("EBUSY", () => c.qbuf(1, 3));
    c.queue.streamoff();
    c.qbuf(1, 3);
    expectErrno("EBUSY", () => c.qbuf(0));
    expectErrno("EBUSY", () => c.qbuf(1));
    c.queue.streamoff();
    c.qbuf(0);
  });

  it.each(["validating", "queued", "complete", "cleaning"] as const)(
    "EBUSY when the request is %s",
    (state) => {
      const c = client();
      c.request(3).state = state;
      expectErrno("EBUSY", () => c.qbuf(0, 3));
      expect(c.request(3).objects).toEqual([]);
    },
  );

  it("EINVAL for a buffer that is not the client's", () => {
    const c = client();
    c.qbuf(0, 3);
    expectErrno("EINVAL", () => c.qbuf(0, 4));
  });

  it("what bufOutValidate refuses is the client's errno", () => {
    const c = client();
    c.driver.refuse.set("bufOutValidate", "EINVAL");
    expectErrno("EINVAL", () => c.qbuf(0, 3));
    expect(c.request(3).objects).toEqual([]);
  });

  it("PREPARE_BUF cannot name a request", () => {
    const c = client();
    const buffer = { ...c.queue.describe(at(c.queue, 0)), flags: BufFlag.RequestFd, requestFd: 3 };
    expectErrno("EINVAL", () => c.ops.prepareBuf(c.file, buffer, c.call));
  });
});

describe("a request that is queued", () => {
  it("prepares its buffers, then gives them to the driver; a done buffer leaves it", () => {
    const c = client();
    c.queue.streamon();
    c.qbuf(0, 3);
    c.request(3).queue();
    expect(at(c.queue, 0).state).toBe("active");
    expect(c.flags(0) & (BufFlag.Queued | BufFlag.RequestFd)).toBe(BufFlag.Queued | BufFlag.RequestFd);
    const buffer = c.driver.complete();
    expect(c.request(3).state).toBe("complete");
    expect(c.request(3).objects).toEqual([]);
    expect(buffer.request).toBe(c.request(3));

    const reply = c.ops.dqbuf(c.file, { type, planeCapacity: 1 }, c.call);
    expect(reply).toMatchObject({ index: 0, requestFd: 3 });
    expect(buffer.request).toBeUndefined();
    expect(c.flags(0) & BufFlag.RequestFd).toBe(0);
  });

  it("waits in the queue until STREAMON", () => {
    const c = client();
    c.qbuf(0, 3);
    c.request(3).queue();
    expect(at(c.queue, 0).state).toBe("queued");
    c.queue.streamon();
    expect(at(c.queue, 0).state).toBe("active");
  });

  it("a driver that refuses bufPrepare refuses the request; the buffer stays in it", () => {
    const c = client();
    c.qbuf(0, 3);
    c.qbuf(1, 3);
    let prepared = 0;
    c.driver.bufPrepare = () => {
      if (++prepared === 2) throw new V4l2Error("EINVAL", "no");
    };
    expectErrno("EINVAL", () => c.request(3).queue());
    expect([at(c.queue, 0).state, at(c.queue, 1).state]).toEqual(["in-request", "in-request"]);
    c.request(3).clean();
    expect([at(c.queue, 0).state, at(c.queue, 1).state]).toEqual(["dequeued", "dequeued"]);
    c.queue.release();
    expect(c.queue.counters.balance()).toEqual([]);
  });

  it("EIO when the queue has failed", () => {
    const c = client();
    c.queue.streamon();
    c.qbuf(0, 3);
    c.queue.error();
    expectErrno("EIO", () => c.request(3).queue());
  });
});

describe("a buffer of a queued request that cannot be queued", () => {
  const warningsOf = (run: () => void): string[] => {
    const warnings: string[] = [];
    const spy = vi.spyOn(process.stderr, "write").mockImplementation((line) => {
      warnings.push(String(line));
      return true;
    });
    run();
    spy.mockRestore();
    return warnings;
  };

  it("because the queue has failed meanwhile: the client hears of it, and no bug is reported", () => {
    const c = client();
    c.queue.streamon();
    c.qbuf(0, 3);
    c.qbuf(1, 3);
    c.driver.bufQueue = () => c.queue.error();
    expect(warningsOf(() => c.request(3).queue())).toEqual([]);
    expect(at(c.queue, 0).state).toBe("active");
    expectErrno("EIO", () => c.qbuf(2, 4));
  });

  it("because the driver refuses it a second time: that is reported", () => {
    const c = client();
    c.queue.streamon();
    c.qbuf(0, 3);
    c.qbuf(1, 3);
    const second = at(c.queue, 1);
    c.driver.bufQueue = () => {
      second.preparedBy = undefined;
      c.driver.refuse.set("bufPrepare", "EINVAL");
    };
    const warnings = warningsOf(() => c.request(3).queue());
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("a request's QBUF");
  });

  it("because of a bug: that is reported", () => {
    const c = client();
    c.queue.streamon();
    c.qbuf(0, 3);
    c.qbuf(1, 3);
    const second = at(c.queue, 1);
    c.driver.bufQueue = () => second.transition("queued");
    const warnings = warningsOf(() => c.request(3).queue());
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("a request's QBUF");
  });
});

it("QBUF that says that there is a request, but names none, is EINVAL", () => {
  const c = client();
  const named = c.qbuf.bind(c, 0, undefined, { flags: BufFlag.RequestFd });
  expectErrno("EINVAL", named);
  expect(named).toThrow("no request is named");
});

describe("a request that is dropped before it was queued", () => {
  it("gives the buffer back to the client, who may use it again with other contents", () => {
    const c = client();
    c.qbuf(0, 3);
    c.request(3).clean();
    expect(at(c.queue, 0).state).toBe("dequeued");
    expect(c.flags(0) & (BufFlag.RequestFd | BufFlag.InRequest)).toBe(0);
    c.qbuf(0, 4, { planes: [{ bytesused: 9, length: 64, dataOffset: 0, offset: 0 }] });
    c.request(4).queue();
    expect(at(c.queue, 0).planes[0]?.bytesused).toBe(9);
  });
  it("leaves a buffer prepared that PREPARE_BUF has prepared", () => {
    const c = client();
    c.queue.prepareBuf(at(c.queue, 0));
    expect(c.qbuf(0, 3).flags & BufFlag.Prepared).toBe(BufFlag.Prepared);
    c.request(3).clean();
    expect(c.flags(0) & BufFlag.Prepared).toBe(BufFlag.Prepared);
    expect(c.driver.calls).not.toContain("bufFinish");
  });

  it("leaves a buffer where it is that the queue has already (vb2_req_release)", () => {
    const c = client();
    c.qbuf(0, 3);
    c.request(3).queue();
    c.request(3).clean();
    expect(at(c.queue, 0).state).toBe("queued");
  });
});

describe("QBUF on a queue that is used without requests", () => {
  it("is EBUSY before the request is looked for", () => {
    const c = client();
    c.qbuf(0);
    expectErrno("EBUSY", () => c.qbuf(1, 99));
  });

  it("does not tell a request that was named without the flag", () => {
    const c = client();
    expect(c.qbuf(0, 3, { flags: 0 })).not.toHaveProperty("requestFd");
  });
});

it("EXPBUF of a buffer in a request would rather have it stay", () => {
  const asked: boolean[] = [];
  const memory = new (class extends FakeProvider {
    override exportPlane(plane: PlaneMemory, accessMode: number, mustStay = false): ExportedFd {
      asked.push(mustStay);
      return super.exportPlane(plane, accessMode);
    }
  })();
  const c = client({ memory });
  const expbuf = (index: number) => c.ops.expbuf(c.file, { type, index, plane: 0, flags: 0 }, c.call);
  c.qbuf(1, 3);
  expbuf(0);
  expbuf(1);
  expect(asked).toEqual([false, true]);
});

describe("STREAMOFF and REQBUFS(0)", () => {
  it("take buffers out of requests that were not queued", () => {
    const c = client();
    c.qbuf(0, 3);
    c.queue.streamoff();
    expect(at(c.queue, 0).state).toBe("dequeued");
    expect(c.request(3).objects).toEqual([]);
    expect(c.driver.calls).not.toContain("bufRequestComplete");
  });

  it("complete queued requests whose buffers the driver never got", () => {
    const c = client();
    c.qbuf(0, 3);
    c.request(3).queue();
    c.queue.reqbufs("mmap", 0);
    expect(c.driver.calls.filter((op) => op === "bufRequestComplete")).toHaveLength(1);
    expect(c.request(3).state).toBe("complete");
    expect(c.queue.counters.balance()).toEqual([]);
  });

  it("leave alone a queued request that has lost its buffer already", () => {
    const c = client();
    c.queue.streamon();
    c.qbuf(0, 3);
    // Control values, which the driver has not completed yet.
    c.request(3).objects.unshift({ owner: {}, kind: "controls" });
    c.request(3).queue();
    c.driver.complete();
    expect(c.request(3).state).toBe("queued");
    c.queue.streamoff();
    expect(c.driver.calls).not.toContain("bufRequestComplete");
  });

  it("complete requests whose buffers the driver gives back in stopStreaming, once", () => {
    const c = client();
    c.queue.streamon();
    c.qbuf(0, 3);
    c.request(3).queue();
    c.queue.streamoff();
    expect(c.request(3).state).toBe("complete");
    expect(c.driver.calls).not.toContain("bufRequestComplete");
  });
});

describe("USERPTR and DMABUF in a request", () => {
  const memory = new FakeMemory(4096);
  const user = {
    memory: Memory.Userptr,
    planes: [{ bytesused: 5, length: 64, dataOffset: 0, userptr: memory.base }],
  };

  it("are looked up in QBUF, while the client can be asked", () => {
    const c = client();
    c.queue.reqbufs("userptr", 2);
    memory.bytes.fill(3, 0, 5);
    Object.assign(c.call, { memory });
    const reply = c.qbuf(0, 3, user);
    expect(reply.flags & BufFlag.Prepared).toBe(0);
    c.queue.streamon();
    c.request(3).queue();
    expect(at(c.queue, 0).planes[0]?.payload).toEqual(new Uint8Array(5).fill(3));
    expect(c.driver.calls.filter((op) => op === "bufPrepare")).toHaveLength(1);
  });

  it("are refused in QBUF when they are bad", () => {
    const c = client();
    c.queue.reqbufs("userptr", 2);
    Object.assign(c.call, { memory: new FakeMemory(0) });
    expectErrno("EFAULT", () => c.qbuf(0, 3, user));
    expect(at(c.queue, 0).state).toBe("dequeued");
    expect(c.memory.live).toBe(0);
  });

  it("are forgotten when the request does not take the buffer", () => {
    const c = client();
    c.queue.reqbufs("userptr", 2);
    Object.assign(c.call, { memory });
    c.request(3).bind = () => {
      throw new V4l2Error("ENOMEM", "full");
    };
    expectErrno("ENOMEM", () => c.qbuf(0, 3, user));
    expect(at(c.queue, 0)).toMatchObject({ state: "dequeued", preparedBy: undefined });
    c.queue.release();
    expect(c.queue.counters.balance()).toEqual([]);
  });

  it("a dropped request is forgotten: the next QBUF looks at what it says", () => {
    const c = client();
    c.queue.reqbufs("dmabuf", 2);
    c.memory.files.set("1:7", { bytes: new Uint8Array(64).fill(7) });
    c.memory.files.set("1:8", { bytes: new Uint8Array(64).fill(8) });
    const dmabuf = (fd: number): Partial<Buffer> => ({
      memory: Memory.Dmabuf,
      planes: [{ bytesused: 5, length: 64, dataOffset: 0, fd }],
    });
    c.qbuf(0, 3, dmabuf(7));
    c.request(3).clean();
    c.qbuf(0, 4, dmabuf(8));
    c.request(4).queue();
    expect(at(c.queue, 0).planes[0]?.bytes[0]).toBe(8);
    c.queue.release();
    expect(c.queue.counters.balance()).toEqual([]);
    expect(c.memory.live).toBe(0);
  });
});

it("a file that is closed takes its buffers out of their requests", () => {
  const c = client();
  c.qbuf(0, 3);
  c.qbuf(1, 4);
  c.request(4).queue();
  c.queue.releaseFile(c.file);
  expect([c.request(3).objects, c.request(4).objects]).toEqual([[], []]);
  expect(c.queue.counters.balance()).toEqual([]);
});
