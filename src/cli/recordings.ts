/** What the commands that read recordings have in common. */
import { closeSync, fstatSync, openSync } from "node:fs";
import { Recording, RecordingError, mergedEvents } from "../events/index.js";
import type { TraceEvent } from "../v4l2/index.js";
import { Failure } from "./failure.js";

const PROGRESS_MS = 200;
/** The clock is asked so often, events. */
const PROGRESS_EVENTS = 4096;

interface ReadOptions {
  /** On a terminal it shows how far it is. Default: yes. */
  readonly showsProgress?: boolean;
  /** It is said, on stderr, that one ends in the middle of an event. Default: yes. */
  readonly saysCut?: boolean;
}

/**
 * Gives each event of these recordings to `take`, in the order in which they happened.
 * @returns Does one end in the middle of an event?
 * @throws {Failure} One cannot be read, is no recording, or is damaged.
 */
export function readRecordings(
  paths: readonly string[],
  take: (event: TraceEvent) => void,
  { showsProgress = true, saysCut = true }: ReadOptions = {},
): boolean {
  const fds: number[] = [];
  try {
    const recordings = paths.map((path) => {
      const fd = openRecording(path);
      fds.push(fd);
      return new Recording(fd, path);
    });
    const progress = showsProgress ? Progress.onTerminal() : undefined;
    for (const [index, recording] of recordings.entries()) progress?.add(fds[index] ?? -1, recording);
    try {
      for (const event of mergedEvents(recordings.map((recording) => recording.events()))) {
        take(event);
        progress?.step();
      }
    } finally {
      progress?.end();
    }
    for (const [index, { isCut }] of recordings.entries()) {
      if (isCut && saysCut) sayCut(paths[index] ?? "");
    }
    return recordings.some(({ isCut }) => isCut);
  } catch (error) {
    throw error instanceof RecordingError ? new Failure(error.message) : error;
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/**
 * The events of a recording, as they are asked for.
 * @param progress - Counts them; stays the caller's.
 * @throws {Failure} As {@link readRecordings}.
 */
export function* recordedEvents(path: string, progress?: Progress): Generator<TraceEvent, void, undefined> {
  const fd = openRecording(path);
  try {
    const recording = new Recording(fd, path);
    progress?.add(fd, recording);
    for (const event of recording.events()) {
      yield event;
      progress?.step();
    }
    if (recording.isCut) sayCut(path);
  } catch (error) {
    throw error instanceof RecordingError ? new Failure(error.message) : error;
  } finally {
    closeSync(fd);
  }
}

function sayCut(path: string): void {
  process.stderr.write(`v4l2-cuse: ${path} ends in the middle of an event: its driver was killed\n`);
}

function openRecording(path: string): number {
  try {
    const fd = openSync(path, "r");
    if (!fstatSync(fd).isDirectory()) return fd;
    closeSync(fd);
  } catch (error) {
    throw new Failure(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw new Failure(`cannot read ${path}: it is a directory`);
}

/** How far some recordings have been read, on the last line of a terminal. */
export class Progress {
  readonly #recordings: Recording[] = [];
  #total = 0;
  #count = 0;
  #shownMs = Date.now();
  #isShown = false;

  /** undefined: standard error is no terminal. */
  static onTerminal(): Progress | undefined {
    return process.stderr.isTTY ? new Progress() : undefined;
  }

  /** This one is read, too. */
  add(fd: number, recording: Recording): void {
    this.#recordings.push(recording);
    this.#total += fstatSync(fd).size;
  }

  step(): void {
    this.#count += 1;
    if (this.#count % PROGRESS_EVENTS !== 0 || Date.now() - this.#shownMs < PROGRESS_MS) return;
    this.#shownMs = Date.now();
    this.#isShown = true;
    const done = this.#recordings.reduce((sum, { offset }) => sum + offset, 0);
    const percent = this.#total === 0 ? 0 : Math.min(100, Math.floor((100 * done) / this.#total));
    const bar = "#".repeat(Math.floor(percent / 4)).padEnd(25, ".");
    process.stderr.write(`\r[${bar}] ${percent} %, ${this.#count} events`);
  }

  /** Takes the line back. */
  end(): void {
    if (this.#isShown) process.stderr.write("\r\u001b[K");
  }
}

/** Gathers text and hands it over in large pieces. */
export class Pieces {
  readonly #write: (text: string) => void;
  #waiting: string[] = [];
  #length = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  readonly add = (text: string): void => {
    this.#waiting.push(text);
    this.#length += text.length;
    if (this.#length >= 64 * 1024) this.end();
  };

  end(): void {
    if (this.#length > 0) this.#write(this.#waiting.join(""));
    this.#waiting = [];
    this.#length = 0;
  }
}
