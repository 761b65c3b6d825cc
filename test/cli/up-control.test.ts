/** The socket and the processes of `v4l2-cuse up`, with programs in place of drivers. */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ask, listen } from "../../src/cli/up/control.js";
import { Supervisor } from "../../src/cli/up/supervisor.js";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  onTestFinished(() => {
    rmSync(made, { recursive: true });
  });
  return made;
}

/** A module that stands for a driver: says that it is ready, and ends when asked to. */
function driver(body: string): string {
  const path = join(folder(), "driver.mjs");
  writeFileSync(path, `import { writeSync, closeSync } from "node:fs";\n${body}`);
  return path;
}
const READY = `
writeSync(3, "/dev/video77\\n"); closeSync(3);
process.on("SIGTERM", () => process.exit(0));
setInterval(() => undefined, 1000);`;

function supervisor(said: string[] = []): Supervisor {
  const made = new Supervisor((text) => said.push(text));
  onTestFinished(() => made.stop());
  return made;
}

const isAlive = (pid: number | undefined): boolean => {
  try {
    return process.kill(pid ?? -1, 0);
  } catch {
    return false;
  }
};

describe("the devices", () => {
  it.each([
    [`throw new Error("the camera is not connected");`, "Error: the camera is not connected"],
    [`import "./nowhere.js";`, /^Error \[ERR_MODULE_NOT_FOUND\]: Cannot find module '.*nowhere\.js'/],
    [
      `console.error("v4l2-cuse: unknown option '--vidoe'\\n(Did you mean --video?)\\n(X --help shows commands)"); process.exit(2);`,
      "unknown option '--vidoe'",
    ],
    [`console.error("(only this)"); process.exit(2);`, "(only this)"],
    ["process.exit(3);", "it ended (status 3)"],
  ])("tell why a driver that is %j ends", async (body, problem) => {
    const status = await supervisor().add({ name: "bad", driver: driver(body), args: [] });
    expect(status.state).toBe("failed");
    if (typeof problem === "string") expect(status.problem).toBe(problem);
    else expect(status.problem).toMatch(problem);
  });

  it("run side by side; one that fails says why, and the others live", async () => {
    const devices = supervisor();
    const good = await devices.add({ name: "good", driver: driver(READY), args: [] });
    expect(good).toMatchObject({ state: "running", nodes: ["/dev/video77"] });
    const bad = driver(`console.error("v4l2-cuse: no /dev/cuse here"); process.exit(1);`);
    expect(await devices.add({ name: "bad", driver: bad, args: [] })).toMatchObject({
      ...{ state: "failed", nodes: [], problem: "no /dev/cuse here" },
    });
    expect(devices.list().map(({ name, state }) => [name, state])).toEqual([
      ["good", "running"],
      ["bad", "failed"],
    ]);
    expect(isAlive(good.pid)).toBe(true);
    await devices.remove("good");
    expect(isAlive(good.pid)).toBe(false);
    await expect(devices.remove("good")).rejects.toThrow('there is no device "good"');
  });

  it("gives the name of one that ended to another, and no other", async () => {
    const said: string[] = [];
    const devices = supervisor(said);
    const spec = { name: "one", driver: driver(READY), args: [] };
    const { pid = 0 } = await devices.add(spec);
    await expect(devices.add(spec)).rejects.toThrow('there is a device "one" already');
    process.kill(pid, "SIGKILL");
    await expect.poll(() => devices.list()[0]?.state).toBe("ended");
    expect(said.join("")).toContain('the device "one" has ended: it ended (SIGKILL)');
    expect((await devices.add(spec)).state).toBe("running");
  });

  it("are killed when they do not end", async () => {
    const deaf = driver(READY.replace("process.exit(0)", "undefined"));
    const devices = supervisor();
    const { pid } = await devices.add({ name: "deaf", driver: deaf, args: [] });
    await devices.remove("deaf");
    expect(isAlive(pid)).toBe(false);
  }, 20_000);
});

describe("the socket", () => {
  it("is for its user only, and answers each line once", async () => {
    const path = join(folder(), "run", "up", "control");
    const lines: string[] = [];
    const control = await listen(path, (line) => {
      lines.push(line);
      return Promise.resolve({ devices: [] });
    });
    onTestFinished(() => {
      control.close();
    });
    expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
    // Nodes of other drivers may be in it, too.
    expect(statSync(join(path, "../..")).mode & 0o777).toBe(0o755);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await ask(path, { do: "list" })).toEqual([]);
    expect(lines).toEqual(['{"do":"list"}\n']);
    await expect(listen(path, () => Promise.resolve({ devices: [] }))).rejects.toThrow("another");
  });

  it("tells refusals, and that nobody is there", async () => {
    const path = join(folder(), "up", "control");
    await expect(ask(path, { do: "list" })).rejects.toThrow('no "v4l2-cuse up" runs');
    const control = await listen(path, () => Promise.resolve({ error: "no such thing" }));
    await expect(ask(path, { do: "remove", name: "x" })).rejects.toThrow("no such thing");
    control.close();
    await expect(ask(path, { do: "list" })).rejects.toThrow('no "v4l2-cuse up" runs');
  });

  it("is in no folder that others may enter", async () => {
    const open = join(folder(), "open");
    mkdirSync(open, { mode: 0o755 });
    await expect(listen(join(open, "control"), () => Promise.resolve({ devices: [] }))).rejects.toThrow(
      "0700",
    );
  });

  it("drops who sends without end", async () => {
    const path = join(folder(), "up", "control");
    let asked = 0;
    const control = await listen(path, () => {
      asked += 1;
      return Promise.resolve({ devices: [] });
    });
    onTestFinished(() => {
      control.close();
    });
    await new Promise<void>((resolve) => {
      const socket = createConnection(path);
      socket.on("error", () => undefined);
      socket.once("close", () => {
        resolve();
      });
      socket.write("x".repeat(200_000));
    });
    expect(asked).toBe(0);
  });
});
