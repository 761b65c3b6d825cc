/**
 * The open files of a device, by the number (`fh`) that OPEN gave to the kernel.
 *
 * The table belongs to the device, not to a channel: messages of several channels may name the same file.
 */
import type { OpenFile } from "./char-device.js";
import { O_NONBLOCK } from "./flags.js";
import type { ReplyWriter } from "./reply.js";
import type { SharedFile } from "./shared-file.js";

/** Those who poll a file through one channel. */
interface Poller {
  readonly writer: ReplyWriter;
  handleLow: number;
  handleHigh: number;
  /** Somebody sleeps and has not been woken since. */
  armed: boolean;
}

/** The session's side of an open file. */
export class FileHandle implements OpenFile {
  readonly id: bigint;
  /**
   * The flags of `open(2)`, and later those of the last message that carried any: READ and WRITE do, IOCTL
   * and POLL do not.
   */
  flags: number;
  /** The thread that opened it. */
  readonly openerTid: number;
  readonly #pollers: Poller[] = [];
  readonly #followers: OpenFile[] = [];

  constructor(
    readonly fh: number,
    flags: number,
    openerTid: number,
    /** Files of the device that were closed before this one was opened: their descriptors may be used again. */
    readonly closedBefore = 0,
  ) {
    this.id = BigInt(fh);
    this.flags = flags;
    this.openerTid = openerTid;
  }

  get lastKnownNonblocking(): boolean {
    return (this.flags & O_NONBLOCK) !== 0;
  }

  /**
   * Somebody sleeps in poll, select or epoll on this file. The kernel says so with every POLL while it is
   * true, and asks again after each wake-up, so one notification for each such message is enough.
   */
  armPoll(writer: ReplyWriter, handleLow: number, handleHigh: number): void {
    for (const poller of this.#pollers) {
      if (poller.writer === writer) {
        poller.handleLow = handleLow;
        poller.handleHigh = handleHigh;
        poller.armed = true;
        return;
      }
    }
    this.#pollers.push({ writer, handleLow, handleHigh, armed: true });
  }

  notifyPoll(): void {
    // A thread sleeps in poll(2) or select(2) on the file that it found first, but asks the one that has the number
    // when it wakes. If that has become a follower, nobody says any more that somebody sleeps here.
    const mayBeAsleep = this.#followers.length > 0;
    for (const poller of this.#pollers) {
      if (!poller.armed && !mayBeAsleep) continue;
      poller.armed = false;
      poller.writer.notifyPoll(poller.handleLow, poller.handleHigh);
    }
    for (const follower of this.#followers) follower.notifyPoll();
  }

  /** Who polls `other` is woken whenever those are who poll this. */
  follow(other: OpenFile): void {
    this.#followers.push(other);
  }

  unfollow(other: OpenFile): void {
    const index = this.#followers.indexOf(other);
    if (index >= 0) this.#followers.splice(index, 1);
  }

  /** Wakes nobody from here on: the file is released, or that channel is closed. */
  forgetPollers(writer?: ReplyWriter): void {
    for (let index = this.#pollers.length - 1; index >= 0; index--) {
      if (writer === undefined || this.#pollers[index]?.writer === writer) this.#pollers.splice(index, 1);
    }
  }
}

/** One row: the session's side and the device's. */
export interface OpenFileRecord<File> {
  readonly handle: FileHandle;
  readonly file: File;
  /** Other files lead to it, too: it is released with the last of them. */
  shared?: SharedFile<File>;
}

export class OpenFileTable<File> implements Iterable<OpenFileRecord<File>> {
  readonly #records = new Map<number, OpenFileRecord<File>>();
  #lastFh = 0;
  #closed = 0;

  /** A new handle. It is not in the table before {@link add}: the device may refuse the file. */
  allocate(flags: number, openerTid: number): FileHandle {
    this.#lastFh += 1;
    return new FileHandle(this.#lastFh, flags, openerTid, this.#closed);
  }

  add(handle: FileHandle, file: File): OpenFileRecord<File> {
    const record = { handle, file };
    this.#records.set(handle.fh, record);
    return record;
  }

  get(fh: number): OpenFileRecord<File> | undefined {
    return this.#records.get(fh);
  }

  /** Takes a file out: whoever gets it here releases it, nobody else does. */
  remove(fh: number): OpenFileRecord<File> | undefined {
    const record = this.#records.get(fh);
    if (record !== undefined) {
      this.#records.delete(fh);
      this.#closed += 1;
      record.handle.forgetPollers();
    }
    return record;
  }

  get size(): number {
    return this.#records.size;
  }

  *[Symbol.iterator](): Iterator<OpenFileRecord<File>> {
    yield* this.#records.values();
  }

  *handles(): Iterable<FileHandle> {
    for (const { handle } of this.#records.values()) yield handle;
  }
}
