import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { OnDemand } from "../../src/loopback/index.js";
import type { OnDemandOptions } from "../../src/loopback/index.js";

let folder = "";
let lines: string[] = [];
const running: OnDemand[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-on-demand-"));
  lines = [];
});
afterEach(async () => {
  for (const command of running.splice(0)) await command.close();
  rmSync(folder, { recursive: true });
});

function onDemand(command: string, options: Partial<OnDemandOptions> = {}): OnDemand {
  const made = new OnDemand({
    command,
    lingerMs: 50,
    environment: () => ({ FOLDER: folder, LOOPBACK_WIDTH: "640" }),
    log: (text) => lines.push(text),
    ...options,
  });
  running.push(made);
  return made;
}

const read = (name: string): string => {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch {
    return "";
  }
};
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("a command on demand", () => {
  it("runs once while somebody watches, with its numbers, and is ended with all that it started", async () => {
    const command = onDemand(
      'echo "$LOOPBACK_WIDTH" >> "$FOLDER/log"; sleep 1000 & echo $! > "$FOLDER/pid"; wait',
    );
    command.want(true);
    await vi.waitFor(() => expect(read("pid")).toMatch(/^\d+\n$/), 5000);
    command.want(false);
    command.want(true);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(read("log")).toBe("640\n");
    expect(command.isOurs(Number(read("pid")))).toBe(true);
    expect(command.isOurs(process.pid)).toBe(false);
    command.want(false);
    await vi.waitFor(() => expect(command.pid).toBeUndefined(), 5000);
    await vi.waitFor(() => expect(isAlive(Number(read("pid")))).toBe(false), 5000);
    expect(lines).toEqual([]);
  });

  it("is started again later if it fails, and one line says so", async () => {
    const command = onDemand('echo again >> "$FOLDER/log"; exit 3');
    command.want(true);
    await vi.waitFor(() => expect(read("log")).toBe("again\nagain\n"), 8000);
    expect(lines[0]).toBe(
      "the command has ended (status 3) though somebody watches; it is started again in 1 s",
    );
  });

  it("that cannot be started is said", async () => {
    const command = onDemand("", { command: () => ({ words: ["/no/such/program"] }) });
    command.want(true);
    await vi.waitFor(() => expect(lines[0]).toMatch(/cannot be started: .*ENOENT/), 5000);
  });

  it("finds on its standard input what it is given", async () => {
    const words = ["sh", "-c", 'cat > "$FOLDER/log"'];
    const command = onDemand("", { command: () => ({ words, input: "an address\n" }) });
    command.want(true);
    await vi.waitFor(() => expect(read("log")).toBe("an address\n"), 5000);
  });

  it("that brings nothing for too long is started again at once, and one line says so", async () => {
    let idleMs = 0;
    const command = onDemand('echo again >> "$FOLDER/log"; exec sleep 1000', {
      stall: { limitMs: 300, idleMs: () => idleMs },
    });
    command.want(true);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(read("log")).toBe("again\n");
    idleMs = 300;
    await vi.waitFor(() => expect(read("log")).toBe("again\nagain\n"), 5000);
    idleMs = 0;
    expect(lines).toEqual(["the command has brought nothing for 0.3 s; it is started again"]);
  });

  it("that does not end when asked to is killed", async () => {
    const command = onDemand('trap "" TERM; echo ready > "$FOLDER/log"; while :; do sleep 1; done', {
      graceMs: 200,
    });
    command.want(true);
    await vi.waitFor(() => expect(read("log")).toBe("ready\n"), 5000);
    const { pid = 0 } = command;
    await command.close();
    expect(isAlive(pid)).toBe(false);
    expect(lines).toEqual(["the command did not end when asked to, and was killed"]);
  });

  it("that floods its standard error is heard a few times", async () => {
    const command = onDemand('echo ready > "$FOLDER/log"; yes "too much" >&2');
    command.want(true);
    await vi.waitFor(() => expect(lines.some((line) => /: \d+ more lines$/.test(line))).toBe(true), 8000);
    expect(lines.length).toBeLessThan(15);
  });
});
