import { describe, expect, it } from "vitest";
import { OpenFileTable } from "../../src/cuse/open-files.js";
import { ReplyWriter } from "../../src/cuse/reply.js";
import { FakeChannel } from "./support/fake-channel.js";
import { RecordingLog } from "./support/recording-device.js";

function channel(): { writer: ReplyWriter; sent: string[] } {
  const fake = new FakeChannel({ onMessage: () => undefined, onClose: () => undefined });
  return { writer: new ReplyWriter(fake, new RecordingLog()), sent: fake.sent };
}

const notification = (handle: string): string => `18000000 01000000 00000000 00000000 ${handle}`;

describe("a file that several channels poll", () => {
  it("wakes the sleepers of each, once, with the handle that each channel gave", () => {
    const first = channel();
    const second = channel();
    const handle = new OpenFileTable<string>().allocate(0, 1);
    handle.armPoll(first.writer, 5, 0);
    handle.armPoll(second.writer, 9, 1);
    handle.armPoll(first.writer, 6, 0);
    handle.notifyPoll();
    handle.notifyPoll();
    expect(first.sent).toEqual([notification("06000000 00000000")]);
    expect(second.sent).toEqual([notification("09000000 01000000")]);
  });

  it("forgets one channel that is closed, and all when it is released", () => {
    const first = channel();
    const second = channel();
    const table = new OpenFileTable<string>();
    const handle = table.allocate(0, 1);
    table.add(handle, "file");
    handle.armPoll(first.writer, 5, 0);
    handle.armPoll(second.writer, 9, 0);
    handle.forgetPollers(first.writer);
    handle.notifyPoll();
    expect([first.sent.length, second.sent.length]).toEqual([0, 1]);
    handle.armPoll(second.writer, 9, 0);
    expect(table.remove(handle.fh)?.file).toBe("file");
    handle.notifyPoll();
    expect(second.sent).toHaveLength(1);
  });
});

describe("a file that another one follows", () => {
  it("wakes those who poll either, and its own again and again: they may have asked the other when they woke", () => {
    const own = channel();
    const others = channel();
    const handle = new OpenFileTable<string>().allocate(0, 1);
    const follower = new OpenFileTable<string>().allocate(0, 1);
    handle.armPoll(own.writer, 5, 0);
    handle.notifyPoll(); // They wake, and by then the other file has the number.
    handle.follow(follower);
    follower.armPoll(others.writer, 7, 0);
    handle.notifyPoll();
    handle.notifyPoll();
    expect(own.sent).toEqual(Array<string>(3).fill(notification("05000000 00000000")));
    expect(others.sent).toEqual([notification("07000000 00000000")]);
  });

  it("wakes sleepers once when nobody follows any more", () => {
    const own = channel();
    const handle = new OpenFileTable<string>().allocate(0, 1);
    const follower = new OpenFileTable<string>().allocate(0, 1);
    handle.follow(follower);
    handle.unfollow(follower);
    handle.armPoll(own.writer, 5, 0);
    handle.notifyPoll();
    handle.notifyPoll();
    expect(own.sent).toHaveLength(1);
  });
});

describe("OpenFileTable", () => {
  it("gives each file away once", () => {
    const table = new OpenFileTable<string>();
    const handle = table.allocate(0, 1);
    expect(table.get(handle.fh)).toBeUndefined();
    table.add(handle, "file");
    expect([...table].map(({ file }) => file)).toEqual(["file"]);
    expect(table.remove(handle.fh)?.file).toBe("file");
    expect(table.remove(handle.fh)).toBeUndefined();
    expect(table.size).toBe(0);
    expect(table.allocate(0, 1).id).toBe(2n);
  });
});
