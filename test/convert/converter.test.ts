/** What a worker can do to us, and we to it: it may be lost or taken over at any time. */
import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { PictureConverter, type ConversionError, type Picture } from "../../src/convert/index.js";
import { encodeForget, encodeJob, encodeMemory, PROTOCOL } from "../../src/convert/protocol.js";
import { converterPath } from "../../src/native.js";
import { WorkerProcess } from "../../src/worker/index.js";
import { bytesOf, picture, testPicture } from "./pictures.js";
import { isRoot } from "../support/root.js";

const yuyv = testPicture("yuyv422", 64, 48);

function start(log?: (text: string) => void): PictureConverter {
  const converter = new PictureConverter({ ...(log && { log }) });
  onTestFinished(() => {
    converter.close();
  });
  return converter;
}

const failureOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "none",
    (error: unknown) => (error as ConversionError).failure,
  );

const pair = (): [Picture, Picture] => [picture("YUYV", 64, 48, { bytes: yuyv }), picture("NV12", 64, 48)];

describe("the worker", () => {
  it("can open, start, send and become nothing", () => {
    const { status, stdout } = spawnSync(converterPath(), ["--probe"], { encoding: "utf8" });
    expect(stdout).not.toContain("ALLOWED");
    expect(stdout.match(/^refused /gm)).toHaveLength(14);
    expect(status).toBe(0);
  });

  it("is nobody, without new privileges, under a filter, with three descriptors", async () => {
    const converter = start();
    await converter.convert(...pair());
    const status = readFileSync(`/proc/${converter.pid ?? 0}/status`, "utf8");
    if (isRoot) expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^CapEff:\t0000000000000000$/m);
    expect(status).toMatch(/^Threads:\t1$/m);
    // Others than root may not look into a process that cannot be traced.
    if (isRoot) expect(readdirSync(`/proc/${converter.pid ?? 0}/fd`)).toEqual(["0", "1", "2"]);
  });

  it.runIf(isRoot)("unmaps what is forgotten, and keeps at most a bounded number of memories", async () => {
    const converter = start();
    const mapped = (): number =>
      readFileSync(`/proc/${converter.pid ?? 0}/maps`, "utf8")
        .split("\n")
        .filter((line) => line.includes("memfd:")).length;
    const [from, to] = pair();
    await converter.convert(from, to);
    expect(mapped()).toBe(2);
    converter.forget(from.memory);
    converter.forget(to.memory);
    await converter.convert(...pair());
    expect(mapped()).toBe(2);
    for (let i = 0; i < 1100; i++) {
      const { fd, fdOffset, sizeBytes } = from.memory;
      await converter.convert({ ...from, memory: { fd, fdOffset, sizeBytes } }, to);
    }
    expect(mapped()).toBeLessThanOrEqual(1024);
  });

  it("is replaced when it was killed: what was under way is lost, what waits goes on", async () => {
    const log: string[] = [];
    const converter = start((text) => log.push(text));
    await converter.convert(...pair());
    const pid = converter.pid ?? 0;
    const ends = Array.from({ length: 20 }, () => failureOf(converter.convert(...pair())));
    process.kill(pid, "SIGKILL");
    const failures = await Promise.all(ends);
    expect(failures.filter((failure) => failure === "lost").length).toBeLessThanOrEqual(4);
    expect(failures.filter((failure) => failure === "none").length).toBeGreaterThanOrEqual(16);
    const [from, to] = pair();
    await converter.convert(from, to);
    expect(converter.pid).not.toBe(pid);
    expect(log).toHaveLength(1);
    expect(log[0]).toContain("SIGKILL");
  });

  it("is given up when it does not start three times in a row", async () => {
    const log: string[] = [];
    const converter = new PictureConverter({ log: (text) => log.push(text) }, "/bin/false");
    for (let i = 0; i < 10; i++) expect(await failureOf(converter.convert(...pair()))).toBe("lost");
    expect(log).toHaveLength(3);
    expect(log[2]).toContain("(status 1); it did 3 times, and nothing is converted any more");
    expect(converter.pid).toBeUndefined();
    converter.close();
  });

  it("rejects what waits when it is closed, and all that comes later", async () => {
    const converter = start();
    const ends = Array.from({ length: 10 }, () => failureOf(converter.convert(...pair())));
    converter.close();
    expect(new Set(await Promise.all(ends))).toEqual(new Set(["closed"]));
    expect(await failureOf(converter.convert(...pair()))).toBe("closed");
  });

  it("leaves out what was cancelled before it began", async () => {
    const converter = start();
    const begun = Array.from({ length: 4 }, () => converter.convert(...pair()));
    const abort = new AbortController();
    const cancelled = failureOf(converter.convert(...pair(), { signal: abort.signal }));
    abort.abort();
    expect(await cancelled).toBe("cancelled");
    await Promise.all(begun);
    expect(await failureOf(converter.convert(...pair(), { signal: abort.signal }))).toBe("cancelled");
  });

  it("outlives a file that a client makes shorter", async () => {
    const converter = start();
    const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
    const fd = openSync(join(folder, "short"), "w+");
    ftruncateSync(fd, 65536);
    onTestFinished(() => {
      closeSync(fd);
      rmSync(folder, { recursive: true });
    });
    const [from, to] = pair();
    const memory = { fd, fdOffset: 0, sizeBytes: 65536 };
    await converter.convert({ ...from, memory }, to);
    const { pid } = converter;
    ftruncateSync(fd, 0);
    expect(await failureOf(converter.convert({ ...from, memory }, to))).toBe("no-memory");
    await converter.convert(from, to);
    expect(converter.pid).toBe(pid);
  });
});

