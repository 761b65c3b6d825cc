/**
 * The script's half of a channel: messages out of its buffer, one after another, and what is sent with the receipt of the
 * next.
 */

/** What the addon makes; `native/addon/channel.h` describes it. */
export interface NativeChannel {
  readonly fd: number;
  takeBuffer(): Uint8Array;
  write(message: Uint8Array, payload?: Uint8Array): number;
  readonly exchange: (answer: Uint8Array) => number;
  close(): void;
  ref(): void;
  unref(): void;
  counters(): ChannelCounters;
}

/** What a channel calls. */
export interface ChannelHandlers {
  /**
   * A whole message arrived. Answers may be written from here.
   * What it throws goes to the process's `uncaughtException`; the channel stays open.
   *
   * @param message - A view of the channel's own receive buffer: valid until the handler returns. The same object may
   *   be handed out again for the next message.
   */
  onMessage(message: Uint8Array): void;
  /**
   * No message will come any more, and the channel is closed. Called once, and not after {@link MessageChannel.close}.
   *
   * @param error - Why the read failed: ENODEV when the kernel's side is gone (for CUSE also when it did not like the
   *   answer to INIT), ECONNABORTED when the connection was aborted. Undefined at end of file, which devices do not have.
   */
  onClose(error: Error | undefined): void;
}

/** How often the channel went to the kernel. A wake-up serves up to 32 messages. */
export interface ChannelCounters {
  readonly wakeups: number;
  /** Calls of `read(2)`, those included that found nothing. */
  readonly reads: number;
  readonly messages: number;
}

/**
 * An open channel of the addon: hands out messages and sends answers. `Channel` of native.ts opens one.
 */
export class MessageChannel {
  readonly #native: NativeChannel;
  readonly #exchange: NativeChannel["exchange"];
  readonly #handlers: ChannelHandlers;
  readonly #buffer: Uint8Array;
  /** The part of the buffer that the last message filled. */
  #message: Uint8Array;
  #length = 0;
  #isServing = false;
  #answer: Uint8Array | undefined;
  #onUnsent: (error: unknown) => void = () => undefined;

  /** @param open - Opens it: told what to call with the length of each message in the buffer, and at the end. */
  constructor(
    handlers: ChannelHandlers,
    open: (serve: (length: number) => void, end: (error?: Error) => void) => NativeChannel,
  ) {
    this.#handlers = handlers;
    this.#native = open(
      (length) => this.#serve(length),
      (error) => handlers.onClose(error),
    );
    this.#exchange = this.#native.exchange;
    this.#buffer = this.#native.takeBuffer();
    this.#message = this.#buffer.subarray(0, 0);
  }

  /** Serves the message in the buffer, and those after it as long as their answers are sent by {@link answer}. */
  #serve(length: number): void {
    let next = length;
    while (next > 0) {
      if (next !== this.#length) {
        // Messages come in a few lengths, mostly the same as the one before.
        this.#message = this.#buffer.subarray(0, next);
        this.#length = next;
      }
      this.#isServing = true;
      try {
        this.#handlers.onMessage(this.#message);
      } catch (error) {
        this.#flush();
        throw error;
      } finally {
        this.#isServing = false;
      }
      const answer = this.#answer;
      if (answer === undefined) return;
      this.#answer = undefined;
      try {
        next = this.#exchange(answer);
      } catch (error) {
        this.#onUnsent(error);
        return;
      }
    }
  }

  /**
   * Sends a message when the handler of the message at hand has returned, and receives the next one in the same call.
   * `message` must not change until then. Outside of a handler it is sent at once. What follows it is sent after it.
   *
   * Handlers are then called one after another, up to 32 of them, without promise jobs and `nextTick` callbacks in
   * between. So use {@link write} if somebody may wait for those.
   *
   * @param onUnsent - Called with what {@link write} would have thrown.
   */
  answer(message: Uint8Array, onUnsent: (error: unknown) => void): void {
    this.#flush();
    this.#answer = message;
    this.#onUnsent = onUnsent;
    if (!this.#isServing) this.#flush();
  }

  /** Sends what waits for the end of a handler. */
  #flush(): void {
    const answer = this.#answer;
    if (answer === undefined) return;
    this.#answer = undefined;
    try {
      this.#native.write(answer);
    } catch (error) {
      this.#onUnsent(error);
    }
  }

  /** The descriptor's number; -1 once closed. */
  get fd(): number {
    return this.#native.fd;
  }

  /**
   * One `writev(2)`: a message and, if given, its payload.
   * @returns Bytes written.
   * @throws {SystemError} ENOENT - the request was interrupted or aborted, nobody waits for this answer.
   * @throws {SystemError} EINVAL - not a message that the kernel expects. EBADF - the channel is closed.
   */
  write(message: Uint8Array, payload?: Uint8Array): number {
    this.#flush();
    return this.#native.write(message, payload);
  }

  /** Closes the descriptor, with which the device node disappears. Allowed inside a handler. */
  close(): void {
    this.#flush();
    this.#native.close();
  }

  /** Keeps the event loop alive again. */
  ref(): void {
    this.#native.ref();
  }

  /** Lets the process end although the channel is open. */
  unref(): void {
    this.#native.unref();
  }

  counters(): ChannelCounters {
    return this.#native.counters();
  }
}
