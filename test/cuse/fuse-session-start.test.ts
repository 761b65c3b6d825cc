/** Why a session for clients' files cannot start, and that nothing is left of it. */
import { describe, expect, it } from "vitest";
import { CuseError } from "../../src/cuse/errors.js";
import { FuseSession } from "../../src/cuse/fuse-session.js";
import { systemError } from "./support/fake-channel.js";
import { FakeFuse } from "./support/fuse-system.js";

describe("a session that cannot start says why", () => {
  it.each([
    ["ENOENT", 'load it with "modprobe fuse"'],
    ["ENODEV", 'load it with "modprobe fuse"'],
    ["ENXIO", 'load it with "modprobe fuse"'],
    ["EACCES", "run as root"],
    ["EIO", "cannot be made: open: EIO"],
  ])("no channel: %s", (code, text) => {
    const system = new FakeFuse();
    system.channelError = systemError(code, "open");
    expect(() => new FuseSession({}, system)).toThrow(CuseError);
    expect(() => new FuseSession({}, system)).toThrow(text);
  });

  it.each([
    ["EPERM", "run as root"],
    ["ENOSYS", "need Linux 5.14"],
  ])("no mount: %s", (code, text) => {
    const system = new FakeFuse();
    system.mountError = systemError(code, "fsopen");
    expect(() => new FuseSession({}, system)).toThrow(text);
    expect(system.channel.isClosed).toBe(true);
  });

  it("no /proc", () => {
    const system = new FakeFuse();
    system.descriptors.clear();
    expect(() => new FuseSession({}, system)).toThrow("mount procfs");
    expect(system.steps).toContain("unmount");
    expect(system.channel.isClosed).toBe(true);
  });
});
