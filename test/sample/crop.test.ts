/** Which part of its array a sensor takes for a wish. */
import { describe, expect, it } from "vitest";
import { nearestCrop } from "../../src/sample/crop.js";
import type { InputState } from "../../src/sample/inputs.js";
import { BufType, SelectionFlag, SelectionTarget } from "../../src/v4l2/index.js";
import { errnoOf } from "../support/errno.js";

/** A crop is 240x136 at least: an eighth of each side, in even numbers. */
const sensor = { width: 1920, height: 1080 };
const input = { profile: { name: "sensor", sensor }, crop: { left: 0, top: 0, ...sensor } } as InputState;
const { Ge, Le } = SelectionFlag;

function crop(width: number, height: number, flags = 0, left = 0, top = 0): number[] | string {
  const rect = { left, top, width, height };
  const ask = () =>
    nearestCrop(input, { type: BufType.VideoCapture, target: SelectionTarget.Crop, flags, rect });
  const errno = errnoOf(ask);
  if (errno !== "0") return errno;
  const got = ask();
  return [got.width, got.height, got.left, got.top];
}

describe("the size of a crop", () => {
  it.each([
    [640, 480, 0, 640, 480],
    [641, 481, 0, 640, 480],
    [1, 1, 0, 240, 136],
    [9999, 9999, 0, 1920, 1080],
    [641, 481, Ge, 642, 482],
    [640, 480, Ge, 640, 480],
    [240, 136, Ge | Le, 240, 136],
    [1920, 1080, Ge | Le, 1920, 1080],
    [641, 481, Le, 640, 480],
  ])("for %ix%i with flags %i is %ix%i", (width, height, flags, expectedWidth, expectedHeight) => {
    expect(crop(width, height, flags)).toEqual([expectedWidth, expectedHeight, 0, 0]);
  });

  it.each([
    ["wider than the sensor, or as wide at least", 1921, 480, Ge],
    ["higher, or as high at least", 640, 1081, Ge],
    ["narrower than can be, or as narrow at most", 238, 480, Le],
    ["lower, or as low at most", 640, 134, Le],
    ["an odd width, exactly", 641, 480, Ge | Le],
    ["an odd height, exactly", 640, 481, Ge | Le],
  ])("cannot be %s: ERANGE", (_title, width, height, flags) => {
    expect(crop(width, height, flags)).toBe("ERANGE");
  });
});

describe("the place of a crop", () => {
  it.each([
    [0, 0, 0, 0],
    [-7, -7, 0, 0],
    [11, 13, 10, 12],
    [1280, 600, 1280, 600],
    [1282, 602, 1280, 600],
    [9999, 9999, 1280, 600],
  ])("%i, %i is %i, %i", (left, top, expectedLeft, expectedTop) => {
    expect(crop(640, 480, 0, left, top)).toEqual([640, 480, expectedLeft, expectedTop]);
  });
});
