/** Files without a name: what clients can do with their descriptors, and what the driver learns of it. */
import { fstatSync, readFileSync, readlinkSync } from "node:fs";
import { expect, it } from "vitest";
import type { AnonymousFile, FuseSession } from "../../src/cuse/index.js";
import { inspectFd, openFileFacts, ProcessFd, SharedMemory } from "../../src/native.js";
import {
  describeDevice,
  describeFiles,
  startDriver,
  startDevice,
  startFiles,
  TestLog,
  until,
} from "./support/device.js";
import { ECHO, EchoDevice, POLLIN, POLLOUT, POLLPRI } from "./support/echo-device.js";
import { probeProgram, startProgram, type Client, type ClientOptions } from "./support/probe.js";

/** A file, and the device behind it. */
async function makeFile(session: FuseSession): Promise<{ device: EchoDevice; file: AnonymousFile }> {
  const device = new EchoDevice();
  return { device, file: await session.create(device, (handle) => device.add(handle), { label: "echo" }) };
}

/** Gives the file to a probe as descriptor 3, and closes ours. */
async function give(file: AnonymousFile, steps: string, options?: ClientOptions): Promise<Client> {
  const program = await probeProgram();
  const words = `use 3 ${steps}`.trim().split(/\s+/);
  const client = startProgram(program, ["none", ...words], { ...options, fds: [file.fd] });
  file.close();
  return client;
}

async function linesOf(client: Client): Promise<readonly string[]> {
  const { lines, stderr, code, signal } = await client.result;
  if (code !== 0) throw new Error(`probe ended with ${code ?? signal}: ${lines.join("\n")}\n${stderr}`);
  return lines;
}

/** The second: the call was on its way when the session ended. */
const GONE = /^ioctl -1 (ENOTCONN|ECONNABORTED) 00$/;

