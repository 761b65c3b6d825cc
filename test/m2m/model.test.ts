/**
 * Several clients do anything in any order while the hardware works at its own pace. Whatever happens: one job at a
 * time, every file gets its turn, no buffer is lost or in two places, and nothing that could run stands still.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BufFlag } from "../../src/v4l2/index.js";
import type { Buffer } from "../../src/v4l2/index.js";
import { statefulDecoderOps } from "../../src/m2m/index.js";
import type { M2mJob } from "../../src/m2m/index.js";
import { outcome, settled } from "../vb2/fakes.js";
import { CAP, Machine, OUT } from "./machine.js";
import type { Client, Name } from "./machine.js";

const CLIENTS = 4;
const BUFFERS = 3;
/** Thousands were tried; so many are for every day. */
const RUNS = 150;

type Side = typeof OUT | typeof CAP;

type Step = { readonly who: number; readonly isSlow: boolean } & (
  | { readonly op: "qbuf" | "dqbuf"; readonly side: Side; readonly index: number; readonly frame: number }
  | { readonly op: "request"; readonly index: number }
  | { readonly op: "streamon" | "streamoff"; readonly side: Side }
  | { readonly op: "finish"; readonly isGood: boolean }
  | { readonly op: "lateFinish" | "stop" | "start" | "reopen" }
);

const who = fc.nat({ max: CLIENTS - 1 });
const isSlow = fc.boolean();
const side = fc.constantFrom<Side>(OUT, CAP);
const index = fc.nat({ max: BUFFERS - 1 });
const is = <Op extends string>(op: Op): fc.Arbitrary<Op> => fc.constant(op);

/** Weighted so that streams run most of the time, and jobs take longer than calls. */
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({ op: is("qbuf"), who, isSlow, side, index, frame: fc.nat({ max: 3 }) }),
  },
  {
    weight: 20,
    arbitrary: fc.record({ op: is("dqbuf"), who, isSlow, side, index, frame: fc.constant(0) }),
  },
  { weight: 20, arbitrary: fc.record({ op: is("finish"), who, isSlow, isGood: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ op: is("request"), who, isSlow, index }) },
  { weight: 6, arbitrary: fc.record({ op: is("streamon"), who, isSlow, side }) },
  { weight: 4, arbitrary: fc.record({ op: is("streamoff"), who, isSlow, side }) },
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constantFrom("lateFinish", "stop", "start"), who, isSlow }),
  },
  { weight: 1, arbitrary: fc.record({ op: is("reopen"), who, isSlow }) },
);

/** What one side of one client has queued, in order; a STREAMOFF forgets it. */
class Ledger {
  readonly queued: number[] = [];
  accepted = 0;
  delivered = 0;
  cancelled = 0;

  cancel(): void {
    this.cancelled += this.queued.splice(0).length;
  }
}

class World {
  readonly machine: Machine;
  readonly clients: Client[] = [];
  readonly #ledgers = new Map<Client, Record<Side, Ledger>>();
  /** Names of files, as the log says that they became ready and did not start yet. */
  #waiting: Name[] = [];
  /** By the name of who waits: whose jobs started meanwhile. */
  readonly #overtakers = new Map<Name, Name[]>();
  #working: Name | undefined;
  #lastFd = 0;
  /** Found by the listener, whose exceptions nobody would see. */
  readonly #wrong: string[] = [];
  readonly #names = new Map<bigint, Name>();

  constructor(supportsHold: boolean) {
    this.machine = new Machine({ supportsHold });
    this.machine.device.trace.subscribe((event) => {
      if (event.kind === "job") this.#onJob(this.#names.get(event.file) ?? "?", event.action);
    });
    for (let at = 0; at < CLIENTS; at += 1) this.open(at);
  }

  #onJob(name: Name, action: string): void {
    switch (action) {
      case "queued":
        this.#note(!this.#waiting.includes(name) && this.#working !== name, `${name} has two jobs`);
        this.#waiting.push(name);
        this.#overtakers.set(name, []);
        return;
      case "started":
        this.#note(this.#working === undefined, `${name} starts while ${this.#working} runs`);
        this.#note(this.#waiting.shift() === name, `it is not the turn of ${name}`);
        this.#working = name;
        for (const waiting of this.#waiting) this.#overtakers.get(waiting)?.push(name);
        return;
      default:
        this.#note(this.#working === name, `${name} ends a job that does not run`);
        this.#working = undefined;
    }
  }

