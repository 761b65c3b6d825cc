/** Callers that wait: signals, O_NONBLOCK, other clients meanwhile, and the end of the driver. */
import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { describeDevice, freeName, startDevice, startDriver, TestLog, until } from "./support/device.js";
import { ECHO, EchoDevice } from "./support/echo-device.js";
import { probe, startProbe } from "./support/probe.js";

describeDevice("a signal", () => {
  it("ends a waiting read with EINTR", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    expect(await probe(session.node, "open rw handler interrupt alarm 100 read 4 mark on")).toEqual([
      "open 0",
      "read -1 EINTR",
      "mark on",
    ]);
    await until(() => device.events.includes("interrupted"), "the handler is told");
    expect(device.waiting).toBe(0);
  });

  it("ends a waiting ioctl with EINTR when its handler says so", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    const lines = await probe(
      session.node,
      `open rw handler interrupt alarm 100 ioctl ${ECHO.wait} 01020304`,
    );
    expect(lines).toEqual(["open 0", "ioctl -1 EINTR 01020304"]);
  });

  it("lets a waiting ioctl go on when its handler restarts system calls, as on a driver in the kernel", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    const client = await startProbe(
      session.node,
      `open rw handler restart alarm 100 ioctl ${ECHO.wait} 01020304`,
    );
    await until(
      () => device.events.includes("interrupted") && device.waiting === 1,
      "the ioctl starts again",
    );
    device.put(Buffer.from("x"));
    expect((await client.result).lines).toEqual(["open 0", "ioctl 3 77020304"]);
  });

  it("that only stops and continues the client is not noticed by it", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    const client = await startProbe(session.node, `open rw ioctl ${ECHO.wait} 01020304`);
    await until(() => device.waiting === 1, "the client waits");
    client.kill("SIGSTOP");
    await until(() => device.events.includes("interrupted"), "the handler is told");
    client.kill("SIGCONT");
    await until(() => device.waiting === 1, "the ioctl starts again");
    device.put(Buffer.from("x"));
    expect((await client.result).lines).toEqual(["open 0", "ioctl 3 77020304"]);
  });

  it.each([
    ["read", "open rw read 4"],
    ["ioctl", `open rw ioctl ${ECHO.wait} 01020304`],
    ["ioctl whose handler does not care", `open rw ioctl ${ECHO.deaf} 00`],
  ])("kills a client that waits in %s, and its file is released", async (_what, steps) => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    const client = await startProbe(session.node, steps);
    await until(() => device.waiting === 1 || device.events.includes("deaf"), "the client waits");
    client.kill("SIGKILL");
    expect((await client.result).signal).toBe("SIGKILL");
    await until(() => device.events.includes("release"), "the file is released");
    expect(await probe(session.node, "open rw write x read 1")).toEqual(["open 0", "write 1", "read 1 78"]);
  });
});

describeDevice("O_NONBLOCK", () => {
  const wait = `ioctl ${ECHO.wait} 01020304`;
  const again = "ioctl -1 EAGAIN 01020304";

  it("given to open is known to ioctls", async () => {
    const session = await startDevice(new EchoDevice());
    expect(await probe(session.node, `open rw,nonblock ${wait}`)).toEqual(["open 0", again]);
  });

  it.each([
    ["fcntl", "nonblock 1", "nonblock 0", "nonblock"],
    ["ioctl FIONBIO", "fionbio 1", "fionbio 0", "fionbio"],
  ])("set by %s is known at once, and so is its end", async (_how, on, off, name) => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    const client = await startProbe(session.node, `open rw ${on} ${wait} read 1 ${off} ${wait}`);
    await until(() => device.waiting === 1, "the client waits");
    device.put(Buffer.from("x"));
    expect((await client.result).lines).toEqual([
      "open 0",
      `${name} 0`,
      again,
      "read -1 EAGAIN",
      `${name} 0`,
      "ioctl 3 77020304",
    ]);
  });

  it("is that of the file behind the descriptor, for duplicates and for forks", async () => {
    const session = await startDevice(new EchoDevice());
    expect(await probe(session.node, `open rw dup nonblock 1 file 0 ${wait}`)).toEqual([
      "open 0",
      "dup 0",
      "nonblock 0",
      again,
    ]);
    expect(await probe(session.node, `open rw nonblock 1 fork ${wait}`)).toEqual([
      "open 0",
      "nonblock 0",
      "child",
      again,
      "parent",
      again,
    ]);
  });

  it("of one file is not that of another in the same process", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    const client = await startProbe(
      session.node,
      `open rw open rw nonblock 1 ${wait} file 0 ${wait} file 1 ${wait}`,
    );
    await until(() => device.waiting === 1, "the first file waits");
    device.put(Buffer.from("x"));
    expect((await client.result).lines).toEqual([
      "open 0",
      "open 1",
      "nonblock 0",
      again,
      "ioctl 3 77020304",
      again,
    ]);
  });
});