describeFiles("an anonymous file", () => {
  it("is on a mount that nobody sees, and needs no answer to be looked at", async () => {
    const session = startFiles();
    const { file } = await makeFile(session);
    expect(readlinkSync(`/proc/self/fd/${file.fd}`)).toBe(`/echo:${file.ino}`);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain("fuse.v4l2-cuse");
    expect(openFileFacts(process.pid, file.fd)?.ino).toBe(file.ino);
    expect(openFileFacts(process.pid, 12345)).toBeUndefined();
    file.close();
  });

  it("is as long as its maker says", async () => {
    const device = new EchoDevice();
    const sizeBytes = 2 ** 32 - 4096;
    const file = await startFiles().create(device, (handle) => device.add(handle), { sizeBytes });
    expect(fstatSync(file.fd).size).toBe(sizeBytes);
    file.close();
  });

  it("takes ioctls, with and without arguments, from a client of another user", async () => {
    const session = startFiles();
    const { device, file } = await makeFile(session);
    const client = await give(
      file,
      `ioctl ${ECHO.urgent} 00 ioctl ${ECHO.reverse} 0102030405060708 ioctl ${ECHO.fail} 01020304
       ioctl 0x5401 00 ioctl-bad ${ECHO.reverse} ioctl ${ECHO.later} 05000000 fstat close`,
      { uid: 1000, gid: 1000 },
    );
    expect(await linesOf(client)).toEqual([
      "ioctl 0 00",
      "ioctl 8 0807060504030201",
      "ioctl -1 EBUSY 01020304",
      "ioctl -1 ENOTTY 00",
      "ioctl-bad -1 EFAULT",
      "ioctl 0 06000000",
      "fstat 0100600 0",
      "close 0",
    ]);
    await until(() => device.events.includes("release"), "the file is released");
    expect(session.size).toBe(0);
  });

  it("read and write reach the device, too", async () => {
    const session = startFiles();
    const device = new EchoDevice();
    const flags = 2; // O_RDWR
    const file = await session.create(device, (handle) => device.add(handle), { flags });
    const client = await give(file, "write abc read 64");
    expect(await linesOf(client)).toEqual(["write 3", "read 3 616263"]);
  });

  it.each([
    ["poll", `poll ${POLLPRI} 5000`, /^poll 1 0x2 after \d+$/],
    ["select", "select 5000", /^select 1 e$/],
    ["epoll", `epoll ${POLLPRI} 5000 1`, /^epoll 1 0x2$/],
  ])("wakes who sleeps in %s with POLLPRI", async (_name, steps, woken) => {
    const session = startFiles();
    const { device, file } = await makeFile(session);
    // Nothing else is ready meanwhile, or select would not sleep.
    device.poll = () => (device.urgent ? POLLPRI : 0);
    const client = await give(file, `mark waits ${steps}`);
    await client.line("mark waits");
    await new Promise((resolve) => setTimeout(resolve, 200));
    device.setUrgent();
    const lines = await linesOf(client);
    expect(lines.at(-1)).toMatch(woken);
  });

  it("wakes the same epoll set again and again", async () => {
    const session = startFiles();
    const { device, file } = await makeFile(session);
    const edgeTriggered = 0x8000_0000;
    const client = await give(file, `epoll ${edgeTriggered + POLLIN} 5000 3`);
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      device.put(Buffer.from("x"));
    }
    expect(await linesOf(client)).toEqual(["epoll 1 0x1", "epoll 1 0x1", "epoll 1 0x1"]);
  });

  it("poll tells at once what is true", async () => {
    const session = startFiles();
    const { file } = await makeFile(session);
    const client = await give(file, `poll ${POLLIN + POLLOUT} 5000`);
    expect((await linesOf(client))[0]).toMatch(/^poll 1 0x4 after \d+$/);
  });

  it("is one file however often it is duplicated: release comes with the last descriptor", async () => {
    const session = startFiles();
    const { device, file } = await makeFile(session);
    const client = await give(file, `dup use 3 close mark one ioctl ${ECHO.urgent} 00 use 4 sleep 200 close`);
    await client.line("mark one");
    session.catchUp();
    expect(device.events).not.toContain("release");
    await linesOf(client);
    await until(() => device.events.includes("release"), "the file is released");
    expect(device.events.filter((event) => event === "release")).toEqual(["release"]);
  });

  it("works in a child, after its parent has closed it", async () => {
    const session = startFiles();
    const { device, file } = await makeFile(session);
    const client = await give(file, `fork ioctl ${ECHO.reverse} 0102030405060708 close`);
    const reversed = "ioctl 8 0807060504030201";
    expect(await linesOf(client)).toEqual(["child", reversed, "close 0", "parent", reversed, "close 0"]);
    await until(() => device.events.includes("release"), "the file is released");
  });

  it("works in a process that got it by SCM_RIGHTS", async () => {
    const session = startFiles();
    const { device, file } = await makeFile(session);
    const client = await give(
      file,
      `pass mark passed ioctl ${ECHO.reverse} 0102030405060708 sleep 300 close`,
    );
    await client.line("mark passed");
    expect(device.openFiles.size).toBe(1);
    expect(await linesOf(client)).toEqual(["pass 0", "mark passed", "ioctl 8 0807060504030201", "close 0"]);
    await until(() => device.openFiles.size === 0, "the file is released");
  });

  it("cannot be opened again by way of /proc, and O_PATH makes no file of it", async () => {
    const session = startFiles();
    const { file } = await makeFile(session);
    const client = await give(
      file,
      `reopen ro reopen rw reopen path ioctl ${ECHO.urgent} 00 mark path sleep 500`,
    );
    await client.line("mark path");
    expect(session.identify(client.pid, 3)).toBeDefined();
    expect(session.identify(client.pid, 4)).toBeUndefined();
    expect(await linesOf(client)).toEqual([
      "reopen -1 EACCES",
      "reopen -1 EACCES",
      "reopen 4",
      "ioctl -1 EBADF 00",
      "mark path",
    ]);
  });

  it("cannot be mapped shared: it has no memory", async () => {
    const session = startFiles();
    const { file } = await makeFile(session);
    expect(await linesOf(await give(file, "map 0 4096 x"))).toEqual(["map -1 EACCES"]); // O_RDONLY
    const device = new EchoDevice();
    const writable = await session.create(device, (handle) => device.add(handle), { flags: 2 });
    expect(await linesOf(await give(writable, "map 0 4096 x"))).toEqual(["map -1 ENODEV"]);
  });

  it("knows O_NONBLOCK as it is at the time of the call", async () => {
    const session = startFiles();
    const { device, file } = await makeFile(session);
    const client = await give(
      file,
      `nonblock 1 ioctl ${ECHO.wait} 00000000 nonblock 0 dup mark waits ioctl ${ECHO.wait} 00000000`,
    );
    await client.line("mark waits");
    await until(() => device.waiting === 1, "the client waits");
    device.put(Buffer.from("x"));
    expect(await linesOf(client)).toEqual([
      "nonblock 0",
      "ioctl -1 EAGAIN 00000000",
      "nonblock 0",
      "dup 0",
      "mark waits",
      "ioctl 3 77000000",
    ]);
  });

  it("a signal ends a waiting ioctl", async () => {
    const session = startFiles();
    const { device, file } = await makeFile(session);
    const client = await give(file, `handler interrupt alarm 100 ioctl ${ECHO.wait} 01020304`);
    expect(await linesOf(client)).toEqual(["ioctl -1 EINTR 01020304"]);
    expect(device.waiting).toBe(0);
  });

  it("is released when its client is killed, in the middle of a call as well", async () => {
    const session = startFiles();
    const { device, file } = await makeFile(session);
    const client = await give(file, `ioctl ${ECHO.wait} 00000000`);
    await until(() => device.waiting === 1, "the client waits");
    client.kill();
    await client.result;
    await until(() => device.openFiles.size === 0, "the file is released");
    expect(session.size).toBe(0);
  });

  it("may be passed to its own driver as if it were memory, which that finds out without waiting for itself", async () => {
    const session = startFiles();
    const { device, file } = await makeFile(session);
    device.put(Buffer.from("data")); // A read that succeeds makes attributes stale.
    const client = await give(file, "read 4 mark here sleep 500");
    await client.line("mark here");
    expect(() => ProcessFd.takeMemory(client.pid, 3)).toThrow("EINVAL");
    expect(() => ProcessFd.takeSocket(client.pid, 3)).toThrow("ENOTSOCK");
    client.kill();
    const { file: own } = await makeFile(session);
    expect(() => inspectFd(own.fd)).toThrow("EINVAL");
    expect(() => SharedMemory.fromFd(own.fd, 4096, false)).toThrow("EINVAL");
    own.close();
  });

  it("many at once: each is its own, and all go", async () => {
    const session = startFiles();
    const made = await Promise.all(Array.from({ length: 40 }, () => makeFile(session)));
    const clients = await Promise.all(
      made.map(({ file }, index) => give(file, `ioctl ${ECHO.store} ${hexByte(index)}000000 sleep 100`)),
    );
    await Promise.all(clients.map(linesOf));
    await until(() => session.size === 0, "all files are released");
    expect(made.every(({ device }) => device.events.includes("release"))).toBe(true);
  });
});

