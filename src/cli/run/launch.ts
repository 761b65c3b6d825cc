/**
 * Starts a client with what CUSE itself cannot give it: the helper library, for mmap and calls that return file
 * descriptors (unless the client is to get them by grafts), and a view of sysfs in which our nodes are V4L2 devices.
 *
 * The launcher moves its own main thread into the client's mount namespace and then starts the client as any program
 * is started: arguments, environment, current directory, terminal, signals and exit status need no extra care.
 */
import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { helperForLoader, helperPath, isSystemError, rebuildCommand, unshareMounts } from "../../native.js";
import { Failure, UsageError } from "../failure.js";
import { asAccount, findAccount, mayRead, type Account } from "./account.js";
import { describeForHelper, findFileNodes, nameInDev, type FileNode, type FolderNode } from "./file-nodes.js";
import { insideView, mountView } from "./mount-view.js";
import { askNodes, findNodes } from "./nodes.js";
import { planView } from "./sysfs-view.js";
import { inUserNamespace } from "./user-namespace.js";

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
  readonly sysfs?: boolean | undefined;
  /** Give the client the helper library. Default true. */
  readonly helper?: boolean | undefined;
  /** Run the client as this user: a name or number. */
  readonly user?: string | undefined;
  /** No word about what the client has to do without. */
  readonly quiet?: boolean | undefined;
}

/**
 * Runs `client` with the helper in LD_PRELOAD and with the view, and waits for it.
 * @returns The status a shell would give: the exit status, or 128 plus the number of the signal that ended it.
 * @throws {Failure} 127 - no such program; 126 - it cannot be started; 1 - the helper, or the user, is missing, or
 *   there is nothing to give to the client.
 */
