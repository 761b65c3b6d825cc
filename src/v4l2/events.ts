/**
 * Events of one open file, the counterpart of v4l2-event.c: subscriptions by (type, id), each with a ring of fixed
 * size, one order of arrival over all of them, DQEVENT with or without waiting.
 *
 * A full ring drops its oldest event; `replace` (rings of one) and `merge` (longer rings) keep what it said. A file's
 * event memory is therefore bounded by its subscriptions, and these by {@link MAX_SUBSCRIPTIONS}.
 */
import type { Call } from "./call.js";
import { V4l2Error } from "./error.js";
import type { FileEvents } from "./file-handle.js";
import type { AnyFile } from "./ops.js";
import type { Awaitable } from "./values/types.js";
import { EventType } from "./values/types-device.js";
import type { EventPayload, EventSubscription, V4l2Event } from "./values/types-device.js";

/** Subscriptions of one file. Differs from v4l2-event.c, which takes any number of ids and so any amount of memory. */
export const MAX_SUBSCRIPTIONS = 4096;

/** Bits of the `source-change` payload, `V4L2_EVENT_SRC_CH_*`. */
export const SourceChange = { Resolution: 0x1 } as const;

/** An event as a driver queues it; sequence, timestamp and `pending` are the queue's. */
export interface DriverEvent {
  /** {@link EventType}, or a private number from `PrivateStart` on. */
  readonly type: number;
  readonly id: number;
  readonly payload: EventPayload;
}

/** What a kind of event does beyond being queued (`struct v4l2_subscribed_event_ops`). */
export interface EventHooks {
  /** A subscription was made. @throws {V4l2Error} Refuses it. */
  add?(subscription: Subscription): void;
  /** A subscription is gone; not called for one that `add` refused. */
  del?(subscription: Subscription): void;
  /** A ring of one is full: `older` was never read, `newer` takes its place with the returned payload. */
  replace?(older: EventPayload, newer: EventPayload): EventPayload;
  /** A longer ring is full: `dropped` leaves, and `next`, now the oldest, gets the returned payload. */
  merge?(dropped: EventPayload, next: EventPayload): EventPayload;
}

interface Queued {
  readonly subscription: Subscription;
  payload: EventPayload;
  readonly sequence: number;
  readonly timestampNs: bigint;
}

/** One (type, id) that a file listens to. */
export class Subscription {
  /** Waiting events of this subscription, oldest first; at most `elems`. */
  readonly ring: Queued[] = [];

  constructor(
    readonly queue: EventQueue,
    readonly type: number,
    readonly id: number,
    /** `EventSubFlag` bits. */
    readonly flags: number,
    /** Size of the ring. */
    readonly elems: number,
    readonly hooks: EventHooks,
  ) {}

  /** The file that listens. */
  get file(): AnyFile {
    return this.queue.file;
  }

  /** Queues an event without looking the subscription up. */
  send(payload: EventPayload): void {
    this.queue.deliver(this, payload, this.queue.now());
  }
}

interface Waiter {
  readonly resolve: (event: V4l2Event) => void;
  readonly reject: (error: V4l2Error) => void;
}

/** The clock and the limit of an event queue; other ones in tests. */
export interface EventQueueOptions {
  /** CLOCK_MONOTONIC in nanoseconds. */
  readonly now?: () => bigint;
  readonly maxSubscriptions?: number;
}

/** Subscriptions and waiting events of one file (`v4l2-event.c`). */
export class EventQueue implements FileEvents {
  readonly file: AnyFile;
  readonly now: () => bigint;
  readonly #maxSubscriptions: number;
  readonly #subscriptions = new Map<number, Map<number, Subscription>>();
  #subscriptionCount = 0;
  /** All waiting events in the order of arrival. */
  readonly #available = new Set<Queued>();
  readonly #waiters = new Set<Waiter>();
  /** Of the next event; a file's first has 0. */
  #nextSequence = 0;
  #closed = false;