const hexByte = (value: number): string => value.toString(16).padStart(2, "0");

describeFiles("a file with memory behind it", () => {
  const PAGE = 4096;
  const O_RDWR = 2;
  /** undefined where the kernel cannot; what it says then is checked here. */
  async function makeMapped(): Promise<
    { session: FuseSession; device: EchoDevice; file: AnonymousFile; memory: SharedMemory } | undefined
  > {
    const session = startFiles();
    const device = new EchoDevice();
    const memory = SharedMemory.create("pool", 2 * PAGE);
    const make = (): Promise<AnonymousFile> =>
      session.create(device, (handle) => device.add(handle), {
        label: "video",
        flags: O_RDWR,
        backing: memory.fd,
      });
    if (!(await session.canMap)) {
      await expect(make()).rejects.toMatchObject({ code: "EOPNOTSUPP" });
      return undefined;
    }
    return { session, device, file: await make(), memory };
  }

  // On a kernel without FUSE_PASSTHROUGH these are tests of makeMapped()'s first half: it is refused, and why.
  it("is mapped by a client that was sent it, while ioctl, poll, read and write reach the device", async () => {
    const made = await makeMapped();
    if (made === undefined) return;
    const { device, file, memory } = made;
    memory.bytes.fill(0x11, 0, PAGE).fill(0x22, PAGE);
    const client = await give(
      file,
      `map 0 ${2 * PAGE} first map ${PAGE} ${PAGE} second pass map 0 ${PAGE} third
       ioctl ${ECHO.reverse} 0102030405060708 write abc poll ${POLLIN} 0 read 64 close`,
      { uid: 1000, gid: 1000 },
    );
    expect(await linesOf(client)).toEqual([
      "map 11 22",
      "map 22 22",
      "pass 0",
      "map 66 11",
      "ioctl 8 0807060504030201",
      "write 3",
      expect.stringMatching(/^poll 1 0x1 after /),
      "read 3 616263",
      "close 0",
    ]);
    const text = (offset: number): string =>
      Buffer.from(memory.bytes.subarray(offset, offset + 6)).toString();
    expect([text(0), text(PAGE)]).toEqual(["third\x11", "second"]);
    await until(() => device.openFiles.size === 0, "the file is released");
    memory.close();
  });

  it("keeps its mappings when the driver's session ends", async () => {
    const made = await makeMapped();
    if (made === undefined) return;
    const { session, file, memory } = made;
    memory.bytes.fill(0x33);
    const client = await give(file, `mark ready sleep 300 map 0 ${PAGE} x ioctl ${ECHO.urgent} 00`);
    await client.line("mark ready");
    memory.close();
    await session.close();
    const lines = await linesOf(client);
    expect(lines.slice(1)).toEqual(["map 33 33", expect.stringMatching(GONE)]);
  });
});

