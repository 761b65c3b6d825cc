/** Serving what waits in a channel: when that ends. */
import { describe, expect, it } from "vitest";
import { serveWaiting } from "../../src/cuse/waiting-messages.js";
import { systemError } from "./support/fake-channel.js";

/** Reads these lengths, or fails with these errnos; then nothing waits. @returns The lengths that were served. */
function serve(reads: readonly (number | string)[], goesOn = (): boolean => true): number[] {
  const served: number[] = [];
  let count = 0;
  const readReady = (fd: number, into: Uint8Array): number => {
    expect([fd, into.byteLength]).toEqual([7, 64]);
    const next = reads[count] ?? -1;
    count += 1;
    if (typeof next === "string") throw systemError(next, "read");
    return next;
  };
  serveWaiting({ readReady }, 7, new Uint8Array(64), (message) => {
    served.push(message.byteLength);
    return goesOn();
  });
  return served;
}

describe("messages that wait", () => {
  it.each([
    ["none waits any more", [40, 50], [40, 50]],
    ["the channel has ended", [40, 0, 50], [40]],
    ["there was none", [], []],
    ["the channel fails", [40, "ENODEV", 50], [40]],
  ])("are served until %s", (_why, reads, expected) => {
    expect(serve(reads)).toEqual(expected);
  });

  it("are served although one was taken back", () => {
    expect(serve([40, "ENOENT", 50])).toEqual([40, 50]);
  });

  it("are served until whoever serves them has had enough, and 256 at the most", () => {
    expect(serve([40, 50], () => false)).toEqual([40]);
    expect(serve(new Array<number>(300).fill(40))).toHaveLength(256);
    expect(serve(new Array<string>(256).fill("ENOENT").concat())).toEqual([]);
  });
});
