/** STREAMOFF, close and death in the middle of a job, and requests, on the mem2mem example. */
import { expect, it } from "vitest";
import { describeDevice, until } from "./support/device.js";
import { Control, runClient, sharedMem2mem, startClient } from "./support/mem2mem.js";
import type { Mem2mem } from "./support/mem2mem.js";

/** One file that streams 32x32 with two buffers on each queue; jobs last so long. */
const streaming = (jobMs: number): string =>
  `open size 32x32 ctrl ${Control.transactionTimeMs} ${jobMs} alloc 2 on both queue cap 0 queue cap 1`;

/** What becomes of jobs from now on. */
function watchJobs({ process }: Mem2mem): () => string[] {
  const before = process.lines.length;
  return () =>
    process.lines.slice(before).flatMap((line) => / job \d+ of file \d+ (\w+)$/.exec(line)?.[1] ?? []);
}

/** Does the device still do what it should, for somebody else? */
async function expectUsable(device: Mem2mem): Promise<void> {
  const lines = await runClient(device, `${streaming(1)} queue out 0 5 dequeue cap dequeue out`);
  expect(lines.slice(-2)).toEqual([
    "dequeue cap: index 0 sequence 0 frame 5 plain",
    "dequeue out: index 0 sequence 0 frame 5",
  ]);
}

describeDevice("in the middle of a job", () => {
  const shared = sharedMem2mem();

  it.each([
    ["out", "cap"],
    ["cap", "out"],
  ])("STREAMOFF of %s answers at once, and the job's other buffer comes back bad", async (off, other) => {
    const device = shared();
    const jobs = watchJobs(device);
    const started = Date.now();
    const lines = await runClient(
      device,
      `${streaming(10_000)} queue out 0 1 queue out 1 2 sleep 200 off ${off} dequeue ${other}
       nonblock dequeue ${other} dequeue ${off}`,
    );
    expect(Date.now() - started).toBeLessThan(8_000);
    expect(lines.slice(-4)).toEqual([
      `off ${off}: ok`,
      expect.stringMatching(`^dequeue ${other}: index 0 sequence 0 frame 1 error$`),
      `dequeue ${other}: EAGAIN`,
      `dequeue ${off}: EINVAL`,
    ]);
    expect(jobs()).toEqual(["queued", "started", "aborted"]);
    await expectUsable(device);
  });

  it("STREAMOFF and STREAMON: the old job does not touch the new one", async () => {
    const device = shared();
    const jobs = watchJobs(device);
    // The timer of the first job (600 ms) rings in the middle of the second (700 ms).
    const lines = await runClient(
      device,
      `${streaming(600)} queue out 0 1 sleep 300 off both ctrl ${Control.transactionTimeMs} 700
       on both queue cap 0 queue out 0 2 sleep 450 nonblock dequeue cap poll 2000 dequeue cap`,
    );
    expect(lines.slice(-3)).toEqual([
      "dequeue cap: EAGAIN",
      "poll: in out",
      "dequeue cap: index 0 sequence 0 frame 2 plain",
    ]);
    expect(jobs()).toEqual(["queued", "started", "aborted", "queued", "started", "finished"]);
  });

  it("a buffer that is not part of it stays queued when the other queue stops", async () => {
    const device = shared();
    const lines = await runClient(
      device,
      `${streaming(400)} queue out 0 1 queue out 1 2 sleep 150 off cap on cap
       queue cap 0 dequeue cap dequeue out dequeue out`,
    );
    expect(lines.slice(-3)).toEqual([
      "dequeue cap: index 0 sequence 0 frame 2 plain",
      "dequeue out: index 0 sequence 0 frame 1 error",
      "dequeue out: index 1 sequence 1 frame 2",
    ]);
  });

  it("close ends it, and the next file's job starts", async () => {
    const device = shared();
    const lines = await runClient(
      device,
      `${streaming(10_000)} queue out 0 1 ${streaming(1)} queue out 0 2 sleep 200
       file 0 close file 1 dequeue cap`,
    );
    expect(lines.slice(-2)).toEqual(["close: ok", "dequeue cap: index 0 sequence 0 frame 2 plain"]);
  });

  it("SIGKILL of the client ends it, and nothing of the client is left", async () => {
    const device = shared();
    const jobs = watchJobs(device);
    const client = await startClient(
      device,
      `${streaming(10_000)} media ${device.media} request 0 rqueue 0 0 1 submit 0
       request 1 rqueue 1 1 2 mark waiting dequeue cap`,
    );
    await client.line("waiting");
    await until(() => jobs().includes("started"), "the job starts");
    client.kill();
    await client.result;
    await until(() => jobs().includes("aborted"), "the job ends");
    await expectUsable(device);
  });
});

