/** Where the bytes of a recording go: a file, a socket, a program's own place. */
import { writev } from "node:fs";
import type { Writable } from "node:stream";

/** Takes the bytes of a recording, in order. */
export interface RecordSink {
  /**
   * Writes all of `pieces`. There is no second call before `done`, until which the pieces stay as they are.
   * @param done - Called once, later. With an error: there will be no more calls.
   */
  write(pieces: readonly Uint8Array[], done: (error?: Error) => void): void;
}

/** @param fd - Of a file, or a pipe; stays the caller's. */
export function fileSink(fd: number): RecordSink {
  const write = (pieces: readonly Uint8Array[], done: (error?: Error) => void): void => {
    writev(fd, pieces, (error, written) => {
      if (error !== null) done(error);
      else {
        const rest = behind(pieces, written);
        if (rest.length === 0) done();
        else write(rest, done);
      }
    });
  };
  return { write };
}

/** What is left of `pieces` behind the first `skip` bytes. */
function behind(pieces: readonly Uint8Array[], skip: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  for (const piece of pieces) {
    if (skip < piece.byteLength) rest.push(piece.subarray(skip));
    skip = Math.max(0, skip - piece.byteLength);
  }
  return rest;
}

/** A socket or another stream. A reader who is slow holds its own recording up, and nothing else. */
export function streamSink(stream: Writable): RecordSink {
  return {
    write: (pieces, done) => {
      stream.cork();
      for (const [index, piece] of pieces.entries()) {
        if (index < pieces.length - 1) stream.write(piece);
        else
          stream.write(piece, (error) => {
            done(error ?? undefined);
          });
      }
      stream.uncork();
    },
  };
}
