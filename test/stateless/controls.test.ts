import { describe, expect, it } from "vitest";
import type { Control } from "../../src/v4l2/index.js";
import { Cid, CtrlFlag, CtrlNext } from "../../src/v4l2/index.js";
import { statelessCodecs, StatelessControls } from "../../src/stateless/index.js";
import { golden } from "../visl/golden.js";

/** What v4l2-ctl calls the types that it knows; it takes the PPS for an SPS, and does not know one. */
const typeNames: Readonly<Record<number, string>> = {
  3: "menu",
  0x102: "u32",
  0x200: "h264-sps",
  0x201: "h264-pps",
  0x202: "h264-scaling-matrix",
  0x203: "h264-slice-params",
  0x204: "h264-decode-params",
  0x205: "h264-pred-weights",
  0x220: "fwht-params",
  0x240: "vp8-frame",
  0x250: "mpeg2-quantisation",
  0x251: "mpeg2-sequence",
  0x252: "mpeg2-picture",
  0x261: "vp9-frame",
  0x270: "hevc-sps",
  0x271: "hevc-sps",
  0x272: "hevc-slice-params",
  0x273: "hevc-scaling-matrix",
  0x274: "hevc-decode-params",
  0x280: "av1-sequence",
  0x281: "av1-tile-group-entry",
  0x282: "av1-frame",
  0x283: "av1-film-grain",
};

/** The name as v4l2-ctl makes it: small letters, and one underscore for what is neither letter nor digit. */
const shellName = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/_$/, "");

function printControl(control: Control): string {
  const { id, name, type, range, dims, elems, items, flags } = control;
  const head = `${shellName(name).padStart(31)} 0x${id.toString(16).padStart(8, "0")}`;
  const known = typeNames[type];
  const typed =
    known === undefined
      ? `(unknown): type=${type.toString(16)}`
      : `${`(${known})`.padEnd(type === 3 || type === 0x102 ? 9 : 0)}:`;
  const limits = `min=${range.minimum} max=${range.maximum}`;
  if (type === 3) {
    const value = Number(control.value);
    const line = `${head} ${typed} ${limits} default=${range.defaultValue} value=${value} (${items?.[value]})`;
    return [line, ...(items ?? []).map((item, index) => `\t\t\t\t${index}: ${item}`)].join("\n");
  }
  const ranged = type === 0x102 ? `${limits} step=${range.step} default=${range.defaultValue} ` : "";
  const shape =
    dims.length > 0 ? `elems=${elems} dims=[${dims.join("][")}]` : "value=unsupported payload type";
  const dynamic = (flags & CtrlFlag.DynamicArray) === 0 ? "" : ", dynamic-array";
  return `${head} ${typed} ${ranged}${shape} flags=has-payload${dynamic}`;
}

describe("the controls", () => {
  it("are the kernel's, in the words of v4l2-ctl --list-ctrls-menus", () => {
    const handler = new StatelessControls({ codecs: statelessCodecs, newer: false });
    const shown = handler.controls.filter(({ type }) => type !== 6).map(printControl);
    expect(`\nStateless Codec Controls\n\n${shown.join("\n")}\n`).toBe(
      golden("list-ctrls-menus.txt.gz").replace(/^ +vp9_probabilities.*$/m, (line) =>
        line.replace("): ", "): "),
      ),
    );
  });

  it("also have the newer HEVC ones, when wanted", () => {
    const ids = (newer: boolean): number[] =>
      new StatelessControls({ codecs: statelessCodecs, newer }).controls.map(({ id }) => id);
    const added = ids(true).filter((id) => !ids(false).includes(id));
    expect(added).toEqual([Cid.StatelessHevcExtSpsStRps, Cid.StatelessHevcExtSpsLtRps]);
  });

  it("begin with the class and end with the AV1 film grain", () => {
    const handler = new StatelessControls({ codecs: statelessCodecs, newer: true });
    const next = CtrlNext.Ctrl | CtrlNext.Compound;
    expect(handler.queryExtCtrl(next).id).toBe(0x00a40001);
    expect(() => handler.queryExtCtrl(Cid.StatelessAv1FilmGrain | next)).toThrow(
      expect.objectContaining({ code: "EINVAL" }),
    );
  });
});
