/** Which memories the worker has, and by which numbers it knows them. */
import type { WorkerProcess } from "../worker/index.js";
import type { PictureMemory } from "./picture.js";
import { encodeForget, encodeMemory, MAX_FORGOTTEN, SLOTS, type Answer } from "./protocol.js";

interface Shared {
  readonly slot: number;
  readonly fd: number;
  readonly isWritable: boolean;
}

export class SharedMemories {
  readonly #worker: WorkerProcess<Answer>;
  /** The one used last is the last. */
  readonly #shared = new Map<PictureMemory, Shared>();
  readonly #free: number[] = [];
  #forgotten: number[] = [];
  #next = 0;

  constructor(worker: WorkerProcess<Answer>) {
    this.#worker = worker;
  }

  /**
   * The number of a memory, which the worker gets if it does not have it.
   * @param isWritable - Is it a destination? A source is mapped for reading until it is one.
   */
  slotOf(memory: PictureMemory, isWritable: boolean): number {
    const { fd, fdOffset, sizeBytes } = memory;
    const before = this.#shared.get(memory);
    this.#shared.delete(memory);
    // A plane that leaves its pool keeps its memory object and gets another file.
    if (before !== undefined && before.fd === fd && (before.isWritable || !isWritable)) {
      this.#shared.set(memory, before);
      return before.slot;
    }
    const slot = before?.slot ?? this.#freeSlot();
    this.#shared.set(memory, { slot, fd, isWritable });
    this.#worker.send(encodeMemory(slot, fdOffset, sizeBytes, isWritable), [fd]);
    return slot;
  }

  forget(memory: PictureMemory): void {
    const shared = this.#shared.get(memory);
    if (shared === undefined) return;
    this.#shared.delete(memory);
    this.#forgotten.push(shared.slot);
  }

  /** Tells the worker what was forgotten, in few messages. */
  flush(): void {
    const forgotten = this.#forgotten;
    this.#forgotten = [];
    for (let start = 0; start < forgotten.length; start += MAX_FORGOTTEN) {
      this.#worker.send(encodeForget(forgotten.slice(start, start + MAX_FORGOTTEN)));
    }
    this.#free.push(...forgotten);
  }

  #freeSlot(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#next < SLOTS) return this.#next++;
    // Orders are followed one after another, so whatever uses the oldest one comes before what replaces it.
    const [oldest] = this.#shared.keys();
    if (oldest !== undefined) this.forget(oldest);
    this.flush();
    return this.#free.pop() ?? 0;
  }
}
