/** What `v4l2-cuse` can do. The manual pages and the shells' completions are made from the same list. */
import { Command } from "commander";
import { packageVersion } from "./version.js";

/** The command as a whole, without its subcommands. */
export const mainCommand = (): Command =>
  new Command("v4l2-cuse")
    .description("V4L2 devices served from userspace: a real /dev/videoN without a kernel module")
    .version(packageVersion)
    .enablePositionalOptions();

// `run` starts before every client of every test: it should not load the drivers.
export const subcommands: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ["sample", async () => (await import("./sample.js")).sampleCommand()],
  ["visl", async () => (await import("./visl.js")).vislCommand()],
  ["decoder", async () => (await import("./decoder.js")).decoderCommand()],
  ["loopback", async () => (await import("./loopback.js")).loopbackCommand()],
  ["parse", async () => (await import("./parse.js")).parseCommand()],
  ["run", async () => (await import("./run.js")).runCommand()],
  ["up", async () => (await import("./up.js")).upCommand()],
  ["list", async () => (await import("./up.js")).listCommand()],
  ["add", async () => (await import("./up.js")).addCommand()],
  ["remove", async () => (await import("./up.js")).removeCommand()],
  ["events", async () => (await import("./events.js")).eventsCommand()],
  ["export", async () => (await import("./export.js")).exportCommand()],
  ["explain", async () => (await import("./explain.js")).explainCommand()],
  ["expect", async () => (await import("./expect.js")).expectCommand()],
  ["replay", async () => (await import("./replay.js")).replayCommand()],
  ["diff", async () => (await import("./diff.js")).diffCommand()],
  ["doctor", async () => (await import("./doctor.js")).doctorCommand()],
]);
