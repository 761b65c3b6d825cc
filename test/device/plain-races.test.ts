/**
 * Programs with no helper that make it hard for whoever serves their REQBUFS (`test/clients/reqbufs-races.c`). Nobody
 * hangs, what the log says is to the point, and the next client is served as ever.
 */
import { expect, it, vi } from "vitest";
import { logged, sharedCamera, withoutHelper } from "./support/camera.js";
import { describeDevice, until } from "./support/device.js";
import {
  expectMapping,
  GRAFTED,
  kernelMaps,
  MappingRun,
  NO_PASSTHROUGH,
  OTHER_FILE,
  racingClient,
} from "./support/plain.js";

vi.setConfig({ testTimeout: 60_000 });

interface Race {
  readonly kind: string;
  readonly rounds: number;
  /** How calls may end, on a kernel that maps. */
  readonly outcomes: readonly string[];
  /** How many there are in a round. */
  readonly calls: number;
  /** What the log may say. */
  readonly messages: readonly RegExp[];
}

const races: readonly Race[] = [
  {
    kind: "replace",
    rounds: 12,
    outcomes: ["ok", "EINVAL", "ENOTTY"],
    calls: 1,
    messages: [GRAFTED, OTHER_FILE],
  },
  {
    kind: "close",
    rounds: 12,
    outcomes: ["ok", "EINVAL", "ENOTTY", "EBADF"],
    calls: 1,
    messages: [GRAFTED, OTHER_FILE],
  },
  { kind: "unmap", rounds: 12, outcomes: ["ok", "EFAULT"], calls: 1, messages: [GRAFTED] },
  { kind: "same", rounds: 4, outcomes: ["ok"], calls: 12, messages: [GRAFTED] },
  { kind: "dups", rounds: 4, outcomes: ["ok"], calls: 12, messages: [GRAFTED] },
  { kind: "signal", rounds: 4, outcomes: ["ok"], calls: 1, messages: [GRAFTED] },
  { kind: "vfork", rounds: 10, outcomes: ["ok"], calls: 3, messages: [GRAFTED] },
];

describeDevice("without a helper, a client that races", () => {
  const camera = sharedCamera();

  it.each(races)("$kind: is answered, and the next is served", async ({ kind, rounds, ...race }) => {
    const driver = camera();
    const before = driver.process.lines.length;
    const run = withoutHelper([racingClient, driver.node, kind, String(rounds)], { timeoutMs: 45_000 });
    const { lines, stderr, code, signal } = await run.result;
    expect({ code, signal }, stderr).toEqual({ code: 0, signal: null });

    const ended = new Map(lines.map((line) => [line.split(" ")[0], Number(line.split(" ")[1])]));
    expect([...ended.values()].reduce((sum, count) => sum + count, 0)).toBe(rounds * race.calls);
    const allowed = (await kernelMaps()) ? race.outcomes : [...race.outcomes, "EINVAL"];
    expect(allowed).toEqual(expect.arrayContaining([...ended.keys()]));

    // Each open file is closed, and so is what took its place.
    const events = (): Record<string, unknown>[] => logged(driver).slice(before);
    const count = (action: string): number => events().filter((event) => event["action"] === action).length;
    await until(() => count("release") === rounds, "all its files are released", 20_000);
    const messages = events().flatMap(({ kind: of, text }) => (of === "message" ? [String(text)] : []));
    const expected = (await kernelMaps()) ? race.messages : [NO_PASSTHROUGH];
    expect(messages.filter((text) => !expected.some((pattern) => pattern.test(text)))).toEqual([]);

    await expectMapping(new MappingRun(driver, "open rw reqbufs 4 stream 1"), 1, [
      "reqbufs 4: ok",
      "streamed: 1 frames",
    ]);
  });
});
