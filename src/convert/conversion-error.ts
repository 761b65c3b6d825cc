/**
 * Why a picture was not converted:
 *
 * - `unsupported`: no such format, or not from or to it; sizes or lines that make no sense. Nothing was sent.
 * - `outside`: a plane ends after its memory. Nothing was sent.
 * - `broken`: what is compressed cannot be read.
 * - `too-large`: the compressed picture needs more room than there is.
 * - `no-memory`: the worker has no memory left, or the file of a picture was made shorter meanwhile.
 * - `cancelled`: its signal was aborted before it began.
 * - `lost`: the worker ended; the next conversion starts another one.
 * - `closed`: the converter was closed.
 */
export type ConversionFailure =
  "unsupported" | "outside" | "broken" | "too-large" | "no-memory" | "cancelled" | "lost" | "closed";

/** A picture was not converted. What is in the destination then is anything. */
export class ConversionError extends Error {
  override readonly name = "ConversionError";

  constructor(
    readonly failure: ConversionFailure,
    message: string,
  ) {
    super(message);
  }
}
