import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isThere, ownIdentity, type Processes } from "../../../src/stateless/debugfs/owner.js";

/** A stat line as of proc_pid_stat(5). */
const stat = (pid: string, state: string, started: number): string =>
  `${pid} (a) b (c) ${state} ${Array.from({ length: 18 }, (_, field) => field).join(" ")} ${started} 0 0\n`;

const system = (stats: Readonly<Record<string, string>>): Processes => ({
  namespace: "42",
  pid: "7",
  stat: (pid) => stats[pid],
});

describe("the identity of a driver's process", () => {
  it("has the pid namespace, the pid and the start time", () => {
    expect(ownIdentity(system({ 7: stat("7", "R", 1234) }))).toBe("42.7.1234");
  });

  it.each([
    ["runs", "R", 1234, true],
    ["is stopped", "T", 1234, true],
    ["waits in the kernel", "D", 1234, true],
    ["has ended, and its parent has not noticed", "Z", 1234, false],
    ["is another, which got the pid", "S", 1235, false],
  ])("a process that %s", (_what, state, started, expected) => {
    expect(isThere("42.7.1234", system({ 7: stat("7", state, started) }))).toBe(expected);
  });

  it("a process that is not there, one of another pid namespace, and what is no identity", () => {
    expect(isThere("42.8.1234", system({}))).toBe(false);
    expect(isThere("43.8.1234", system({}))).toBe(true);
    expect(isThere("42", system({}))).toBe(true);
    expect(isThere("42.../../self.1", system({}))).toBe(true);
  });

  it("holds for real ones, until they are killed", async () => {
    const own = ownIdentity();
    expect(own).toMatch(/^\d+\.\d+\.\d+$/);
    expect(isThere(own)).toBe(true);
    const child = spawn("sleep", ["60"]);
    await once(child, "spawn");
    const started = readFileSync(`/proc/${child.pid}/stat`, "latin1").split(") ")[1]?.split(" ")[19];
    const [namespace] = own.split(".");
    const identity = `${namespace}.${child.pid}.${started}`;
    expect(isThere(identity)).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(isThere(identity)).toBe(false);
  });
});
