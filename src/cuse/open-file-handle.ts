/** The session's side of one open file: its number, its flags, and who polls it. */
import { O_NONBLOCK } from "../linux.js";
import type { OpenFile } from "./char-device.js";
import type { ReplyWriter } from "./reply.js";
import { noteWaiting } from "./waiting.js";

/** Those who poll a file through one channel. */
class Poller {
  handleLow = 0;
  handleHigh = 0;
  #armed = false;

  /** Somebody sleeps and has not been woken since. */
  get armed(): boolean {
    return this.#armed;
  }

  set armed(armed: boolean) {
    if (armed !== this.#armed) noteWaiting(armed ? 1 : -1);
    this.#armed = armed;
  }
}

/** The session's side of an open file. */
export class OpenFileHandle implements OpenFile {
  readonly id: bigint;
  /**
   * The flags of `open(2)`, and later those of the last message that carried any: READ and WRITE do, IOCTL
   * and POLL do not.
   */
  flags: number;
  /** The thread that opened it. */
  readonly openerTid: number;
  readonly #pollers = new Map<ReplyWriter, Poller>();
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
    let poller = this.#pollers.get(writer);
    if (poller === undefined) {
      poller = new Poller();
      this.#pollers.set(writer, poller);
    }
    poller.handleLow = handleLow;
    poller.handleHigh = handleHigh;
    poller.armed = true;
  }

  notifyPoll(): void {
    // A thread sleeps in poll(2) or select(2) on the file that it found first, but asks the one that has the number
    // when it wakes. If that has become a follower, nobody says any more that somebody sleeps here.
    const mayBeAsleep = this.#followers.length > 0;
    for (const [writer, poller] of this.#pollers) {
      if (!poller.armed && !mayBeAsleep) continue;
      poller.armed = false;
      writer.notifyPoll(poller.handleLow, poller.handleHigh);
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
    for (const [other, poller] of this.#pollers) {
      if (writer !== undefined && other !== writer) continue;
      poller.armed = false;
      this.#pollers.delete(other);
    }
  }
}
