/** `--record FILE`: the file that a driver's events go to. */
import { closeSync, openSync } from "node:fs";
import { fileSink, Recorder } from "../events/index.js";
import type { TraceStream } from "../v4l2/index.js";
import { Failure } from "./failure.js";
import { LOST_OUTPUT, unwritable } from "./output.js";
import { packageVersion } from "./version.js";

/** A recording that is being made, or none. */
export interface EventRecording {
  /** Records these from now on. @returns The function that ends it. */
  listen(streams: readonly TraceStream[]): () => void;
  /** Writes what still waits, and closes the file. */
  end(): Promise<void>;
}

const none: EventRecording = { listen: () => () => undefined, end: () => Promise.resolve() };

/**
 * @param path - Undefined: nothing is recorded.
 * @param dataBytes - Of each OUTPUT buffer.
 * @throws {Failure} The file cannot be written.
 */
export function startRecording(path: string | undefined, dataBytes = 0): EventRecording {
  if (path === undefined) return none;
  const fd = openRecording(path);
  const recorder = new Recorder(fileSink(fd), {
    program: `v4l2-cuse ${packageVersion}`,
    dataBytes,
    failed: (error) => {
      process.exitCode = LOST_OUTPUT;
      process.stderr.write(`v4l2-cuse: ${unwritable(`the recording ${path}`, error)}\n`);
    },
  });
  return {
    listen: (streams) => recorder.listen(streams),
    end: async () => {
      await recorder.end();
      closeSync(fd);
    },
  };
}

/** What clients do is nobody else's business: the file is its owner's. */
function openRecording(path: string): number {
  try {
    return openSync(path, "w", 0o600);
  } catch (error) {
    throw new Failure(
      `cannot write the recording to ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
