/**
 * Files in clients without a helper library in them: a descriptor of the node becomes one that can be mapped, and what
 * EXPBUF and REQUEST_ALLOC make gets a number. src/graft puts them there, src/cuse serves them; docs/graft.md has the
 * whole story.
 */
import { CuseError, FuseSession } from "../cuse/index.js";
import type { IoctlRequest, ServedNode, SessionLog, SharedFile } from "../cuse/index.js";
import { Grafter, pendingIoctl, TracerError } from "../graft/index.js";
import type { GraftOutcome } from "../graft/index.js";
import { errnoNumber, O_ACCMODE, O_NONBLOCK } from "../linux.js";
import { isSystemError } from "../native.js";
import { V4l2Error } from "../v4l2/index.js";
import type { FileBacking } from "../v4l2/index.js";

/** "auto": where the kernel and the driver's rights allow it. "off": clients need the helper library. */
export type GraftChoice = "auto" | "off";

/** How clients without the helper are to be served. */
export interface ClientFilesOptions {
  /** Default "auto". */
  readonly graft?: GraftChoice | undefined;
  readonly log?: SessionLog | undefined;
  /** Default "/dev/fuse". */
  readonly fusePath?: string | undefined;
}

/** What is needed to know of the node. */
export type NodeSession = Pick<ServedNode, "node" | "rdev" | "share" | "canShare">;

/** What devices use of {@link ClientFiles}. */
export type ClientPlaces = Pick<
  ClientFiles,
  "canMap" | "canInstall" | "mapProblem" | "installProblem" | "graft" | "install" | "catchUp"
>;

/** What a client is to get in place of its descriptor of the node. */
export interface Graft {
  readonly session: NodeSession;
  /** The open file that both lead to. */
  readonly shared: SharedFile;
  readonly request: IoctlRequest;
  /** What `mmap()` shows. */
  readonly backing: FileBacking;
  /** The access mode of `open(2)`. */
  readonly flags: number;
  /** Answers the request; see `GraftRequest.answer`. */
  answer(): void;
  /** The client has the file, and does not run yet. */
  placed(): void;
  /** The client's call succeeded, and will fail; see `GraftRequest.undone`. */
  undone(): void | Promise<void>;
}

/** A descriptor for a client. */
export interface Installation {
  readonly request: IoctlRequest;
  /** Ours; not needed any more when the promise has settled. */
  readonly fd: number;
  readonly closeOnExec: boolean;
  /** Where in the request's argument the client expects the number, bytes. */
  readonly numberAt: number;
  /** Told the sentence for the log if the client does not get it. */
  readonly refused: (sentence: string) => void;
}

/** A refusal before anything happened. */
export interface Unavailable {
  readonly kind: "refused";
  readonly reason: "no-file";
  readonly sentence: string;
  readonly answered: false;
}

/** Puts files into clients, where that is possible here. One for all nodes of a device. */
export class ClientFiles {
  /** Serves the files; also those that the helper library delivers. Undefined: there can be none. */
  readonly session: FuseSession | undefined;
  /** Why no client can be given a descriptor; undefined: those that may be traced can. */
  readonly installProblem: string | undefined;
  /** Why no client can be given `mmap()`; undefined: as above. */
  readonly mapProblem: string | undefined;
  readonly #grafter: Grafter | undefined;

  /** Looks what can be done here. Never rejects: what cannot be done, clients do without. */
  static async start(options: ClientFilesOptions = {}): Promise<ClientFiles> {
    if (options.graft === "off")
      return new ClientFiles(undefined, undefined, "grafts are switched off", undefined);
    let session: FuseSession | undefined;
    try {
      session = new FuseSession({ devicePath: options.fusePath, log: options.log });
      const grafter = await Grafter.start();
      const install = grafter.abilities.canTrace
        ? undefined
        : "this process may not trace others (a container, yama or a security module forbids it; v4l2-cuse doctor says which, and whether the helper can do without)";
      const canMap = await session.canMap;
      const map = canMap
        ? undefined
        : "the kernel has no FUSE passthrough (Linux 6.9, CONFIG_FUSE_PASSTHROUGH)";
      return new ClientFiles(session, grafter, install, install ?? map);
    } catch (error) {
      if (!(error instanceof CuseError || error instanceof TracerError)) throw error;
      return new ClientFiles(session, undefined, clause(error), undefined);
    }
  }

