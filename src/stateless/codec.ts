/**
 * What a stateless decoder knows of a codec, in one row: pixel format and sizes, the controls that a client fills in
 * for each frame, which of them a frame cannot do without, which frames it refers to, and how all that is traced.
 * `codecs/` has a file for each.
 */
import type { Control, ControlHandler, FrameSize, StandardId, StandardValue } from "../v4l2/index.js";
import { fourcc } from "../v4l2/index.js";
import type { TraceEvent } from "./trace/event.js";

export type Stepwise = Extract<FrameSize, { readonly kind: "stepwise" | "continuous" }>;

/** A control of a codec, and how it is added to the handler of an open file. */
export interface ControlEntry {
  readonly id: StandardId;
  /** @param check - Refuses a value that a client sets: see `ControlCallbacks.try`. */
  readonly add: (handler: ControlHandler, check?: (control: Control<unknown>) => void) => Control<unknown>;
  /** Of a kernel newer than 6.12. */
  readonly newer?: boolean;
}

/** A control with one struct. */
export const compound = (id: StandardId): ControlEntry => ({
  id,
  add: (handler, check) => handler.addCompound(id, check && { try: check }),
});

/** A dynamic array of up to `most` structs. */
export const arrayOf = (id: StandardId, most: number): ControlEntry => ({
  id,
  add: (handler) => handler.addCompound(id, { dims: [most] }),
});

/** Decode mode or start code; both have two items, the first is the default. */
export const menu = (id: StandardId): ControlEntry => ({ id, add: (handler) => handler.addMenu(id) });

/** Only devices with the controls of kernels after 6.12 have it. */
export const newer = (entry: ControlEntry): ControlEntry => ({ ...entry, newer: true });

/** A frame that another one refers to. */
export interface Reference {
  /** What the kernel's visl calls it in the text on the frame. */
  readonly name: string;
  /** Of the CAPTURE buffer that it was decoded to, nanoseconds. */
  readonly timestampNs: bigint;
}

/** @param index - Of the array element that `value` is, where the event is about one. */
export type EmitEvent = <T>(event: TraceEvent<T>, value: T, index?: number) => void;

/** What all events have in common, whatever they print. */
export type AnyTraceEvent = Pick<TraceEvent<unknown>, "codec" | "group" | "name" | "fullName">;

/** A codec, as those see it who walk the list of all of them. */
export interface StatelessCodec {
  /** `vp8`: in options, names of trace groups, and the log. */
  readonly name: string;
  /** Of OUTPUT: the bitstream that controls describe. */
  readonly pixelformat: number;
  readonly sizes: Stepwise;
  readonly controls: readonly ControlEntry[];
  /** Controls without which a frame cannot be decoded; those that hold for many frames are among them. */
  readonly required: readonly StandardId[];
  /** Are references entries of a decoded picture buffer that comes with each frame (H.264, HEVC)? */
  readonly hasDpb: boolean;
  /** All events that a job may emit. */
  readonly events: readonly AnyTraceEvent[];
  /**
   * The frame that the values in effect describe. They are read one by one when they are first looked at: some are
   * large, and most jobs look at few. So look before the next job.
   */
  frame(controls: ControlHandler): CodedFrame;
}

/** A frame as its controls describe it. */
export interface CodedFrame {
  readonly codec: StatelessCodec;
  /** `H264: 6`: the order in which pictures are shown, where the codec has a number for it. */
  readonly order: string | undefined;
  /** The frames that the controls name, in the order in which visl draws them. */
  references(): readonly Reference[];
  /** Time stamps, nanoseconds, of the frames without which this one cannot be decoded. */
  usedReferences(): readonly bigint[];
  /**
   * The first of these that is not there. Where the sequence allows gaps in `frame_num` (H.264), the picture buffer has
   * frames that no stream had and nothing is predicted from: then it will do if any of them is there.
   */
  missingReference(isThere: (timestampNs: bigint) => boolean): bigint | undefined;
  /** Tells `emit` of every event of the job. */
  trace(emit: EmitEvent): void;
}

