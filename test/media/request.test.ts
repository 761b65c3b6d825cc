/** A media request: what may happen in which state, and what its objects hear of it. */
import { describe, expect, it } from "vitest";
import { queueObjects, Request, validateObjects, type RequestOps } from "../../src/media/index.js";
import { Poll, V4l2Error, type RequestObject, type RequestState } from "../../src/v4l2/index.js";
import { errnoOf } from "../support/errno.js";

type Kind = RequestObject["kind"];

class Thing implements RequestObject {
  readonly owner = {};
  constructor(
    readonly name: string,
    readonly kind: Kind,
    readonly heard: string[],
  ) {}
  prepareError: Error | undefined;
  onQueue: () => void = () => undefined;

  prepare(): void {
    this.heard.push(`prepare ${this.name}`);
    if (this.prepareError) throw this.prepareError;
  }
  unprepare(): void {
    this.heard.push(`unprepare ${this.name}`);
  }
  queue(): void {
    this.heard.push(`queue ${this.name}`);
    this.onQueue();
  }
  unbind(): void {
    this.heard.push(`unbind ${this.name}`);
  }
  release(): void {
    this.heard.push(`release ${this.name}`);
  }
}

class Bench {
  readonly heard: string[] = [];
  readonly states: RequestState[] = [];
  readonly request: Request;

  constructor(ops: Partial<RequestOps> = {}) {
    this.request = new Request(
      "1",
      { validate: validateObjects, queue: queueObjects, ...ops },
      (_from, to) => void this.states.push(to),
    );
  }

  thing(name: string, kind: Kind = "buffer"): Thing {
    return new Thing(name, kind, this.heard);
  }

  bound(name: string, kind: Kind = "buffer"): Thing {
    const thing = this.thing(name, kind);
    this.request.bind(thing);
    return thing;
  }

  /** With one buffer and one set of controls. */
  filled(): { buffer: Thing; controls: Thing } {
    return { buffer: this.bound("buffer"), controls: this.bound("controls", "controls") };
  }

  take(): string[] {
    return this.heard.splice(0);
  }
}

/** A request in a state, reached as clients and drivers reach it. */
const reach: Record<"idle" | "queued" | "complete", (bench: Bench) => ReturnType<Bench["filled"]>> = {
  idle: (bench) => bench.filled(),
  queued: (bench) => {
    const things = bench.filled();
    bench.request.queue();
    return things;
  },
  complete: (bench) => {
    const things = reach.queued(bench);
    bench.request.complete(things.controls);
    bench.request.unbind(things.buffer);
    return things;
  },
};

const outcome = {
  idle: { queue: "0", reinit: "0", bind: "0", poll: Poll.Err },
  queued: { queue: "EBUSY", reinit: "EBUSY", bind: "0", poll: 0 },
  complete: { queue: "EBUSY", reinit: "0", bind: "EBUSY", poll: Poll.Pri },
} as const;

describe.each(["idle", "queued", "complete"] as const)("request %s", (state) => {
  const enter = (): Bench => {
    const bench = new Bench();
    reach[state](bench);
    expect(bench.request.state).toBe(state);
    return bench;
  };

  it.each(["queue", "reinit"] as const)(`%s`, (verb) => {
    const bench = enter();
    expect(errnoOf(() => bench.request[verb]())).toBe(outcome[state][verb]);
    if (outcome[state][verb] !== "0") expect(bench.request.state).toBe(state);
  });

  it("bind", () => {
    const bench = enter();
    expect(errnoOf(() => bench.request.bind(bench.thing("late")))).toBe(outcome[state].bind);
  });

  it("poll", () => {
    const { request } = enter();
    expect(request.poll(Poll.Pri | Poll.In)).toBe(outcome[state].poll);
    expect(request.poll(Poll.In | Poll.Out)).toBe(0); // Only POLLPRI means anything.
  });

  it("close", () => {
    const bench = enter();
    bench.take();
    bench.request.close();
    bench.request.close();
    // A queued request runs to its end first; in an idle one the buffer holds it.
    expect(bench.take()).toEqual(state === "complete" ? ["unbind controls", "release controls"] : []);
  });
});

