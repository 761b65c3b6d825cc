import { existsSync, statSync, writeFileSync, rmSync } from "node:fs";
import { expect, it } from "vitest";
import { CuseError, CuseSession } from "../../src/cuse/index.js";
import { describeDevice, freeName, startDevice, TestLog } from "./support/device.js";
import { ECHO, EchoDevice } from "./support/echo-device.js";
import { probe } from "./support/probe.js";

describeDevice("the node of a session", () => {
  it("exists, root's alone, when start resolves, and is gone when close resolves", async () => {
    const name = freeName();
    const session = await startDevice(new EchoDevice(), { name });
    expect(session.node).toBe(`/dev/${name}`);
    const stats = statSync(session.node);
    expect(stats.isCharacterDevice()).toBe(true);
    expect({ mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid }).toEqual({
      mode: 0o600,
      uid: 0,
      gid: 0,
    });
    expect(stats.rdev).toBe(session.rdev);
    await session.close();
    expect(existsSync(session.node)).toBe(false);
    expect(await session.closed).toBeUndefined();
    await session.close();
  });

  it("has the mode, group and number asked for", async () => {
    const session = await startDevice(new EchoDevice(), { mode: 0o640, group: "video", major: 81, minor: 7 });
    const stats = statSync(session.node);
    expect(stats.mode & 0o7777).toBe(0o640);
    expect(stats.gid).toBe(44);
    expect(stats.rdev).toBe((81 << 8) | 7);
    expect({ major: session.major, minor: session.minor }).toEqual({ major: 81, minor: 7 });
  });

  it("lets its group in when only a group is named", async () => {
    const session = await startDevice(new EchoDevice(), { group: 1234 });
    expect(statSync(session.node).mode & 0o7777).toBe(0o660);
    expect(await probe(session.node, "open rw", { uid: 1000, gid: 1234 })).toEqual(["open 0"]);
    expect(await probe(session.node, "open rw", { uid: 1000, gid: 1000 })).toEqual(["open -1 EACCES"]);
  });

  it("cannot take a name that a device has", async () => {
    const first = await startDevice(new EchoDevice());
    const name = first.node.slice("/dev/".length);
    await expect(CuseSession.start(new EchoDevice(), { name })).rejects.toThrow(CuseError);
    await expect(CuseSession.start(new EchoDevice(), { name })).rejects.toThrow(
      /exists already: choose another/,
    );
    expect(await probe(first.node, "open rw")).toEqual(["open 0"]);
  });

  it("cannot take the name of a file that stands in the way", async () => {
    const name = freeName();
    writeFileSync(`/dev/${name}`, "");
    try {
      await expect(CuseSession.start(new EchoDevice(), { name })).rejects.toThrow(/exists already/);
    } finally {
      rmSync(`/dev/${name}`);
    }
  });

  it("cannot take a number that a device has: the kernel refuses, and nothing is left", async () => {
    await startDevice(new EchoDevice(), { major: 81, minor: 9 });
    const name = freeName();
    const start = CuseSession.start(new EchoDevice(), { name, major: 81, minor: 9 });
    await expect(start).rejects.toThrow(`The kernel refused the device "${name}"`);
    expect(existsSync(`/dev/${name}`)).toBe(false);
  });

  it("makes way for the next of the same name", async () => {
    const name = freeName();
    for (let round = 0; round < 5; round++) {
      const session = await startDevice(new EchoDevice(), { name });
      expect(await probe(session.node, "open rw close")).toEqual(["open 0", "close 0"]);
      await session.close();
    }
  });

  it.each(["", "..", "a/b", "-x", "a b", "x\0y", "x".repeat(64)])("refuses the name %j", async (name) => {
    await expect(CuseSession.start(new EchoDevice(), { name })).rejects.toThrow(
      /is no name for a device node/,
    );
  });

  it("needs /dev/cuse", async () => {
    const start = CuseSession.start(new EchoDevice(), { name: freeName(), devicePath: "/dev/no-cuse" });
    await expect(start).rejects.toThrow(/^\/dev\/no-cuse is missing: load it with "modprobe cuse"/);
  });
});