  #note(isSo: boolean, wrong: string): void {
    if (!isSo) this.#wrong.push(wrong);
  }

  open(at: number): void {
    const client = this.machine.open();
    this.clients[at] = client;
    this.#ledgers.set(client, { [OUT]: new Ledger(), [CAP]: new Ledger() });
    this.#names.set(client.file.id, `${at}`);
    client.reqbufs(OUT, BUFFERS);
    client.reqbufs(CAP, BUFFERS);
    if (at % 2 === 0) client.streamon(OUT, CAP);
  }

  ledger(client: Client, of: Side): Ledger {
    const ledgers = this.#ledgers.get(client);
    if (ledgers === undefined) throw new Error("a client without ledgers");
    return ledgers[of];
  }

  run(next: Step): void {
    const client = this.clients[next.who];
    if (client === undefined) throw new Error("no such client");
    switch (next.op) {
      case "qbuf":
        return this.#qbuf(client, next.side, next.index, next.frame);
      case "dqbuf":
        return this.#dqbuf(client, next.side);
      case "request":
        return this.#request(client, next.index);
      case "streamon":
        return client.streamon(next.side);
      case "streamoff":
        return this.#streamoff(client, next.who, next.side);
      case "finish":
        this.machine.scheduler.jobs[0]?.finish(next.isGood ? "done" : "error");
        return;
      case "lateFinish":
        return this.#lateFinish();
      case "stop":
      case "start": {
        const cmd = next.op === "stop" ? 1 : 0;
        outcome(() => void statefulDecoderOps<Name>().decoderCmd(client.file, { ...noCommand, cmd }));
        return;
      }
      case "reopen":
        return this.#reopen(client, next.who);
    }
  }

  #qbuf(client: Client, of: Side, at: number, frame: number): void {
    const more: Partial<Buffer> =
      of === OUT
        ? { timestampNs: BigInt(frame) * 1000n, flags: frame === 3 ? BufFlag.M2mHoldCaptureBuf : 0 }
        : {};
    if (outcome(() => client.qbuf(of, at, more)) !== undefined) return;
    const ledger = this.ledger(client, of);
    ledger.accepted += 1;
    ledger.queued.push(at);
  }

  #request(client: Client, at: number): void {
    const fd = ++this.#lastFd;
    const wasQueued = outcome(() => {
      const request = client.qbufInRequest(at, fd);
      request.queue();
    });
    if (wasQueued !== undefined) return;
    const ledger = this.ledger(client, OUT);
    ledger.accepted += 1;
    ledger.queued.push(at);
  }

  #dqbuf(client: Client, of: Side): void {
    const buffer = outcome(() => client.dqbuf(of));
    if (typeof buffer === "string") return;
    const ledger = this.ledger(client, of);
    ledger.delivered += 1;
    // First in, first out.
    check(buffer.index === ledger.queued.shift(), "buffers overtook each other");
  }

  #streamoff(client: Client, at: number, of: Side): void {
    client.streamoff(of);
    this.#waiting = this.#waiting.filter((name) => name !== `${at}`);
    this.ledger(client, of).cancel();
  }

  /** A driver that does not know that its jobs are long over. */
  #lateFinish(): void {
    const { started, scheduler } = this.machine;
    const running = scheduler.jobs[0];
    for (const job of started) if (job !== running) job.finish();
    check(scheduler.jobs[0] === running, "a job that is long over ended another");
  }

  #reopen(client: Client, at: number): void {
    this.#waiting = this.#waiting.filter((name) => name !== `${at}`);
    client.close();
    this.#waiting = this.#waiting.filter((name) => name !== `${at}`);
    this.expectAllReturned(client);
    this.open(at);
  }

  expectAllReturned(client: Client): void {
    const { source, destination } = client.context;
    expect([...source.counters.balance(), ...destination.counters.balance()]).toEqual([]);
    for (const of of [OUT, CAP] as const) {
      const ledger = this.ledger(client, of);
      ledger.cancel();
      expect(ledger.accepted).toBe(ledger.delivered + ledger.cancelled);
    }
  }

  expectSound(isQuiet: boolean): void {
    check(this.#wrong.length === 0, this.#wrong.join("; "));
    const { scheduler } = this.machine;
    const [job] = scheduler.jobs;
    const waiting = scheduler.waiting.map(({ file }) => this.#names.get(file.id));
    check(
      waiting.join() === this.#waiting.join(),
      `${waiting.join()} wait, the log says ${this.#waiting.join()}`,
    );
    for (const [name, others] of this.#overtakers) {
      // While one file waits, no other gets two turns.
      check(new Set(others).size === others.length, `${name} was overtaken by ${others.join()}`);
    }
    if (job !== undefined) this.#expectJob(job);
    for (const client of this.clients) this.#expectClient(client, isQuiet && job === undefined);
  }

  #expectJob({ context, source, destination }: M2mJob<Name>): void {
    check(
      source.state === "active" && destination.state === "active",
      "a job has buffers that are not the driver's",
    );
    check(
      context.nextSource === source && context.nextDestination === destination,
      "others got before the buffers of a job",
    );
    check(context.source.streaming && context.destination.streaming, "a job runs on a queue that is off");
  }

  #expectClient(client: Client, isIdle: boolean): void {
    const { context } = client;
    const { source, destination, readyCounts } = context;
    check(readyCounts.source === source.ownedByDriver, "an OUTPUT buffer is lost");
    check(readyCounts.destination === destination.ownedByDriver, "a CAPTURE buffer is lost");
    check(source.queuedCount === this.ledger(client, OUT).queued.length, "OUTPUT counts wrong");
    check(destination.queuedCount === this.ledger(client, CAP).queued.length, "CAPTURE counts wrong");
    const couldRun =
      source.streaming && destination.streaming && readyCounts.source > 0 && readyCounts.destination > 0;
    check(!isIdle || !couldRun || context.hasStopped, "a job that could run does not");
  }

  async expectCleanEnd(): Promise<void> {
    while (this.machine.scheduler.jobs[0] !== undefined) await this.machine.finish();
    this.expectSound(true);
    for (const client of this.clients) {
      client.close();
      this.expectAllReturned(client);
    }
    await settled();
    expect(this.machine.running).toBeUndefined();
    expect(this.machine.memory.live).toBe(0);
    expect([...this.machine.requests.values()].flatMap(({ objects }) => objects)).toEqual([]);
  }
}

/** As `expect`, which is too slow for so many questions. */
function check(isSo: boolean, wrong: string): void {
  if (!isSo) throw new Error(wrong);
}

const noCommand = { flags: 0, speed: 0, format: 0, pts: 0n };

describe("any number of files doing anything", () => {
  it.each([false, true])("leave everything sound (hold: %s)", async (supportsHold) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120, size: "max" }), async (steps) => {
        const world = new World(supportsHold);
        for (const next of steps) {
          world.run(next);
          if (next.isSlow) await settled();
          world.expectSound(next.isSlow);
        }
        await settled();
        await world.expectCleanEnd();
      }),
      { numRuns: RUNS },
    );
  });
});
