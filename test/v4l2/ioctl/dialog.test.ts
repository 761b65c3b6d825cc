/** The log shows what a client asked beside what it was given, for every ioctl that has both. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ControlView, ExtControlsView, ExtControlView, FormatView } from "../../../src/v4l2/gen/index.js";
import { RequestbuffersView, SelectionView, StreamparmView } from "../../../src/v4l2/gen/index.js";
import type { IoctlName } from "../../../src/v4l2/device.js";
import { ArgWriter } from "../../../src/v4l2/ioctl/arg-writer.js";
import { describeDialog } from "../../../src/v4l2/ioctl/dialog.js";
import type { IoctlDefinition } from "../../../src/v4l2/ioctl/define-ioctl.js";
import { ioctlTable } from "../../../src/v4l2/ioctl/ioctl-table.js";
import { describeIoctl } from "../../../src/v4l2/ioctl/traced-ioctl.js";
import { jsonLine, kernelLine, prettyLine } from "../../../src/v4l2/trace/log.js";
import type { IoctlEvent } from "../../../src/v4l2/trace/trace.js";
import { Field } from "../../../src/v4l2/values/types.js";
import type { IoctlOps } from "../../../src/v4l2/ops.js";
import type { FileHandle } from "../../../src/v4l2/file-handle.js";
import { allOps } from "../support/all-ops.js";
import { argOf, Harness } from "../support/fakes.js";

type Ops = IoctlOps<FileHandle<undefined>>;

interface Logged {
  /** What the pretty line has behind the name. */
  readonly pretty: string;
  readonly kernel: string;
  readonly asked: unknown;
  readonly args: unknown;
}

