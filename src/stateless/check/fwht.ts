/**
 * What an FWHT frame in an OUTPUT buffer, and the frames before it, say of the FWHT_PARAMS control. Clients pass frames
 * without their header; then only the reference and what a frame shares with it are left.
 */
import { CodecError, fwht, RecordingReader, SyntaxReader, type FieldSink } from "../../codec/index.js";
import type { ControlValues } from "../../codec/index.js";
import { compareFields, FieldPlaces, type Disagreement } from "./compare.js";
import { expectedFlags, placesOnDemand, type FlagName } from "./flags.js";
import { noDisagreement, type CheckedRequest, type CheckResult, type StreamCheck } from "./stream-check.js";

type Params = NonNullable<ControlValues["StatelessFwhtParams"]>;

const flagNames: readonly FlagName[] = [
  "IS_INTERLACED",
  "IS_BOTTOM_FIRST",
  "IS_ALTERNATE",
  "IS_BOTTOM_FIELD",
  "LUMA_IS_UNCOMPRESSED",
  "CB_IS_UNCOMPRESSED",
  "CR_IS_UNCOMPRESSED",
  "CHROMA_FULL_HEIGHT",
  "CHROMA_FULL_WIDTH",
  "ALPHA_IS_UNCOMPRESSED",
  "I_FRAME",
].map((name) => [name, "flags"] as const);
const I_FRAME = 0x400;
/** Those of a picture's layout, which a frame shares with the one that it is predicted from. */
const LAYOUT = 0x180;

/** The first byte of a header, four times. */
const MAGIC = 0x4f;

const reference = { element: "frame before, as earlier requests left it" };
const shared = new FieldPlaces({
  "FWHT_PARAMS.backward_ref_ts": reference,
  "FWHT_PARAMS.version": reference,
  "FWHT_PARAMS.width": reference,
  "FWHT_PARAMS.height": reference,
});
const ofHeader = { "FWHT_PARAMS.backward_ref_ts": reference };

export class FwhtCheck implements StreamCheck {
  /** The request before. */
  #before: { readonly params: Params; readonly timestampNs: bigint } | undefined;

  clone(): FwhtCheck {
    const copy = new FwhtCheck();
    copy.#before = this.#before;
    return copy;
  }

  check({ controls, bitstream, timestampNs }: CheckedRequest): CheckResult {
    const submitted = controls.StatelessFwhtParams;
    if (submitted === undefined) return noDisagreement;
    try {
      const header = headerOf(bitstream);
      const disagreements =
        header === undefined
          ? this.#compareShared(submitted)
          : this.#compareHeader(header, submitted, bitstream);
      this.#before = { params: header === undefined ? submitted : { ...submitted, ...header }, timestampNs };
      return { disagreements };
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#before = undefined;
      return { disagreements: [], problem: `the frame cannot be parsed: ${error.message}` };
    }
  }

  #compareHeader(header: fwht.FwhtHeader, submitted: Params, bitstream: Uint8Array): Disagreement[] {
    const { version, width, height, flags, colorspace, xfer_func, ycbcr_enc, quantization } = header;
    const backward_ref_ts = (flags & I_FRAME) === 0 ? this.#before?.timestampNs : undefined;
    const fields = {
      ...{ backward_ref_ts, version, width, height, colorspace, xfer_func, ycbcr_enc, quantization },
      // Numbers of several bits, beside the flags.
      flags: submitted.flags >>> 16 === flags >>> 16 ? undefined : flags,
    };
    const expected = {
      control: "FWHT_PARAMS",
      fields,
      flags: expectedFlags(flagNames, flags, submitted.flags),
    };
    const places = placesOnDemand(ofHeader, (sink) => headerOf(bitstream, sink));
    return compareFields(expected, submitted, places);
  }

  #compareShared(submitted: Params): Disagreement[] {
    const before = this.#before;
    if (before === undefined || (submitted.flags & I_FRAME) !== 0) return [];
    const { params, timestampNs } = before;
    const control = "FWHT_PARAMS";
    // A frame without a reference is an I frame, whatever the flag says.
    if (submitted.backward_ref_ts === 0n && timestampNs !== 0n) {
      const flags = expectedFlags(flagNames, I_FRAME, submitted.flags, ~I_FRAME);
      return compareFields({ control, fields: {}, flags }, submitted, shared);
    }
    const { version, width, height } = params;
    const fields = { backward_ref_ts: timestampNs, version, width, height };
    const flags = expectedFlags(flagNames, params.flags, submitted.flags, ~LAYOUT);
    return compareFields({ control, fields, flags }, submitted, shared);
  }
}

/** The header in front of the frame, which a client need not pass. @throws {CodecError} It is violated. */
function headerOf(bitstream: Uint8Array, sink?: FieldSink): fwht.FwhtHeader | undefined {
  const data = bitstream.subarray(0, fwht.FWHT_HEADER_BYTES);
  if (data.byteLength < 8) return undefined;
  if (!data.subarray(0, 4).every((byte) => byte === MAGIC)) return undefined;
  if (!data.subarray(4, 8).every((byte) => byte === 0xff)) return undefined;
  const header = fwht.emptyFwhtHeader();
  const reader =
    sink === undefined ? new SyntaxReader("FWHT", data) : new RecordingReader("FWHT", sink, data);
  fwht.fwhtHeader(reader, header);
  return header;
}
