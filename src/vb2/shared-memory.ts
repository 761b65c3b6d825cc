/** Planes as memfds, one each: mapped here once, handed to clients as descriptors. */
import { constants } from "node:fs";
import { inspectFd, isSystemError, ProcessFd, sameFile, SharedMemory } from "../native.js";
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
import { isHeld, PlaneExports, reopen } from "./memory-users.js";
import type { ImportedMemory, ImportRequest, MemoryProvider, MemoryUsers, PlaneMemory } from "./memory.js";

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

class SharedPlane implements PlaneMemory, MemoryUsers {
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
  readonly fdOffset = 0;
  readonly isAlone = true;
  readonly exports = new PlaneExports();
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

  get users(): MemoryUsers {
    return this;
  }

  isUsed(): boolean {
    return isHeld(this.fd) || this.exports.isDmabufUsed;
  }

  isStillMapped(): boolean {
    return !this.exports.isFile && isHeld(this.fd);
  }

  release(): void {
    if (this.#shared === undefined) return;
    this.exports.close();
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

  exportPlane(memory: PlaneMemory, accessMode: number, mustStay: boolean): ExportedFd | undefined {
    if (!(memory instanceof SharedPlane || memory instanceof PoolPlane)) {
      throw new V4l2Error("EINVAL", "memory of another provider cannot be exported");
    }
    return memory.exports.make(memory, accessMode, { isAlone: memory.isAlone, mustStay });
  }

  mapPlane(memory: PlaneMemory): ExportedFd {
    return reopen(memory.fd, constants.O_RDWR);
  }

  moveOut(memory: PlaneMemory): void {
    if (!(memory instanceof PoolPlane)) return;
    orRefuse("ENOMEM", "memory of its own for a buffer", () => memory.moveOut(this.#name));
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
