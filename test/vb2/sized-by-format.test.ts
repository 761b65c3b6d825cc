import { describe, expect, it } from "vitest";
import { BufType } from "../../src/v4l2/index.js";
import type { VideoFormat } from "../../src/v4l2/index.js";
import { sizedByFormat } from "../../src/vb2/index.js";
import { someFormat } from "../v4l2/support/all-ops.js";
import { at, bench, expectErrno } from "./fakes.js";

const formatOf = (...sizes: number[]): VideoFormat => ({
  ...someFormat,
  type: BufType.VideoCaptureMplane,
  planes: sizes.map((sizeimage) => ({ bytesperline: 8, sizeimage })),
});

describe("queueSetup by format", () => {
  const ops = sizedByFormat(() => formatOf(64, 32), true);
  const ask = { count: 3, allocated: 0, memory: "mmap" } as const;

  it("takes the format's sizes on REQBUFS", () => {
    expect(ops.queueSetup({ ...ask, planeSizes: undefined })).toEqual({ count: 3, planeSizes: [64, 32] });
  });

  it("takes the client's on CREATE_BUFS, if they are large enough", () => {
    expect(ops.queueSetup({ ...ask, planeSizes: [64, 100] })).toEqual({ count: 3, planeSizes: [64, 100] });
    for (const planeSizes of [[64], [64, 31], [64, 32, 1], []]) {
      expectErrno("EINVAL", () => ops.queueSetup({ ...ask, planeSizes }));
    }
  });
});

describe("bufPrepare by format", () => {
  const buffer = () => {
    const { queue } = bench({ type: BufType.VideoCaptureMplane }, (driver) => (driver.planeSizes = [64, 32]));
    queue.reqbufs("mmap", 1);
    return at(queue, 0);
  };

  it("fills pictures, and leaves bitstreams alone", () => {
    const picture = buffer();
    sizedByFormat(() => formatOf(60, 32), true).bufPrepare(picture);
    expect(picture.planes.map(({ bytesused }) => bytesused)).toEqual([60, 32]);
    const bitstream = buffer();
    sizedByFormat(() => formatOf(60, 32), false).bufPrepare(bitstream);
    expect(bitstream.planes.map(({ bytesused }) => bytesused)).toEqual([0, 0]);
  });

  it("knows its planes by number", () => {
    const two = buffer();
    expect(two.plane(1)).toBe(two.planes[1]);
    expect(() => two.plane(2)).toThrow(RangeError);
  });

  it("refuses a buffer that the format has outgrown", () => {
    for (const sizes of [
      [65, 32],
      [64, 33],
      [64, 32, 1],
    ]) {
      expectErrno("EINVAL", () => sizedByFormat(() => formatOf(...sizes), true).bufPrepare(buffer()));
    }
  });
});