describeFiles("identify", () => {
  it("finds a client's descriptor in its process and in its child, and no other", async () => {
    const session = startFiles();
    const { device, file } = await makeFile(session);
    const client = await give(file, "dup mark here sleep 2000");
    await client.line("mark here");
    const [echoFile] = device.openFiles;
    expect(session.identify(client.pid, 3)).toEqual({ device, file: echoFile });
    expect(session.identify(client.pid, 4)?.file).toBe(echoFile);
    for (const fd of [0, 1, 2, 5, 1000]) expect(session.identify(client.pid, fd)).toBeUndefined();
    expect(session.identify(process.pid, 0)).toBeUndefined();
    client.kill();
    await client.result;
    expect(session.identify(client.pid, 3)).toBeUndefined();
  });

  it("knows no file of another session with the same inode", async () => {
    const session = startFiles();
    const other = startFiles();
    const { file } = await makeFile(session);
    const { file: foreign } = await makeFile(other);
    expect(foreign.ino).toBe(file.ino);
    const client = await give(foreign, "mark here sleep 2000");
    await client.line("mark here");
    expect(session.identify(client.pid, 3)).toBeUndefined();
    expect(other.identify(client.pid, 3)).toBeDefined();
    file.close();
    client.kill();
  });
});

describeDevice("a file that takes the place of a device node's", () => {
  it("is the same file to the device, wakes with it, and outlives it", async () => {
    const files = startFiles();
    const device = new EchoDevice();
    const session = await startDevice(device, { before: () => files.catchUp() });
    const program = await probeProgram();
    const first = startProgram(program, [
      session.node,
      ...`open rw ioctl ${ECHO.store} 2a000000 mark open poll ${POLLPRI} 9000 close mark closed`.split(" "),
    ]);
    await first.line("mark open");
    const [opened] = device.openFiles;
    const shared = session.share(opened?.file.id ?? 0n);
    if (shared === undefined) throw new Error("not open");

    const file = await files.create(shared, shared.attach, { label: "video", flags: 2 });
    const second = await give(
      file,
      `ioctl ${ECHO.query} 0000000000000000 poll ${POLLPRI} 9000 mark woken sleep 500
                                     ioctl ${ECHO.urgent} 00 close`,
    );
    await second.line(/^ioctl 0/);
    await new Promise((resolve) => setTimeout(resolve, 100));
    device.setUrgent();
    await first.line("mark closed");
    await second.line("mark woken");
    expect(device.openFiles.size).toBe(1);
    expect((await linesOf(second)).slice(0, 3)).toEqual([
      "ioctl 0 2a0000005a5a5a5a",
      expect.stringMatching(/^poll 1 0x2 after /),
      "mark woken",
    ]);
    await until(() => device.openFiles.size === 0, "the file is released");
    expect(device.events.filter((event) => event === "release")).toEqual(["release"]);
  });

  it("answers ENODEV when the device is gone", async () => {
    const files = startFiles();
    const device = new EchoDevice();
    const session = await startDevice(device);
    const opener = startProgram(await probeProgram(), [
      session.node,
      ..."open rw mark open sleep 2000".split(" "),
    ]);
    await opener.line("mark open");
    const [opened] = device.openFiles;
    const shared = session.share(opened?.file.id ?? 0n);
    if (shared === undefined) throw new Error("not open");
    const file = await files.create(shared, shared.attach);
    const client = await give(file, `mark ready sleep 300 ioctl ${ECHO.urgent} 00 poll ${POLLPRI} 9000`);
    await client.line("mark ready");
    await session.close();
    expect((await linesOf(client)).slice(1)).toEqual([
      "ioctl -1 ENODEV 00",
      expect.stringMatching(/^poll 1 0x18 after /),
    ]);
  });
});

