import { describe, expect, it } from "vitest";
import { mountedMinor, staleMounts } from "../../../src/stateless/debugfs/mountinfo.js";

const root = "/run/v4l2-cuse";
const line = (path: string, type: string, source: string): string =>
  `60 24 0:45 / ${path} rw,nosuid,nodev,relatime shared:9 - ${type} ${source} rw,user_id=0,group_id=0\n`;

describe("stale mounts", () => {
  it("are those of drivers that are not there any more, the last one first", () => {
    const mountinfo = [
      "24 1 0:22 / / rw - ext4 /dev/vda rw\n",
      line(`${root}/video0`, "fuse", "v4l2-cuse-video0@1.20.3"),
      line(`${root}/video1`, "fuse", "v4l2-cuse-video1@1.21.3"),
      line(`${root}/video2`, "fuse", "v4l2-cuse-video2@1.22.3"),
      line(`${root}/video2`, "fuse", "v4l2-cuse-video2@1.22.3"),
    ].join("");
    expect(staleMounts(mountinfo, root, (identity) => identity === "1.21.3")).toEqual([
      `${root}/video2`,
      `${root}/video2`,
      `${root}/video0`,
    ]);
  });

  it("are none of another kind, and nowhere else", () => {
    const mountinfo = [
      line(`${root}/video0`, "tmpfs", "v4l2-cuse-video0@1.20.3"),
      line(`${root}/video0`, "fuse", "sshfs"),
      line(`${root}/video0/parameters`, "fuse", "v4l2-cuse-video0@1.20.3"),
      line("/mnt/video0", "fuse", "v4l2-cuse-video0@1.20.3"),
      line(root, "fuse", "v4l2-cuse-video0@1.20.3"),
    ].join("");
    expect(staleMounts(mountinfo, root, () => false)).toEqual([]);
  });

  it("reads escaped paths, and a list that ends early", () => {
    expect(
      staleMounts(line(`${root}/video\\0400`, "fuse", "v4l2-cuse-video@1.2.3"), root, () => false),
    ).toEqual([]);
    expect(staleMounts(`60 24 0:45 / ${root}/video0`, root, () => false)).toEqual([]);
    expect(staleMounts("", root, () => false)).toEqual([]);
  });
});

describe("the minor number of a mount", () => {
  it("is that of the last one at this path", () => {
    const mountinfo = [
      line("/mnt/a b".replace(" ", "\\040"), "fuse", "sshfs").replace("0:45", "0:46"),
      line(`${root}/video0`, "fuse", "v4l2-cuse-video0"),
      line(`${root}/video0`, "fuse", "v4l2-cuse-video0").replace("0:45", "0:47"),
      line(`${root}/video1`, "fuse", "v4l2-cuse-video1").replace("0:45", "0:48"),
    ].join("");
    expect(mountedMinor(mountinfo, `${root}/video0`)).toBe(47);
    expect(mountedMinor(mountinfo, "/mnt/a b")).toBe(46);
    expect(mountedMinor(mountinfo, `${root}/video2`)).toBeUndefined();
  });
});
