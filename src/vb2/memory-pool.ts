/**
 * One memfd that holds all MMAP buffers of an open file, at the offsets that QUERYBUF tells. A descriptor whose
 * `mmap()` goes to this memfd (docs/graft.md) maps each buffer where V4L2 says it is, without asking us.
 *
 * - The file is as large as such an offset can be (32 bits), and sparse: a page takes memory when it is touched. So it
 *   is sealed against shrinking and growing once and for all, and nobody can take a page away under the driver. A
 *   client can touch pages in which no buffer is. They are charged to it, as those of a memfd that it made itself.
 * - In a pool are buffers of one open file and of nobody else.
 * - A freed buffer (orphaned, if it is still mapped) keeps its range and its contents until no process has the range
 *   mapped. Nobody tells us when a mapping ends, so ranges are retired first, and looked up in `/proc/<pid>/maps` all at
 *   once: when {@link RETIRED_BYTES} more have gathered, or when memory or offsets run out. Until then they count in
 *   the budget as before. What nobody has mapped is given back (a hole) and used again.
 * - With the last descriptor of the file the pool is closed, and the kernel keeps it for as long as it is mapped.
 */
import { fstatSync } from "node:fs";
import { createMemfd, isSystemError, punchHole, SharedMemory, type OwnedFd } from "../native.js";
import type { FileBacking, MappedFile } from "../v4l2/index.js";
import { V4l2Error } from "../v4l2/index.js";
import { findMappings, nameKey, type Mappings } from "./mappings.js";
import { PAGE_BYTES, pageAlign } from "./memory.js";
import type { PlaneMemory } from "./memory.js";
import { FreeRanges, overlap, type Range } from "./ranges.js";

/** All that `v4l2_buffer.m.offset` can name, in whole pages. */
const POOL_BYTES = 2 ** 32 - PAGE_BYTES;

/** How much may be retired before somebody looks who has it mapped. */
export const RETIRED_BYTES = 32 * 2 ** 20;

/** A freed range. */
interface Retired extends Range {
  /** Its pages are given back. */
  readonly onReclaimed: () => void;
}

const pools = new Set<MemoryPool>();

/** Gives back what is retired in any pool and mapped by nobody. */
export function reclaimAll(find: typeof findMappings = findMappings): void {
  const waiting = [...pools].filter((pool) => pool.retiredBytes > 0);
  if (waiting.length === 0) return;
  const mappings = find(new Set(waiting.flatMap((pool) => pool.keys)));
  for (const pool of waiting) pool.reclaim(mappings);
}

export class MemoryPool implements FileBacking {
  readonly #memfd: OwnedFd;
  readonly #free = new FreeRanges(POOL_BYTES);
  /** How `/proc/<pid>/maps` shows mappings of the memory. */
  readonly #keys: string[] = [];
  #retired: Retired[] = [];
  #lookAtBytes = RETIRED_BYTES;

  private constructor(memfd: OwnedFd) {
    this.#memfd = memfd;
  }

  /**
   * @param name - Seen in `/proc/<pid>/maps`.
   * @throws {V4l2Error} ENOMEM - no more files, or no address space.
   */
  static create(name: string): MemoryPool {
    try {
      const pool = new MemoryPool(createMemfd(name, POOL_BYTES));
      pool.mappedAs({ ino: fstatSync(pool.fd).ino, path: `/memfd:${name}` });
      pools.add(pool);
      return pool;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      throw new V4l2Error("ENOMEM", `a pool of memory: ${error.message}`);
    }
  }

  get fd(): number {
    return this.#memfd.fd;
  }

  mappedAs(file: MappedFile): void {
    this.#keys.push(nameKey(file));
  }

  /** @internal */
  get keys(): readonly string[] {
    return this.#keys;
  }

  /** Bytes of freed buffers that were not given back yet. */
  get retiredBytes(): number {
    return this.#retired.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /**
   * Memory for a plane.
   * @param onReclaimed - Called once, when no memory is taken any more: after release, or when the pool is closed.
   * @throws {V4l2Error} ENOMEM - no offsets are left.
   * @throws {SystemError} ENOMEM, EMFILE.
   */
  allocPlane(sizeBytes: number, onReclaimed: () => void): PoolPlane {
    const reserved = pageAlign(sizeBytes);
    let offset = this.#free.take(reserved);
    if (offset === undefined) {
      reclaimAll();
      offset = this.#free.take(reserved);
    }
    if (offset === undefined) throw new V4l2Error("ENOMEM", "all offsets of the file's memory are mapped");
    const range = { offset, sizeBytes: reserved };
    try {
      const shared = SharedMemory.fromFd(this.fd, sizeBytes, true, offset);
      return new PoolPlane(shared, offset, () => this.#retire({ ...range, onReclaimed }));
    } catch (error) {
      this.#free.give(range);
      throw error;
    }
  }

  #retire(range: Retired): void {
    if (this.fd < 0) {
      range.onReclaimed();
      return;
    }
    this.#retired.push(range);
    if (this.retiredBytes >= this.#lookAtBytes) reclaimAll();
  }

  /** @internal Gives back what is not in `mappings`. */
  reclaim(mappings: Mappings): void {
    const mapped = this.#keys.flatMap((key) => mappings.get(key) ?? []);
    const kept: Retired[] = [];
    for (const range of this.#retired) {
      if (mapped.some((other) => overlap(range, other))) {
        kept.push(range);
        continue;
      }
      punchHole(this.fd, range.offset, range.sizeBytes);
      this.#free.give({ offset: range.offset, sizeBytes: range.sizeBytes });
      range.onReclaimed();
    }
    this.#retired = kept;
    this.#lookAtBytes = this.retiredBytes + RETIRED_BYTES;
  }

  /** Nothing can be mapped any more; what is mapped stays. */
  close(): void {
    if (!pools.delete(this)) return;
    this.#memfd.close();
    for (const { onReclaimed } of this.#retired.splice(0)) onReclaimed();
  }
}

/** A plane in a pool; or, once it had to be exported by itself, in a memfd of its own. */
export class PoolPlane implements PlaneMemory {
  readonly sizeBytes: number;
  #shared: SharedMemory | undefined;
  #isAlone = false;

  constructor(
    shared: SharedMemory,
    /** Where `mmap()` of the client's descriptor finds it. */
    readonly mapOffset: number,
    private readonly retire: () => void,
  ) {
    this.#shared = shared;
    this.sizeBytes = shared.sizeBytes;
  }

  get bytes(): Uint8Array {
    return this.#shared?.bytes ?? NOTHING;
  }

  get fd(): number {
    return this.#shared?.fd ?? -1;
  }

  get fdOffset(): number {
    return this.#isAlone ? 0 : this.mapOffset;
  }

  /** Does `fd` show other buffers, too? */
  get isInPool(): boolean {
    return !this.#isAlone;
  }

  /**
   * Takes the contents to a memfd that holds nothing else. Mappings of the pool do not follow, and `bytes` are others.
   * @throws {SystemError} ENOMEM, EMFILE.
   */
  moveOut(name: string): void {
    if (this.#isAlone || this.#shared === undefined) return;
    const own = SharedMemory.create(name, this.sizeBytes);
    own.bytes.set(this.#shared.bytes);
    this.#shared.close();
    this.#shared = own;
    this.#isAlone = true;
  }

  release(): void {
    if (this.#shared === undefined) return;
    this.#shared.close();
    this.#shared = undefined;
    this.retire();
  }
}

const NOTHING = new Uint8Array(0);
