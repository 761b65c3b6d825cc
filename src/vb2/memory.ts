/**
 * Where the bytes of buffers come from: a small interface, so that a pool per file handle, or memory of a
 * test, can stand in for one memfd per plane.
 *
 * Everything is bounded: a client decides how many buffers of which size it asks for, and this process,
 * which may be root, pays. Running out is ENOMEM for that client.
 */
import { totalmem } from "node:os";
import { pageBytes } from "../native.js";
import type { Call, ExportedFd, FileBacking } from "../v4l2/index.js";
import { V4l2Error } from "../v4l2/index.js";

/** Who has the memory of a plane besides us. */
export interface MemoryUsers {
  /**
   * Has a client the plane mapped, or a descriptor of EXPBUF open or mapped?
   * @param call - The client's, whose processes are looked at where nothing else tells.
   * @returns Undefined: it cannot be told, or not now.
   */
  isUsed(call: Pick<Call, "caller" | "client">): boolean | undefined;
  /** Asked when clients have no descriptor of the device any more: is the memory still mapped by way of one? */
  isStillMapped(): boolean;
}

/** `sizeBytes` rounded up to whole pages of this kernel, as a mapping is. */
export function pageAlign(sizeBytes: number): number {
  return Math.ceil(sizeBytes / pageBytes()) * pageBytes();
}

/** Memory of one plane, shared with clients through `fd`. */
export interface PlaneMemory {
  /** The whole plane, `sizeBytes` long; empty after `release()`. */
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
  /** What a client maps to see the same bytes; ours, sent as a duplicate. */
  readonly fd: number;
  /** Where the plane starts in `fd`, bytes; a multiple of the page size. */
  readonly fdOffset: number;
  /** Memory in a pool: where `mmap()` of the client's own descriptor finds it, bytes, below 2^32. */
  readonly mapOffset?: number;
  /** Who has it besides us; left out where that cannot be told. */
  readonly users?: MemoryUsers;
  /** Ours no longer; whoever has it mapped keeps it. Once is enough, twice is harmless. */
  release(): void;
}

/** Memory that a client gave us (DMABUF). */
export interface ImportedMemory extends PlaneMemory {
  /** Size of the whole file, bytes; `sizeBytes` of it are mapped. */
  readonly fileBytes: number;
  /** Is the fd number of that process still the file this came from? */
  isFile(pid: number, fd: number): boolean;
}

/** Memory of a client that a USERPTR or DMABUF plane is to use. */
export interface ImportRequest {
  /** The client, and the number there. */
  readonly pid: number;
  readonly fd: number;
  /** Bytes to map, from the start of the file; 0 means all of it. */
  readonly lengthBytes: number;
  /** The least that the queue can use. */
  readonly minBytes: number;
  /** CAPTURE: we write into it. */
  readonly writable: boolean;
}

/** Where the memory of planes comes from; {@link SharedMemoryProvider} is the one there is. */
export interface MemoryProvider {
  /**
   * @param backing - What the client maps, if it maps without asking us: the plane becomes part of it.
   * @throws {V4l2Error} ENOMEM
   */
  allocPlane(sizeBytes: number, backing?: FileBacking): PlaneMemory;
  /** @throws {V4l2Error} EINVAL - no such fd, cannot be mapped, or too small; ENOMEM - over the budget. */
  importPlane(request: ImportRequest): ImportedMemory;
  /**
   * EXPBUF. Undefined: not while the plane is in a pool, whose other buffers could be seen; see `moveOut`.
   * @param accessMode - `O_RDONLY`, `O_WRONLY` or `O_RDWR`.
   * @param mustStay - The plane had better not move: another access mode is to be preferred.
   * @throws {V4l2Error} EINVAL - cannot be exported.
   */
  exportPlane(memory: PlaneMemory, accessMode: number, mustStay: boolean): ExportedFd | undefined;
  /**
   * `mmap()` by the helper library: what the client maps, at `memory.fdOffset`. Left out, it is `memory.fd`.
   * @throws {V4l2Error} EINVAL - cannot be given to a client.
   */
  mapPlane?(memory: PlaneMemory): ExportedFd;
  /**
   * Takes a plane out of its pool, into a file that shows nothing else. Its `bytes` are others afterwards.
   * @throws {V4l2Error} ENOMEM
   */
  moveOut?(memory: PlaneMemory): void;
}

/** Bytes that may be held at a time; budgets nest (a file handle's within the process's). */
export class MemoryBudget {
  #usedBytes = 0;

  constructor(
    readonly limitBytes: number,
    readonly parent?: MemoryBudget,
  ) {}

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** @throws {V4l2Error} ENOMEM - this budget or one around it is used up. */
  take(sizeBytes: number): void {
    if (this.#usedBytes + sizeBytes > this.limitBytes) {
      throw new V4l2Error(
        "ENOMEM",
        `${sizeBytes} bytes more than the ${this.#usedBytes} in use would exceed ${this.limitBytes}`,
      );
    }
    this.parent?.take(sizeBytes);
    this.#usedBytes += sizeBytes;
  }

  give(sizeBytes: number): void {
    this.#usedBytes -= sizeBytes;
    this.parent?.give(sizeBytes);
  }
}

/** All devices of this process together: half of the machine's memory. Pages count when they are promised, not when touched. */
export const processBudget = new MemoryBudget(Math.floor(totalmem() / 2));

/** Memory of one file handle unless configured. */
export const DEFAULT_HANDLE_BYTES = 2 ** 30;

/** Largest plane unless configured: 8192x4320 with 8 bytes a pixel fits. */
export const DEFAULT_PLANE_BYTES = 2 ** 29;