describe("pictures that make no sense", () => {
  const [from, to] = [
    (): Picture => picture("YUYV", 64, 48, { bytes: yuyv }),
    (): Picture => picture("NV12", 64, 48),
  ];

  it.each<[string, string, (picture: Picture) => Picture]>([
    ["a plane that ends after its memory", "outside", (p) => ({ ...p, height: 4000 })],
    [
      "an offset far away",
      "outside",
      (p) => ({ ...p, planes: p.planes.map((plane) => ({ ...plane, offset: 4294967040 })) }),
    ],
    ["a width of 0", "unsupported", (p) => ({ ...p, width: 0 })],
    ["a height of 2^31", "unsupported", (p) => ({ ...p, height: 2 ** 31 })],
    ["half a pixel", "unsupported", (p) => ({ ...p, width: 0.5 })],
    [
      "lines that are too short",
      "unsupported",
      (p) => ({ ...p, planes: p.planes.map((plane) => ({ ...plane, bytesPerLine: 60 })) }),
    ],
    ["no planes", "unsupported", (p) => ({ ...p, planes: [] })],
    ["an unknown format", "unsupported", (p) => ({ ...p, pixelformat: 1 })],
    ["a negative offset", "unsupported", (p) => ({ ...p, planes: [{ offset: -4, bytesPerLine: 128 }] })],
  ])("refuses %s", async (_name, failure, spoil) => {
    const converter = start();
    expect(await failureOf(converter.convert(spoil(from()), to()))).toBe(failure);
    expect(await failureOf(converter.convert(from(), spoil(to())))).toBe(failure);
    expect(converter.pid).toBeUndefined();
  });

  it("refuses planes of a destination that overlap, and a source that overlaps it", async () => {
    const converter = start();
    const one = to();
    const planes = one.planes.map((plane) => ({ ...plane, offset: 0 }));
    expect(await failureOf(converter.convert(from(), { ...one, planes }))).toBe("unsupported");
    expect(await failureOf(converter.convert(one, { ...picture("GREY", 64, 48), memory: one.memory }))).toBe(
      "unsupported",
    );
  });

  it("says that bytes which are no JPEG cannot be read, and goes on", async () => {
    const converter = start();
    const made = picture("MJPEG", 64, 48);
    const { bytesUsed } = await converter.convert(from(), made);
    const whole = made.memory.bytes.slice(0, bytesUsed);
    let broken = 0;
    let seed = 1;
    const random = (): number => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
    for (let round = 0; round < 300; round++) {
      made.memory.bytes.set(whole);
      for (let i = 0; i < 4; i++) {
        made.memory.bytes[Math.floor(random() * bytesUsed)] = Math.floor(random() * 256);
      }
      const failure = await failureOf(converter.convert({ ...made, bytesUsed }, to()));
      expect(["none", "broken", "no-memory"]).toContain(failure);
      if (failure === "broken") broken += 1;
    }
    expect(broken).toBeGreaterThan(0);
    made.memory.bytes.fill(0);
    expect(await failureOf(converter.convert({ ...made, bytesUsed }, to()))).toBe("broken");
  });
});