  constructor(file: AnyFile, options: EventQueueOptions = {}) {
    this.file = file;
    this.now = options.now ?? (() => process.hrtime.bigint());
    this.#maxSubscriptions = options.maxSubscriptions ?? MAX_SUBSCRIPTIONS;
  }

  get pending(): number {
    return this.#available.size;
  }

  get subscribed(): boolean {
    return this.#subscriptionCount > 0;
  }

  /**
   * `v4l2_event_subscribe`. Subscribing again is no error and changes nothing, not even the flags.
   * @param elems - Size of the ring; 0 means 1.
   * @throws {V4l2Error} EINVAL - type `All`.
   * @throws {V4l2Error} ENOMEM - the file has 4096 subscriptions already.
   */
  subscribe(request: EventSubscription, elems = 1, hooks: EventHooks = {}): void {
    const { type, id, flags } = request;
    if (type === EventType.All) throw new V4l2Error("EINVAL", "one cannot subscribe to all events at once");
    if (this.#closed) throw new V4l2Error("ENODEV", "the file is closed");
    if (this.#find(type, id) !== undefined) return;
    if (this.#subscriptionCount >= this.#maxSubscriptions) {
      throw new V4l2Error("ENOMEM", `the file has ${this.#maxSubscriptions} event subscriptions already`);
    }
    const subscription = new Subscription(this, type, id, flags, Math.max(1, elems), hooks);
    this.#insert(subscription);
    try {
      hooks.add?.(subscription);
    } catch (error) {
      this.#remove(subscription);
      throw error;
    }
  }

  /** Pending events of the subscription go with it. */
  unsubscribe(request: { readonly type: number; readonly id: number }): void {
    if (request.type === EventType.All) {
      for (const byId of [...this.#subscriptions.values()]) {
        for (const subscription of [...byId.values()]) this.#drop(subscription);
      }
      return;
    }
    const subscription = this.#find(request.type, request.id);
    if (subscription !== undefined) this.#drop(subscription);
  }

  /** `v4l2_event_queue_fh`: queues the event if this file listens to it. */
  queue(event: DriverEvent, timestampNs = this.now()): void {
    const subscription = this.#find(event.type, event.id);
    if (subscription !== undefined) this.deliver(subscription, event.payload, timestampNs);
  }

  /** Queues an event on a live subscription of this file. */
  deliver(subscription: Subscription, payload: EventPayload, timestampNs: bigint): void {
    const { ring, elems, hooks } = subscription;
    const sequence = this.#nextSequence;
    this.#nextSequence = (sequence + 1) >>> 0;
    let kept = payload;
    if (ring.length >= elems) {
      const dropped = ring.shift();
      if (dropped !== undefined) {
        this.#available.delete(dropped);
        const oldest = ring[0];
        if (elems === 1) kept = hooks.replace?.(dropped.payload, payload) ?? payload;
        else if (oldest !== undefined)
          oldest.payload = hooks.merge?.(dropped.payload, oldest.payload) ?? oldest.payload;
      }
    }
    const queued: Queued = { subscription, payload: kept, sequence, timestampNs };
    ring.push(queued);
    this.#available.add(queued);

    const [waiter] = this.#waiters;
    if (waiter !== undefined) {
      this.#waiters.delete(waiter);
      const event = this.#take();
      if (event !== undefined) waiter.resolve(event);
    } else if (this.#available.size === 1) {
      this.file.notifyPoll();
    }
  }

  /**
   * DQEVENT.
   * @throws {V4l2Error} ENOENT - nothing waits and the file is O_NONBLOCK (the kernel's answer here, not EAGAIN).
   * @throws {V4l2Error} EINTR - interrupted while waiting.
   * @throws {V4l2Error} ENODEV - the file was closed.
   */
  dequeue(call: Call): Awaitable<V4l2Event> {
    const event = this.#take();
    if (event !== undefined) return event;
    if (this.#closed) throw new V4l2Error("ENODEV", "the file is closed");
    if (call.nonblocking()) throw new V4l2Error("ENOENT", "no event is pending");
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject };
      this.#waiters.add(waiter);
      call.onInterrupt(() => {
        if (this.#waiters.delete(waiter))
          reject(new V4l2Error("EINTR", "interrupted while waiting for an event"));
      });
    });
  }

  close(): void {
    this.#closed = true;
    this.unsubscribe({ type: EventType.All, id: 0 });
    for (const waiter of this.#waiters) waiter.reject(new V4l2Error("ENODEV", "the file was closed"));
    this.#waiters.clear();
  }

  #take(): V4l2Event | undefined {
    const [queued] = this.#available;
    if (queued === undefined) return undefined;
    this.#available.delete(queued);
    const { subscription, payload, sequence, timestampNs } = queued;
    subscription.ring.shift();
    return {
      type: subscription.type,
      id: subscription.id,
      payload,
      pending: this.pending,
      sequence,
      timestampNs,
    };
  }

  #find(type: number, id: number): Subscription | undefined {
    return this.#subscriptions.get(type)?.get(id);
  }

  #insert(subscription: Subscription): void {
    let byId = this.#subscriptions.get(subscription.type);
    if (byId === undefined)
      this.#subscriptions.set(subscription.type, (byId = new Map<number, Subscription>()));
    byId.set(subscription.id, subscription);
    this.#subscriptionCount++;
  }

