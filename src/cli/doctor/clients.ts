/** Which clients can do what with a device that is served from here. */
import type { Problem, Trials } from "./trials.js";

/** What the machine has besides {@link Trials}. */
export interface Means extends Trials {
  /** Which kind of node a driver makes here by default; undefined: none. */
  readonly node: "cuse" | "fuse" | undefined;
  /** The helper library is there. */
  readonly helper: Problem;
  /** The driver's own pid namespace is the machine's: it sees every client. */
  readonly seesAll: boolean;
}

/** How an ability comes to a client, or why it does not. */
export interface Ability {
  readonly works: boolean;
  readonly how: string;
}

export interface ClientKind {
  readonly clients: string;
  readonly mmap: Ability;
  readonly userptr: Ability;
  /** Controls of the extended ioctls, and multi-planar buffers: whatever is behind a pointer. */
  readonly extControls: Ability;
  readonly read: Ability;
}

const yes = (how: string): Ability => ({ works: true, how });
const no = (how: string): Ability => ({ works: false, how });

const by = (how: string, ...problems: readonly Problem[]): Ability => {
  const problem = problems.find((each) => each !== undefined);
  return problem === undefined ? yes(how) : no(problem);
};

/** One row for each kind of client, in the order of docs/operating.md. */
export function clientKinds(means: Means): readonly ClientKind[] {
  const { node } = means;
  if (node === undefined) return [];
  // A CUSE node cannot be mapped: a client's descriptor is replaced by one of a FUSE file. A FUSE node is such a file.
  const kernel = by("the kernel maps the node", means.passthrough);
  const plain = node === "fuse" ? kernel : by("graft", means.passthrough, means.trace);
  const filtered =
    node === "fuse" ? kernel : by("graft", means.passthrough, means.trace, means.traceFiltered);
  // Whoever has the helper maps by it alone.
  const helped = by("helper", means.helper, means.descriptors);
  const pointers = by("the driver reads and writes the client's memory", means.memory);
  const rest = { userptr: pointers, extControls: pointers, read: yes("always") };
  const elsewhere = means.seesAll
    ? { mmap: plain, ...rest }
    : { ...rest, mmap: node === "fuse" ? kernel : unseen, userptr: unseen, extControls: unseen };
  return [
    { clients: "programs as they are", mmap: plain, ...rest },
    { clients: "programs started by v4l2-cuse run", mmap: helped, ...rest },
    { clients: "static, Go and set-user-ID programs", mmap: plain, ...rest },
    { clients: "sandboxed programs (seccomp filters)", mmap: filtered, ...rest },
    {
      clients: means.seesAll ? "programs in containers" : "programs outside of this container",
      ...elsewhere,
    },
  ];
}

const unseen = no("the driver does not see them in its pid namespace: start it outside");

/** A table for people: a row for each kind of client, and below it each reason once. */
export function clientTable(kinds: readonly ClientKind[]): string {
  const abilities = ["mmap", "userptr", "extControls", "read"] as const;
  const titles = { mmap: "mmap", userptr: "USERPTR", extControls: "ext ctrls", read: "read()" } as const;
  const width = Math.max(...kinds.map(({ clients }) => clients.length));
  const head = `${"".padEnd(width)}${abilities.map((name) => `  ${titles[name].padEnd(9)}`).join("")}`;
  const rows = kinds.map((kind) => {
    const cells = abilities.map((name) => `  ${(kind[name].works ? "yes" : "NO").padEnd(9)}`);
    return `${kind.clients.padEnd(width)}${cells.join("")}`;
  });
  const reasons = new Set(
    kinds.flatMap((kind) =>
      abilities.flatMap((name) => (kind[name].works ? [] : [`no ${titles[name]}: ${kind[name].how}`])),
    ),
  );
  return [head, ...rows, ...reasons].map((line) => `${line.trimEnd()}\n`).join("");
}