describeDevice("calls", () => {
  it("reach the device with the caller's ids and flags", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device, { mode: 0o666 });
    await probe(session.node, "open rw,nonblock close", { uid: 1001, gid: 1002 });
    expect(device.events).toEqual([expect.stringMatching(/^open 0(10)?4002 by \d+ 1001:1002$/), "release"]);
  });

  it("ioctl: bytes in, bytes out, results and refusals", async () => {
    const log = new TestLog();
    const session = await startDevice(new EchoDevice(), { log });
    const lines = await probe(
      session.node,
      `open rw
       ioctl ${ECHO.reverse} 0102030405060708
       ioctl ${ECHO.store} 2a000000
       ioctl ${ECHO.query} ffffffffffffffff
       ioctl ${ECHO.fail} 01020304
       ioctl ${ECHO.failCopyOut} 01020304
       ioctl 0x80044563 01020304
       ioctl 0x5401 01020304
       ioctl ${ECHO.throw} 00
       ioctl-bad ${ECHO.reverse}
       ioctl-bad ${ECHO.query}
       ioctl ${ECHO.later} 05000000
       ioctl ${ECHO.reverse} 0102030405060708`,
    );
    expect(lines).toEqual([
      "open 0",
      "ioctl 8 0807060504030201",
      "ioctl 0 2a000000",
      "ioctl 0 2a0000005a5a5a5a",
      "ioctl -1 EBUSY 01020304", // untouched
      "ioctl -1 ERANGE ffffffff", // copied back although refused
      "ioctl -1 ENOTTY 01020304",
      "ioctl -1 ENOTTY 01020304", // TCGETS, without direction and size
      "ioctl -1 EIO 00",
      "ioctl-bad -1 EFAULT",
      "ioctl-bad -1 EFAULT",
      "ioctl 0 06000000",
      "ioctl 8 0807060504030201",
    ]);
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatch(/^error: FUSE_IOCTL 0x00004506 failed .*Error: a bug\n/s);
  });

  it("ioctl: the largest argument", async () => {
    const session = await startDevice(new EchoDevice());
    const [, line] = await probe(session.node, `open rw ioctl ${ECHO.large} ${"00".repeat(300)}`);
    const expected = Buffer.from(Array.from({ length: 300 }, (_, index) => index)).toString("hex");
    expect(line).toBe(`ioctl 0 ${expected}`);
  });

  it("read and write: in pieces of 128 KiB, offsets from 0 in each call", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    const size = 300 * 1024;
    const lines = await probe(
      session.node,
      `open rw write-size ${size} read ${2 * size} write abc write de read 2 read 64`,
    );
    const bytes = Uint8Array.from({ length: size }, (_, index) => ((index >> 8) ^ index) & 0xff);
    let sum = 0;
    for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) >>> 0;
    expect(lines).toEqual([
      "open 0",
      `write ${size}`,
      `read ${size} sum ${sum.toString(16).padStart(8, "0")}`,
      "write 3",
      "write 2",
      "read 2 6162",
      "read 3 636465",
    ]);
    const writes = device.events.flatMap((event) => {
      const [, bytes, offset] = /^write (\d+) at (\d+)$/.exec(event) ?? [];
      return bytes === undefined ? [] : [{ bytes: Number(bytes), offset: Number(offset) }];
    });
    // A buffer that does not start on a page gets a little less into 32 pages.
    const pieces = writes.slice(0, -2);
    expect(pieces.length).toBe(3);
    let offset = 0;
    for (const piece of pieces) {
      expect(piece.offset).toBe(offset);
      expect(piece.bytes).toBeLessThanOrEqual(128 * 1024);
      offset += piece.bytes;
    }
    expect(offset).toBe(size);
    expect(writes.slice(-2)).toEqual([
      { bytes: 3, offset: 0 },
      { bytes: 2, offset: 0 },
    ]);
  });

  it("read: without data on a non-blocking file", async () => {
    const session = await startDevice(new EchoDevice());
    expect(await probe(session.node, "open rw,nonblock read 4 read 0 write-size 0")).toEqual([
      "open 0",
      "read -1 EAGAIN",
      "read 0 ",
      "write 0",
    ]);
  });

  it("open: as often as liked; release comes with the last descriptor", async () => {
    const device = new EchoDevice();
    const session = await startDevice(device);
    expect(await probe(session.node, "open rw dup close file 0 close open ro close")).toEqual([
      "open 0",
      "dup 0",
      "close 0",
      "close 0",
      "open 1",
      "close 0",
    ]);
    expect(device.events.map((event) => event.split(" ")[0])).toEqual(["open", "release", "open", "release"]);
    expect(device.openFiles.size).toBe(0);
  });
});
