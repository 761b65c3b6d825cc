/** `v4l2-cuse run -- CLIENT ARGS`: starts a client with the helper library that gives it mmap on our devices. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { Command } from "commander";
import { helperPath } from "../native.js";
import { Failure } from "./failure.js";

/** Signals a terminal or a supervisor sends to the launcher but means for the client. */
const forwarded = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGCONT",
  "SIGWINCH",
] as const;

export function runCommand(): Command {
  return new Command("run")
    .description("start a client program with the helper library, so that it can stream with mmap")
    .argument("<client>", "the program to start")
    .argument("[args...]", "its arguments")
    .passThroughOptions()
    .action(async (client: string, args: string[]) => {
      process.exitCode = await runClient(client, args);
    });
}

/**
 * Runs `client` with the helper in LD_PRELOAD and waits for it.
 * @returns The status a shell would give: the exit status, or 128 plus the number of the signal that ended it.
 * @throws {Failure} 127 - no such program; 126 - it cannot be started.
 */
export async function runClient(client: string, args: readonly string[]): Promise<number> {
  const helper = helperPath();
  if (!existsSync(helper)) {
    throw new Failure(`the helper library ${helper} is not built; run 'npm run build:native' in the project`);
  }
  const others = process.env["LD_PRELOAD"];
  const env = {
    ...process.env,
    LD_PRELOAD: others === undefined || others === "" ? helper : `${helper}:${others}`,
  };
  const child = spawn(client, args, { stdio: "inherit", env });

  for (const signal of forwarded) {
    // A Ctrl-C reaches the whole foreground group: the client has it already, and a second one may mean "now".
    process.on(signal, () => {
      const fromTerminal = signal === "SIGINT" || signal === "SIGQUIT" || signal === "SIGWINCH";
      if (!(fromTerminal && process.stdin.isTTY)) child.kill(signal);
    });
  }

  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      const missing = error.code === "ENOENT";
      reject(
        new Failure(
          missing
            ? `${client}: there is no such program`
            : `${client} cannot be started: ${error.code ?? error.message}`,
          missing ? 127 : 126,
        ),
      );
    });
    child.once("exit", (status, signal) => {
      resolve(signal === null ? (status ?? 1) : 128 + constants.signals[signal]);
    });
  });
}
