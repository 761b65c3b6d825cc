/** The words of `v4l2loopback-ctl`, as people write them for the kernel module. */
import { describe, expect, it } from "vitest";
import {
  addArguments,
  capsText,
  deviceNumber,
  parseCaps,
  parseFps,
  reducedRate,
} from "../../src/cli/loopback-ctl/words.js";

const none = (): boolean => false;

describe("add", () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ["", [], []],
    ["-n|loopy doopy|/dev/video7", ["--card", "loopy doopy", "--video", "7"], []],
    ["--name|a|7", ["--card", "a", "--video", "7"], []],
    ["-x|0|video3", ["--video", "3"], []],
    ["-x|1|-w|640|-h|480|-b|4|-o|2", [], ["-x", "-w", "-h", "-b", "-o"]],
    ["8|7", ["--video", "7", "--pair"], []],
    ["7|7", ["--video", "7"], []],
  ])("understands %j", (text, words, ignored) => {
    const made = addArguments(text === "" ? [] : text.split("|"), none);
    expect(made.words).toEqual(words);
    expect(made.ignored.map((sentence) => /-\w(?= is ignored)/.exec(sentence)?.[0])).toEqual(ignored);
  });

  it("uses what the loopback device has for it", () => {
    const { words, ignored } = addArguments(["-x", "1"], () => true);
    expect(words).toEqual(["--compat", "v4l2loopback", "--exclusive-caps"]);
    expect(ignored).toEqual([]);
  });

  it.each([
    ["-n", "wants a value"],
    ["-z", "no option -z"],
    ["1|2|3", "at most two"],
    ["2|7", "name 8 7"],
    ["sofa", "no device"],
    ["/dev/video1000", "no device"],
  ])("refuses %j", (text, message) => {
    expect(() => addArguments(text.split("|"), none)).toThrow(message);
  });
});

describe("devices, rates and formats", () => {
  it("knows a device by its path or number", () => {
    expect(["/dev/video7", "7", "/run/v4l2-cuse/dev/video7/video7"].map(deviceNumber)).toEqual([7, 7, 7]);
  });

  it("reads rates and formats, and refuses others", () => {
    expect(parseFps("50/2")).toEqual({ numerator: 50, denominator: 2 });
    expect(parseCaps("UYVY:640x480@30/1")).toEqual({
      ...{ fourcc: "UYVY", width: 640, height: 480, fps: { numerator: 30, denominator: 1 } },
    });
    expect(parseCaps("RGB3:1280x720")).toEqual({ fourcc: "RGB3", width: 1280, height: 720 });
    expect(["30000/1000", "30000/1001", "50/2", ""].map(reducedRate)).toEqual([
      "30/1",
      "30000/1001",
      "25/1",
      "",
    ]);
    expect(parseCaps("any")).toBeUndefined();
    for (const text of ["", "0", "1/0", "-3", "30fps"]) expect(() => parseFps(text)).toThrow("is no rate");
    for (const text of ["", "video/x-raw,format=UYVY", "UYVY:640", "UYVY:640x480@", "YUV:1x1"]) {
      expect(() => parseCaps(text)).toThrow("is no format");
    }
  });

  it("tells a format as set-caps takes it", () => {
    const text =
      "Format Video Output:\n\tWidth/Height      : 640/480\n\tPixel Format      : 'UYVY' (UYVY 4:2:2)\n";
    expect(capsText(text, "30/1")).toBe("UYVY:640x480@30/1");
    expect(parseCaps(capsText(text, "30/1"))).toBeDefined();
  });
});
