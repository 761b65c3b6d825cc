import { describe, expect, it, vi } from "vitest";
import type { Call } from "../../src/v4l2/call.js";
import { V4l2Error } from "../../src/v4l2/error.js";
import {
  EventQueue,
  SourceChange,
  eventQueue,
  queueEvent,
  subscribeEvent,
  subscribeSourceChange,
} from "../../src/v4l2/events.js";
import type { DriverEvent, EventFile, EventHooks } from "../../src/v4l2/events.js";
import { EventType } from "../../src/v4l2/values/types-device.js";
import type { EventPayload, V4l2Event } from "../../src/v4l2/values/types-device.js";

class FakeFile implements EventFile {
  readonly id = 1n;
  notifications = 0;
  readonly events: EventQueue;
  clock = 0n;

  constructor(maxSubscriptions?: number) {
    this.events = new EventQueue(this, {
      now: () => (this.clock += 10n),
      ...(maxSubscriptions === undefined ? {} : { maxSubscriptions }),
    });
  }

  notifyPoll(): void {
    this.notifications++;
  }
}

function fakeCall(options: { nonblocking: boolean }): Call & { interrupt(): void } {
  let callback: (() => void) | undefined;
  return {
    caller: { tid: 1, uid: 0, gid: 0 },
    client: { pid: 1, comm: "test" },
    memory: { read: () => undefined, write: () => undefined },
    nonblocking: () => options.nonblocking,
    onInterrupt: (given) => (callback = given),
    isAdmin: () => false,
    interrupt: () => callback?.(),
  };
}

const polling = fakeCall({ nonblocking: true });
const none: EventPayload = { kind: "none" };
const eos = (id = 0): DriverEvent => ({ type: EventType.Eos, id, payload: none });
const frame = (frameSequence: number, id = 0): DriverEvent => ({
  type: EventType.FrameSync,
  id,
  payload: { kind: "frame-sync", frameSequence },
});
const sourceChange = (changes: number): DriverEvent => ({
  type: EventType.SourceChange,
  id: 0,
  payload: { kind: "source-change", changes },
});
const subscription = (type: number, id = 0, flags = 0) => ({ type, id, flags });

function refusal(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof V4l2Error) return error.code;
    throw error;
  }
  return undefined;
}

function drain(queue: EventQueue): V4l2Event[] {
  const events: V4l2Event[] = [];
  while (queue.pending > 0) events.push(queue.dequeue(polling) as V4l2Event);
  return events;
}

const frames = (queue: EventQueue): number[] =>
  drain(queue).map(({ payload }) => (payload.kind === "frame-sync" ? payload.frameSequence : -1));

describe("VIDIOC_SUBSCRIBE_EVENT", () => {
  it("refuses type ALL with EINVAL", () => {
    const { events } = new FakeFile();
    expect(refusal(() => events.subscribe(subscription(EventType.All)))).toBe("EINVAL");
    expect(events.subscribed).toBe(false);
  });

  it("is idempotent: the second call keeps ring, flags and pending events", () => {
    const { events } = new FakeFile();
    const add = vi.fn();
    events.subscribe(subscription(EventType.FrameSync, 0, 1), 2, { add });
    events.queue(frame(1));
    events.subscribe(subscription(EventType.FrameSync, 0, 2), 8, { add });
    expect(add).toHaveBeenCalledTimes(1);
    for (const sequence of [2, 3]) events.queue(frame(sequence));
    expect(frames(events)).toEqual([2, 3]);
  });

  it("leaves no trace of a subscription that its hook refuses", () => {
    const file = new FakeFile();
    const del = vi.fn();
    const hooks: EventHooks = {
      add: (added) => {
        added.send(none);
        throw new V4l2Error("EINVAL", "no such control");
      },
      del,
    };
    expect(refusal(() => file.events.subscribe(subscription(EventType.Ctrl, 7), 1, hooks))).toBe("EINVAL");
    expect([file.events.subscribed, file.events.pending, del.mock.calls.length]).toEqual([false, 0, 0]);
    file.events.queue({ type: EventType.Ctrl, id: 7, payload: none });
    expect(file.events.pending).toBe(0);
  });

  it("refuses the subscription past the bound with ENOMEM, and takes it after an unsubscribe", () => {
    const { events } = new FakeFile(3);
    for (const id of [1, 2, 3]) events.subscribe(subscription(EventType.Eos, id));
    expect(refusal(() => events.subscribe(subscription(EventType.Eos, 4)))).toBe("ENOMEM");
    expect(refusal(() => events.subscribe(subscription(EventType.Eos, 3)))).toBeUndefined();
    events.unsubscribe(subscription(EventType.Eos, 2));
    expect(refusal(() => events.subscribe(subscription(EventType.Eos, 4)))).toBeUndefined();
  });

  it("tells types and ids apart", () => {
    const { events } = new FakeFile();
    events.subscribe(subscription(EventType.Eos, 5));
    events.queue(eos(4));
    events.queue(frame(1, 5));
    expect(events.pending).toBe(0);
    events.queue(eos(5));
    expect(events.pending).toBe(1);
  });
});