  private constructor(
    session: FuseSession | undefined,
    grafter: Grafter | undefined,
    installProblem: string | undefined,
    mapProblem: string | undefined,
  ) {
    this.session = session;
    this.#grafter = grafter;
    this.installProblem = installProblem;
    this.mapProblem = mapProblem ?? installProblem;
  }

  get canMap(): boolean {
    return this.mapProblem === undefined;
  }

  get canInstall(): boolean {
    return this.installProblem === undefined;
  }

  /** @returns How it ended; an early refusal leaves the request unanswered. Rejects with what `answer` throws. */
  async graft({ session, shared, request, backing, ...task }: Graft): Promise<GraftOutcome | Unavailable> {
    const grafter = this.#grafter;
    const files = this.session;
    if (grafter === undefined || files === undefined)
      return unavailable("files cannot be put into clients here");
    if (request.caller.tid === 0)
      return unavailable("the client is not visible in the driver's pid namespace");
    const nonblocking = request.nonblocking() ? O_NONBLOCK : 0;
    const label = session.node.slice(session.node.lastIndexOf("/") + 1);
    try {
      const file = await files.create(shared, shared.attach, {
        label,
        flags: (task.flags & O_ACCMODE) | nonblocking,
        backing: backing.fd,
        sizeBytes: backing.sizeBytes,
      });
      backing.mappedAs({ ino: file.ino, path: `/${label}:${file.ino}` });
      try {
        return await grafter.graft({
          tid: request.caller.tid,
          uid: request.caller.uid,
          call: pendingIoctl(request),
          newFd: file.fd,
          expectRdev: session.rdev,
          failWith: errnoNumber("EINVAL"),
          answer: () => task.answer(),
          // Ours is closed before the client runs: if it closes its own, the file shall be released.
          placed: () => {
            file.close();
            task.placed();
          },
          undone: () => {
            file.close();
            return task.undone();
          },
          unplaced: () => file.close(),
        });
      } finally {
        file.close();
      }
    } catch (error) {
      if (!(error instanceof CuseError) && !isSystemError(error)) throw error;
      return unavailable(`no file for the client: ${clause(error)}`);
    }
  }

  /**
   * Gives a client a descriptor. When this resolves, the request must be answered with success at once; the number
   * is written over the answer before the client sees it.
   * @throws {V4l2Error} ENOTTY - it cannot be given any.
   */
  install({ request, fd, closeOnExec, numberAt, refused }: Installation): Promise<void> {
    const grafter = this.#grafter;
    const { tid, uid } = request.caller;
    if (grafter === undefined || tid === 0) {
      throw new V4l2Error("ENOTTY", "the client cannot be given a descriptor");
    }
    request.uninterruptible();
    return new Promise((resolve, reject) => {
      const placing = grafter.install({
        tid,
        uid,
        call: pendingIoctl(request),
        newFd: fd,
        closeOnExec,
        failWith: errnoNumber("EMFILE"),
        answer: resolve,
        numberAt: request.argAddress + BigInt(numberAt),
      });
      placing.then((outcome) => {
        if (outcome.kind === "grafted") return;
        if (outcome.kind === "refused" && outcome.reason !== "call-failed") refused(outcome.sentence);
        const why = outcome.kind === "refused" ? outcome.sentence : "the client is gone";
        reject(new V4l2Error("ENOTTY", why)); // Unless it was answered already.
      }, reject);
    });
  }

  /** Serves what clients did with their files before now. */
  catchUp(): void {
    this.session?.catchUp();
  }

  /** Ends what was started. Clients that are being served come to their end first, and so does the session of files. */
  async close(): Promise<void> {
    this.#grafter?.close();
    await this.session?.close();
  }
}

/** A sentence that another one goes on after. */
const clause = ({ message }: Error): string => message.replace(/\.$/, "");

function unavailable(sentence: string): Unavailable {
  return { kind: "refused", reason: "no-file", sentence, answered: false };
}
