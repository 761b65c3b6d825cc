/** How many wait, in the whole process. */
import { expect, it } from "vitest";
import { noteWaiting, somebodyWaits } from "../../src/cuse/waiting.js";
import { Bench } from "./support/bench.js";
import { turns } from "./support/fake-channel.js";
import * as send from "./support/messages.js";
import { RecordingDevice } from "./support/recording-device.js";

it("a call counts as one that waits until it is answered, once", async () => {
  const count = (): number => {
    let found = 0;
    for (; somebodyWaits(); found += 1) noteWaiting(-1);
    noteWaiting(found);
    return found;
  };
  // Those of other tests, and some more, for the count of none and of fewer is the same.
  noteWaiting(10);
  const before = count();
  const settle: ((value: number) => void)[] = [];
  const bench = new Bench(
    new RecordingDevice({ ioctl: () => new Promise<number>((resolve) => settle.push(resolve)) }),
  );
  bench.open();
  for (const unique of [10, 12]) bench.deliver(send.ioctl(unique, 1, send.io(1)));
  expect(count()).toBe(before + 2);
  bench.connection.refusePending("ENODEV");
  expect(count()).toBe(before);
  for (const resolve of settle) resolve(0);
  await turns();
  expect(count()).toBe(before);
  noteWaiting(-10);
});