describeDevice("catchUp", () => {
  it("a device learns of a client's close(2) before it serves the client's next call", async () => {
    const files = startFiles();
    const seen: number[] = [];
    const device = new EchoDevice();
    device.ioctl = () => {
      seen.push(files.size);
      return 0;
    };
    const session = await startDevice(device, { before: () => files.catchUp() });
    const program = await probeProgram();
    for (let round = 0; round < 20; round++) {
      const echo = new EchoDevice();
      const file = await files.create(echo, (handle) => echo.add(handle));
      const client = startProgram(
        program,
        [session.node, ...`open rw use 3 close use 4 ioctl ${ECHO.query} 00`.split(" ")],
        { fds: [file.fd] },
      );
      file.close();
      await client.result;
    }
    expect(seen).toEqual(new Array(20).fill(0));
  });
});

describeFiles("the end of a session", () => {
  it("fails the calls of clients that have files, and wakes them", async () => {
    const log = new TestLog();
    const session = startFiles(log);
    const { device, file } = await makeFile(session);
    const { file: polled } = await makeFile(session);
    const waiting = await give(file, `ioctl ${ECHO.wait} 00000000 ioctl ${ECHO.urgent} 00 close`);
    const polling = await give(polled, `mark waits poll ${POLLPRI} 10000 close`);
    await until(() => device.waiting === 1, "the client waits");
    await polling.line("mark waits");
    await new Promise((resolve) => setTimeout(resolve, 100));
    await session.close();
    expect(device.openFiles.size).toBe(0);
    expect(await linesOf(waiting)).toEqual([
      "ioctl -1 ENODEV 00000000",
      expect.stringMatching(GONE),
      "close 0",
    ]);
    expect((await linesOf(polling))[1]).toMatch(/^poll 1 0x8 after \d+$/);
    expect(log.lines).toEqual([]);
  });

  it("by SIGKILL of the driver: the same", async () => {
    const program = await probeProgram();
    const steps = `use 3 mark ready sleep 1000 ioctl ${ECHO.urgent} 00 poll ${POLLPRI} 10000 close mark end`;
    const driver = startDriver("support/anonymous-driver.ts", ["serve", program, ...steps.split(" ")]);
    await driver.line("mark ready");
    driver.kill("SIGKILL");
    await driver.line("mark end");
    const { lines } = await driver.result;
    expect(lines.slice(0, 2)).toEqual(["mark ready", expect.stringMatching(GONE)]);
    expect(lines[2]).toMatch(/^poll 1 0x8 after \d+$/);
  });

  it.each([
    ["killed", "kill", null],
    ["exits", "exit", 7],
  ])("a driver that %s while it opens a file of its own does end", async (_title, how, code) => {
    const driver = startDriver("support/anonymous-driver.ts", ["stuck", how]);
    await driver.line("stuck");
    if (how === "kill") driver.kill("SIGKILL");
    const ended = await Promise.race([
      driver.result,
      new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 5000)),
    ]);
    expect(ended).toMatchObject({ code });
  });
});