/** Calls with `arg` a device that listens, and gives what its log says. */
async function logged(ops: Ops, name: IoctlName, arg: Uint8Array): Promise<Logged> {
  const harness = new Harness({ ops: { ...allOps, ...ops } });
  let result: Logged | undefined;
  harness.device.trace.subscribe((event) => {
    if (event.kind !== "ioctl") return;
    const line = JSON.parse(jsonLine(event)) as { asked: unknown; args: unknown };
    const pretty = prettyLine(event)
      .replace(/^.*?VIDIOC_\w+: /, "")
      .replace(/ \(\d+ us.*$/, "");
    const kernel = kernelLine(event).replace(/^.*?VIDIOC_\w+: /, "");
    result = { pretty, kernel, asked: line.asked, args: line.args };
  });
  try {
    await harness.ioctl(name, arg);
  } catch {
    // Logged all the same.
  }
  if (result === undefined) throw new Error("nothing was logged");
  return result;
}

function askFormat(name: "VIDIOC_S_FMT" | "VIDIOC_TRY_FMT" | "VIDIOC_G_FMT"): Uint8Array {
  const arg = argOf(name);
  const view = new FormatView(arg);
  view.type = 1;
  Object.assign(view.fmt.pix, { width: 701, height: 501, pixelformat: 0x34363248, field: Field.Interlaced });
  return arg;
}

const vga = (type: 1): ReturnType<NonNullable<Ops["gFmt"]>> => ({
  type,
  width: 640,
  height: 480,
  pixelformat: 0x56595559,
  field: Field.None,
  colorspace: 8,
  flags: 0,
  ycbcrEnc: 0,
  quantization: 0,
  xferFunc: 0,
  planes: [{ bytesperline: 1280, sizeimage: 614400 }],
});

describe("a pretty line", () => {
  it.each(["VIDIOC_S_FMT", "VIDIOC_TRY_FMT"] as const)("%s: asked->given where they differ", async (name) => {
    const ops = { sFmt: () => vga(1), tryFmt: () => vga(1) } satisfies Ops;
    const { pretty, kernel } = await logged(ops, name, askFormat(name));
    expect(pretty).toBe(
      "type=vid-cap, width=701->640, height=501->480, " +
        "pixelformat=H264->YUYV little-endian (0x56595559), field=interlaced->none, bytesperline=1280, " +
        "sizeimage=614400, colorspace=8, flags=0x0, ycbcr_enc=0, quantization=0, xfer_func=0",
    );
    // The kernel's form stays the kernel's.
    expect(kernel).not.toContain("->");
    expect(kernel).toContain("width=640, height=480");
  });

  it("is the kernel's when the client got what it asked", async () => {
    const { pretty, kernel, asked } = await logged({}, "VIDIOC_S_CTRL", argOf("VIDIOC_S_CTRL"));
    expect([pretty, asked]).toEqual([kernel, undefined]);
  });

  it("G_FMT asks for a type only, whatever else the client left there", async () => {
    const { pretty, asked } = await logged({ gFmt: () => vga(1) }, "VIDIOC_G_FMT", askFormat("VIDIOC_G_FMT"));
    expect(pretty).not.toContain("->");
    expect(asked).toBeUndefined();
  });

  it("S_PARM: the interval", async () => {
    const arg = argOf("VIDIOC_S_PARM");
    const view = new StreamparmView(arg);
    view.type = 1;
    Object.assign(view.parm.capture.timeperframe, { numerator: 1, denominator: 240 });
    const ops: Ops = {
      sParm: (_file, parm) => ({
        ...parm,
        capability: 0x1000,
        timeperframe: { numerator: 1, denominator: 60 },
      }),
    };
    const { pretty, asked, args } = await logged(ops, "VIDIOC_S_PARM", arg);
    expect(pretty).toContain("capability=0x1000, capturemode=0x0, timeperframe=1/240->1/60,");
    expect(asked).toMatchObject({ timeperframe: { numerator: 1, denominator: 240 } });
    expect(asked).not.toHaveProperty("capability");
    expect(args).toMatchObject({ timeperframe: { numerator: 1, denominator: 60 }, capability: 0x1000 });
  });

  it("S_SELECTION: size and place", async () => {
    const arg = argOf("VIDIOC_S_SELECTION");
    const view = new SelectionView(arg);
    view.type = 1;
    Object.assign(view.r, { left: 0, top: 0, width: 33, height: 17 });
    const ops: Ops = { sSelection: () => ({ left: 2, top: 0, width: 32, height: 16 }) };
    const { pretty } = await logged(ops, "VIDIOC_S_SELECTION", arg);
    expect(pretty).toBe("type=vid-cap, target=0, flags=0x0, wxh=33x17->32x16, x,y=0,0->2,0");
  });

  it("REQBUFS: how many", async () => {
    const arg = argOf("VIDIOC_REQBUFS");
    Object.assign(new RequestbuffersView(arg), { count: 1, type: 1, memory: 1 });
    const ops: Ops = { reqbufs: () => ({ count: 4, capabilities: 5, flags: 0 }) };
    const { pretty, asked } = await logged(ops, "VIDIOC_REQBUFS", arg);
    expect(pretty).toBe("count=1->4, type=vid-cap, memory=mmap");
    expect(asked).toEqual({ count: 1, type: "vid-cap", memory: "mmap", flags: 0 });
  });

  it("S_EXT_CTRLS: each value, and a zero is a wish like another", () => {
    const answer = argOf("VIDIOC_S_EXT_CTRLS");
    Object.assign(new ExtControlsView(answer), { which: 0x980000, count: 2 });
    const arrays = [
      [0, 300],
      [1, 255],
    ].map((values) => {
      const array = new Uint8Array(2 * ExtControlView.SIZE);
      for (const [index, value] of values.entries()) {
        const view = new ExtControlView(array.subarray(index * ExtControlView.SIZE));
        Object.assign(view, { id: 0x980900 + index, value });
      }
      return array;
    });
    const { number, asks } = ioctlTable.byName("VIDIOC_S_EXT_CTRLS");
    const { dialog } = describeDialog(
      (out, bytes) => describeIoctl(out, ioctlTable.find(number), bytes),
      { arg: answer, array: arrays[0] },
      { arg: answer, array: arrays[1] },
      asks,
    );
    expect(dialog).toContain("id/val=0x980900/0x0->0x1");
    expect(dialog).toContain("id/val=0x980901/0x12c->0xff");
  });

  it("QUERYCTRL: the next control that it asked for", async () => {
    const { number, asks } = ioctlTable.byName("VIDIOC_QUERYCTRL");
    const [asked, given] = [argOf("VIDIOC_QUERYCTRL"), argOf("VIDIOC_QUERYCTRL")];
    new ControlView(asked).id = 0x80980900;
    new ControlView(given).id = 0x00980901;
    const write = (out: ArgWriter, bytes: { arg: Uint8Array }): void => {
      describeIoctl(out, ioctlTable.find(number), { ...bytes, array: undefined });
    };
    const both = { asked: { arg: asked, array: undefined }, given: { arg: given, array: undefined } };
    expect(describeDialog(write, both.asked, both.given, asks).dialog).toMatch(/^id=0x80980900->0x980901, /);
  });
});

/** Those that pass an argument in and get one back. */
const dialogs = ioctlTable.all.filter(({ reads, writes }) => reads && writes);

describe.each(dialogs)("$name", (definition: IoctlDefinition) => {
  const bytes = fc.uint8Array({ minLength: definition.size, maxLength: definition.size });
  const arrays = fc.option(fc.uint8Array({ maxLength: 600 }), { nil: undefined });

  it("shows any question and any answer, and the kernel's text does not change", () => {
    fc.assert(
      fc.property(bytes, bytes, arrays, fc.integer({ min: 0, max: 20 }), (asked, given, array, type) => {
        if (definition.size > 4) asked[0] = given[0] = type;
        const description = describeDialog(
          (out, each) => describeIoctl(out, definition, each),
          { arg: asked, array },
          { arg: given, array },
          definition.asks,
        );
        const alone = describeIoctl(new ArgWriter(), definition, { arg: given, array });
        expect(description.text).toBe(alone.text);
        // eslint-disable-next-line no-control-regex -- looking for them
        expect(description.dialog).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
        const names = Object.keys(description.asked ?? {});
        if (definition.asks !== undefined) expect(definition.asks).toEqual(expect.arrayContaining(names));
      }),
      { numRuns: 30 },
    );
  });

  it("asks with fields that the log has", () => {
    const seen = new Set<string>();
    for (let type = 0; type <= 20; type++) {
      const arg = new Uint8Array(definition.size);
      arg[0] = type;
      const { object } = describeIoctl(new ArgWriter(), definition, {
        arg,
        array: new Uint8Array(600),
      });
      for (const name of Object.keys(object)) seen.add(name);
    }
    expect([...seen]).toEqual(expect.arrayContaining([...(definition.asks ?? [])]));
  });
});

it("an ioctl that gets, enumerates or queries says what its client asks with", () => {
  const silent = dialogs.filter(
    ({ name, asks }) => /^VIDIOC_(?:DBG_)?(?:G_|ENUM|QUERY|DQ|CROPCAP)/.test(name) && asks === undefined,
  );
  // G_EDID is answered with as many blocks as there are: a wish.
  expect(silent.map(({ name }) => name)).toEqual(["VIDIOC_G_EDID"]);
});

it("copies nothing while nobody listens", async () => {
  const harness = new Harness({ ops: allOps });
  const arg = Uint8Array.of(2, 0, 0, 0);
  let copies = 0;
  arg.slice = (...range) => {
    copies++;
    return Uint8Array.prototype.slice.apply(arg, range);
  };
  await harness.ioctl("VIDIOC_S_INPUT", arg);
  expect(copies).toBe(0);
  // Else the test would not see it.
  harness.device.trace.subscribe(() => undefined);
  await harness.ioctl("VIDIOC_S_INPUT", arg);
  expect(copies).toBe(1);
});

it("an event that was not asked of a client has no question", () => {
  const events: IoctlEvent[] = [];
  const harness = new Harness({ ops: allOps });
  harness.device.trace.subscribe((event) => {
    if (event.kind === "ioctl") events.push(event);
  });
  void harness.ioctl("VIDIOC_QUERYCAP");
  expect(events[0]?.asked()).toBeUndefined();
});
