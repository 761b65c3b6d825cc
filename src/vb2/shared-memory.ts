/** Planes as memfds, one each: mapped here once, handed to clients as descriptors. */
import { closeSync, constants, openSync } from "node:fs";
import { createDmabuf, inspectFd, isSystemError, ProcessFd, sameFile, SharedMemory } from "../native.js";
import type { ErrnoName, ExportedFd, FileBacking } from "../v4l2/index.js";
import { V4l2Error } from "../v4l2/index.js";
import {
  DEFAULT_HANDLE_BYTES,
  DEFAULT_PLANE_BYTES,
  MemoryBudget,
  pageAlign,
  processBudget,
} from "./memory.js";
import { MemoryPool, PoolPlane } from "./memory-pool.js";
import type { ImportedMemory, ImportRequest, MemoryProvider, PlaneMemory } from "./memory.js";

/** Runs system calls whose failure is the client's errno `code`. */
function orRefuse<T>(code: ErrnoName, what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new V4l2Error(code, `${what}: ${error.message}`);
  }
}

/** A client may name any number, and may not be visible in our pid namespace (pid 0). */
function canExist(pid: number, fd: number): boolean {
  return pid > 0 && fd >= 0;
}

class SharedPlane implements PlaneMemory {
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
  readonly fdOffset = 0;
  #shared: SharedMemory | undefined;

  constructor(
    shared: SharedMemory,
    private readonly budget: MemoryBudget,
  ) {
    this.#shared = shared;
    this.bytes = shared.bytes;
    this.sizeBytes = shared.sizeBytes;
  }

  get fd(): number {
    return this.#shared?.fd ?? -1;
  }

  release(): void {
    if (this.#shared === undefined) return;
    this.#shared.close();
    this.#shared = undefined;
    this.budget.give(pageAlign(this.sizeBytes));
  }
}

class ImportedPlane extends SharedPlane implements ImportedMemory {
  constructor(
    shared: SharedMemory,
    budget: MemoryBudget,
    readonly fileBytes: number,
  ) {
    super(shared, budget);
  }

  isFile(pid: number, fd: number): boolean {
    if (!canExist(pid, fd)) return false;
    try {
      return sameFile(pid, fd, process.pid, this.fd);
    } catch (error) {
      // A closed fd, or a kernel without kcmp: import again, which finds out.
      if (isSystemError(error)) return false;
      throw error;
    }
  }
}

/** Names the memory, and bounds it. */
export interface SharedMemoryOptions {
  /** Seen in `/proc/<pid>/maps` of the clients. */
  readonly name: string;
  /** Most bytes at a time; {@link MemoryBudget} of the process on top. Default 1 GiB. */
  readonly limitBytes?: number;
  /** Largest plane, bytes. Default 512 MiB. */
  readonly maxPlaneBytes?: number;
}

/** Make one per file handle, so that the limit is the handle's. */
export class SharedMemoryProvider implements MemoryProvider {
  readonly budget: MemoryBudget;
  readonly #name: string;
  readonly #maxPlaneBytes: number;

  constructor(options: SharedMemoryOptions) {
    this.#name = options.name;
    this.#maxPlaneBytes = options.maxPlaneBytes ?? DEFAULT_PLANE_BYTES;
    this.budget = new MemoryBudget(options.limitBytes ?? DEFAULT_HANDLE_BYTES, processBudget);
  }

  allocPlane(sizeBytes: number, backing?: FileBacking): PlaneMemory {
    return this.#within(sizeBytes, () =>
      orRefuse("ENOMEM", `${sizeBytes} bytes`, () => {
        if (backing instanceof MemoryPool) {
          return backing.allocPlane(sizeBytes, () => this.budget.give(pageAlign(sizeBytes)));
        }
        return new SharedPlane(SharedMemory.create(this.#name, sizeBytes), this.budget);
      }),
    );
  }

  importPlane({ pid, fd, lengthBytes, minBytes, writable }: ImportRequest): ImportedMemory {
    const what = `fd ${fd} of process ${pid}`;
    if (!canExist(pid, fd)) throw new V4l2Error("EINVAL", `${what} cannot exist`);
    const taken = orRefuse("EINVAL", what, () => ProcessFd.takeMemory(pid, fd));
    try {
      const { sizeBytes: fileBytes } = orRefuse("EINVAL", what, () => inspectFd(taken.fd));
      const sizeBytes = lengthBytes === 0 ? fileBytes : lengthBytes;
      if (sizeBytes < minBytes || sizeBytes === 0) {
        throw new V4l2Error("EINVAL", `${what}: ${sizeBytes} bytes, ${minBytes} are needed`);
      }
      // vb2: what an importer answers to a length beyond the end.
      if (sizeBytes > fileBytes) throw new V4l2Error("EFAULT", `${what}: ${sizeBytes} of ${fileBytes} bytes`);
      return this.#within(sizeBytes, () =>
        orRefuse("EINVAL", what, () => {
          return new ImportedPlane(
            SharedMemory.fromFd(taken.fd, sizeBytes, writable),
            this.budget,
            fileBytes,
          );
        }),
      );
    } finally {
      taken.close();
    }
  }

  /**
   * A dma-buf where the kernel can make one (udmabuf), else the memfd itself: programs map both alike, but other
   * drivers of the kernel import only the former.
   */
  exportPlane(memory: PlaneMemory, accessMode: number): ExportedFd | undefined {
    const dmabuf = this.#dmabuf(memory);
    if (dmabuf !== undefined) return { fd: dmabuf.fd, release: () => dmabuf.close() };
    if (memory instanceof PoolPlane && memory.isInPool) return undefined;
    // A new open file: its access mode is the client's wish. Mapping for writing needs reading, too.
    const mode = accessMode === constants.O_RDONLY ? constants.O_RDONLY : constants.O_RDWR;
    try {
      const fd = openSync(`/proc/self/fd/${memory.fd}`, mode);
      return { fd, release: () => closeSync(fd) };
    } catch (error) {
      throw new V4l2Error("EINVAL", `cannot export: ${String(error)}`);
    }
  }

  moveOut(memory: PlaneMemory): void {
    if (!(memory instanceof PoolPlane)) return;
    orRefuse("ENOMEM", "memory of its own for a buffer", () => memory.moveOut(this.#name));
  }

  #dmabuf(memory: PlaneMemory): { fd: number; close(): void } | undefined {
    try {
      return createDmabuf(memory.fd, pageAlign(memory.sizeBytes), memory.fdOffset);
    } catch (error) {
      // Over udmabuf's size limit, or not allowed to open it.
      if (isSystemError(error)) return undefined;
      throw error;
    }
  }

  /** Takes the budget before, and gives it back when `make` throws. */
  #within<T>(sizeBytes: number, make: () => T): T {
    if (sizeBytes > this.#maxPlaneBytes) {
      throw new V4l2Error("ENOMEM", `a plane of ${sizeBytes} bytes, ${this.#maxPlaneBytes} are the most`);
    }
    this.budget.take(pageAlign(sizeBytes));
    try {
      return make();
    } catch (error) {
      this.budget.give(pageAlign(sizeBytes));
      throw error;
    }
  }
}