describeDevice("requests", () => {
  const shared = sharedMem2mem();

  it("set controls for one frame alone", async () => {
    const device = shared();
    const lines = await runClient(
      device,
      `open size 32x32 ctrl ${Control.transactionTimeMs} 30 alloc 4 on both
       queue cap 0 queue cap 1 queue cap 2 queue cap 3 media ${device.media}
       request 0 rctrl 0 ${Control.hflip} 1 rqueue 0 0 10
       request 1 rctrl 1 ${Control.hflip} 0 rctrl 1 ${Control.vflip} 1 rqueue 1 1 11
       request 2 rctrl 2 ${Control.hflip} 1 rqueue 2 2 12
       request 3 rctrl 3 ${Control.hflip} 0 rctrl 3 ${Control.vflip} 0 rqueue 3 3 13
       submit 0 submit 1 submit 2 submit 3 submit 3
       rwait 3 5000 rwait 0 0 rwait 1 0 rwait 2 0
       dequeue cap dequeue cap dequeue cap dequeue cap dequeue out`,
    );
    expect(lines.slice(-14)).toEqual([
      "submit 0: ok",
      "submit 1: ok",
      "submit 2: ok",
      "submit 3: ok",
      "submit 3: EBUSY",
      "rwait 3: complete",
      "rwait 0: complete",
      "rwait 1: complete",
      "rwait 2: complete",
      "dequeue cap: index 0 sequence 0 frame 10 hflip",
      "dequeue cap: index 1 sequence 1 frame 11 vflip",
      "dequeue cap: index 2 sequence 2 frame 12 hvflip",
      "dequeue cap: index 3 sequence 3 frame 13 plain",
      "dequeue out: index 0 sequence 0 frame 10",
    ]);
  });

  it("can be used again and again", async () => {
    const device = shared();
    const round = (frame: number): string =>
      `rctrl 0 ${Control.hflip} ${frame % 2} rqueue 0 0 ${frame} submit 0 rwait 0 5000
       dequeue cap dequeue out queue cap 0 reinit 0`;
    const frames = Array.from({ length: 20 }, (_, frame) => frame);
    const lines = await runClient(
      device,
      `open size 32x32 ctrl ${Control.transactionTimeMs} 1 alloc 1 on both queue cap 0 media ${device.media}
       request 0 ${frames.map(round).join(" ")}`,
    );
    expect(lines.filter((line) => line.startsWith("dequeue cap"))).toEqual(
      frames.map(
        (frame) => `dequeue cap: index 0 sequence ${frame} frame ${frame} ${frame % 2 ? "hflip" : "plain"}`,
      ),
    );
  });

  it("complete when STREAMOFF ends their job or takes their buffer", async () => {
    const device = shared();
    const lines = await runClient(
      device,
      `${streaming(10_000)} media ${device.media} request 0 rqueue 0 0 1 submit 0 request 1 rqueue 1 1 2 submit 1
       rwait 0 200 off out rwait 0 1000 rwait 1 1000 reinit 0 reinit 1`,
    );
    expect(lines.slice(-6)).toEqual([
      "rwait 0: nothing",
      "off out: ok",
      "rwait 0: complete",
      "rwait 1: complete",
      "reinit 0: ok",
      "reinit 1: ok",
    ]);
  });

  it("run to their end when their descriptor is closed before", async () => {
    const device = shared();
    const lines = await runClient(
      device,
      `${streaming(200)} media ${device.media} request 0 rctrl 0 ${Control.vflip} 1 rqueue 0 0 1 submit 0 drop 0
       dequeue cap dequeue out`,
    );
    expect(lines.slice(-3)).toEqual([
      "drop 0: ok",
      "dequeue cap: index 0 sequence 0 frame 1 vflip",
      "dequeue out: index 0 sequence 0 frame 1",
    ]);
  });

  it("are refused as documented", async () => {
    const device = shared();
    const lines = await runClient(
      device,
      `${streaming(1)} media ${device.media}
       request 0 submit 0 rqueue 0 0 1 rqueue 0 0 1 request 1 rqueue 1 0 1 queue out 1 1`,
    );
    expect(lines.slice(-7)).toEqual([
      "request 0: ok",
      "submit 0: ENOENT",
      "rqueue: ok",
      "rqueue: EINVAL",
      "request 1: ok",
      "rqueue: EINVAL",
      "queue out 1: EBUSY",
    ]);
  });
});