describeDevice("a waiting caller", () => {
  it("does not keep others from being served", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    const first = await startProbe(session.node, `open rw ioctl ${ECHO.wait} 01020304`);
    const second = await startProbe(session.node, "open rw read 4");
    await until(() => device.waiting === 2, "both wait");
    const lines = await probe(session.node, `open rw ioctl ${ECHO.reverse} 0102030405060708 poll 1 0`);
    expect(lines.slice(0, 2)).toEqual(["open 0", "ioctl 8 0807060504030201"]);
    device.put(Buffer.from("data"));
    expect((await first.result).lines).toEqual(["open 0", "ioctl 3 77020304"]);
    expect((await second.result).lines).toEqual(["open 0", "read 4 64617461"]);
  });

  it("gets ENODEV when the driver closes, and nothing is left that could wait", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    const ioctl = await startProbe(
      session.node,
      `open rw ioctl ${ECHO.wait} 01020304 ioctl ${ECHO.query} 00 read 1 write x poll 3 1000 close open rw`,
    );
    const deaf = await startProbe(session.node, `open rw ioctl ${ECHO.deaf} 00 close`);
    const read = await startProbe(session.node, "open rw read 4 close");
    const poll = await startProbe(session.node, "open rw poll 3 20000 close");
    const epoll = await startProbe(session.node, "open rw epoll 3 20000 1 close");
    await until(
      () => device.waiting === 2 && device.events.includes("deaf") && device.openFiles.size === 5,
      "all wait",
    );
    await new Promise((resolve) => setTimeout(resolve, 200)); // poll and epoll, too
    await session.close();
    expect(device.openFiles.size).toBe(0);
    expect((await ioctl.result).lines).toEqual([
      "open 0",
      "ioctl -1 ENODEV 01020304",
      // The kernel's own answers from here on: the first for what was sent before the channel was closed.
      expect.stringMatching(/^ioctl -1 (ECONNABORTED|ENOTCONN) 00$/),
      "read -1 ENOTCONN",
      "write -1 ENOTCONN",
      expect.stringMatching(/^poll 1 0x8 after/), // POLLERR
      "close 0",
      "open -1 ENOENT",
    ]);
    expect((await deaf.result).lines).toEqual(["open 0", "ioctl -1 ENODEV 00", "close 0"]);
    expect((await read.result).lines).toEqual(["open 0", "read -1 ENODEV", "close 0"]);
    expect((await poll.result).lines).toEqual([
      "open 0",
      expect.stringMatching(/^poll 1 0x8 after/),
      "close 0",
    ]);
    expect((await epoll.result).lines).toEqual(["open 0", "epoll 1 0x8", "close 0"]);
  });

  it("is not hung by a driver that is killed, and the node is gone", async () => {
    const name = freeName();
    const driver = startDriver("support/echo-driver.ts", [name]);
    await driver.line("ready", 30_000);
    const ioctl = await startProbe(
      `/dev/${name}`,
      `open rw mark on ioctl ${ECHO.wait} 01020304 ioctl ${ECHO.query} 00 close`,
    );
    const poll = await startProbe(`/dev/${name}`, "open rw mark on poll 3 20000 close");
    await ioctl.line("mark on");
    await poll.line("mark on");
    await new Promise((resolve) => setTimeout(resolve, 200));
    driver.kill("SIGKILL");
    await driver.result;
    expect((await ioctl.result).lines.slice(2)).toEqual([
      "ioctl -1 ECONNABORTED 01020304",
      expect.stringMatching(/^ioctl -1 (ECONNABORTED|ENOTCONN) 00$/),
      "close 0",
    ]);
    expect((await poll.result).lines.slice(2)).toEqual([
      expect.stringMatching(/^poll 1 0x8 after/),
      "close 0",
    ]);
    expect(existsSync(`/dev/${name}`)).toBe(false);
  });

  it("gets an answer from a driver that ends on SIGTERM", async () => {
    const name = freeName();
    const driver = startDriver("support/echo-driver.ts", [name]);
    await driver.line("ready", 30_000);
    const client = await startProbe(`/dev/${name}`, `open rw mark on ioctl ${ECHO.wait} 01020304 close`);
    await client.line("mark on");
    await new Promise((resolve) => setTimeout(resolve, 200));
    driver.kill("SIGTERM");
    expect((await client.result).lines.slice(2)).toEqual(["ioctl -1 ENODEV 01020304", "close 0"]);
    expect(await driver.result).toMatchObject({ code: 0, stderr: "" });
    expect(existsSync(`/dev/${name}`)).toBe(false);
  });
});

