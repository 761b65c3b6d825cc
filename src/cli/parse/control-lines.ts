/** Controls of frames as text that can be compared with diff, or as JSON. */
import { CodecError, type FrameControls, type RequestControls } from "../../codec/index.js";

/** A line of output, without its newline. */
export interface Line {
  readonly text: string;
  /** The stream breaks its specification here. */
  readonly violated?: boolean;
}

export type Lines = Iterable<Line>;

/**
 * One line for each field, `frame 3 request 0 STATELESS_H264_DECODE_PARAMS.dpb[2].pic_num = 4`, where an array of
 * numbers is one field; or one JSON object for each request. Ends with the first violation: what follows depends on it.
 */
export function* controlLines(frames: Iterable<FrameControls>, json: boolean): Lines {
  const iterator = frames[Symbol.iterator]();
  for (;;) {
    let next: IteratorResult<FrameControls, unknown>;
    try {
      next = iterator.next();
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      const { message } = error;
      yield { text: json ? jsonText({ error: message }) : `error: ${message}`, violated: true };
      return;
    }
    if (next.done === true) return;
    yield* json ? frameJson(next.value) : frameText(next.value);
  }
}

function* frameText(frame: FrameControls): Lines {
  const name = `frame ${frame.decodeIndex}`;
  if (frame.showsExistingNs !== undefined) {
    yield { text: `${name} shows the frame of time stamp ${frame.showsExistingNs} again` };
    return;
  }
  yield { text: `${name} timestamp = ${frame.timestampNs}` };
  yield { text: `${name} shown = ${frame.shown ? 1 : 0}` };
  for (const [index, request] of frame.requests.entries()) {
    const start = `${name} request ${index}`;
    yield { text: `${start} bytesused = ${request.payload.byteLength}` };
    yield { text: `${start} hold_capture_buf = ${request.holdCapture ? 1 : 0}` };
    for (const [control, value] of Object.entries(request.controls)) {
      yield* fieldLines(`${start} ${controlName(control)}`, value);
    }
  }
}

function* frameJson({ requests, decodeIndex, timestampNs, shown, showsExistingNs }: FrameControls): Lines {
  const frame = { frame: decodeIndex, timestampNs, shown };
  if (showsExistingNs !== undefined) yield { text: jsonText({ ...frame, showsExistingNs }) };
  for (const [request, { payload, holdCapture, controls }] of requests.entries()) {
    const named = Object.fromEntries(controlEntries(controls));
    const rest = { request, bytesused: payload.byteLength, holdCapture, controls: named };
    yield { text: jsonText({ ...frame, ...rest }) };
  }
}

function controlEntries(controls: RequestControls["controls"]): (readonly [string, unknown])[] {
  return Object.entries(controls).map(([name, value]) => [controlName(name), value]);
}

function* fieldLines(path: string, value: unknown): Lines {
  if (Array.isArray(value)) {
    const elements: readonly unknown[] = value;
    if (elements.every((element) => typeof element !== "object")) {
      yield { text: `${path} = ${elements.map(scalarText).join(" ")}` };
      return;
    }
    for (const [i, element] of elements.entries()) yield* fieldLines(`${path}[${i}]`, element);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) yield* fieldLines(`${path}.${name}`, member);
  } else {
    yield { text: `${path} = ${scalarText(value)}` };
  }
}

const scalarText = (value: unknown): string =>
  typeof value === "boolean" ? (value ? "1" : "0") : String(value);

/** `StatelessH264Sps`: STATELESS_H264_SPS, as in `V4L2_CID_STATELESS_H264_SPS`. */
export function controlName(name: string): string {
  return name.replace(/(?<=.)(?=[A-Z])/g, "_").toUpperCase();
}

/** JSON, with a string for each 64-bit number: JSON's own lose digits. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === "bigint" ? member.toString() : member,
  );
}
