/**
 * Programs in unusual circumstances, with no helper and no wrapper. `test/clients/mapping-client.c` does what it is
 * told, a word after the other. Where the kernel cannot map, each must be refused, and goes on with read(2).
 */
import { expect, it, vi } from "vitest";
import { sharedCamera } from "./support/camera.js";
import { describeDevice } from "./support/device.js";
import {
  expectMapping,
  kernelMaps,
  mappingClient,
  MappingRun,
  NO_PASSTHROUGH,
  pythonClient,
} from "./support/plain.js";

vi.setConfig({ testTimeout: 60_000 });

const done = "streamed: 3 frames";
const got = "reqbufs 4: ok";

describeDevice("without a helper, a client", () => {
  const camera = sharedCamera("--mode", "0666");

  it.each([
    [
      "whose other threads make system calls all the while",
      "open rw threads 4 reqbufs 4 stream 3 settle",
      [got, done, "threads: 0 files hurt"],
    ],
    ["that streams in another thread", "thread open rw reqbufs 4 stream 3", [got, done]],
    [
      "whose thread has a table of descriptors of its own",
      "open rw thread own-table dup reqbufs 4 file stream 3",
      [got, "file: mapped", done],
    ],
    ["that forks afterwards, and streams in the child", "open rw reqbufs 4 fork stream 3", [got, done]],
    [
      "that execs another program, which streams",
      "open rw reqbufs 4 exec reqbufs 0 reqbufs 4 stream 3",
      [got, "reqbufs 0: ok", got, done],
    ],
    [
      "that had duplicated its descriptor: both map",
      "open rw dup reqbufs 4 stream 3 use 0 file reqbufs 0 reqbufs 4 stream 3",
      [got, done, "file: mapped", "reqbufs 0: ok", got, done],
    ],
    ["that closes one of two", "open rw dup reqbufs 4 close use 0 stream 3", [got, "close: ok", done]],
    [
      "with descriptor 900, close-on-exec",
      "open rw move 900 flags reqbufs 4 flags file stream 3",
      ["flags: number 900 rw cloexec", got, "flags: number 900 rw cloexec", "file: mapped", done],
    ],
    [
      "with descriptor 0, not close-on-exec",
      "no-stdin open rw reqbufs 4 flags stream 3",
      [got, "flags: number 0 rw", done],
    ],
    [
      "that opened with O_NONBLOCK",
      "open rw,nonblock,cloexec reqbufs 4 flags stream 3",
      [got, "flags: number 4 rw nonblock cloexec", done],
    ],
    [
      "that set O_NONBLOCK before",
      "open rw nonblock reqbufs 4 flags stream 3",
      [got, "flags: number 4 rw nonblock", done],
    ],
    [
      "that sets O_NONBLOCK afterwards",
      "open rw reqbufs 4 nonblock flags stream 3",
      [got, "flags: number 4 rw nonblock", done],
    ],
  ])("%s", async (_title, steps, lines) => {
    const frames = steps.split("stream 3").length - 1;
    await expectMapping(new MappingRun(camera(), steps), 3 * frames, lines);
  });

  it.each(["level", "edge", "oneshot"])(
    "whose descriptor is in an epoll set: %s, and a duplicate in another",
    async (how) => {
      const steps = `open rw subscribe watch ${how} dup watch level reqbufs 4 change watched 0 watched 1 stream 3`;
      const again = how === "level" ? "again 0: 1 0x2 0x1122334455667780" : "again 0: 0 0 0";
      await expectMapping(new MappingRun(camera(), steps), 3, [
        got,
        "change: ok",
        "watched 0: 1 0x2 0x1122334455667780",
        again,
        "watched 1: 1 0x2 0x1122334455667781",
        "again 1: 1 0x2 0x1122334455667781",
        done,
      ]);
    },
  );

  it.each([
    ["poll", "poll 0x2"],
    ["select", "select 1"],
    ["epoll", "epoll 0x2"],
    ["dqevent", "dqevent ok"],
  ])("of which a thread sleeps in %s meanwhile: it wakes when there is an event", async (how, told) => {
    const steps = `open rw subscribe sleeper ${how} reqbufs 4 change woken stream 3`;
    await expectMapping(new MappingRun(camera(), steps), 3, [
      "sleeper: asleep",
      got,
      "change: ok",
      `woken: ${told}`,
      done,
    ]);
  });

  it.each([
    ["poll", "poll 0x1"],
    ["epoll", "epoll 0x1"],
  ])("of which a thread sleeps in %s: it wakes when a frame comes", async (how, told) => {
    if (!(await kernelMaps())) {
      const refused = new MappingRun(camera(), "open rw twin create 1 stream 1");
      expect(await refused.lines()).toEqual(["twin: n", "create 1: EINVAL", "read: 1 frames"]);
      refused.expectFrames(1);
      return;
    }
    // The other process has the queue stream without a buffer, before this one is given mmap().
    const run = new MappingRun(camera(), `open rw twin sleeper ${how}-frame create 1 queue woken frame`);
    expect(await run.lines()).toEqual([
      "twin: y",
      "sleeper: asleep",
      "create 1: ok",
      "queue: ok",
      `woken: ${told}`,
      "streamoff: ok",
    ]);
    run.expectFrames(1);
    await run.expectGrafts(2);
  });

  it("that is another process with the same open file shares the queue, and can be woken, before it maps", async () => {
    if (!(await kernelMaps())) {
      expect(await new MappingRun(camera(), "open rw twin file").lines()).toEqual(["twin: n", "file: node"]);
      return;
    }
    const run = new MappingRun(camera(), "open rw twin file sleeper poll-frame queue woken");
    expect(await run.lines()).toEqual([
      "twin: y",
      "file: node",
      "sleeper: asleep",
      "queue: ok",
      "woken: poll 0x1",
    ]);
    await run.expectGrafts(1);
  });

  it("that is killed while it streams leaves a device that serves the next", async () => {
    const run = new MappingRun(camera(), "open rw reqbufs 4 hold");
    await run.process.line("holding");
    run.process.kill("SIGKILL");
    expect((await run.process.result).signal).toBe("SIGKILL");
    if (await kernelMaps()) await run.expectGrafts(1);
    else await run.expectRefusal(NO_PASSTHROUGH);
    await expectMapping(new MappingRun(camera(), "open rw reqbufs 4 stream 1"), 1, [
      got,
      "streamed: 1 frames",
    ]);
  });

  it.each([
    ["with musl", { program: mappingClient.musl }, "open rw threads 2 reqbufs 4 stream 3 settle"],
    ["in Go, whose runtime interrupts its threads", { program: mappingClient.go }, "3"],
    ["in Python", { program: pythonClient, wrapper: ["/usr/bin/python3"] }, "3"],
  ])("made %s", async (_title, how, steps) => {
    const lines = steps === "3" ? [got, done] : [got, done, "threads: 0 files hurt"];
    await expectMapping(new MappingRun(camera(), steps, how), 3, lines);
  });
});
