/** `v4l2-cuse doctor`: says in plain words what this machine has, what is missing, and what to do about it. */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { Command } from "commander";
import { decoderProblem } from "../decoder/index.js";
import { deviceProblem } from "./run/prerequisites.js";
import { helperPath, nativeProblem, rebuildCommand } from "../native.js";
import { ClientFiles } from "../serve/index.js";

/** One thing looked at. `needed` false marks what only widens what a client can do. */
export interface Finding {
  readonly ok: boolean;
  readonly needed: boolean;
  readonly what: string;
  /** What to do, when not ok. */
  readonly remedy?: string;
}

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("say what is missing on this machine to serve a device, and what to do about it")
    .option("--json", "print the findings as JSON")
    .action(async (options: { json?: boolean }) => {
      const findings = await examine();
      process.stdout.write(
        options.json === true ? `${JSON.stringify(findings, null, 2)}\n` : report(findings),
      );
      process.exitCode = findings.every((finding) => finding.ok || !finding.needed) ? 0 : 1;
    });
}

function report(findings: readonly Finding[]): string {
  const lines = findings.map((finding) => {
    const mark = finding.ok ? "ok     " : finding.needed ? "MISSING" : "absent ";
    return `${mark}  ${finding.what}${finding.ok || finding.remedy === undefined ? "" : `\n         ${finding.remedy}`}\n`;
  });
  const blocked = findings.some((finding) => !finding.ok && finding.needed);
  return `${lines.join("")}${blocked ? "A device cannot be served yet.\n" : "A device can be served here.\n"}`;
}

/** Looks at the machine without changing it. */
export async function examine(): Promise<Finding[]> {
  return [
    kernel(),
    cuse(),
    root(),
    node(),
    addon(),
    await graft(),
    helper(),
    ownDevices(),
    decoder(),
    udmabuf(),
    number81(),
  ];
}

/** Which way clients go that nobody has prepared; see docs/graft.md. */
async function graft(): Promise<Finding> {
  const what = "mmap for programs as they are: their descriptors are grafted (FUSE passthrough, ptrace)";
  if (nativeProblem() !== undefined)
    return { ok: false, needed: false, what, remedy: "The addon comes first." };
  const quiet = { warn: () => undefined, error: () => undefined };
  const files = await ClientFiles.start({ log: quiet });
  const { mapProblem, installProblem } = files;
  await files.close();
  if (mapProblem === undefined) return { ok: true, needed: false, what };
  const requests =
    installProblem === undefined
      ? " Descriptors (of requests, say) can be put into clients nevertheless."
      : "";
  const remedy = `Not here: ${mapProblem}. Start clients with: v4l2-cuse run -- CLIENT.${requests}`;
  return { ok: false, needed: false, what, remedy };
}

function kernel(): Finding {
  return { ok: true, needed: false, what: `Linux ${release()} on ${process.arch}` };
}

function cuse(): Finding {
  const what = "/dev/cuse, through which the kernel hands over the device's calls";
  if (!existsSync("/dev/cuse")) {
    const remedy = cuseModuleExists()
      ? "Load it: sudo modprobe cuse"
      : "This kernel has no cuse module. Use a kernel with CONFIG_CUSE, or run inside a guest, from a clone of v4l2-cuse: scripts/guest -- COMMAND";
    return { ok: false, needed: true, what, remedy };
  }
  const usable = canOpen("/dev/cuse");
  return {
    ok: usable,
    needed: true,
    what,
    ...(usable ? {} : { remedy: "Only root may open it: start the driver with sudo." }),
  };
}

function canOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function cuseModuleExists(): boolean {
  for (const list of ["modules.dep", "modules.builtin"]) {
    try {
      if (/\/cuse\.ko/.test(readFileSync(`/lib/modules/${release()}/${list}`, "utf8"))) return true;
    } catch {
      // No such list: a kernel without modules, or a container without the host's /lib/modules.
    }
  }
  return false;
}

function root(): Finding {
  const ok = process.geteuid?.() === 0;
  return {
    ok,
    needed: true,
    what: "root, which owns /dev/cuse and may read the clients' arguments",
    remedy: "Start the driver with sudo.",
  };
}

function node(): Finding {
  const major = Number(process.versions.node.split(".")[0]);
  return {
    ok: major >= 20,
    needed: true,
    what: `Node.js ${process.versions.node}`,
    remedy: "Node.js 20 or later is needed.",
  };
}

function addon(): Finding {
  const problem = nativeProblem();
  return {
    ok: problem === undefined,
    needed: true,
    what: "the native addon",
    ...(problem === undefined ? {} : { remedy: problem }),
  };
}

function helper(): Finding {
  return {
    ok: existsSync(helperPath()),
    needed: false,
    what: "the helper library, which gives clients mmap on any kernel (v4l2-cuse run -- CLIENT)",
    remedy: `Build it: ${rebuildCommand}. Without it clients can still use read() and every ioctl.`,
  };
}

/** Needs no CUSE, and often no root. */
function ownDevices(): Finding {
  const what = "devices for one client, without CUSE (v4l2-cuse run --device sample -- CLIENT)";
  const problem = deviceProblem();
  if (problem === undefined) return { ok: true, needed: false, what };
  return { ok: false, needed: false, what, remedy: `Not here: ${problem}.` };
}

function decoder(): Finding {
  const what = "a decoder of the distribution's libraries (v4l2-cuse decoder)";
  const problem = decoderProblem();
  if (problem === undefined) return { ok: true, needed: false, what };
  return { ok: false, needed: false, what, remedy: `Not here: ${problem}.` };
}

function udmabuf(): Finding {
  return {
    ok: existsSync("/dev/udmabuf"),
    needed: false,
    what: "/dev/udmabuf, which makes exported buffers real dma-bufs",
    remedy:
      "Load it: sudo modprobe udmabuf. Without it VIDIOC_EXPBUF hands out memfds, which GPUs cannot import.",
  };
}

function number81(): Finding {
  const taken = existsSync("/sys/class/video4linux") || existsSync("/sys/module/videodev");
  return {
    ok: true,
    needed: false,
    what: taken
      ? "the kernel's own V4L2 core is loaded; our nodes get device numbers of their own beside it"
      : "no V4L2 core in this kernel, so nothing else creates /dev/videoN",
  };
}
