/** Pictures on their way to pages, in the thread that serves: the newest of each queue, and who waits for a newer one. */
import type { PictureHead, QueueKey } from "./protocol.js";

export interface ShownPicture {
  readonly head: PictureHead;
  readonly bytes: Uint8Array;
}

/** Queues whose pictures are asked for at once. */
const MAX_QUEUES = 16;
const MAX_WAITING = 64;
/** Who asks is answered after that, with or without a picture. */
const WAIT_MS = 2000;
/** A picture that nobody asks for is forgotten. */
const KEEP_MS = 10_000;

interface Shown {
  picture: ShownPicture | undefined;
  askedMs: number;
  readonly waiting: Set<(picture: ShownPicture | undefined) => void>;
}

const nameOf = ({ device, type, file }: QueueKey): string => `${device}/${type}/${file}`;

export class ShownPictures {
  readonly #queues = new Map<string, Shown>();
  readonly #want: (queue: QueueKey) => void;
  #waiting = 0;

  /** @param want - Tells the driver that somebody looks at the queue. */
  constructor(want: (queue: QueueKey) => void) {
    this.#want = want;
  }

  /** A picture was drawn. */
  take(queue: QueueKey, picture: ShownPicture): void {
    const shown = this.#queues.get(nameOf(queue));
    if (shown === undefined) return;
    shown.picture = picture;
    for (const answer of [...shown.waiting]) answer(picture);
  }

  /**
   * The newest picture of a queue behind number `after`, as soon as there is one.
   * @param isGone - Settles when the asker has gone.
   * @returns undefined: none came in time, or too much is asked for at once.
   */
  next(
    queue: QueueKey,
    after: number,
    onGone: (gone: () => void) => void,
  ): Promise<ShownPicture | undefined> {
    this.#forget();
    const name = nameOf(queue);
    let shown = this.#queues.get(name);
    if (shown === undefined) {
      if (this.#queues.size >= MAX_QUEUES) return Promise.resolve(undefined);
      this.#queues.set(name, (shown = { picture: undefined, askedMs: 0, waiting: new Set() }));
    }
    const { waiting, picture } = shown;
    shown.askedMs = Date.now();
    this.#want(queue);
    if (picture !== undefined && picture.head.number !== after) return Promise.resolve(picture);
    if (this.#waiting >= MAX_WAITING) return Promise.resolve(undefined);
    this.#waiting += 1;
    return new Promise((resolve) => {
      const answer = (newer: ShownPicture | undefined): void => {
        if (!waiting.delete(answer)) return;
        this.#waiting -= 1;
        clearTimeout(timer);
        resolve(newer);
      };
      const timer = setTimeout(() => answer(undefined), WAIT_MS);
      waiting.add(answer);
      onGone(() => answer(undefined));
    });
  }

  #forget(): void {
    const old = Date.now() - KEEP_MS;
    for (const [name, { askedMs, waiting }] of this.#queues) {
      if (askedMs < old && waiting.size === 0) this.#queues.delete(name);
    }
  }
}