describe("VIDIOC_UNSUBSCRIBE_EVENT", () => {
  it("drops the pending events of that subscription only", () => {
    const { events } = new FakeFile();
    events.subscribe(subscription(EventType.Eos), 4);
    events.subscribe(subscription(EventType.FrameSync), 4);
    events.queue(eos());
    events.queue(frame(1));
    events.queue(eos());
    events.unsubscribe(subscription(EventType.Eos));
    expect(events.pending).toBe(1);
    expect(frames(events)).toEqual([1]);
  });

  it("is no error for what was never subscribed", () => {
    const { events } = new FakeFile();
    expect(refusal(() => events.unsubscribe(subscription(EventType.MotionDet)))).toBeUndefined();
  });

  it("ALL drops everything and tells each hook", () => {
    const { events } = new FakeFile();
    const del = vi.fn();
    for (const id of [1, 2]) events.subscribe(subscription(EventType.Eos, id), 1, { del });
    events.queue(eos(1));
    events.unsubscribe(subscription(EventType.All));
    expect([del.mock.calls.length, events.pending, events.subscribed]).toEqual([2, 0, false]);
  });
});

describe("VIDIOC_DQEVENT", () => {
  it("hands events out in the order of arrival over all subscriptions, with count and sequence", () => {
    const { events } = new FakeFile();
    events.subscribe(subscription(EventType.Eos), 2);
    events.subscribe(subscription(EventType.FrameSync), 2);
    for (const event of [frame(1), eos(), frame(2)]) events.queue(event);
    expect(
      drain(events).map(({ type, sequence, pending, timestampNs }) => ({
        type,
        sequence,
        pending,
        timestampNs,
      })),
    ).toEqual([
      { type: EventType.FrameSync, sequence: 0, pending: 2, timestampNs: 10n },
      { type: EventType.Eos, sequence: 1, pending: 1, timestampNs: 20n },
      { type: EventType.FrameSync, sequence: 2, pending: 0, timestampNs: 30n },
    ]);
  });

  it("counts dropped events in the sequence, not those nobody listens to", () => {
    const { events } = new FakeFile();
    events.subscribe(subscription(EventType.FrameSync), 1);
    for (const event of [frame(1), eos(), frame(2), frame(3)]) events.queue(event);
    expect(drain(events).map(({ sequence }) => sequence)).toEqual([2]);
  });

  it("answers ENOENT when nothing waits and the file is O_NONBLOCK", () => {
    expect(refusal(() => new FakeFile().events.dequeue(polling))).toBe("ENOENT");
  });

  it("does not ask for O_NONBLOCK while an event waits", () => {
    const { events } = new FakeFile();
    events.subscribe(subscription(EventType.Eos));
    events.queue(eos());
    const call = { ...polling, nonblocking: vi.fn(() => true) };
    expect(events.dequeue(call)).toMatchObject({ type: EventType.Eos });
    expect(call.nonblocking).not.toHaveBeenCalled();
  });

  it("waits, and serves waiters one event each, first come first served", async () => {
    const file = new FakeFile();
    file.events.subscribe(subscription(EventType.FrameSync), 4);
    const first = file.events.dequeue(fakeCall({ nonblocking: false }));
    const second = file.events.dequeue(fakeCall({ nonblocking: false }));
    for (const sequence of [1, 2, 3]) file.events.queue(frame(sequence));
    expect(await first).toMatchObject({ payload: { frameSequence: 1 }, pending: 0 });
    expect(await second).toMatchObject({ payload: { frameSequence: 2 } });
    expect(frames(file.events)).toEqual([3]);
    expect(file.notifications).toBe(1);
  });

  it("gives up with EINTR when interrupted, and loses no event", async () => {
    const { events } = new FakeFile();
    events.subscribe(subscription(EventType.Eos));
    const call = fakeCall({ nonblocking: false });
    const waiting = events.dequeue(call) as Promise<V4l2Event>;
    call.interrupt();
    await expect(waiting).rejects.toMatchObject({ code: "EINTR" });
    events.queue(eos());
    expect(events.pending).toBe(1);
  });

  it("ignores an interrupt that comes after the answer", async () => {
    const { events } = new FakeFile();
    events.subscribe(subscription(EventType.Eos));
    const call = fakeCall({ nonblocking: false });
    const waiting = events.dequeue(call);
    events.queue(eos());
    call.interrupt();
    await expect(waiting).resolves.toMatchObject({ type: EventType.Eos });
  });

  it("wakes waiters with ENODEV when the file goes", async () => {
    const { events } = new FakeFile();
    events.subscribe(subscription(EventType.Eos));
    const waiting = events.dequeue(fakeCall({ nonblocking: false })) as Promise<V4l2Event>;
    events.close();
    await expect(waiting).rejects.toMatchObject({ code: "ENODEV" });
    expect(refusal(() => events.dequeue(polling))).toBe("ENODEV");
    expect(refusal(() => events.subscribe(subscription(EventType.Eos)))).toBe("ENODEV");
    events.queue(eos());
    expect(events.pending).toBe(0);
  });
});

