/**
 * Random clients and drivers on one request, against a model of the kernel's request: which calls are refused with
 * which errno, what pollers see, and that every object that came in goes out exactly once.
 */
import fc from "fast-check";
import { it } from "vitest";
import { queueObjects, Request, validateObjects } from "../../src/media/index.js";
import { Poll, V4l2Error, type RequestObject } from "../../src/v4l2/index.js";
import { errnoOf } from "../support/errno.js";

const OBJECTS = 5;
/** Objects from here on are controls. */
const FIRST_CONTROL = 3;
const kindOf = (index: number): RequestObject["kind"] => (index < FIRST_CONTROL ? "buffer" : "controls");

type Step =
  | { readonly op: "bind" | "unbind" | "complete"; readonly index: number }
  /** `refuses`: the object that does not agree to be queued, if it is there. */
  | { readonly op: "queue"; readonly refuses: number }
  | { readonly op: "reinit" | "close" };

const index = fc.nat({ max: OBJECTS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("bind"), index }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("unbind"), index }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant("complete"), index }) },
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant("queue"), refuses: fc.nat({ max: 2 * OBJECTS }) }),
  },
  { weight: 2, arbitrary: fc.constant({ op: "reinit" } as const) },
  { weight: 1, arbitrary: fc.constant({ op: "close" } as const) },
);

/** What media-request.rst and mc-request.c say, as plainly as possible. */
class Model {
  state: "idle" | "queued" | "complete" | "gone" = "idle";
  readonly bound = new Map<number, { done: boolean }>();
  isClosed = false;

  #settle(): void {
    if (this.state === "queued" && [...this.bound.values()].every(({ done }) => done))
      this.state = "complete";
    const isHeld = this.state === "idle" && [...this.bound.keys()].some((i) => kindOf(i) === "buffer");
    if (this.isClosed && this.state !== "queued" && !isHeld) {
      this.bound.clear();
      this.state = "gone";
    }
  }

  bind(i: number): string {
    if (this.state !== "idle" && this.state !== "queued") return "EBUSY";
    this.bound.set(i, { done: false });
    return "0";
  }

  unbind(i: number): void {
    if (this.bound.delete(i)) this.#settle();
  }

  complete(i: number): void {
    const entry = this.bound.get(i);
    if (entry === undefined) return;
    entry.done = true;
    this.#settle();
  }

  queue(refuses: number): string {
    if (this.state !== "idle") return "EBUSY";
    if (![...this.bound.keys()].some((i) => kindOf(i) === "buffer")) return "ENOENT";
    if (this.bound.has(refuses)) return "EINVAL";
    this.state = "queued";
    return "0";
  }

  reinit(): string {
    if (this.state !== "idle" && this.state !== "complete") return "EBUSY";
    this.bound.clear();
    this.state = "idle";
    return "0";
  }

  close(): void {
    this.isClosed = true;
    this.#settle();
  }

  /** The state as the request calls it. */
  get name(): string {
    return this.state === "gone" ? "cleaning" : this.state;
  }

  get poll(): number {
    return this.state === "complete" ? Poll.Pri : this.state === "queued" ? 0 : Poll.Err;
  }
}

/** An object that counts what it hears. */
class Counted implements RequestObject {
  readonly owner = {};
  binds = 0;
  unbinds = 0;
  prepared = 0;
  refuses = false;

  constructor(readonly kind: RequestObject["kind"]) {}
  prepare(): void {
    if (this.refuses) throw new V4l2Error("EINVAL", "as asked");
    this.prepared += 1;
  }
  unprepare(): void {
    this.prepared -= 1;
  }
  queue(): void {
    same(this.prepared, 1);
    this.prepared = 0;
  }
  unbind(): void {
    this.unbinds += 1;
  }
}

/** `expect` would take most of the time: this is called a million times. */
function same(actual: string | number, expected: string | number): void {
  if (actual !== expected) throw new Error(`${actual}, but the model says ${expected}`);
}

/** Edges of the kernel's state machine. */
const allowed = new Set([
  "idle validating",
  "validating idle",
  "validating queued",
  "queued complete",
  "idle cleaning",
  "complete cleaning",
  "cleaning idle",
]);

function run(steps: readonly Step[]): void {
  const model = new Model();
  const request = new Request("1", { validate: validateObjects, queue: queueObjects }, (from, to) => {
    if (!allowed.has(`${from} ${to}`)) throw new Error(`${from} -> ${to}`);
  });
  const objects = Array.from({ length: OBJECTS }, (_, i) => new Counted(kindOf(i)));

  for (const one of steps) {
    // Nobody has a descriptor any more: only drivers and queues still act.
    if (model.isClosed && (one.op === "queue" || one.op === "reinit" || one.op === "close")) continue;
    switch (one.op) {
      case "bind": {
        const object = objects[one.index];
        if (
          object === undefined ||
          model.bound.has(one.index) ||
          (model.isClosed && model.state !== "queued")
        )
          break;
        const code = errnoOf(() => request.bind(object));
        same(code, model.bind(one.index));
        if (code === "0") object.binds += 1;
        break;
      }
      case "unbind":
      case "complete": {
        const object = objects[one.index];
        // Objects complete while their request is queued.
        if (object === undefined || (one.op === "complete" && model.state !== "queued")) break;
        request[one.op](object);
        model[one.op](one.index);
        break;
      }
      case "queue":
        objects.forEach((object, i) => (object.refuses = i === one.refuses));
        same(
          errnoOf(() => request.queue()),
          model.queue(one.refuses),
        );
        break;
      case "reinit":
        same(
          errnoOf(() => request.reinit()),
          model.reinit(),
        );
        break;
      case "close":
        request.close();
        model.close();
        break;
    }
    const seen = objects.map((object) => (request.has(object) ? "+" : "-")).join("");
    const wanted = objects.map((_, i) => (model.bound.has(i) ? "+" : "-")).join("");
    same(
      `${request.state} ${seen} poll ${request.poll(Poll.Pri)}`,
      `${model.name} ${wanted} poll ${model.poll}`,
    );
    objects.forEach((object, i) => {
      same(object.binds - object.unbinds, model.bound.has(i) ? 1 : 0);
      if (model.state !== "queued") same(object.prepared, 0);
    });
  }
}

it("behaves as the model, whatever clients and drivers do", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40, size: "max" }), run), { numRuns: 1000 });
});
