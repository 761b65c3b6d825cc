import { describe, expect, it } from "vitest";
import { CharDeviceError } from "../../src/cuse/errors.js";
import { IoctlFrame, Reply, ReplyWriter } from "../../src/cuse/reply.js";
import { FakeChannel } from "./support/fake-channel.js";
import { RecordingLog } from "./support/recording-device.js";

function fixture(): { reply: Reply; channel: FakeChannel } {
  const channel = new FakeChannel({ onMessage: () => undefined, onClose: () => undefined });
  return { reply: new Reply(new ReplyWriter(channel, new RecordingLog())), channel };
}

const frame = new IoctlFrame(16);
const answers: readonly (readonly [string, (reply: Reply) => boolean])[] = [
  ["fail", (reply) => reply.fail("EIO")],
  ["done", (reply) => reply.done()],
  ["data", (reply) => reply.data(new Uint8Array(3))],
  ["opened", (reply) => reply.opened(1n, 0)],
  ["written", (reply) => reply.written(3)],
  ["polled", (reply) => reply.polled(1)],
  ["ioctl", (reply) => reply.ioctl(frame, 0)],
  ["refusedIoctl", (reply) => reply.refusedIoctl(frame, new CharDeviceError("EIO", ""), frame.sized(4))],
  ["restartIoctl", (reply) => reply.restartIoctl(frame)],
];

describe.each(answers)("Reply.%s", (_first, first) => {
  it.each(answers)("then %s: throws, and sends nothing", (_second, second) => {
    const { reply, channel } = fixture();
    reply.expect(2, 0);
    expect(first(reply)).toBe(true);
    expect(reply.due).toBe(false);
    expect(() => second(reply)).toThrow("answered already");
    expect(channel.sent).toHaveLength(1);
  });

  it("throws before there is a request", () => {
    expect(() => first(fixture().reply)).toThrow("answered already");
  });

  it("serves the next request", () => {
    const { reply, channel } = fixture();
    reply.expect(2, 0);
    first(reply);
    reply.expect(0xfffffffe, 7);
    first(reply);
    expect(channel.sent[1]?.slice(18, 35)).toBe("feffffff 07000000");
  });
});
