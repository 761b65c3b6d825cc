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
 *   once when {@link RETIRED_BYTES} more have gathered. What nobody has mapped is given back (a hole) and used again.
 *   Who allocates meanwhile waits for that ({@link MemoryPool.settled}). Retired memory counts in no budget: what is
 *   mapped is its client's, as orphaned buffers of a kernel driver are.
 * - With the last descriptor of the file the pool is closed, and the kernel keeps it for as long as it is mapped.
 */
import { fstatSync } from "node:fs";
import { createMemfd, isSystemError, punchHole, SharedMemory, type OwnedFd } from "../native.js";
import type { Call, FileBacking, MappedFile } from "../v4l2/index.js";
import { V4l2Error } from "../v4l2/index.js";
import { findMappings, nameKey, type Mappings } from "./mappings.js";
import { MappingWatch } from "./mapping-watch.js";
import { pageAlign } from "./memory.js";
import type { MemoryUsers, PlaneMemory } from "./memory.js";
import { isHeld, PlaneExports } from "./memory-users.js";
import { FreeRanges, overlap, type Range } from "./free-ranges.js";

/** All that `v4l2_buffer.m.offset` can name, in whole pages of any kernel. */
const POOL_BYTES = 2 ** 32 - 65_536;

/** How much may be retired before somebody looks who has it mapped. */
export const RETIRED_BYTES = 32 * 2 ** 20;

const pools = new Set<MemoryPool>();
let looking: Promise<void> | undefined;

/** Gives back what is retired in any pool now, and mapped by nobody. One search at a time. */
export function reclaimAll(find: typeof findMappings = findMappings): Promise<void> {
  looking ??= search(find).finally(() => {
    looking = undefined;
  });
  return looking;
}

async function search(find: typeof findMappings): Promise<void> {
  const candidates = [...pools]
    .map((pool) => ({ pool, ranges: pool.retired }))
    .filter(({ ranges }) => ranges.length > 0);
  const mappings = await find(new Set(candidates.flatMap(({ pool }) => pool.keys)));
  // Not found out: everything stays, and the next search is due when as much again has gathered.
  for (const { pool, ranges } of candidates) pool.reclaim(mappings === undefined ? [] : ranges, mappings);
}

export class MemoryPool implements FileBacking {
  readonly sizeBytes = POOL_BYTES;
  readonly #memfd: OwnedFd;
  readonly #free = new FreeRanges(POOL_BYTES);
  /** How `/proc/<pid>/maps` shows mappings of the memory. */
  readonly #keys: string[] = [];
  readonly #watch = new MappingWatch();
  #retired: readonly Range[] = [];
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

  /** @internal Freed and not given back. */
  get retired(): readonly Range[] {
    return this.#retired;
  }

  /** Bytes of freed buffers that were not given back yet. */
  get retiredBytes(): number {
    return this.#retired.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /**
   * Much has been freed, and it is being found out what of it can be given back: before that, nothing more should be
   * allocated. Undefined: go on. Takes some seconds at most.
   */
  get settled(): Promise<void> | undefined {
    return this.retiredBytes >= this.#lookAtBytes ? looking : undefined;
  }

  /**
   * Memory for a plane.
   * @param onReleased - Called once.
   * @throws {V4l2Error} ENOMEM - no offsets are left.
   * @throws {SystemError} ENOMEM, EMFILE.
   */
  allocPlane(sizeBytes: number, onReleased: () => void): PoolPlane {
    const range = { sizeBytes: pageAlign(sizeBytes) };
    const offset = this.#free.take(range.sizeBytes);
    if (offset === undefined) {
      void reclaimAll();
      throw new V4l2Error("ENOMEM", "all offsets of the file's memory are in use, or mapped");
    }
    try {
      const shared = SharedMemory.fromFd(this.fd, sizeBytes, true, offset);
      return new PoolPlane(this, shared, offset, () => {
        onReleased();
        this.#retire({ ...range, offset });
      });
    } catch (error) {
      this.#free.give({ ...range, offset });
      throw error;
    }
  }

  /**
   * Is any of `range` mapped by the caller's process, by one that it has started, or where it was seen mapped before?
   * @returns Undefined: not ours to see.
   */
  isMapped(range: Range, call: Pick<Call, "caller" | "client">): boolean | undefined {
    return this.#watch.look(this.#keys, call)?.some((mapped) => overlap(mapped, range));
  }

  #retire(range: Range): void {
    if (this.fd < 0) return;
    this.#retired = [...this.#retired, range];
    if (this.retiredBytes >= this.#lookAtBytes) void reclaimAll();
  }

  /** @internal Gives back those of `ranges` that are not in `mappings`. */
  reclaim(ranges: readonly Range[], mappings: Mappings | undefined): void {
    if (this.fd < 0) return;
    const mapped = this.#keys.flatMap((key) => mappings?.get(key) ?? []);
    const free = ranges.filter(
      (range) => !mapped.some((other) => overlap(range, other)) && this.#empty(range),
    );
    for (const range of free) this.#free.give(range);
    this.#retired = this.#retired.filter((range) => !free.includes(range));
    this.#lookAtBytes = this.retiredBytes + RETIRED_BYTES;
  }

  /** @returns Whether that succeeded. */
  #empty({ offset, sizeBytes }: Range): boolean {
    try {
      punchHole(this.fd, offset, sizeBytes);
      return true;
    } catch (error) {
      if (isSystemError(error)) return false;
      throw error;
    }
  }

  /** Nothing can be mapped any more; what is mapped stays. */
  close(): void {
    if (!pools.delete(this)) return;
    this.#memfd.close();
    this.#retired = [];
  }
}

/** A plane in a pool; or, once it had to be exported by itself, in a memfd of its own. */
export class PoolPlane implements PlaneMemory, MemoryUsers {
  readonly sizeBytes: number;
  readonly exports = new PlaneExports();
  #shared: SharedMemory | undefined;
  #isAlone = false;

  constructor(
    private readonly pool: MemoryPool,
    shared: SharedMemory,
    /** Where `mmap()` of the client's descriptor finds it. */
    readonly mapOffset: number,
    private readonly onRelease: () => void,
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

  /** Does `fd` show nothing else? */
  get isAlone(): boolean {
    return this.#isAlone;
  }

  get users(): MemoryUsers {
    return this;
  }

  isUsed(call: Pick<Call, "caller" | "client">): boolean | undefined {
    if (this.exports.isDmabufUsed) return true;
    if (this.#isAlone) return isHeld(this.fd);
    return this.pool.isMapped({ offset: this.mapOffset, sizeBytes: this.sizeBytes }, call);
  }

  isStillMapped(): boolean {
    return !this.#isAlone && isHeld(this.fd);
  }

  /**
   * Takes the contents to a memfd that holds nothing else. Mappings of the pool do not follow, and `bytes` are others.
   * @throws {SystemError} ENOMEM, EMFILE.
   */
  moveOut(name: string): void {
    if (this.#isAlone || this.#shared === undefined) return;
    const own = SharedMemory.create(name, this.sizeBytes);
    own.bytes.set(this.#shared.bytes);
    this.exports.close();
    this.#shared.close();
    this.#shared = own;
    this.#isAlone = true;
  }

  release(): void {
    if (this.#shared === undefined) return;
    this.exports.close();
    this.#shared.close();
    this.#shared = undefined;
    this.onRelease();
  }
}

const NOTHING = new Uint8Array(0);
