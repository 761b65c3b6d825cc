/**
 * A `read(2)` or `write(2)` comes in pieces. On a device, `offset` counts from 0 in each call: such files have no
 * position. A file that can be mapped has one (the kernel takes FOPEN_STREAM and FOPEN_PASSTHROUGH only one at a time),
 * and its pieces carry that. This finds out where the calls begin.
 *
 * A piece continues a call when it follows one of the same thread that was as large as pieces get; the kernel does not
 * split a call elsewhere. A call that ends just there is told apart by its length, where `/proc/<tid>/syscall` shows it.
 */
export interface Piece {
  readonly caller: { readonly tid: number };
  /** Position in the file, bytes. */
  readonly offset: bigint;
  readonly size: number;
}

export class Pieces {
  /** A piece has more bytes than this if another is to follow: memory may begin anywhere in its first page. */
  readonly #splitBytes: number;
  readonly #lengthOf: (tid: number) => number | undefined;
  /** Position of the call's first piece. */
  #start = 0n;
  /** Position of the next piece of the call, if there may be one. */
  #next: bigint | undefined;
  #tid = 0;

  /**
   * @param transferBytes - Bytes of one piece at most.
   * @param lengthOf - Bytes that the call asks for in which a thread is; undefined: it cannot be seen.
   */
  constructor(transferBytes: number, lengthOf: (tid: number) => number | undefined) {
    this.#splitBytes = transferBytes - 4096;
    this.#lengthOf = lengthOf;
  }

  /** Where in its call a piece is, bytes. To be asked for each, in their order. */
  place({ caller: { tid }, offset, size }: Piece): bigint {
    if (offset !== this.#next || tid !== this.#tid || this.#isComplete(tid, offset)) this.#start = offset;
    this.#tid = tid;
    this.#next = size > this.#splitBytes ? offset + BigInt(size) : undefined;
    return offset - this.#start;
  }

  /** Has the call all that it asked for already? */
  #isComplete(tid: number, offset: bigint): boolean {
    const length = this.#lengthOf(tid);
    return length !== undefined && offset - this.#start >= BigInt(length);
  }
}
