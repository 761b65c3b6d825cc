/**
 * Programs with no helper and no wrapper that something stands around: namespaces, seccomp filters, debuggers, limits.
 * Each is given mmap() or refused it, with one line in the log that says why, and goes on with read(2).
 */
import { expect, it, vi } from "vitest";
import { builtProgram, launchCamera, sharedCamera } from "./support/camera.js";
import { describeDevice } from "./support/device.js";
import { expectMapping, kernelMaps, mappingClient, MappingRun, NO_PASSTHROUGH } from "./support/plain.js";
import { nobodysUserNamespaces } from "../support/user-namespaces.js";

vi.setConfig({ testTimeout: 60_000 });

const steps = "open rw reqbufs 4 stream 3";
const got = "reqbufs 4: ok";
const done = "streamed: 3 frames";
const refused = "reqbufs 4: EINVAL";
const readInstead = "read: 3 frames";

/** It is refused, and the log says why: where the kernel could map at all, for `reason`. */
async function expectReading(run: MappingRun, reason: RegExp, more: readonly string[] = []): Promise<void> {
  expect(await run.lines()).toEqual(expect.arrayContaining([refused, readInstead, ...more]));
  run.expectFrames(3);
  await run.expectRefusal((await kernelMaps()) ? reason : NO_PASSTHROUGH);
}

const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const tracers: readonly (readonly [string, readonly string[]])[] = [
  ["strace -f", ["strace", "-f", "-o", "/dev/null"]],
  ["gdb", ["gdb", "-nx", "-batch", "-ex", "run", "--args"]],
];

describeDevice("without a helper, a client", () => {
  const camera = sharedCamera("--mode", "0666");

  const namespaces = nobodysUserNamespaces();
  it.skipIf(namespaces.isMissing)(
    `in its own user, mount and pid namespace streams${namespaces.why}`,
    async () => {
      const unshare = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc"];
      const wrapper = [...asNobody, ...unshare];
      await expectMapping(new MappingRun(camera(), steps, { wrapper }), 3, [got, done]);
    },
  );

  it.each([
    ["in its own pid namespace", ["unshare", "--pid", "--fork"]],
    ["of another user that may not be looked into", asNobody],
  ])("%s streams", async (_title, wrapper) => {
    const words = wrapper === asNobody ? `undumpable ${steps}` : steps;
    await expectMapping(new MappingRun(camera(), words, { wrapper }), 3, [got, done]);
  });

  it("with a seccomp filter that kills for what a graft calls streams, or reads where filters cannot be suspended", async () => {
    const run = new MappingRun(camera(), "suspends open rw filter reqbufs 4 stream 3 filtered");
    const lines = await run.lines();
    expect(lines).toContain("filtered: yes");
    if (lines.includes("suspends: yes") || !(await kernelMaps()))
      await expectMapping(run, 3, ["suspends: yes", got, done, "filtered: yes"]);
    else
      await expectReading(run, /has seccomp filters, which cannot be suspended from here/, ["suspends: no"]);
  });

  it("that has no number for another descriptor reads", async () => {
    const run = new MappingRun(camera(), "open rw limit 5 reqbufs 4 stream 3");
    await expectReading(run, /making a socket pair in it failed with EMFILE/);
  });

  it.each(tracers)("under %s reads, and streams with the helper around both", async (_title, tracer) => {
    const run = new MappingRun(camera(), steps, { wrapper: tracer });
    await expectReading(run, /is already traced, by process \d+/);

    const wrapper = [process.execPath, builtProgram(), "run", "--", ...tracer];
    const helped = new MappingRun(camera(), steps, { wrapper, program: mappingClient.glibc });
    expect(await helped.lines()).toEqual(expect.arrayContaining([got, done]));
    helped.expectFrames(3);
    expect(await helped.messages()).toEqual([]);
  });
});

describeDevice("without a helper, a client outside the driver's pid namespace", () => {
  it("reads", async () => {
    const wrapper = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child=TERM"];
    const { driver } = await launchCamera([], wrapper);
    try {
      await expectReading(new MappingRun(driver, steps), /is not visible in the driver's pid namespace/);
    } finally {
      driver.process.kill("SIGKILL"); // The driver itself gets SIGTERM by that.
      await driver.process.result;
    }
  });
});
