/** What drivers get from the package, and what they do not. */
import { describe, expect, it } from "vitest";
import * as library from "../src/index.js";

const names = Object.keys(library);

describe("the package's values", () => {
  it.each(["M2mDevice", "VideoDevice", "VideoQueue", "ControlHandler", "MediaDevice", "V4l2Error", "tpg"])(
    "have %s",
    (name) => {
      expect(names).toContain(name);
    },
  );

  it("are not raw structs, clients' memory, sockets or the helper's protocol", () => {
    expect(
      names.filter((name) => /View$|^HELPER|^parse|^emit|Client|ProcessMemory|ArgWriter/.test(name)),
    ).toEqual([]);
  });
});
