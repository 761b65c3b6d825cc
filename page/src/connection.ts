/** What the page asks its driver. All addresses are relative: the token is in the page's own. */
import type { ControlChange, PictureHead, QueueKey, WatchState } from "../../src/watch/protocol.js";
import { RecordingStream, type PageEvent } from "./recording.js";

/** Until the next try: longer from try to try. */
const RETRY_MS = 500;
const MAX_RETRY_MS = 5000;
/** Some two minutes. Whoever looks at the page then can ask for more. */
export const MAX_TRIES = 30;
const STATE_MS = 500;
/** A driver that says nothing of itself for so long is stopped, or busy with one thing. */
const SILENT_MS = 3000;

/**
 * `connecting`: not yet, or not any more; `silent`: the driver does not answer, though its page is served; `refused`: another
 * token, as when the driver was started anew, which no further try changes; `lost`: it was tried often enough.
 */
export type Link = "connecting" | "live" | "silent" | "resting" | "refused" | "full" | "lost";

export interface Listener {
  /** A new stream begins, with the oldest events that the driver has. */
  begin(): void;
  event(event: PageEvent): void;
  /** Events have come. */
  batch(): void;
  state(state: WatchState): void;
  /** @param tries - Made in vain since the last connection. */
  link(link: Link, tries: number): void;
}

/** Keeps the stream of events and the state coming, as long as somebody can see the page. */
export class Connection {
  readonly #listener: Listener;
  #abort: AbortController | undefined;

  constructor(listener: Listener) {
    this.#listener = listener;
    // A page that nobody sees costs its driver nothing, and leaves the browser's connections to others.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#rest();
      else this.start();
    });
  }

  /** Connects, unless it is connected, or tries to. */
  start(): void {
    if (this.#abort !== undefined || document.hidden) return;
    const abort = (this.#abort = new AbortController());
    void this.#stream(abort.signal);
  }

  #rest(): void {
    if (this.#abort === undefined) return;
    this.#abort.abort();
    this.#abort = undefined;
    this.#listener.link("resting", 0);
  }

  async #stream(signal: AbortSignal): Promise<void> {
    let link: Link = "connecting";
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      this.#listener.link(link, tries);
      try {
        const response = await fetch("events", { signal });
        if (response.ok && response.body !== null) {
          tries = 0;
          link = "connecting";
          await this.#read(response.body.getReader(), signal);
        } else if (response.status === 403) {
          this.#end("refused");
          return;
        } else link = response.status === 503 ? "full" : "connecting";
      } catch (error) {
        link = "connecting";
        // It has ended, or the connection has; we come back.
        if (!(error instanceof TypeError) && !signal.aborted) console.error(error);
      }
      if (!signal.aborted) await sleep(Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(tries, 8)));
      if (signal.aborted) return;
    }
    this.#end("lost");
  }

  #end(link: Link): void {
    this.#abort?.abort();
    this.#abort = undefined;
    this.#listener.link(link, 0);
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal): Promise<void> {
    const recording = new RecordingStream((event) => {
      this.#listener.event(event);
    });
    this.#listener.begin();
    this.#listener.link("live", 0);
    const over = new AbortController();
    void this.#askState(AbortSignal.any([signal, over.signal]));
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        recording.push(value);
        this.#listener.batch();
      }
    } finally {
      over.abort();
    }
  }

  async #askState(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const silent = setTimeout(() => this.#listener.link("silent", 0), SILENT_MS);
      const stop = (): void => clearTimeout(silent);
      signal.addEventListener("abort", stop, { once: true });
      try {
        const response = await fetch("state", { signal });
        if (response.ok) {
          const state = (await response.json()) as WatchState;
          if (signal.aborted) return;
          this.#listener.state(state);
          this.#listener.link("live", 0);
        }
      } catch {
        // The stream says so.
      }
      stop();
      signal.removeEventListener("abort", stop);
      await sleep(STATE_MS);
    }
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface Picture {
  readonly head: PictureHead;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The newest picture of a queue, other than number `after`. @returns undefined: none came. */
export async function nextPicture(
  queue: QueueKey,
  after: number,
  signal: AbortSignal,
): Promise<Picture | undefined> {
  const query = new URLSearchParams({ ...queue, type: String(queue.type), after: String(after) });
  const response = await fetch(`picture?${query.toString()}`, { signal });
  const head = response.headers.get("X-Picture");
  if (response.status !== 200 || head === null) return undefined;
  return { head: JSON.parse(head) as PictureHead, bytes: new Uint8Array(await response.arrayBuffer()) };
}

/** @returns Why it was not changed; undefined: it was. */
export async function changeControl(change: ControlChange): Promise<string | undefined> {
  try {
    const response = await fetch("control", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(change),
    });
    return response.ok ? undefined : (await response.text()).trim();
  } catch {
    return "The driver does not answer.";
  }
}

/** What the driver says of an ioctl's argument. */
export async function describeEvent({ device, monotonicNs }: PageEvent): Promise<string> {
  const query = new URLSearchParams({ device, ns: String(monotonicNs) });
  try {
    const response = await fetch(`event?${query.toString()}`);
    if (!response.ok) return (await response.text()).trim();
    if (response.status === 204) return "The driver does not have its argument any more.";
    return ((await response.json()) as { dialog: string }).dialog;
  } catch {
    return "The driver does not answer.";
  }
}