/** Makes functions that read the value of a control; of an array, its first element. */
export class ValueReader {
  constructor(private readonly controls: Pick<ControlHandler, "find">) {}

  /** Of a control that every device with this codec has. */
  of<Id extends StandardId>(id: Id): () => StandardValue<Id> {
    return () => {
      const value = this.#first(id);
      if (value === undefined) throw new Error(`there is no control 0x${id.toString(16)}`);
      return value;
    };
  }

  /** Of a control that only devices with the newer ones have, or of an array that may be empty. */
  ifAny<Id extends StandardId>(id: Id): () => StandardValue<Id> | undefined {
    return () => this.#first(id);
  }

  #first<Id extends StandardId>(id: Id): StandardValue<Id> | undefined {
    const value: StandardValue<Id> | readonly StandardValue<Id>[] | undefined = this.controls.find(id)?.value;
    return isList(value) ? value[0] : value;
  }
}

function isList<T>(value: T | readonly T[] | undefined): value is readonly T[] {
  return Array.isArray(value);
}

type Reads<Values> = { readonly [K in keyof Values]: () => Values[K] };

/** The row of a codec. `Values` are the values of its controls, under the names that the row gives them. */
export interface CodecRow<Values extends object> {
  readonly name: string;
  /** `VP8F` */
  readonly fourcc: string;
  /** Width and height; any size between them will do. */
  readonly sizes: { readonly min: readonly [number, number]; readonly max: readonly [number, number] };
  /** In the order of the kernel's visl. */
  readonly controls: readonly ControlEntry[];
  readonly required: readonly StandardId[];
  readonly values: (read: ValueReader) => Reads<Values>;
  readonly references: (values: Values) => readonly Reference[];
  readonly usedReferences: (values: Values) => readonly bigint[];
  /** May some of these be frames that no stream had? Default false. */
  readonly allowsGaps?: (values: Values) => boolean;
  readonly order?: (values: Values) => string;
  readonly hasDpb?: boolean;
  readonly events: readonly AnyTraceEvent[];
  readonly trace: (values: Values, emit: EmitEvent) => void;
}

/** A codec whose values are known by name, for who has them from elsewhere than a handler. */
export interface DefinedCodec<Values extends object> extends StatelessCodec {
  /** The frame that `values` describe. */
  frameOf(values: Values): CodedFrame;
}

/** Makes a codec of its row. */
export function defineCodec<Values extends object>(row: CodecRow<Values>): DefinedCodec<Values> {
  const { name, controls, required, events, hasDpb = false } = row;
  const [minWidth, minHeight] = row.sizes.min;
  const [maxWidth, maxHeight] = row.sizes.max;
  const codec: DefinedCodec<Values> = {
    name,
    pixelformat: fourcc(row.fourcc),
    // Shown as stepwise with a step of 1, like those of the kernel's visl.
    sizes: { kind: "stepwise", minWidth, maxWidth, stepWidth: 1, minHeight, maxHeight, stepHeight: 1 },
    controls,
    required,
    hasDpb,
    events,
    frame: (handler) => codec.frameOf(lazily(row.values(new ValueReader(handler)))),
    frameOf: (values) => ({
      codec,
      get order() {
        return row.order?.(values);
      },
      references: () => row.references(values),
      usedReferences: () => row.usedReferences(values),
      missingReference: (isThere) => {
        const used = row.usedReferences(values);
        const missing = used.find((timestampNs) => !isThere(timestampNs));
        return missing !== undefined && row.allowsGaps?.(values) === true && used.some(isThere)
          ? undefined
          : missing;
      },
      trace: (emit) => {
        row.trace(values, emit);
      },
    }),
  };
  return codec;
}

/** An object whose properties are read when they are first looked at. */
function lazily<T extends object>(reads: Reads<T>): T {
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

/** Is one of these bits set? */
export const hasFlag = (flags: number | bigint, bits: number): boolean =>
  (BigInt(flags) & BigInt(bits)) !== 0n;
