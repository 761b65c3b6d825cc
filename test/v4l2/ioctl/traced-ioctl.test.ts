/** What a recording's reader makes of the bytes of a call. */
import { describe, expect, it } from "vitest";
import { BufferView, IOCTLS } from "../../../src/v4l2/gen/index.js";
import { askedMembers, describeVideoIoctl } from "../../../src/v4l2/ioctl/traced-ioctl.js";
import { hex, padded } from "../support/bytes.js";
import { argOf } from "../support/fakes.js";

const none = { asked: undefined, askedArray: undefined, givenArray: undefined, note: undefined };
const { VIDIOC_G_INPUT, VIDIOC_QBUF, VIDIOC_REQBUFS, VIDIOC_SUBDEV_G_FMT } = IOCTLS;
const PLANE = 64;

describe("bytes of a recorded ioctl", () => {
  it("are described as those of a live one", () => {
    const given = hex`03000000`;
    expect(describeVideoIoctl(VIDIOC_G_INPUT.number, false, { ...none, given })?.text).toBe("value=3");
  });

  it("show what was asked where that differs", () => {
    const asked = padded(20, hex`01000000 01000000 01000000`);
    const given = padded(20, hex`02000000 01000000 01000000`);
    const described = describeVideoIoctl(VIDIOC_REQBUFS.number, false, { ...none, asked, given });
    expect(described?.dialog).toContain("count=1->2");
    expect(described?.text).toContain("count=2");
  });

  it("of another size than the number says are not described", () => {
    const describe_ = (asked: Uint8Array | undefined, given: Uint8Array): unknown =>
      describeVideoIoctl(VIDIOC_REQBUFS.number, false, { ...none, asked, given });
    expect(describe_(undefined, new Uint8Array(19))).toBeUndefined();
    expect(describe_(new Uint8Array(21), new Uint8Array(20))).toBeUndefined();
    expect(describe_(new Uint8Array(20), new Uint8Array(20))).toBeDefined();
  });

  it("of an array must be as many as the argument says", () => {
    const view = new BufferView(argOf("VIDIOC_QBUF"));
    Object.assign(view, { type: 9, length: 2 });
    view.m.planes = 0x1000n;
    const bytes = { ...none, asked: view.bytes, given: view.bytes.slice() };
    const described = (askedArray?: Uint8Array, givenArray = askedArray): unknown =>
      describeVideoIoctl(VIDIOC_QBUF.number, false, { ...bytes, askedArray, givenArray });
    expect(described(new Uint8Array(2 * PLANE))).toBeDefined();
    expect(described()).toBeDefined();
    expect(described(new Uint8Array(PLANE))).toBeUndefined();
    expect(described(new Uint8Array(2 * PLANE), new Uint8Array(PLANE))).toBeUndefined();
    const array = new Uint8Array(4);
    const simple = { ...none, asked: argOf("VIDIOC_REQBUFS"), given: argOf("VIDIOC_REQBUFS") };
    const askedArray = array;
    expect(
      describeVideoIoctl(VIDIOC_REQBUFS.number, false, { ...simple, askedArray, givenArray: array }),
    ).toBeUndefined();
  });

  it("are a sub-device's where the node is one, else the driver's own", () => {
    const given = argOf("VIDIOC_SUBDEV_G_FMT");
    const text = (isSubdev: boolean): string | undefined =>
      describeVideoIoctl(VIDIOC_SUBDEV_G_FMT.number, isSubdev, { ...none, given })?.text;
    expect(text(true)).toContain("which=try");
    expect(text(false)).toBe("driver-specific ioctl");
  });
});

it("the members with which a client asks are those of the node's ioctl; of the driver's own all", () => {
  expect(askedMembers(IOCTLS.VIDIOC_QUERYBUF.number, false)).toContain("index");
  expect(askedMembers(VIDIOC_SUBDEV_G_FMT.number, true)).toContain("pad");
  expect(askedMembers(VIDIOC_SUBDEV_G_FMT.number, false)).toBeUndefined();
});