  #remove(subscription: Subscription): void {
    const byId = this.#subscriptions.get(subscription.type);
    byId?.delete(subscription.id);
    if (byId?.size === 0) this.#subscriptions.delete(subscription.type);
    this.#subscriptionCount--;
    for (const queued of subscription.ring) this.#available.delete(queued);
    subscription.ring.length = 0;
  }

  #drop(subscription: Subscription): void {
    this.#remove(subscription);
    subscription.hooks.del?.(subscription);
  }
}

/** A file as far as events go; `FileHandle` is one. */
export interface EventFile extends AnyFile {
  readonly events: FileEvents | undefined;
}

/** The file's event queue. @throws {V4l2Error} ENOTTY - the device has no events. */
export function eventQueue(file: EventFile): EventQueue {
  if (!(file.events instanceof EventQueue)) throw new V4l2Error("ENOTTY", "the device has no events");
  return file.events;
}

/** `v4l2_event_queue`: to every one of a device's open files that listens, with one timestamp. */
export function queueEvent(files: Iterable<EventFile>, event: DriverEvent): void {
  let timestampNs: bigint | undefined;
  for (const { events } of files) {
    if (!(events instanceof EventQueue)) continue;
    events.queue(event, (timestampNs ??= events.now()));
  }
}

const orSourceChanges = (older: EventPayload, newer: EventPayload): EventPayload =>
  older.kind === "source-change" && newer.kind === "source-change"
    ? { kind: "source-change", changes: older.changes | newer.changes }
    : newer;

const sourceChangeHooks: EventHooks = { replace: orSourceChanges, merge: orSourceChanges };

/**
 * `v4l2_src_change_event_subscribe`: SOURCE_CHANGE in a ring of one whose `changes` add up.
 * @throws {V4l2Error} EINVAL - any other type.
 */
export function subscribeSourceChange(file: EventFile, subscription: EventSubscription): void {
  if (subscription.type !== EventType.SourceChange) {
    throw new V4l2Error("EINVAL", `no event of type ${subscription.type}`);
  }
  eventQueue(file).subscribe(subscription, 1, sourceChangeHooks);
}

/**
 * EOS, VSYNC, FRAME_SYNC, MOTION_DET and private events: a ring of `elems` that forgets its oldest.
 * @throws {V4l2Error} EINVAL - type `All`.
 */
export function subscribeEvent(file: EventFile, subscription: EventSubscription, elems = 1): void {
  eventQueue(file).subscribe(subscription, elems);
}