describe("orders that make no sense", () => {
  const worker = (): WorkerProcess<{ serial: number }> => {
    const made = new WorkerProcess({
      path: converterPath(),
      protocol: PROTOCOL,
      answerBytes: 12,
      limitMs: 5000,
      decode: (message) => ({ serial: new DataView(message.buffer, message.byteOffset).getUint32(0, true) }),
    });
    onTestFinished(() => {
      made.close();
    });
    return made;
  };
  const good = {
    ...{ slot: 0, format: 1, width: 64, height: 48, matrix: 1, isFull: false, bytes: 0 },
    planes: [{ offset: 0, bytesPerLine: 128 }],
  };
  const grey = { ...good, slot: 1, format: 13, planes: [{ offset: 0, bytesPerLine: 64 }] };
  type Spoilt = Partial<typeof good>;

  it.each<[string, Spoilt, Spoilt]>([
    ["a plane outside of the memory", { planes: [{ offset: 8192, bytesPerLine: 128 }] }, {}],
    ["a line longer than all", { planes: [{ offset: 0, bytesPerLine: 2 ** 31 }] }, {}],
    ["a size beyond all", { width: 4294967295, height: 4294967295 }, {}],
    ["an unknown memory", { slot: 7 }, {}],
    ["a memory that is for reading only", {}, { slot: 0 }],
    ["an unknown format", { format: 99 }, {}],
    ["PNG as a destination", {}, { format: 32 }],
    ["an unknown matrix", {}, { matrix: 9 }],
    ["no size", {}, { width: 0, height: 0 }],
  ])("ends at %s", async (_name, source, destination) => {
    const process = worker();
    const memory = picture("YUYV", 64, 48).memory;
    process.send(encodeMemory(0, memory.fdOffset, 8192, false), [memory.fd]);
    process.send(encodeMemory(1, memory.fdOffset, 8192, true), [memory.fd]);
    const job = { part: [0, 0, 0, 0], fit: 0, flags: 0, quality: 85 } as const;
    expect(
      await process.ask((serial) => {
        process.send(encodeJob({ serial, source: good, destination: grey, ...job }));
      }),
    ).toBeDefined();
    const answer = await process.ask((serial) => {
      process.send(
        encodeJob({
          serial,
          source: { ...good, ...source },
          destination: { ...grey, ...destination },
          ...job,
        }),
      );
    });
    expect(answer).toBeUndefined();
    expect(process.end).toBe("ended (status 1)");
  });

  it.each([
    ["nothing known", Uint8Array.of(9, 0, 0, 0)],
    ["half a message", encodeForget([1]).subarray(0, 8)],
    ["a memory without a descriptor", encodeMemory(0, 0, 4096, true)],
  ])("ends at %s", async (_name, message) => {
    const process = worker();
    expect(await process.ask(() => process.send(message))).toBeUndefined();
    expect(process.end).toBe("ended (status 1)");
  });
});

it("converts what it did before", async () => {
  const converter = start();
  const [first, second] = [picture("NV12", 64, 48), picture("NV12", 64, 48)];
  await converter.convert(picture("YUYV", 64, 48, { bytes: yuyv }), first);
  await converter.convert(picture("YUYV", 64, 48, { bytes: yuyv }), second);
  expect(bytesOf(first)).toEqual(bytesOf(second));
});
