/** Blocking DQBUF: who is woken by what, with which result. */
import { describe, expect, it } from "vitest";
import { Poll } from "../../src/v4l2/index.js";
import { at, bench, expectErrno, expectRejection, FakeCall, FakeFileHandle, settled } from "./fakes.js";
import type { Bench } from "./fakes.js";

function streaming(config: Parameters<typeof bench>[0] = {}): Bench {
  const b = bench(config);
  b.queue.reqbufs("mmap", 3);
  for (const buffer of b.queue.buffers()) b.queue.qbuf(buffer);
  b.queue.streamon();
  return b;
}

describe("a waiting DQBUF", () => {
  it("gets the next buffer that is done", async () => {
    const { queue, driver, call } = streaming();
    const waiting = queue.waitDequeue(undefined, call);
    driver.complete();
    expect((await waiting).index).toBe(0);
    expect(at(queue, 0).state).toBe("dequeued");
  });

  it("gets a buffer whose contents are bad, too", async () => {
    const { queue, driver, call } = streaming();
    const waiting = queue.waitDequeue(undefined, call);
    driver.complete("error");
    expect((await waiting).index).toBe(0);
  });

  it("ends with EINVAL on STREAMOFF, although the driver gives buffers back on the way", async () => {
    const { queue, call } = streaming();
    const waiting = queue.waitDequeue(undefined, call);
    queue.streamoff();
    await expectRejection("EINVAL", waiting);
    expect(queue.buffers().every((buffer) => buffer.state === "dequeued")).toBe(true);
  });

  it("ends with EIO when the queue fails", async () => {
    const { queue, call } = streaming();
    const waiting = queue.waitDequeue(undefined, call);
    queue.error();
    await expectRejection("EIO", waiting);
  });

  it("ends with EINTR on a signal, and takes no buffer with it", async () => {
    const { queue, driver, call } = streaming();
    const waiting = queue.waitDequeue(undefined, call);
    driver.complete();
    call.interrupt();
    await expectRejection("EINTR", waiting);
    expect(queue.dequeue()?.index).toBe(0);
  });

  it("a signal after the buffer came changes nothing", async () => {
    const { queue, driver, call } = streaming();
    const waiting = queue.waitDequeue(undefined, call);
    driver.complete();
    await settled();
    call.interrupt();
    expect((await waiting).index).toBe(0);
  });

  it("ends with EINTR when the queue goes away", async () => {
    const { queue, call } = streaming();
    const waiting = queue.waitDequeue(undefined, call);
    queue.release();
    await expectRejection("EINTR", waiting);
  });

  it("ends with EPIPE when the last buffer went to somebody else", async () => {
    const { queue, driver } = streaming({ maxWaiters: 2 });
    const last = { describe: () => (queue.lastBufferDequeued = true) };
    const first = queue.waitDequeue(last, new FakeCall());
    const second = queue.waitDequeue(undefined, new FakeCall());
    driver.complete();
    await first;
    await expectRejection("EPIPE", second);
  });

  it("sleeps on while nothing that concerns it happens", async () => {
    const { queue, driver, call } = streaming();
    let settledYet = false;
    const waiting = queue.waitDequeue(undefined, call).finally(() => (settledYet = true));
    queue.createBufs("mmap", 1, [64]);
    queue.qbuf(at(queue, 3));
    await settled();
    expect(settledYet).toBe(false);
    driver.complete();
    await waiting;
  });

  it("keeps REQBUFS and other callers away with EBUSY", async () => {
    const { queue, driver, call } = streaming();
    const waiting = queue.waitDequeue(undefined, call);
    expectErrno("EBUSY", () => queue.dequeue());
    driver.complete();
    // Even now: the buffer is the waiting caller's.
    expectErrno("EBUSY", () => queue.dequeue());
    await waiting;
    expect(queue.dequeue()).toBeUndefined();
  });

  it("REQBUFS after STREAMOFF is EBUSY until the waiting caller has gone", async () => {
    const { queue, call } = streaming();
    const waiting = queue.waitDequeue(undefined, call);
    queue.streamoff();
    expectErrno("EBUSY", () => queue.reqbufs("mmap", 2));
    expect(queue.reqbufs("mmap", 0)).toBe(0);
    expectErrno("EBUSY", () => queue.createBufs("mmap", 1, [64]));
    await expectRejection("EINVAL", waiting);
    expect(queue.reqbufs("mmap", 2)).toBe(2);
  });

  it("a client whose array is too small is refused, the buffer stays for the next", async () => {
    const { queue, driver, call } = streaming();
    const picky = {
      verify: () => {
        throw new RangeError("too small");
      },
      describe: () => undefined,
    };
    const waiting = queue.waitDequeue(picky, call);
    driver.complete();
    await expect(waiting).rejects.toThrow("too small");
    expect(queue.dequeue()?.index).toBe(0);
  });
});

