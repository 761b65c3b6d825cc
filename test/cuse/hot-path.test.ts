import { isMainThread } from "node:worker_threads";
import { expect, it } from "vitest";
import { Bench } from "./support/bench.js";
import * as send from "./support/messages.js";
import { RecordingDevice } from "./support/recording-device.js";

// scripts/mutate runs tests in worker threads, and its own counting leaves garbage.
it.runIf(isMainThread)(
  "an ioctl that is answered at once leaves next to nothing for the garbage collector",
  () => {
    const bench = new Bench(
      new RecordingDevice({
        ioctl: (_file, { arg }) => {
          arg[0] = 1;
          return 0;
        },
      }),
    );
    bench.open();
    bench.channel.write = () => 0;
    const buffer = new Uint8Array(135_168);
    const bytes = send.ioctl(10, 1, send.iowr(1, 104), new Uint8Array(104));
    buffer.set(bytes);
    const message = buffer.subarray(0, bytes.length);

    for (let index = 0; index < 20_000; index++) bench.connection.onMessage(message);
    // A collection in between makes a sample small, so the median is what counts.
    const samples = Array.from({ length: 15 }, () => {
      const before = process.memoryUsage().heapUsed;
      for (let index = 0; index < 2000; index++) bench.connection.onMessage(message);
      return (process.memoryUsage().heapUsed - before) / 2000;
    }).sort((a, b) => a - b);
    // Some numbers above 2^31; a view, a closure or a promise per call would be more.
    expect(samples[7]).toBeLessThan(150);
  },
);
