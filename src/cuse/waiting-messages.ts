/** Messages that wait in a channel, served at once instead of when the event loop comes to them. */
import { systemCode } from "./errors.js";

/** What {@link serveWaiting} needs of the system; `readReady` of native.ts. */
export interface MessageReader {
  /** @returns The length of a message, or -1 when none waits. */
  readReady(fd: number, into: Uint8Array): number;
}

/**
 * Messages that are served in one go: clients that send without pause must not keep others waiting.
 */
const MAX_MESSAGES = 256;

/** @param serve - Serves one message, which it must not keep. @returns Whether to go on. */
export function serveWaiting(
  reader: MessageReader,
  fd: number,
  buffer: Uint8Array,
  serve: (message: Uint8Array) => boolean,
): void {
  for (let count = 0; count < MAX_MESSAGES; count++) {
    let length: number;
    try {
      length = reader.readReady(fd, buffer);
    } catch (error) {
      if (systemCode(error) === "ENOENT") continue; // That request was aborted.
      return; // The channel itself will notice.
    }
    if (length <= 0 || !serve(buffer.subarray(0, length))) return;
  }
}
