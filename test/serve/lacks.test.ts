import { describe, expect, it } from "vitest";
import { lacksOfMedia, lackSentences, lacksOfVideo } from "../../src/serve/lacks.js";
import { fakeDevice } from "../v4l2/support/fakes.js";

const memory = { mmap: () => ({}) as never, makeBacking: () => ({}) as never };
const cuse = { canShare: true, canMap: false };
const fuse = { canShare: false, canMap: false };
const grafts = { mapProblem: undefined };
const none = { mapProblem: "grafts are switched off" };

describe("what clients without the helper go without", () => {
  it.each([
    ["a CUSE node with grafts", memory, cuse, grafts, []],
    ["a CUSE node without grafts", memory, cuse, none, [/^grafts are switched off$/]],
    ["a CUSE node of a driver that gives files no memory", { mmap: memory.mmap }, cuse, grafts, [/driver/]],
    ["a FUSE node that maps", memory, { ...fuse, canMap: true }, none, []],
    ["a FUSE node that does not map", memory, fuse, grafts, [/^a FUSE node has mmap\(\) only where /]],
    ["a node without buffers", {}, cuse, none, []],
  ])("%s", (_what, fileOps, node, files, reasons) => {
    const lacks = lacksOfVideo(fakeDevice({ fileOps }), node, files);
    expect(lacks).toEqual(
      reasons.map((why) => ({ what: "mmap()", why: expect.stringMatching(why) as string })),
    );
  });

  it("a media device's requests, where no descriptor can be put into a client", () => {
    expect(lacksOfMedia({ installProblem: undefined })).toEqual([]);
    expect(lacksOfMedia({ installProblem: "no" })).toEqual([{ what: "media requests", why: "no" }]);
  });

  it("is a sentence for each reason", () => {
    const why = "grafts are switched off";
    expect(lackSentences([])).toEqual([]);
    expect(
      lackSentences([
        { what: "mmap()", why },
        { what: "mmap()", why },
        { what: "media requests", why },
      ]),
    ).toEqual([`Clients need 'v4l2-cuse run -- CLIENT' for mmap() and media requests: ${why}.`]);
    expect(
      lackSentences([
        { what: "mmap()", why: "one" },
        { what: "media requests", why: "two" },
      ]),
    ).toHaveLength(2);
  });
});
