import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { codedFrames, type CodedFrame, type CodedPicture } from "../../../src/codec/h264/index.js";
import { temporaryFolder } from "../support/encode.js";
import { clips, conformance, displayOrder, encodedClips, hasFfmpeg, heldReferences } from "./streams.js";
import { syntheticStreams } from "./synthetic.js";

const folder = temporaryFolder();
const streams = [...clips, ...conformance, ...encodedClips(folder), ...syntheticStreams(folder)];
const withOracle = hasFfmpeg();
if (!withOracle) console.warn("No ffmpeg: reference frames and order of display are compared with nothing.");

function resetsOrder(picture: CodedPicture): boolean {
  const operations = picture.slices[0]?.header.operations ?? [];
  return picture.idr || operations.some((one) => one.memory_management_control_operation === 5);
}

/** `decodeIndex` of the frames as their order counts sort them, from one reset to the next. */
function orderOfDisplay(frames: readonly CodedFrame[]): number[] {
  const order: number[] = [];
  let period: CodedFrame[] = [];
  const flush = () => {
    const poc = ({ store }: CodedFrame) =>
      Math.min(
        (store.decoded & 1) !== 0 ? store.topPoc : Infinity,
        (store.decoded & 2) !== 0 ? store.bottomPoc : Infinity,
      );
    order.push(...period.sort((a, b) => poc(a) - poc(b)).map(({ store }) => store.decodeIndex));
    period = [];
  };
  for (const frame of frames) {
    if (frame.pictures.some(resetsOrder)) flush();
    period.push(frame);
  }
  flush();
  return order;
}

describe.each(streams)("$name", ({ path }) => {
  const frames = [...codedFrames(readFileSync(path))];

  it("has a picture for every entry of every reference list", () => {
    const slices = frames.flatMap(({ pictures }) => pictures.flatMap((picture) => picture.slices));
    const missing = slices.filter(({ lists }) => lists.flat().includes(undefined));
    expect(slices.length).toBeGreaterThan(0);
    expect(missing.map(({ header }) => header)).toEqual([]);
  });

  it.runIf(withOracle)("holds the references that ffmpeg holds, for each picture", () => {
    const ours = frames.flatMap(({ pictures }) =>
      pictures.map(({ references }) => {
        const short = references.filter((frame) => frame.short !== 0).map((frame) => `${frame.frameNum}`);
        const long = references
          .filter((frame) => frame.long !== 0)
          .map((frame) => `L${frame.longTermFrameIdx}`);
        return [...short, ...long].sort();
      }),
    );
    const theirs = heldReferences(path).map((held) =>
      held.map(({ number, long }) => (long ? `L${number}` : `${number}`)).sort(),
    );
    expect(ours).toEqual(theirs);
  });

  // ffmpeg shows something for the frames of a gap, too.
  it.runIf(withOracle && !path.includes("-gaps"))(
    "is displayed in the order in which ffmpeg displays it",
    () => {
      expect(orderOfDisplay(frames)).toEqual(displayOrder(path));
    },
  );
});
