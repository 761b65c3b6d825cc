/** A {@link Connection} on a {@link FakeChannel}, with one call per thing that a test does. */
import { Connection } from "../../../src/cuse/connection.js";
import type { NonblockingProbe } from "../../../src/cuse/calls.js";
import { OpenFileTable } from "../../../src/cuse/open-files.js";
import { FakeChannel } from "./fake-channel.js";
import * as send from "./messages.js";
import { RecordingLog, type RecordingDevice, type TestFile } from "./recording-device.js";

export class Bench {
  readonly log = new RecordingLog();
  readonly files = new OpenFileTable<TestFile>();
  readonly channel: FakeChannel;
  readonly connection: Connection<TestFile>;
  /** What {@link PendingCall.nonblocking} of ioctls says. */
  nonblocking = false;

  constructor(
    readonly device: RecordingDevice,
    isAnonymous?: boolean,
  ) {
    const probe: NonblockingProbe = { isNonblocking: () => this.nonblocking };
    this.channel = new FakeChannel({
      onMessage: (message) => this.connection.onMessage(message),
      onClose: () => undefined,
    });
    this.connection = new Connection({
      device,
      files: this.files,
      channel: this.channel,
      transferBytes: 128 * 1024,
      log: this.log,
      probe,
      ...(isAnonymous !== undefined && { isAnonymous }),
      control: () => undefined,
    });
  }

  /** Opens a file and forgets the answer. Files are numbered from 1. */
  open(flags = 2): void {
    this.channel.deliver(send.open(2, flags));
    this.channel.take();
  }

  /** Delivers a message. @returns What was answered at once. */
  deliver(message: Uint8Array): string[] {
    this.channel.deliver(message);
    return this.channel.take();
  }
}
