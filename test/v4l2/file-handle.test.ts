/** What is known of an open file before and after its driver has seen it. */
import { describe, expect, it } from "vitest";
import { FileHandle, type Mapping } from "../../src/v4l2/file-handle.js";
import { ControlHandler } from "../../src/v4l2/controls/handler.js";
import { errnoOf, Harness } from "./support/fakes.js";

const newFile = (): FileHandle => {
  const { device, client } = new Harness().file;
  return new FileHandle({ device, client, id: 7n, flags: 2, notifyPoll: () => undefined });
};

describe("an open file", () => {
  it("has the state that its driver gave it, once", () => {
    const file = newFile();
    expect(() => file.state).toThrow("no state before the open hook returned");
    file.setState(undefined);
    expect(file.state).toBeUndefined();
    expect(() => file.setState(1)).toThrow("set once");
    const other = newFile();
    other.setState("its own");
    expect(other.state).toBe("its own");
  });

  it("has controls, its own or the device's, or answers ENOTTY", async () => {
    const file = newFile();
    expect(await errnoOf(() => file.requireControls())).toBe("ENOTTY");
    const controls = new ControlHandler();
    file.controls = controls;
    expect(file.requireControls()).toBe(controls);
  });

  it("offers MMAP buffers when its clients can map them, by asking or in its own memory", () => {
    const file = newFile();
    const backing = { fd: 3, sizeBytes: 4096 } as unknown as Exclude<Mapping, string>["backing"];
    const offers = (["none", "by-asking", { backing }] as const).map((mapping) => {
      file.mapping = mapping;
      return [file.canMap, file.backing];
    });
    expect(offers).toEqual([
      [false, undefined],
      [true, undefined],
      [true, backing],
    ]);
  });
});