describeDevice("poll, select and epoll", () => {
  it("tell what is true at once", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    expect(await probe(session.node, "open rw poll 5 0 write x poll 5 0 select 0 epoll 5 0 1")).toEqual([
      "open 0",
      expect.stringMatching(/^poll 1 0x4 /),
      "write 1",
      expect.stringMatching(/^poll 1 0x5 /),
      "select 1 r",
      "epoll 1 0x5",
    ]);
  });

  it("sleep, and time out", async () => {
    const session = await startDevice(new EchoDevice());
    const [, poll = "", select, epoll] = await probe(
      session.node,
      "open rw poll 1 150 select 50 epoll 1 50 1",
    );
    expect(poll).toMatch(/^poll 0 0x0 after /);
    expect(Number(poll.split(" ").at(-1))).toBeGreaterThan(140);
    expect(select).toBe("select 0 ");
    expect(epoll).toBe("epoll 0 0x0");
  });

  it.each([
    ["poll", "poll 3 20000", /^poll 1 0x1 /],
    ["select", "select 20000", /^select 1 r$/],
    ["epoll", "epoll 3 20000 1", /^epoll 1 0x1$/],
  ])("%s wakes when there is something to read", async (_how, steps, woken) => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    const client = await startProbe(session.node, `open rw mark on ${steps} read 8`);
    await client.line("mark on");
    await new Promise((resolve) => setTimeout(resolve, 100));
    device.put(Buffer.from("abc"));
    const { lines } = await client.result;
    expect(lines[2]).toMatch(woken);
    expect(lines[3]).toBe("read 3 616263");
  });

  it.each([
    ["poll", "poll 2 20000", /^poll 1 0x2 /],
    ["select", "select 20000", /^select 1 e$/],
    ["epoll", "epoll 2 20000 1", /^epoll 1 0x2$/],
  ])("%s wakes for POLLPRI, also when another client caused it", async (_how, steps, woken) => {
    const session = await startDevice(new EchoDevice());
    const client = await startProbe(session.node, `open rw mark on ${steps}`);
    await client.line("mark on");
    await new Promise((resolve) => setTimeout(resolve, 100));
    await probe(session.node, `open rw ioctl ${ECHO.urgent} 00`);
    expect((await client.result).lines[2]).toMatch(woken);
  });

  it("epoll: edge-triggered tells of each new event", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    // EPOLLET | EPOLLIN, three waits; nothing is read in between.
    const client = await startProbe(session.node, `open rw mark on epoll 0x80000001 20000 3`);
    for (let round = 1; round <= 3; round++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      device.put(Buffer.from("x"));
      await until(
        () => client.lines.filter((line) => line === "epoll 1 0x1").length === round,
        `event ${round}`,
      );
    }
    await client.result;
  });

  it("several sleepers on one file all wake", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    const client = await startProbe(session.node, "open rw fork mark on poll 1 20000");
    await client.line("mark on");
    await new Promise((resolve) => setTimeout(resolve, 100));
    device.put(Buffer.from("x"));
    const { lines } = await client.result;
    expect(lines.filter((line) => line.startsWith("poll 1 0x1"))).toHaveLength(2);
  });
});

describeDevice("many at once", () => {
  it("threads of one client, with handlers that answer at once and later", async () => {
    const log = new TestLog();
    const session = await startDevice(new EchoDevice(), { log });
    const [, quick, later] = await probe(
      session.node,
      `open rw threads ${ECHO.reverse} 16 200 threads ${ECHO.later} 16 100`,
    );
    expect(quick).toBe("threads 0 failures");
    expect(later).toBe("threads 0 failures");
    expect(log.lines).toEqual([]);
  });
});
