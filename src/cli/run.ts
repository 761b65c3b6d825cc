/**
 * `v4l2-cuse run -- CLIENT ARGS`: starts a client with what CUSE itself cannot give it: the helper library, which
 * gives it mmap on our devices, and a view of sysfs in which they are V4L2 devices.
 */
import { spawn, type SpawnOptions } from "node:child_process";
import { accessSync, constants as access, existsSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { Command, Option } from "commander";
import { dropAmbientCapabilities, helperPath, isSystemError } from "../native.js";
import { Failure } from "./failure.js";
import { become, findAccount } from "./run/account.js";
import { insideView, mountView } from "./run/mount-view.js";
import { askNodes, findNodes } from "./run/nodes.js";
import { planView } from "./run/sysfs-view.js";
import { inUserNamespace } from "./run/user-namespace.js";

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

export interface RunOptions {
  /** Show the client a sysfs in which our nodes are V4L2 devices. Default true. */
  readonly sysfs?: boolean;
  /** Run the client as this user: a name or number. */
  readonly user?: string;
  /** No word about what the client has to do without. */
  readonly quiet?: boolean;
  /** This launcher was started by another one, in a user namespace. */
  readonly userNamespace?: boolean;
}

export function runCommand(): Command {
  return new Command("run")
    .description("start a client program so that it finds our devices and can stream with mmap")
    .argument("<client>", "the program to start")
    .argument("[args...]", "its arguments")
    .option("--no-sysfs", "give the client the helper library only, and sysfs as it is")
    .option("-u, --user <name>", "run the client as this user (needs root)")
    .option("-q, --quiet", "do not say what the client has to do without")
    .addOption(new Option("--user-namespace").hideHelp())
    .addHelpText("after", "\nDevices that appear after the client has started are not in its view of sysfs.")
    .passThroughOptions()
    .action(async (client: string, args: string[], options: RunOptions) => {
      process.exitCode = await runClient(client, args, options);
    });
}

/**
 * Runs `client` with the helper in LD_PRELOAD and with the view, and waits for it.
 * @returns The status a shell would give: the exit status, or 128 plus the number of the signal that ended it.
 * @throws {Failure} 127 - no such program; 126 - it cannot be started.
 */
export async function runClient(
  client: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<number> {
  const helper = helperPath();
  if (!existsSync(helper)) {
    throw new Failure(`the helper library ${helper} is not built; run 'npm run build:native' in the project`);
  }
  const account = options.user === undefined ? undefined : findAccount(options.user);
  if (account !== undefined && process.geteuid?.() !== 0) {
    throw new Failure("--user needs root: start v4l2-cuse run with sudo");
  }

  const view = options.sysfs === false ? "none" : showView(options.userNamespace === true);
  if (view === "forbidden") {
    const [program, ...rest] = inUserNamespace(relaunch(client, args, options)) ?? [];
    if (program !== undefined) return waitFor(program, rest, {});
    if (options.quiet !== true) process.stderr.write(`v4l2-cuse: ${hint()}\n`);
  }
  if (options.userNamespace === true) dropAmbientCapabilities();

  if (account !== undefined) {
    become(account);
    if (!readable(helper)) {
      throw new Failure(
        `${account.name} may not read ${helper}, without which a client cannot stream: install v4l2-cuse elsewhere`,
        126,
      );
    }
  }
  const others = process.env["LD_PRELOAD"];
  return waitFor(client, args, {
    env: {
      ...process.env,
      LD_PRELOAD: others === undefined || others === "" ? helper : `${helper}:${others}`,
      // libudev checks that what it finds under /sys lies on a sysfs.
      ...(view === "shown" ? { SYSTEMD_DEVICE_VERIFY_SYSFS: "0" } : {}),
      ...(account === undefined ? {} : { HOME: account.home, USER: account.name, LOGNAME: account.name }),
    },
  });
}

/**
 * Builds the view of the nodes that are there now.
 * @returns "none": there is nothing to show. "forbidden": we may not mount, and nothing has changed.
 */
function showView(mayFail: boolean): "shown" | "none" | "forbidden" {
  if (insideView()) return "shown";
  const nodes = findNodes();
  if (nodes.length === 0) return "none";
  nameOurselves();
  try {
    mountView(planView(askNodes(nodes)));
    return "shown";
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.syscall === "unshare" && error.code === "EPERM" && !mayFail) return "forbidden";
    process.stderr.write(`v4l2-cuse: the client sees no sysfs view: ${error.message}\n`);
    return "none";
  }
}

const hint = (): string =>
  `without ${process.geteuid?.() === 0 ? "the right to mount" : "root"} the client sees no sysfs view: ` +
  "udev-based programs such as GStreamer's v4l2codecs will not find the device";

/** The drivers' logs name who asks. */
function nameOurselves(): void {
  try {
    writeFileSync("/proc/self/comm", "v4l2-cuse run");
  } catch {
    // A nicety.
  }
}

/** This very launcher's command line, for a user namespace. */
function relaunch(client: string, args: readonly string[], { quiet }: RunOptions): string[] {
  const script = process.argv[1] ?? "";
  const flags = quiet === true ? ["--quiet"] : [];
  return [
    process.execPath,
    ...process.execArgv,
    script,
    "run",
    "--user-namespace",
    ...flags,
    "--",
    client,
    ...args,
  ];
}

function readable(path: string): boolean {
  try {
    accessSync(path, access.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts a program on our terminal, passes signals on to it, and waits for its end. */
async function waitFor(program: string, args: readonly string[], options: SpawnOptions): Promise<number> {
  const child = spawn(program, args, { ...options, stdio: "inherit" });

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
            ? `${program}: there is no such program`
            : `${program} cannot be started: ${error.code ?? error.message}`,
          missing ? 127 : 126,
        ),
      );
    });
    child.once("exit", (status, signal) => {
      resolve(signal === null ? (status ?? 1) : 128 + constants.signals[signal]);
    });
  });
}
