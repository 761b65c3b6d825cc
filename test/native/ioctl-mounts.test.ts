/** What the launcher needs: asking a node, and mounts of one's own. test/device/sysfs-view.test.ts uses them in earnest. */
import { closeSync, openSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ioctl, mount, unmount } from "../../src/native.js";
import { systemError } from "./support.js";

/** _IOR('R', 0, int): /dev/urandom tells how much entropy there is. */
const RNDGETENTCNT = 0x80045200;

describe("ioctl", () => {
  let fd: number;
  beforeAll(() => {
    fd = openSync("/dev/urandom", "r");
  });
  afterAll(() => {
    closeSync(fd);
  });

  it("fills the argument and returns the result", () => {
    const argument = new Uint8Array(8).fill(0xee);
    expect(ioctl(fd, RNDGETENTCNT, argument)).toBe(0);
    const [entropy = 0] = new Uint32Array(argument.buffer, 0, 1);
    expect(entropy).toBeLessThanOrEqual(4096);
    expect([...argument.subarray(4)]).toEqual([0xee, 0xee, 0xee, 0xee]);
  });

  it("throws what the driver answers", () => {
    const wanted = { code: "EINVAL", errno: 22, syscall: "ioctl" };
    expect(systemError(() => ioctl(fd, 0x80685600, new Uint8Array(104)))).toMatchObject(wanted);
    expect(systemError(() => ioctl(9999, RNDGETENTCNT, new Uint8Array(4)))).toMatchObject({ code: "EBADF" });
  });

  it("takes no argument that is too short, and no command that does not tell", () => {
    expect(() => ioctl(fd, RNDGETENTCNT, new Uint8Array(3))).toThrow(RangeError);
    expect(() => ioctl(fd, 0x541b /* FIONREAD */, new Uint8Array(64))).toThrow(RangeError);
    expect(() => ioctl(fd, 2 ** 32, new Uint8Array(64))).toThrow(TypeError);
    expect(() => ioctl(fd, -1, new Uint8Array(64))).toThrow(TypeError);
  });

  it("puts the address of a nested array into the argument for the time of the call only", () => {
    const argument = new Uint8Array(16).fill(0xee);
    ioctl(fd, RNDGETENTCNT, argument, { offset: 8, bytes: new Uint8Array(4) });
    expect([...argument.subarray(8)]).toEqual(new Array(8).fill(0xee));
    for (const offset of [9, 16, 0xffff_ffff]) {
      expect(() => ioctl(fd, RNDGETENTCNT, argument, { offset, bytes: new Uint8Array(4) })).toThrow(RangeError);
    }
    expect(() => ioctl(fd, RNDGETENTCNT, new Uint8Array(4), { offset: 0, bytes: new Uint8Array(4) })).toThrow(
      RangeError,
    );
  });
});

describe("mounts", () => {
  it("fail with the errno of the call", () => {
    const failed = systemError(() => {
      unmount("/nowhere/at/all");
    });
    expect(failed.syscall).toBe("umount2");
    expect(["ENOENT", "EPERM"]).toContain(failed.code); // EPERM without root
    expect(
      systemError(() => {
        mount("none", "/nowhere/at/all", { type: "tmpfs" });
      }),
    ).toMatchObject({ syscall: "mount" });
  });

  it("take no path that would end early", () => {
    expect(() => {
      unmount("/tmp\0/x");
    }).toThrow(TypeError);
  });
});
