import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Turns, type Turn } from "../../src/graft/turns.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const ALICE = 1000;
const BOB = 1001;

const turnsFor = (perUser: number, total: number): Turns => new Turns({ perUser, total, waitMs: 5_000 });

/** One that there is at once. */
function taken(turns: Turns, user: number): Turn {
  const turn = turns.take(user);
  if (turn === undefined || turn instanceof Promise) throw new Error("there is no turn at once");
  return turn;
}

describe("turns", () => {
  it("are given at once while there is room, to each user", () => {
    const turns = turnsFor(2, 10);
    taken(turns, ALICE);
    taken(turns, ALICE);
    taken(turns, BOB);
    expect(turns.take(ALICE)).toBeInstanceOf(Promise);
    taken(turns, BOB);
  });

  it("come in the order in which they were asked for, one for each that ends", async () => {
    const turns = turnsFor(1, 10);
    const first = taken(turns, ALICE);
    const order: string[] = [];
    const second = Promise.resolve(turns.take(ALICE)).then((turn) => (order.push("second"), turn));
    const third = Promise.resolve(turns.take(ALICE)).then((turn) => (order.push("third"), turn));
    first.end();
    first.end(); // Counts once.
    (await second)?.end();
    expect(order).toEqual(["second"]);
    expect(await third).toBeDefined();
    expect(turns.take(ALICE)).toBeInstanceOf(Promise);
  });

  it("are not given after five seconds", async () => {
    const turns = turnsFor(1, 10);
    const first = taken(turns, ALICE);
    const second = turns.take(ALICE);
    vi.advanceTimersByTime(5_000);
    expect(await second).toBeUndefined();
    // It does not come back for it.
    first.end();
    taken(turns, ALICE);
  });

  it("are refused at once while all of the user's are late, and no other user for that", () => {
    const turns = turnsFor(2, 10);
    const both = [taken(turns, ALICE), taken(turns, ALICE)];
    both[0]?.isLate();
    expect(turns.take(ALICE)).toBeInstanceOf(Promise);
    both[1]?.isLate();
    both[1]?.isLate(); // Counts once.
    expect(turns.take(ALICE)).toBeUndefined();
    taken(turns, BOB);
  });

  it("go to another user whose turns are free when one of a full house ends", async () => {
    const turns = turnsFor(2, 3);
    const alice = [taken(turns, ALICE), taken(turns, ALICE)];
    const bob = taken(turns, BOB);
    const waiting = [turns.take(ALICE), turns.take(BOB)];
    bob.end();
    expect(await waiting[1]).toBeDefined();
    alice[0]?.end();
    expect(await waiting[0]).toBeDefined();
  });
});
