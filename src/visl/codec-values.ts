/** The values that a job works with, by codec: what its controls say, under the names that this driver uses. */
import type { ControlHandler, StandardId, StandardValue } from "../v4l2/index.js";
import { Cid } from "../v4l2/index.js";
import type { Codec } from "./formats.js";

type Value<Id extends number> = StandardValue<Id>;

/** The values that one codec's job works with. Dynamic arrays have at least one element. */
export interface CodecValues {
  readonly fwht: { readonly params: Value<typeof Cid.StatelessFwhtParams> };
  readonly mpeg2: {
    readonly sequence: Value<typeof Cid.StatelessMpeg2Sequence>;
    readonly picture: Value<typeof Cid.StatelessMpeg2Picture>;
    readonly quantisation: Value<typeof Cid.StatelessMpeg2Quantisation>;
  };
  readonly vp8: { readonly frame: Value<typeof Cid.StatelessVp8Frame> };
  readonly vp9: {
    readonly frame: Value<typeof Cid.StatelessVp9Frame>;
    readonly probabilities: Value<typeof Cid.StatelessVp9CompressedHdr>;
  };
  readonly h264: {
    readonly sps: Value<typeof Cid.StatelessH264Sps>;
    readonly pps: Value<typeof Cid.StatelessH264Pps>;
    readonly scalingMatrix: Value<typeof Cid.StatelessH264ScalingMatrix>;
    readonly slice: Value<typeof Cid.StatelessH264SliceParams>;
    readonly decode: Value<typeof Cid.StatelessH264DecodeParams>;
    readonly predWeights: Value<typeof Cid.StatelessH264PredWeights>;
  };
  readonly hevc: {
    readonly sps: Value<typeof Cid.StatelessHevcSps>;
    readonly pps: Value<typeof Cid.StatelessHevcPps>;
    /** Of the first slice: the original looks at no other. */
    readonly slice: Value<typeof Cid.StatelessHevcSliceParams>;
    readonly scalingMatrix: Value<typeof Cid.StatelessHevcScalingMatrix>;
    readonly decode: Value<typeof Cid.StatelessHevcDecodeParams>;
    /** The first of each; absent where the device has not got the newer controls. */
    readonly ltRps: Value<typeof Cid.StatelessHevcExtSpsLtRps> | undefined;
    readonly stRps: Value<typeof Cid.StatelessHevcExtSpsStRps> | undefined;
  };
  readonly av1: {
    readonly sequence: Value<typeof Cid.StatelessAv1Sequence>;
    readonly frame: Value<typeof Cid.StatelessAv1Frame>;
    readonly filmGrain: Value<typeof Cid.StatelessAv1FilmGrain>;
    /** The first tile. */
    readonly tile: Value<typeof Cid.StatelessAv1TileGroupEntry>;
  };
}

/** An object whose properties are read when they are first looked at. */
function lazily<T extends object>(reads: { readonly [K in keyof T]: () => T[K] }): T {
  const target = {};
  for (const [key, read] of Object.entries<() => unknown>(reads)) {
    Object.defineProperty(target, key, {
      configurable: true,
      enumerable: true,
      get: () => {
        const value = read();
        Object.defineProperty(target, key, { value, enumerable: true });
        return value;
      },
    });
  }
  // Every key of T is in `reads`, or this would not compile.
  return target as T;
}

function isList<T>(value: T | readonly T[] | undefined): value is readonly T[] {
  return Array.isArray(value);
}

/** The value of a control, or the first element of an array; undefined if there is no such control. */
function firstOf<Id extends StandardId>(controls: ControlHandler, id: Id): StandardValue<Id> | undefined {
  const value: StandardValue<Id> | readonly StandardValue<Id>[] | undefined = controls.find(id)?.value;
  return isList(value) ? value[0] : value;
}

/** Makes the functions that read a control which every device has. */
function reader(controls: ControlHandler) {
  return <Id extends StandardId>(id: Id) =>
    (): StandardValue<Id> => {
      const value = firstOf(controls, id);
      if (value === undefined) throw new Error(`there is no control 0x${id.toString(16)}`);
      return value;
    };
}

type Read = ReturnType<typeof reader>;
type Readers = {
  readonly [C in Codec]: (
    read: Read,
    controls: ControlHandler,
  ) => { readonly [K in keyof CodecValues[C]]: () => CodecValues[C][K] };
};

const readers: Readers = {
  fwht: (read) => ({ params: read(Cid.StatelessFwhtParams) }),
  mpeg2: (read) => ({
    sequence: read(Cid.StatelessMpeg2Sequence),
    picture: read(Cid.StatelessMpeg2Picture),
    quantisation: read(Cid.StatelessMpeg2Quantisation),
  }),
  vp8: (read) => ({ frame: read(Cid.StatelessVp8Frame) }),
  vp9: (read) => ({
    frame: read(Cid.StatelessVp9Frame),
    probabilities: read(Cid.StatelessVp9CompressedHdr),
  }),
  h264: (read) => ({
    sps: read(Cid.StatelessH264Sps),
    pps: read(Cid.StatelessH264Pps),
    scalingMatrix: read(Cid.StatelessH264ScalingMatrix),
    slice: read(Cid.StatelessH264SliceParams),
    decode: read(Cid.StatelessH264DecodeParams),
    predWeights: read(Cid.StatelessH264PredWeights),
  }),
  hevc: (read, controls) => ({
    sps: read(Cid.StatelessHevcSps),
    pps: read(Cid.StatelessHevcPps),
    slice: read(Cid.StatelessHevcSliceParams),
    scalingMatrix: read(Cid.StatelessHevcScalingMatrix),
    decode: read(Cid.StatelessHevcDecodeParams),
    ltRps: () => firstOf(controls, Cid.StatelessHevcExtSpsLtRps),
    stRps: () => firstOf(controls, Cid.StatelessHevcExtSpsStRps),
  }),
  av1: (read) => ({
    sequence: read(Cid.StatelessAv1Sequence),
    frame: read(Cid.StatelessAv1Frame),
    filmGrain: read(Cid.StatelessAv1FilmGrain),
    tile: read(Cid.StatelessAv1TileGroupEntry),
  }),
};

/**
 * The values in effect, read one by one as they are looked at: most jobs look at one control only, and some are large.
 * They are those of the moment in which they are first looked at, so look before the next job.
 */
export function codecValues<C extends Codec>(codec: C, controls: ControlHandler): CodecValues[C] {
  return lazily<CodecValues[C]>(readers[codec](reader(controls), controls));
}
