import { describe, expect, it, vi } from "vitest";
import { ExtControlView } from "../../../src/v4l2/gen/index.js";
import type { ControlOps } from "../../../src/v4l2/ops.js";
import type { ExtControls } from "../../../src/v4l2/values/types-device.js";
import { hex, padded, text } from "../support/bytes.js";
import { argOf, errnoOf, Harness, refusalOf } from "../support/fakes.js";

const ARRAY = 0x7f00_0000_1000n;
const PAYLOAD = 0x7f00_0000_2000n;

/** Controls that answer with constants; `parts` replaces some. */
function fakeControls(parts: Partial<ControlOps> = {}): ControlOps {
  return {
    queryctrl: (id) => ({
      id: id & 0x0fffffff,
      type: 1,
      name: "Brightness",
      minimum: -128,
      maximum: 127,
      step: 1,
      defaultValue: 0,
      flags: 0x20,
    }),
    queryExtCtrl: (id) => ({
      id: id & 0x0fffffff,
      type: 0x271,
      name: "Params",
      minimum: 0n,
      maximum: 0n,
      step: 0n,
      defaultValue: 0n,
      flags: 0x900,
      elemSize: 280,
      elems: 1,
      dims: [600],
    }),
    querymenu: ({ index }) => (index === 0 ? { name: "None" } : { value: 5n }),
    gCtrl: () => -3,
    sCtrl: ({ value }) => value + 1,
    gExtCtrls: () => undefined,
    sExtCtrls: () => undefined,
    tryExtCtrls: () => undefined,
    ...parts,
  };
}

const extRequest = (count: number, which = "00000000"): Uint8Array => {
  const arg = padded(32, hex`${which}`);
  const view = new DataView(arg.buffer);
  view.setUint32(4, count, true);
  view.setUint32(8, 0xffffffff, true);
  view.setInt32(12, 24, true);
  view.setBigUint64(24, ARRAY, true);
  return arg;
};

describe("simple controls", () => {
  it("QUERYCTRL", () => {
    const harness = new Harness({ controls: fakeControls() });
    const arg = padded(68, hex`00099880`, 0xff);
    void harness.ioctl("VIDIOC_QUERYCTRL", arg);
    expect(arg).toEqual(
      padded(
        68,
        hex`00099800 01000000 ${text(32, "Brightness")} 80ffffff 7f000000 01000000 00000000 20000000`,
      ),
    );
  });

  it("QUERY_EXT_CTRL", () => {
    const harness = new Harness({ controls: fakeControls() });
    const arg = padded(232, hex`900aa4c0`, 0xff);
    void harness.ioctl("VIDIOC_QUERY_EXT_CTRL", arg);
    expect(arg).toEqual(
      padded(
        232,
        hex`
        900aa400 71020000 ${text(32, "Params")}
        0000000000000000 0000000000000000 0000000000000000 0000000000000000
        00090000 18010000 01000000 01000000 58020000
      `,
      ),
    );
  });

  it("QUERYMENU with names and with numbers", () => {
    const harness = new Harness({ controls: fakeControls() });
    const named = padded(44, hex`00099800 00000000`, 0xff);
    const numbered = padded(44, hex`00099800 01000000`, 0xff);
    void harness.ioctl("VIDIOC_QUERYMENU", named);
    void harness.ioctl("VIDIOC_QUERYMENU", numbered);
    expect(named).toEqual(padded(44, hex`00099800 00000000 ${text(32, "None")}`));
    expect(numbered).toEqual(padded(44, hex`00099800 01000000 0500000000000000`));
  });

  it("G_CTRL and S_CTRL, at once and later", async () => {
    const harness = new Harness({ controls: fakeControls({ gCtrl: async () => 7 }) });
    const get = hex`00099800 ffffffff`;
    expect(await harness.ioctl("VIDIOC_G_CTRL", get)).toBe(0);
    expect(get).toEqual(hex`00099800 07000000`);
    const set = hex`00099800 feffffff`;
    expect(harness.ioctl("VIDIOC_S_CTRL", set)).toBe(0);
    expect(set).toEqual(hex`00099800 ffffffff`);
  });

  it("a file's own controls are enough", async () => {
    const harness = new Harness();
    expect(await errnoOf(() => harness.ioctl("VIDIOC_G_CTRL", argOf("VIDIOC_G_CTRL")))).toBe("ENOTTY");
    harness.file.controls = fakeControls();
    expect(harness.ioctl("VIDIOC_G_CTRL", argOf("VIDIOC_G_CTRL"))).toBe(0);
  });

  it("a file's own controls come before the device's", () => {
    const harness = new Harness({ controls: fakeControls({ gCtrl: () => 1 }) });
    harness.file.controls = fakeControls({ gCtrl: () => 2 });
    const arg = argOf("VIDIOC_G_CTRL");
    void harness.ioctl("VIDIOC_G_CTRL", arg);
    expect(arg[4]).toBe(2);
  });
});