describe("objects", () => {
  it("stand with controls before buffers, buffers in the order of binding", () => {
    const bench = new Bench();
    const first = bench.bound("first");
    const second = bench.bound("second");
    const controls = bench.bound("controls", "controls");
    expect(bench.request.objects).toEqual([controls, first, second]);
    expect(bench.request.find(second.owner)).toBe(second);
    expect(bench.request.find({})).toBeUndefined();
  });

  it("are prepared and queued in that order", () => {
    const bench = new Bench();
    bench.filled();
    bench.request.queue();
    expect(bench.take()).toEqual(["prepare controls", "prepare buffer", "queue controls", "queue buffer"]);
    expect(bench.states).toEqual(["validating", "queued"]);
  });

  it("that leave an idle request are gone, and it stays idle", () => {
    const bench = new Bench();
    const { buffer } = bench.filled();
    bench.request.unbind(buffer);
    bench.request.unbind(buffer);
    expect(bench.take()).toEqual(["unbind buffer"]);
    expect(bench.request.state).toBe("idle");
    expect(errnoOf(() => bench.request.queue())).toBe("ENOENT");
  });
});

describe("queueing", () => {
  it("without a buffer: ENOENT, and the request is idle", () => {
    const bench = new Bench();
    expect(errnoOf(() => bench.request.queue())).toBe("ENOENT");
    bench.bound("controls", "controls");
    expect(errnoOf(() => bench.request.queue())).toBe("ENOENT");
    expect(bench.request.state).toBe("idle");
    expect(bench.take()).toEqual([]);
  });

  it("undoes what was prepared when an object refuses", () => {
    const bench = new Bench();
    const { buffer } = bench.filled();
    bench.bound("second");
    buffer.prepareError = new V4l2Error("EINVAL", "too small");
    expect(errnoOf(() => bench.request.queue())).toBe("EINVAL");
    expect(bench.take()).toEqual(["prepare controls", "prepare buffer", "unprepare controls"]);
    buffer.prepareError = undefined;
    expect(errnoOf(() => bench.request.queue())).toBe("0");
    expect(bench.states).toEqual(["validating", "idle", "validating", "queued"]);
  });

  it("leaves the request idle when validation fails with a bug", () => {
    const bench = new Bench({
      validate: () => {
        throw new Error("a bug");
      },
    });
    bench.filled();
    expect(() => bench.request.queue()).toThrow("a bug");
    expect(bench.request.state).toBe("idle");
  });

  it("may complete at once", () => {
    const bench = new Bench();
    const { buffer, controls } = bench.filled();
    buffer.onQueue = () => {
      bench.request.complete(controls);
      bench.request.unbind(buffer);
    };
    bench.request.queue();
    expect(bench.states).toEqual(["validating", "queued", "complete"]);
  });

  it("does not queue what has left the request meanwhile", () => {
    const bench = new Bench();
    const first = bench.bound("first");
    const second = bench.bound("second");
    first.onQueue = () => bench.request.unbind(second);
    bench.request.queue();
    expect(bench.take()).toEqual(["prepare first", "prepare second", "queue first", "unbind second"]);
  });
});

