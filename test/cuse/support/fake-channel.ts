/** The kernel's end of a channel, for tests without /dev/cuse: sends messages, keeps the answers. */
import type { SessionChannel, SessionChannelHandlers } from "../../../src/cuse/session.js";
import { digits } from "../../support/hex.js";

/** The error that `write(2)` on a channel leaves. */
export function systemError(code: string, syscall = "write"): Error {
  return Object.assign(new Error(`${syscall}: ${code}`), { code, syscall });
}

/** Copies what it sends into one receive buffer, as the real channel does. */
export class FakeChannel implements SessionChannel {
  readonly fd: number = 30;
  readonly sent: string[] = [];
  readonly #receiveBuffer: Uint8Array;
  isClosed = false;
  /** What the next writes throw, if anything. */
  readonly writeErrors: (Error | undefined)[] = [];

  constructor(
    public handlers: SessionChannelHandlers,
    bufferBytes = 135_168,
  ) {
    this.#receiveBuffer = new Uint8Array(bufferBytes);
  }

  write(message: Uint8Array, payload?: Uint8Array): number {
    if (this.isClosed) throw systemError("EBADF");
    const error = this.writeErrors.shift();
    if (error !== undefined) throw error;
    const whole = payload === undefined ? message : Buffer.concat([message, payload]);
    this.sent.push(digits(whole));
    return whole.byteLength;
  }

  close(): void {
    this.isClosed = true;
  }

  /** A message arrives. */
  deliver(message: Uint8Array): void {
    this.#receiveBuffer.fill(0xee);
    this.#receiveBuffer.set(message);
    this.handlers.onMessage(this.#receiveBuffer.subarray(0, message.byteLength));
    // What a handler wrongly kept of the message changes under its hands.
    this.#receiveBuffer.fill(0xdd);
  }

  /** The answers since the last call. */
  take(): string[] {
    return this.sent.splice(0);
  }
}

/** Lets promise callbacks and everything that is due in the event loop run. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
