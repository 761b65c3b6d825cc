/**
 * Who has a plane's memory besides us. The kernel tells nobody when a mapping or a descriptor ends, so this asks when an
 * answer depends on it. Each client gets an open file of its own of a memfd, so that a lease on ours says whether there
 * are others (`isHeldElsewhere`); for a dma-buf, `/proc/self/fdinfo` counts the users of the file.
 */
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { createDmabuf, isHeldElsewhere, isSystemError, type OwnedFd } from "../native.js";
import type { ExportedFd } from "../v4l2/index.js";
import { V4l2Error } from "../v4l2/index.js";
import { pageAlign } from "./memory.js";
import type { PlaneMemory } from "./memory.js";

/** Is somebody else's open file, or a mapping, of the memfd behind `fd`? Not where that cannot be told. */
export function isHeld(fd: number): boolean {
  try {
    return isHeldElsewhere(fd);
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}

/** An open file of its own of a memfd, for a client. @throws {V4l2Error} EINVAL */
export function reopen(fd: number, accessMode: number): ExportedFd {
  try {
    const own = openSync(`/proc/self/fd/${fd}`, accessMode);
    return { fd: own, release: () => closeSync(own) };
  } catch (error) {
    throw new V4l2Error("EINVAL", `cannot be given to a client: ${String(error)}`);
  }
}

/** How dma-bufs are made and looked at; another way in tests. */
export interface ExportSystem {
  readonly createDmabuf: typeof createDmabuf;
  /** `/proc/self/fdinfo` */
  readonly facts: string;
  /** The folder of GPUs. */
  readonly gpus: string;
}

const realSystem: ExportSystem = { createDmabuf, facts: "/proc/self/fdinfo", gpus: "/dev/dri" };

/** What EXPBUF has made of one plane. */
export class PlaneExports {
  /** One for all exports, kept to see whether anybody else has it. */
  #dmabuf: OwnedFd | undefined;
  #isFile = false;

  constructor(private readonly system = realSystem) {}

  /** Was a descriptor of the memfd itself given out? It cannot be told from a mapping of the device. */
  get isFile(): boolean {
    return this.#isFile;
  }

  /**
   * A dma-buf where the kernel can make one (udmabuf), else the memfd itself: programs map both alike, but other drivers
   * of the kernel import only the former. A dma-buf of udmabuf can always be read and written. So another access mode
   * takes the memfd, too, unless the plane `mustStay`, or there is a GPU to import it: that counts for more then.
   *
   * @param isAlone - Does the memfd show nothing but the plane?
   * @returns Undefined: only the memfd would do, and it shows other buffers, too.
   * @throws {V4l2Error} EINVAL
   */
  make(
    memory: PlaneMemory,
    accessMode: number,
    { isAlone, mustStay }: { readonly isAlone: boolean; readonly mustStay: boolean },
  ): ExportedFd | undefined {
    if (accessMode === constants.O_RDWR || mustStay || canImport(this.system)) {
      const dmabuf = (this.#dmabuf ??= dmabufOf(this.system, memory));
      if (dmabuf !== undefined) return { fd: dmabuf.fd };
    }
    if (!isAlone) return undefined;
    this.#isFile = true;
    return reopen(memory.fd, accessMode);
  }

  /** Has anybody else the dma-buf, or a mapping of it? */
  get isDmabufUsed(): boolean {
    if (this.#dmabuf === undefined) return false;
    const facts = readFileSync(`${this.system.facts}/${this.#dmabuf.fd}`, "latin1");
    const count = /^count:\s*(\d+)$/m.exec(facts)?.[1];
    return count === undefined || Number(count) > 1;
  }

  close(): void {
    this.#dmabuf?.close();
    this.#dmabuf = undefined;
  }
}

function dmabufOf(system: ExportSystem, memory: PlaneMemory): OwnedFd | undefined {
  try {
    return system.createDmabuf(memory.fd, pageAlign(memory.sizeBytes), memory.fdOffset);
  } catch (error) {
    // Over udmabuf's size limit, or not allowed to open it.
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

/** Is there a GPU that imports dma-bufs? */
function canImport({ gpus }: ExportSystem): boolean {
  return existsSync(gpus) && readdirSync(gpus).some((name) => name.startsWith("render"));
}