describe("completing", () => {
  it("takes all objects, each once", () => {
    const bench = new Bench();
    const { buffer, controls } = reach.queued(bench);
    bench.request.complete(controls);
    bench.request.complete(controls);
    expect(bench.request.state).toBe("queued");
    bench.request.complete(buffer);
    expect(bench.request.state).toBe("complete");
  });

  it("waits for objects that were added while it was queued", () => {
    const bench = new Bench();
    const { buffer, controls } = reach.queued(bench);
    const late = bench.bound("late", "controls");
    bench.request.unbind(buffer);
    bench.request.complete(controls);
    expect(bench.request.state).toBe("queued");
    bench.request.complete(late);
    expect(bench.request.state).toBe("complete");
  });

  it("is told before the last object hears that it is unbound", () => {
    const bench = new Bench();
    const { buffer, controls } = reach.queued(bench);
    bench.request.complete(controls);
    let seen: RequestState | undefined;
    buffer.unbind = () => {
      seen = bench.request.state;
    };
    bench.request.unbind(buffer);
    expect(seen).toBe("complete");
  });

  it("ignores objects that are not bound", () => {
    const bench = new Bench();
    reach.queued(bench);
    bench.request.complete(bench.thing("stranger"));
    bench.request.unbind(bench.thing("stranger"));
    expect(bench.request.state).toBe("queued");
  });
});

describe("REINIT", () => {
  it("frees all objects, and the request can be filled and queued again", () => {
    const bench = new Bench();
    reach.complete(bench);
    bench.take();
    bench.request.reinit();
    expect(bench.take()).toEqual(["unbind controls", "release controls"]);
    expect(bench.request.objects).toEqual([]);
    reach.complete(bench);
    expect(bench.states.slice(-3)).toEqual(["validating", "queued", "complete"]);
  });

  it("gives buffers of an idle request back", () => {
    const bench = new Bench();
    bench.filled();
    bench.request.reinit();
    expect(bench.take()).toEqual(["unbind controls", "release controls", "unbind buffer", "release buffer"]);
    expect(bench.states).toEqual(["cleaning", "idle"]);
  });
});

describe("the last close", () => {
  it("of a queued request: it completes, then frees its objects", () => {
    const bench = new Bench();
    const { buffer, controls } = reach.queued(bench);
    bench.request.close();
    bench.take();
    bench.request.complete(controls);
    bench.request.unbind(buffer);
    expect(bench.take()).toEqual(["unbind buffer", "unbind controls", "release controls"]);
    expect(bench.states.slice(-2)).toEqual(["complete", "cleaning"]);
  });

  it("of an idle request: a buffer holds it until its queue takes it back, as in the kernel", () => {
    const bench = new Bench();
    const { buffer } = bench.filled();
    const second = bench.bound("second");
    bench.request.close();
    expect(bench.take()).toEqual([]);
    bench.request.unbind(buffer);
    expect(bench.take()).toEqual(["unbind buffer"]);
    bench.request.unbind(second);
    expect(bench.take()).toEqual(["unbind second", "unbind controls", "release controls"]);
    expect(bench.request.state).toBe("cleaning");
  });

  it("of a queued request that loses an object before its end: the others stay", () => {
    const bench = new Bench();
    const { buffer, controls } = bench.filled();
    const second = bench.bound("second");
    bench.request.queue();
    bench.request.close();
    bench.take();
    bench.request.unbind(second);
    expect([bench.take(), bench.request.state]).toEqual([["unbind second"], "queued"]);
    bench.request.unbind(controls);
    expect([bench.take(), bench.request.state]).toEqual([["unbind controls"], "queued"]);
    bench.request.unbind(buffer);
    expect([bench.take(), bench.request.state]).toEqual([["unbind buffer"], "cleaning"]);
  });

  it("of an idle request with controls only: they go at once", () => {
    const bench = new Bench();
    bench.bound("controls", "controls");
    bench.request.close();
    expect(bench.take()).toEqual(["unbind controls", "release controls"]);
  });
});

describe("name", () => {
  it("is the request's number, and the descriptor by which it was first named", () => {
    const { request } = new Bench();
    expect(request.name).toBe("1");
    request.seenAs(7);
    request.seenAs(8);
    expect(request.name).toBe("1:7");
    expect(errnoOf(() => request.queue())).toBe("ENOENT");
  });
});
