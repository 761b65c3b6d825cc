/** The one error of the codec layer: bytes or values that the specification does not allow. */

/** Where in which specification something is wrong. */
export interface CodecErrorPlace {
  /** `H.264`, `HEVC`, `VP8`, `VP9`, `AV1`, `MPEG-2`, `FWHT`, or the name of a file format. */
  readonly codec?: string | undefined;
  /** From the first bit of the unit that was read, as it is after emulation prevention bytes were removed. */
  readonly bitPosition?: number | undefined;
  /** The clause of the specification, `7.3.2.1.1`. */
  readonly section?: string | undefined;
}

/** Bytes or values that the specification does not allow. Everything else that is thrown is a bug of ours. */
export class CodecError extends Error {
  override readonly name = "CodecError";
  readonly codec: string | undefined;
  readonly bitPosition: number | undefined;
  readonly section: string | undefined;

  /** @param sentence - What is wrong, without the place and without a full stop. */
  constructor(
    readonly sentence: string,
    place: CodecErrorPlace = {},
  ) {
    const where = [
      place.section === undefined ? [] : [`section ${place.section}`],
      place.bitPosition === undefined ? [] : [`bit ${place.bitPosition}`],
    ].flat();
    // Where in our code it was thrown helps nobody, and to find that out takes longer than to read most headers.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(
      `${place.codec === undefined ? "" : `${place.codec}: `}${sentence}` +
        (where.length === 0 ? "" : ` (${where.join(", ")})`),
    );
    Error.stackTraceLimit = stackTraceLimit;
    this.codec = place.codec;
    this.bitPosition = place.bitPosition;
    this.section = place.section;
  }
}