export async function runClient(
  client: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<number> {
  if (options.sysfs === false && options.helper === false) {
    throw new UsageError(
      "--no-sysfs and --no-helper together leave nothing to give: start the client itself",
    );
  }
  const { helper, account } = prepareClient(options);
  const isRoot = process.geteuid?.() === 0;

  const view = options.sysfs === false ? ({ is: "not wanted" } as const) : showView();
  if (view.is === "forbidden" && !isRoot) {
    const [program, ...rest] = inUserNamespace(client, args, options) ?? [];
    if (program !== undefined) return startAndWait(program, rest);
  }
  if (options.quiet !== true) sayWhatIsMissing(view);

  const env = clientEnvironment(helper, view.is === "shown", account);
  return startAs(account, client, args, env);
}

/** What the client gets, and who it is. */
export interface Client {
  /** The path of the helper; undefined: none. */
  readonly helper: string | undefined;
  /** Undefined: who we are. */
  readonly account: Account | undefined;
}

/** @throws {Failure} 126 - the user may not read the helper; 1 - the helper, the user, or the right to change user is missing. */
export function prepareClient({ helper: wanted, user }: RunOptions): Client {
  const helper = wanted === false ? undefined : helperPath();
  if (helper !== undefined && !existsSync(helper)) {
    throw new Failure(`the helper library ${helper} is not built; run '${rebuildCommand()}'`);
  }
  if (user === undefined) return { helper, account: undefined };
  if (process.geteuid?.() !== 0) throw new Failure("--user needs root: start v4l2-cuse run with sudo");
  const account = findAccount(user);
  if (helper !== undefined && !mayRead(account, helper)) {
    throw new Failure(
      `${account.name} may not read ${helper}, without which a client cannot stream: install v4l2-cuse elsewhere`,
      126,
    );
  }
  return { helper, account };
}

/** Starts the client as that user, and waits for it. */
export function startAs(
  account: Account | undefined,
  client: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  if (account === undefined) return startAndWait(client, args, { env });
  const [program, ...rest] = asAccount(account, [client, ...args]);
  return startAndWait(program, rest, { env });
}

type ViewOutcome =
  | { readonly is: "shown" }
  /** There is no node of ours, or no view is to be. */
  | { readonly is: "not wanted" }
  /** We may not have mounts of our own. Nothing has changed. */
  | { readonly is: "forbidden" }
  /** We have, but the view could not be built. */
  | { readonly is: "failed"; readonly reason: string };

/**
 * Builds the view of the nodes that are there now, for this thread and those that it starts.
 * @param own - Nodes in a mount namespace that is ours already.
 */
export function showView(own?: readonly FileNode[]): ViewOutcome {
  if (insideView()) return { is: "shown" };
  const nodes = findNodes();
  const files = own ?? findFileNodes();
  if (nodes.length + files.length === 0) return { is: "not wanted" };
  try {
    if (own === undefined) unshareMounts();
  } catch (error) {
    if (isSystemError(error)) return { is: "forbidden" };
    throw error;
  }
  nameOurselves();
  try {
    mountView(planView(askNodes([...nodes, ...(own ?? nameInDev(files))])));
    return { is: "shown" };
  } catch (error) {
    if (error instanceof Error && "syscall" in error) {
      return { is: "failed", reason: `because of "${error.message}"` };
    }
    throw error;
  }
}

export function sayWhatIsMissing(view: ViewOutcome): void {
  if (view.is !== "forbidden" && view.is !== "failed") return;
  const right = process.geteuid?.() === 0 ? "the right to mount (CAP_SYS_ADMIN)" : "root";
  process.stderr.write(
    `v4l2-cuse: ${view.is === "failed" ? view.reason : `without ${right}`} the client sees no sysfs view: ` +
      "udev-based programs such as GStreamer's v4l2codecs will not find the device\n",
  );
}

/** The drivers' logs name who asks. */
function nameOurselves(): void {
  try {
    writeFileSync("/proc/self/comm", "v4l2-cuse run");
  } catch {
    // A nicety.
  }
}

/**
 * @param helper - Its path; undefined: the client gets none, not even the one of a launcher that started us.
 * @param sees - Does the client see the view?
 * @param files - FUSE nodes, about which the helper is told. Default: all, and those of the launcher that started us.
 */
export function clientEnvironment(
  helper: string | undefined,
  sees: boolean,
  account: Account | undefined,
  files: readonly FolderNode[] = insideView() && process.env["V4L2_CUSE_VIEW"] !== undefined
    ? []
    : findFileNodes(),
): NodeJS.ProcessEnv {
  const own =
    account === undefined
      ? process.env
      : { ...process.env, HOME: account.home, USER: account.name, LOGNAME: account.name };
  return {
    ...own,
    ...preload(own["LD_PRELOAD"], helper),
    ...(files.length === 0 ? {} : { V4L2_CUSE_VIEW: describeForHelper(files) }),
    ...(sees ? { SYSTEMD_DEVICE_VERIFY_SYSFS: "0", ...gstreamerRegistry(own) } : {}),
  };
}

function preload(others: string | undefined, helper: string | undefined): NodeJS.ProcessEnv {
  if (helper !== undefined) {
    const ours = helper === helperPath() ? helperForLoader() : helper;
    return { LD_PRELOAD: others === undefined || others === "" ? ours : `${ours}:${others}` };
  }
  const ours = [helperPath(), helperForLoader()];
  // Either separates paths, see ld.so(8).
  const kept = others?.split(/[ :]/).filter((path) => !ours.includes(path));
  return kept === undefined ? {} : { LD_PRELOAD: kept.length === 0 ? undefined : kept.join(":") };
}

/**
 * GStreamer remembers what its plugins found, and looks again when files in /dev have changed; that a program sees
 * other files in /sys than the one before, it does not notice. So programs with a view get a memory of their own.
 */
function gstreamerRegistry(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (env["GST_REGISTRY"] !== undefined || env["GST_REGISTRY_1_0"] !== undefined) return {};
  const home = env["HOME"] ?? "";
  const cache = env["XDG_CACHE_HOME"] ?? (home === "" ? "" : `${home}/.cache`);
  return cache === "" ? {} : { GST_REGISTRY: `${cache}/gstreamer-1.0/registry.v4l2-cuse.bin` };
}

/** Starts a program on our terminal, passes signals on to it, and waits for its end. */
export async function startAndWait(
  program: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<number> {
  // Before the client exists: once it does, a signal that ended only us would leave it behind.
  let child: ChildProcess | undefined = undefined;
  for (const signal of forwarded) {
    // A Ctrl-C reaches the whole foreground group: the client has it already, and a second one may mean "now".
    process.on(signal, () => {
      const fromTerminal = signal === "SIGINT" || signal === "SIGQUIT" || signal === "SIGWINCH";
      if (!(fromTerminal && process.stdin.isTTY)) child?.kill(signal);
    });
  }
  const started = spawn(program, args, { ...options, stdio: "inherit" });
  child = started;

  return new Promise((resolve, reject) => {
    started.once("error", (error: NodeJS.ErrnoException) => {
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
    started.once("exit", (status, signal) => {
      resolve(signal === null ? (status ?? 1) : 128 + constants.signals[signal]);
    });
  });
}
