/** Who sleeps in poll(2) on a file: counted once each, woken once, until they say so again. */
import { describe, expect, it } from "vitest";
import { OpenFileHandle } from "../../src/cuse/open-file-handle.js";
import type { ReplyWriter } from "../../src/cuse/reply.js";
import { somebodyWaits } from "../../src/cuse/waiting.js";

/** The low halves of the handles that are woken. */
function channel(): { readonly writer: ReplyWriter; readonly woken: number[] } {
  const woken: number[] = [];
  const writer = { notifyPoll: (low: number) => void woken.push(low) } as unknown as ReplyWriter;
  return { writer, woken };
}

describe("who sleeps in poll(2)", () => {
  it("is counted once, however often the kernel says so, until all are woken or forgotten", () => {
    const first = new OpenFileHandle(1, 0, 1);
    const second = new OpenFileHandle(2, 0, 1);
    const { writer } = channel();
    const other = channel().writer;
    const steps: readonly (readonly [() => void, boolean])[] = [
      [() => first.notifyPoll(), false],
      [() => first.armPoll(writer, 1, 0), true],
      [() => first.armPoll(writer, 1, 0), true],
      [() => second.armPoll(writer, 2, 0), true],
      [() => second.armPoll(other, 3, 0), true],
      [() => first.notifyPoll(), true],
      [() => first.notifyPoll(), true],
      [() => second.forgetPollers(writer), true],
      [() => second.forgetPollers(writer), true],
      [() => second.forgetPollers(), false],
      [() => second.forgetPollers(), false],
    ];
    expect(somebodyWaits()).toBe(false);
    for (const [index, [step, waits]] of steps.entries()) {
      step();
      expect([index, somebodyWaits()]).toEqual([index, waits]);
    }
  });

  it("is woken once for each time, through the channel and by the handle that it named last", () => {
    const file = new OpenFileHandle(1, 0, 1);
    const [a, b] = [channel(), channel()];
    file.armPoll(a.writer, 1, 0);
    file.armPoll(a.writer, 2, 0);
    file.armPoll(b.writer, 3, 0);
    file.notifyPoll();
    file.notifyPoll();
    expect([a.woken, b.woken]).toEqual([[2], [3]]);
    file.armPoll(b.writer, 4, 0);
    file.forgetPollers(a.writer);
    file.notifyPoll();
    expect([a.woken, b.woken]).toEqual([[2], [3, 4]]);
  });

  it("is woken again and again while another file follows, and the followers with it", () => {
    const file = new OpenFileHandle(1, 0, 1);
    const [a, b] = [channel(), channel()];
    const follower = new OpenFileHandle(2, 0, 1);
    file.armPoll(a.writer, 1, 0);
    follower.armPoll(b.writer, 2, 0);
    file.follow(follower);
    file.notifyPoll();
    file.notifyPoll();
    expect([a.woken, b.woken]).toEqual([[1, 1], [2]]);
    file.unfollow(follower);
    file.unfollow(follower);
    follower.armPoll(b.writer, 2, 0);
    file.notifyPoll();
    expect([a.woken, b.woken]).toEqual([[1, 1], [2]]);
    file.forgetPollers();
    follower.forgetPollers();
  });
});