describe("extended controls", () => {
  it("hands over the array; values and payloads go both ways", () => {
    const seen: unknown[] = [];
    const sExtCtrls = ({ which, requestFd, controls, errorIdx }: ExtControls): void => {
      const [first, second] = controls;
      if (first === undefined || second === undefined) throw new Error("two were sent");
      seen.push(which, requestFd, errorIdx, first.id, first.size, first.value, second.id, [
        ...second.readPayload(4),
      ]);
      first.value = -9;
      second.size = 8;
      second.writePayload(Uint8Array.of(9, 8));
    };
    const harness = new Harness({ controls: fakeControls({ sExtCtrls }) });
    const payload = harness.memory.map(PAYLOAD, hex`01020304`);
    const array = harness.memory.map(
      ARRAY,
      hex`
        00099800 00000000 ffffffff 05000000 aaaaaaaa  # id, size, reserved, value
        090aa400 04000000 ffffffff 0020000000 7f0000  # id, size, reserved, pointer
      `,
    );
    const arg = extRequest(2, "0000010f");
    expect(harness.ioctl("VIDIOC_S_EXT_CTRLS", arg)).toBe(0);
    expect(seen).toEqual([0x0f010000, 24, 2, 0x980900, 0, 5, 0xa40a09, [1, 2, 3, 4]]);
    expect(array).toEqual(hex`
      00099800 00000000 00000000 f7ffffff aaaaaaaa
      090aa400 08000000 00000000 0020000000 7f0000
    `);
    expect(payload).toEqual(hex`09080304`);
  });

  it("the whole union is there as a 64-bit value", () => {
    const gExtCtrls = ({ controls }: ExtControls): void => {
      for (const control of controls) control.value64 = -2n;
    };
    const harness = new Harness({ controls: fakeControls({ gExtCtrls }) });
    const array = harness.memory.map(ARRAY, new Uint8Array(ExtControlView.SIZE));
    void harness.ioctl("VIDIOC_G_EXT_CTRLS", extRequest(1));
    expect(array.subarray(12)).toEqual(hex`feffffffffffffff`);
  });

  it("a payload of no bytes is not looked for in the client's memory", () => {
    const sExtCtrls = ({ controls: [control] }: ExtControls): void => {
      expect(control?.readPayload(0)).toEqual(new Uint8Array());
      control?.writePayload(new Uint8Array());
    };
    const harness = new Harness({ controls: fakeControls({ sExtCtrls }) });
    harness.memory.map(ARRAY, new Uint8Array(20));
    expect(harness.ioctl("VIDIOC_S_EXT_CTRLS", extRequest(1))).toBe(0);
  });

  it("a payload pointer that leads nowhere is EFAULT, and the rest still goes back", async () => {
    const sExtCtrls = (request: ExtControls): void => {
      request.errorIdx = 0;
      request.controls[0]?.readPayload(16);
    };
    const harness = new Harness({ controls: fakeControls({ sExtCtrls }) });
    harness.memory.map(ARRAY, new Uint8Array(20));
    const arg = extRequest(1);
    expect(await refusalOf(() => harness.ioctl("VIDIOC_S_EXT_CTRLS", arg))).toMatchObject({
      code: "EFAULT",
      copyOut: true,
    });
    expect(arg.subarray(8, 12)).toEqual(hex`00000000`);
  });

  it("error_idx is the count unless the handler says otherwise", () => {
    const harness = new Harness({ controls: fakeControls() });
    harness.memory.map(ARRAY, new Uint8Array(60));
    const arg = extRequest(3);
    void harness.ioctl("VIDIOC_TRY_EXT_CTRLS", arg);
    expect(arg.subarray(8, 12)).toEqual(hex`03000000`);
  });

  it("a class that is named by one of its controls goes back as the class", async () => {
    const harness = new Harness({ controls: fakeControls() });
    const arg = extRequest(0, "00099800");
    await harness.ioctl("VIDIOC_TRY_EXT_CTRLS", arg);
    expect(arg.subarray(0, 4)).toEqual(hex`00009800`);
  });

  it("no controls, no array: a question about the class", () => {
    const gExtCtrls = vi.fn();
    const harness = new Harness({ controls: fakeControls({ gExtCtrls }) });
    expect(harness.ioctl("VIDIOC_G_EXT_CTRLS", extRequest(0))).toBe(0);
    expect(gExtCtrls.mock.calls[0]?.[0]).toMatchObject({ controls: [], errorIdx: 0 });
    expect(harness.memory.reads).toBe(0);
  });

  it("at most 1024", async () => {
    const gExtCtrls = vi.fn((_request: ExtControls) => undefined);
    const harness = new Harness({ controls: fakeControls({ gExtCtrls }) });
    harness.memory.map(ARRAY, new Uint8Array(1025 * 20));
    expect(harness.ioctl("VIDIOC_G_EXT_CTRLS", extRequest(1024))).toBe(0);
    expect(gExtCtrls.mock.calls[0]?.[0].controls).toHaveLength(1024);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_G_EXT_CTRLS", extRequest(1025)))).toBe("EINVAL");
  });
});