describe("poll", () => {
  it("is notified once per run of waiting events", () => {
    const file = new FakeFile();
    file.events.subscribe(subscription(EventType.FrameSync), 8);
    for (const sequence of [1, 2, 3]) file.events.queue(frame(sequence));
    expect(file.notifications).toBe(1);
    drain(file.events);
    file.events.queue(frame(4));
    expect(file.notifications).toBe(2);
  });
});

describe("full rings", () => {
  it("of one forget the older event", () => {
    const { events } = new FakeFile();
    events.subscribe(subscription(EventType.FrameSync), 0);
    for (const sequence of [1, 2, 3]) events.queue(frame(sequence));
    expect(frames(events)).toEqual([3]);
  });

  it("of several forget the oldest and merge it into the next", () => {
    const { events } = new FakeFile();
    const merge: EventHooks["merge"] = (dropped, next) =>
      dropped.kind === "frame-sync" && next.kind === "frame-sync"
        ? { kind: "frame-sync", frameSequence: next.frameSequence + 100 * dropped.frameSequence }
        : next;
    events.subscribe(subscription(EventType.FrameSync), 2, { merge });
    for (const sequence of [1, 2, 3]) events.queue(frame(sequence));
    expect(frames(events)).toEqual([102, 3]);
  });

  it("move an event that replaces an older one to the end of the order", () => {
    const { events } = new FakeFile();
    events.subscribe(subscription(EventType.FrameSync));
    events.subscribe(subscription(EventType.Eos));
    for (const event of [frame(1), eos(), frame(2)]) events.queue(event);
    expect(drain(events).map(({ type }) => type)).toEqual([EventType.Eos, EventType.FrameSync]);
  });

  it("never hold more than the subscription asked for", () => {
    const { events } = new FakeFile();
    events.subscribe(subscription(EventType.Eos), 3);
    for (let count = 0; count < 1000; count++) events.queue(eos());
    expect(events.pending).toBe(3);
  });
});

describe("SOURCE_CHANGE", () => {
  it("adds up the changes of events that were not read", () => {
    const file = new FakeFile();
    subscribeSourceChange(file, subscription(EventType.SourceChange));
    file.events.queue(sourceChange(SourceChange.Resolution));
    file.events.queue(sourceChange(0x2));
    expect(drain(file.events).map(({ payload }) => payload)).toEqual([
      { kind: "source-change", changes: 0x3 },
    ]);
  });

  it.each([EventType.All, EventType.Ctrl, EventType.Eos])("helper refuses type %d with EINVAL", (type) => {
    expect(refusal(() => subscribeSourceChange(new FakeFile(), subscription(type)))).toBe("EINVAL");
  });
});

describe("device-wide events", () => {
  it("reach every listening file with one timestamp", () => {
    const [first, second, deaf] = [new FakeFile(), new FakeFile(), new FakeFile()];
    for (const file of [first, second]) subscribeEvent(file, subscription(EventType.Eos));
    second.clock = 500n; // Nobody asks it.
    queueEvent([first, second, deaf, { id: 9n, notifyPoll: () => undefined, events: undefined }], eos());
    expect([first, second].map(({ events }) => drain(events)[0]?.timestampNs)).toEqual([10n, 10n]);
    expect(deaf.events.pending).toBe(0);
  });

  it("need a file with events: ENOTTY", () => {
    expect(refusal(() => eventQueue({ id: 1n, notifyPoll: () => undefined, events: undefined }))).toBe(
      "ENOTTY",
    );
  });
});
