/**
 * `v4l2-cuse doctor`: says in plain words what this machine has, what is missing, what to do about it, and which clients
 * can then do what. What can be tried is tried, and nothing is changed.
 */
import { existsSync } from "node:fs";
import { Command } from "commander";
import { converterProblem } from "../convert/index.js";
import { decoderProblem } from "../decoder/index.js";
import { helperPath, nativeProblem, rebuildCommand } from "../native.js";
import { clientKinds, clientTable, type ClientKind } from "./doctor/clients.js";
import { cuseProblem, ptraceProblem, seesAllProcesses, systemFiles } from "./doctor/surroundings.js";
import { tryAbilities, type Problem, type Trials } from "./doctor/trials.js";
import { writeOut } from "./output.js";
import { deviceProblem } from "./run/prerequisites.js";

/** One thing looked at. `needed` false marks what only widens what a client can do. */
export interface Finding {
  readonly ok: boolean;
  readonly needed: boolean;
  readonly what: string;
  /** What to do, when not ok. */
  readonly remedy?: string;
}

/** What `--json` prints. */
export interface Examination {
  /** A driver command can make a node here. */
  readonly canServe: boolean;
  /** Which kind it makes by default; null: none. */
  readonly node: "cuse" | "fuse" | null;
  readonly findings: readonly Finding[];
  readonly clients: readonly ClientKind[];
}

export function doctorCommand(): Command {
  return new Command("doctor")
    .description(
      "say what is missing on this machine to serve a device, and which clients can do what with one",
    )
    .option("--json", "print the findings as JSON")
    .action(async (options: { json?: boolean }) => {
      const examination = await examine();
      process.exitCode = examination.canServe ? 0 : 1;
      writeOut(options.json === true ? `${JSON.stringify(examination, null, 2)}\n` : report(examination));
    });
}

function report({ findings, clients, canServe, node }: Examination): string {
  const lines = findings.map(({ ok, needed, what, remedy }) => {
    const mark = ok ? "ok     " : needed ? "MISSING" : "absent ";
    return `${mark}  ${what}${ok || remedy === undefined ? "" : `\n         ${remedy}`}\n`;
  });
  if (!canServe) {
    const forOne =
      deviceProblem() === undefined ? " But for one client: v4l2-cuse run --device sample -- CLIENT" : "";
    return `${lines.join("")}A device cannot be served yet.${forOne}\n`;
  }
  const kind = node === "cuse" ? "as a CUSE device" : "as a file of a FUSE mount (docs/fuse-nodes.md)";
  return `${lines.join("")}A device can be served here, ${kind}.\n\n${clientTable(clients)}`;
}

/** Looks at the machine without changing it. */
export async function examine(): Promise<Examination> {
  const addon = nativeProblem();
  const trials = addon === undefined ? await tryAbilities() : without("the addon comes first");
  const cuse = cuseProblem(systemFiles) ?? (isRoot() ? undefined : "Only root may open it.");
  const node = addon !== undefined ? undefined : cuse === undefined ? "cuse" : nodeWithoutCuse(trials);
  const helper = existsSync(helperPath())
    ? undefined
    : `the helper library is not built: ${rebuildCommand()}`;
  const findings: Finding[] = [
    finding(undefined, false, `Linux ${systemFiles.release} on ${process.arch}`),
    finding(nodeProblem(), true, `Node.js ${process.versions.node}`),
    finding(addon, true, "the native addon"),
    finding(
      isRoot() ? undefined : "Start the driver with sudo.",
      node === undefined,
      "root, who may make nodes",
    ),
    finding(cuse, node === undefined, "/dev/cuse: devices in /dev, for all programs"),
    finding(trials.fuse, node === undefined, "/dev/fuse: nodes that are files, without CUSE, and grafts"),
    finding(trials.passthrough, false, "mmap without the helper (FUSE passthrough)"),
    ...abilityFindings(trials),
    finding(helper, false, "the helper library: mmap on any kernel (v4l2-cuse run -- CLIENT)"),
    finding(deviceProblem(), false, "devices for one client (v4l2-cuse run --device sample -- CLIENT)"),
    finding(decoderProblem(), false, "a decoder of the distribution's libraries (v4l2-cuse decoder)"),
    finding(converterProblem(), false, "conversion between pixel formats (v4l2-cuse loopback)"),
    finding(
      existsSync("/dev/udmabuf")
        ? undefined
        : "Load it: sudo modprobe udmabuf. Without it VIDIOC_EXPBUF hands out memfds, which GPUs cannot import.",
      false,
      "/dev/udmabuf: exported buffers are real dma-bufs",
    ),
    finding(undefined, false, number81()),
  ];
  const clients = clientKinds({ ...trials, node, helper, seesAll: seesAllProcesses(systemFiles) });
  const canServe = node !== undefined && nodeProblem() === undefined;
  return { canServe, node: node ?? null, findings, clients };
}

/** The rights that a driver needs over its clients' processes. Where they are missing, it is mostly for one reason. */
function abilityFindings({ uid, memory, descriptors, trace }: Trials): Finding[] {
  const why = ptraceProblem(systemFiles);
  const whose = uid === process.getuid?.() ? "clients of our own user" : "clients of other users";
  const because = (problem: Problem): Problem => problem && `${why ?? `${problem}.`}`;
  return [
    finding(because(memory), false, `memory of ${whose}: extended controls, USERPTR, multi-planar buffers`),
    finding(because(descriptors), false, `descriptors of ${whose}: mmap and EXPBUF by the helper`),
    finding(because(trace), false, `tracing ${whose}: mmap and EXPBUF by grafts`),
  ];
}

/** By default a driver takes a FUSE node where there is no CUSE. */
const nodeWithoutCuse = (trials: Trials): "fuse" | undefined =>
  trials.fuse === undefined ? "fuse" : undefined;

function finding(problem: Problem, needed: boolean, what: string): Finding {
  return problem === undefined
    ? { ok: true, needed, what }
    : { ok: false, needed, what, remedy: sentence(problem) };
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const isRoot = (): boolean => process.geteuid?.() === 0;

function without(problem: string): Trials {
  const abilities = { memory: problem, descriptors: problem, trace: problem, traceFiltered: problem };
  return { uid: process.getuid?.() ?? 0, ...abilities, fuse: problem, passthrough: problem };
}

function nodeProblem(): Problem {
  const major = Number(process.versions.node.split(".")[0]);
  return major >= 20 ? undefined : "Node.js 20 or later is needed.";
}

function number81(): string {
  return existsSync("/sys/class/video4linux") || existsSync("/sys/module/videodev")
    ? "the kernel's own V4L2 core is loaded; our nodes get device numbers of their own beside it"
    : "no V4L2 core in this kernel, so nothing else creates /dev/videoN";
}
