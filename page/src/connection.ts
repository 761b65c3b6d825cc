/** What the page asks its driver. All addresses are relative: the token is in the page's own. */
import type { ControlChange, PictureHead, QueueKey, WatchState } from "../../src/watch/protocol.js";
import { RecordingStream, type PageEvent } from "./recording.js";

const RETRY_MS = 1000;
const STATE_MS = 500;

/** `connecting`: not yet, or not any more; `refused`: another token, or the driver has ended and another one is there. */
export type Link = "connecting" | "live" | "resting" | "refused" | "full";

export interface Listener {
  /** A new stream begins, with the oldest events that the driver has. */
  begin(): void;
  event(event: PageEvent): void;
  /** Events have come. */
  batch(): void;
  state(state: WatchState): void;
  link(link: Link): void;
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

  start(): void {
    if (this.#abort !== undefined || document.hidden) return;
    const abort = (this.#abort = new AbortController());
    void this.#stream(abort.signal);
    void this.#askState(abort.signal);
  }

  #rest(): void {
    this.#abort?.abort();
    this.#abort = undefined;
    this.#listener.link("resting");
  }

  async #stream(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#listener.link("connecting");
      try {
        const response = await fetch("events", { signal });
        if (response.ok && response.body !== null) await this.#read(response.body.getReader());
        else {
          const link = response.status === 403 ? "refused" : response.status === 503 ? "full" : "connecting";
          this.#listener.link(link);
        }
      } catch (error) {
        // It has ended, or was started again; we come back.
        if (!(error instanceof TypeError) && !signal.aborted) console.error(error);
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const recording = new RecordingStream((event) => {
      this.#listener.event(event);
    });
    this.#listener.begin();
    this.#listener.link("live");
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      recording.push(value);
      this.#listener.batch();
    }
  }

  async #askState(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const response = await fetch("state", { signal });
        if (response.ok) this.#listener.state((await response.json()) as WatchState);
      } catch {
        // The stream says so.
      }
      await new Promise((resolve) => setTimeout(resolve, STATE_MS));
    }
  }
}

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
