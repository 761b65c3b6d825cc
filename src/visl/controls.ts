/** The controls of each codec: what a client fills in for a frame, with the limits that the original gives them. */
import type {
  AnyFile,
  Call,
  Control,
  ControlHandlerOptions,
  ExtControls,
  MediaRequest,
  StandardId,
} from "../v4l2/index.js";
import { Cid, ControlHandler, CtrlWhich } from "../v4l2/index.js";
import type { Codec } from "./formats.js";

/** Slices of a picture at the highest HEVC levels. */
const HEVC_SLICES = 600;
const HEVC_ENTRY_POINTS = 256;
/** Sets of reference pictures in an HEVC sequence. */
const HEVC_RPS = 65;
/** `V4L2_AV1_MAX_TILE_COUNT`. */
const AV1_TILES = 512;

type Add = (handler: ControlHandler) => Control<unknown>;

interface ControlEntry {
  readonly id: number;
  readonly add: Add;
  /** Of a kernel newer than 6.12. */
  readonly newer?: boolean;
}

type CompoundId =
  | typeof Cid.StatelessFwhtParams
  | typeof Cid.StatelessMpeg2Sequence
  | typeof Cid.StatelessMpeg2Picture
  | typeof Cid.StatelessMpeg2Quantisation
  | typeof Cid.StatelessVp8Frame
  | typeof Cid.StatelessVp9Frame
  | typeof Cid.StatelessVp9CompressedHdr
  | typeof Cid.StatelessH264DecodeParams
  | typeof Cid.StatelessH264Sps
  | typeof Cid.StatelessH264Pps
  | typeof Cid.StatelessH264ScalingMatrix
  | typeof Cid.StatelessH264SliceParams
  | typeof Cid.StatelessH264PredWeights
  | typeof Cid.StatelessHevcSps
  | typeof Cid.StatelessHevcPps
  | typeof Cid.StatelessHevcScalingMatrix
  | typeof Cid.StatelessHevcDecodeParams
  | typeof Cid.StatelessAv1Sequence
  | typeof Cid.StatelessAv1Frame
  | typeof Cid.StatelessAv1FilmGrain;

type ArrayId =
  | typeof Cid.StatelessHevcSliceParams
  | typeof Cid.StatelessHevcEntryPointOffsets
  | typeof Cid.StatelessHevcExtSpsStRps
  | typeof Cid.StatelessHevcExtSpsLtRps
  | typeof Cid.StatelessAv1TileGroupEntry;

const compound = (id: CompoundId): ControlEntry => ({ id, add: (handler) => handler.addCompound(id) });

/** A dynamic array of up to `most` elements. */
const array = (id: ArrayId, most: number): ControlEntry => ({
  id,
  add: (handler) => handler.addCompound(id, { dims: [most] }),
});

/** Decode mode or start code; both have two items, the first is the default. */
const menu = (id: Parameters<ControlHandler["addMenu"]>[0]): ControlEntry => ({
  id,
  add: (handler) => handler.addMenu(id),
});

/** The controls of each codec, in the original's order. */
export const controlsByCodec: Readonly<Record<Codec, readonly ControlEntry[]>> = {
  fwht: [compound(Cid.StatelessFwhtParams)],
  mpeg2: [
    compound(Cid.StatelessMpeg2Sequence),
    compound(Cid.StatelessMpeg2Picture),
    compound(Cid.StatelessMpeg2Quantisation),
  ],
  vp8: [compound(Cid.StatelessVp8Frame)],
  vp9: [compound(Cid.StatelessVp9Frame), compound(Cid.StatelessVp9CompressedHdr)],
  h264: [
    compound(Cid.StatelessH264DecodeParams),
    compound(Cid.StatelessH264Sps),
    compound(Cid.StatelessH264Pps),
    compound(Cid.StatelessH264ScalingMatrix),
    menu(Cid.StatelessH264DecodeMode),
    menu(Cid.StatelessH264StartCode),
    compound(Cid.StatelessH264SliceParams),
    compound(Cid.StatelessH264PredWeights),
  ],
  hevc: [
    compound(Cid.StatelessHevcSps),
    compound(Cid.StatelessHevcPps),
    array(Cid.StatelessHevcSliceParams, HEVC_SLICES),
    compound(Cid.StatelessHevcScalingMatrix),
    compound(Cid.StatelessHevcDecodeParams),
    menu(Cid.StatelessHevcDecodeMode),
    menu(Cid.StatelessHevcStartCode),
    array(Cid.StatelessHevcEntryPointOffsets, HEVC_ENTRY_POINTS),
    { ...array(Cid.StatelessHevcExtSpsStRps, HEVC_RPS), newer: true },
    { ...array(Cid.StatelessHevcExtSpsLtRps, HEVC_RPS), newer: true },
  ],
  av1: [
    compound(Cid.StatelessAv1Frame),
    array(Cid.StatelessAv1TileGroupEntry, AV1_TILES),
    compound(Cid.StatelessAv1Sequence),
    compound(Cid.StatelessAv1FilmGrain),
  ],
};

export interface VislControlOptions extends ControlHandlerOptions {
  /** Also the controls that kernels after 6.12 have. */
  readonly newer: boolean;
}

/** The controls of one open file: those of all codecs, whatever format is set. */
export class VislControls extends ControlHandler {
  /** Those that the client gave a value, in a request that was queued or without one. */
  readonly #given = new Set<number>();

  constructor({ newer, ...options }: VislControlOptions) {
    super(options);
    for (const entries of Object.values(controlsByCodec)) {
      for (const entry of entries) {
        if (newer || entry.newer !== true) entry.add(this);
      }
    }
    this.setup();
  }

  override sExtCtrls(request: ExtControls, file: AnyFile, call: Call): void {
    super.sExtCtrls(request, file, call);
    if (request.which === CtrlWhich.RequestVal) return;
    for (const { id } of request.controls) this.#given.add(id);
  }

  /** The controls without which `codec` cannot decode, that neither `request` nor the client before it gave. */
  missing(codec: Codec, request: MediaRequest): string[] {
    const values = this.inRequest(request);
    return requiredControls[codec]
      .filter((id) => !this.#given.has(id) && values?.has(id) !== true)
      .map((id) => this.find(id)?.name ?? `0x${String(id)}`);
  }

  /** `request` is queued: what it sets counts as given from now on. */
  noteQueued(request: MediaRequest): void {
    const values = this.inRequest(request);
    if (values === undefined) return;
    for (const { id } of this.controls) if (values.has(id)) this.#given.add(id);
  }
}

/** The controls without which a frame of the codec cannot be decoded. Those that hold for many frames count too. */
export const requiredControls: Readonly<Record<Codec, readonly StandardId[]>> = {
  fwht: [Cid.StatelessFwhtParams],
  mpeg2: [Cid.StatelessMpeg2Sequence, Cid.StatelessMpeg2Picture],
  vp8: [Cid.StatelessVp8Frame],
  vp9: [Cid.StatelessVp9Frame],
  h264: [Cid.StatelessH264Sps, Cid.StatelessH264Pps, Cid.StatelessH264DecodeParams],
  hevc: [Cid.StatelessHevcSps, Cid.StatelessHevcPps, Cid.StatelessHevcDecodeParams],
  av1: [Cid.StatelessAv1Sequence, Cid.StatelessAv1Frame],
};
