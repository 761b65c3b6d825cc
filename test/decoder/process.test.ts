/** What a decoder process can do to us, and we to it: it may be lost or taken over at any time. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { decoderPath } from "../../src/native.js";
import { DecoderProcess } from "../../src/decoder/process.js";
import { SharedMemoryProvider } from "../../src/vb2/index.js";
import { framesOf, StreamDecoder } from "./stream.js";
import { isRoot } from "../support/root.js";

const large = { width: 320, height: 240 };
const clip = (name: string): Uint8Array =>
  readFileSync(new URL(`../gstreamer/data/${name}`, import.meta.url));

const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
};

const socketsOpen = (): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
    } catch {
      return false;
    }
  }).length;

/** A process in place of the decoder. */
function impostor(script: string): DecoderProcess {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  const path = join(folder, "decoder");
  writeFileSync(
    path,
    `#!/usr/bin/python3\nimport os, socket, struct, time\ns = socket.socket(fileno=0)\n${script}\n`,
    {
      mode: 0o755,
    },
  );
  const made = new DecoderProcess(path);
  onTestFinished(() => {
    made.close();
    rmSync(folder, { recursive: true });
  });
  return made;
}

/** A job that any process can answer. */
function submit(target: DecoderProcess): Promise<unknown> {
  const provider = new SharedMemoryProvider({ name: "decoder-test" });
  const memory = provider.allocPlane(4096);
  onTestFinished(() => {
    memory.release();
  });
  const place = { index: 0, memory };
  const job = { codec: 1, flags: 1, layout: 1, width: 16, height: 16, stride: 16, pieces: [] };
  return target.decode(job, { source: place, destination: place });
}

const HELLO = "s.send(struct.pack('II', 1, 7))";

describe("a confined process", () => {
  it("can open, start, send and become nothing", () => {
    const { status, stdout } = spawnSync(decoderPath(), ["--probe"], { encoding: "utf8" });
    expect(stdout).not.toContain("ALLOWED");
    expect(stdout.match(/^refused /gm)).toHaveLength(14);
    expect(status).toBe(0);
  });

  it("is nobody, without new privileges, under a filter, with three descriptors", async () => {
    const decoder = new StreamDecoder("vp8", large);
    onTestFinished(() => {
      decoder.close();
    });
    const [first] = framesOf("vp8", clip("vp8.ivf"));
    if (first === undefined) throw new Error("no frame");
    expect(await decoder.frame(first)).toMatchObject({ status: "done", ...large });
    const status = readFileSync(`/proc/${decoder.process.pid ?? 0}/status`, "utf8");
    if (isRoot) expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
    if (isRoot) expect(status).toMatch(/^Groups:\t *$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^CapEff:\t0000000000000000$/m);
    expect(status).toMatch(/^Threads:\t1$/m);
    // Others than root may not look into a process that cannot be traced.
    if (isRoot) expect(readdirSync(`/proc/${decoder.process.pid ?? 0}/fd`)).toEqual(["0", "1", "2"]);
  });
});

describe("a lost process", () => {
  it("answers its jobs with nothing, and says how it ended", async () => {
    const decoder = new StreamDecoder("vp8", large);
    const [first] = framesOf("vp8", clip("vp8.ivf"));
    if (first === undefined) throw new Error("no frame");
    const pid = decoder.process.pid ?? 0;
    process.kill(pid, "SIGSTOP"); // Or it may be quicker.
    const answer = decoder.frame(first);
    process.kill(pid, "SIGKILL");
    expect(await answer).toBeUndefined();
    expect(decoder.process.end).toBe("ended (SIGKILL)");
    expect(await decoder.frame(first)).toBeUndefined();
    decoder.close();
  });

  it("leaves no descriptor and no process behind, killed at any time", async () => {
    const before = socketsOpen();
    const rounds = Number(process.env["DECODER_KILLS"] ?? 20);
    const frames = [...framesOf("h264", clip("h264_main_b.h264"))];
    for (let round = 0; round < rounds; round++) {
      const decoder = new StreamDecoder("h264", large);
      const pid = decoder.process.pid ?? 0;
      const kill = setTimeout(() => process.kill(pid, "SIGKILL"), Math.random() * 60);
      let lost = false;
      for (const frame of frames) lost ||= (await decoder.frame(frame)) === undefined;
      clearTimeout(kill);
      decoder.close();
      expect(decoder.process.end).toMatch(lost ? /SIGKILL/ : /closed/);
      await until(() => {
        try {
          process.kill(pid, 0);
          return false;
        } catch {
          return true;
        }
      });
    }
    await until(() => socketsOpen() <= before);
  }, 300_000);

  it("that closes its socket only is ended", async () => {
    const decoder = impostor(`${HELLO}\ns.close()\ntime.sleep(60)`);
    expect(await submit(decoder)).toBeUndefined();
    expect(decoder.end).toBe("ended (SIGKILL)");
  });

  it("that does not exist says so, to its observer too", async () => {
    const told: unknown[] = [];
    const decoder = new DecoderProcess("/nonexistent/decoder", (...step) => told.push(step));
    expect(await submit(decoder)).toBeUndefined();
    expect(decoder.end).toContain("does not start");
    expect(told).toEqual([
      ["started", undefined],
      ["sent", undefined, 1],
      ["ended", undefined, undefined, decoder.end],
    ]);
  });
});

describe("a process that was taken over", () => {
  it.each([
    ["another version", "s.send(struct.pack('II', 9, 7))", "is of another version"],
    ["no filter", "s.send(struct.pack('II', 1, 1))", "is not confined"],
    ["a hello that is none", "s.send(b'x')", "is of another version"],
    [
      "an answer to no job",
      `${HELLO}\ns.send(struct.pack('IIII', 77, 0, 0, 0))`,
      "answered what nobody asked",
    ],
    ["an answer of another length", `${HELLO}\ns.send(b'x' * 200)`, "answered what nobody asked"],
    [
      "an unknown status",
      `${HELLO}\ns.recv(99)\ns.recv(99)\ns.recv(999)\ns.send(struct.pack('IIII', 1, 55, 0, 0))`,
      "answered what nobody asked",
    ],
  ])("%s ends it", async (_what, script, reason) => {
    const decoder = impostor(`${script}\ntime.sleep(60)`);
    expect(await submit(decoder)).toBeUndefined();
    expect(decoder.end).toContain(reason);
  });
});