describe("several waiting callers (maxWaiters)", () => {
  it("are served first come, first served", async () => {
    const { queue, driver } = streaming({ maxWaiters: 3 });
    const order: string[] = [];
    const wait = (name: string): Promise<unknown> =>
      queue.waitDequeue(undefined, new FakeCall()).then((buffer) => order.push(`${name}${buffer.index}`));
    const all = [wait("a"), wait("b"), wait("c")];
    driver.complete();
    await settled();
    driver.complete();
    driver.complete();
    await Promise.all(all);
    expect(order).toEqual(["a0", "b1", "c2"]);
  });

  it("a newcomer does not overtake them", () => {
    const { queue, driver } = streaming({ maxWaiters: 3 });
    void queue.waitDequeue(undefined, new FakeCall());
    driver.complete();
    expect(queue.dequeue()).toBeUndefined();
  });

  it("all hear of STREAMOFF", async () => {
    const { queue } = streaming({ maxWaiters: 2 });
    const all = [queue.waitDequeue(undefined, new FakeCall()), queue.waitDequeue(undefined, new FakeCall())];
    queue.streamoff();
    for (const waiting of all) await expectRejection("EINVAL", waiting);
  });

  it("one more than allowed is EBUSY", () => {
    const { queue } = streaming({ maxWaiters: 2 });
    void queue.waitDequeue(undefined, new FakeCall());
    void queue.waitDequeue(undefined, new FakeCall());
    expectErrno("EBUSY", () => queue.dequeue());
  });
});

describe("poll", () => {
  const input = Poll.In | Poll.RdNorm;

  it("is an error until a CAPTURE queue streams and has had a buffer", () => {
    const { queue } = bench();
    expect(queue.poll(input)).toBe(Poll.Err);
    queue.reqbufs("mmap", 2);
    queue.streamon();
    expect(queue.poll(input)).toBe(Poll.Err);
    queue.qbuf(at(queue, 0));
    expect(queue.poll(input)).toBe(0);
  });

  it("is an error again after STREAMOFF, and after the first CREATE_BUFS", () => {
    const { queue } = streaming();
    queue.streamoff();
    queue.streamon();
    expect(queue.poll(input)).toBe(Poll.Err);
    queue.qbuf(at(queue, 0));
    expect(queue.poll(input)).toBe(0);
    queue.release();
    queue.createBufs("mmap", 1, undefined);
    queue.streamon();
    expect(queue.poll(input)).toBe(Poll.Err);
  });

  it("a queue may do without that rule", () => {
    const { queue } = bench({ pollNeedsBuffers: false });
    queue.reqbufs("mmap", 2);
    queue.streamon();
    expect(queue.poll(input)).toBe(0);
  });

  it("is ready when a buffer is done, in error when the queue failed or is off", () => {
    const { queue, driver } = streaming();
    driver.complete();
    expect(queue.poll(input)).toBe(input);
    expect(queue.poll(Poll.In)).toBe(input);
    expect(queue.poll(Poll.Out)).toBe(0);
    queue.error();
    expect(queue.poll(input)).toBe(Poll.Err);
    queue.streamoff();
    expect(queue.poll(input)).toBe(Poll.Err);
  });

  it("is ready after the last buffer, since DQBUF answers at once", () => {
    const { queue } = streaming();
    queue.lastBufferDequeued = true;
    expect(queue.poll(input)).toBe(input);
  });

  it("notifies a file once per poll, after the verb", async () => {
    const { queue, driver } = streaming();
    const file = new FakeFileHandle();
    queue.addPoller(file);
    driver.complete();
    driver.complete();
    expect(file.notified).toBe(0);
    await settled();
    expect(file.notified).toBe(1);
    driver.complete();
    await settled();
    expect(file.notified).toBe(1);
    queue.addPoller(file);
    queue.streamoff();
    await settled();
    expect(file.notified).toBe(2);
  });

  it("a closed file is not notified", async () => {
    const { queue, driver, file: owner } = streaming();
    queue.owner = owner;
    const file = new FakeFileHandle();
    queue.addPoller(file);
    queue.releaseFile(file);
    driver.complete();
    await settled();
    expect(file.notified).toBe(0);
  });
});
