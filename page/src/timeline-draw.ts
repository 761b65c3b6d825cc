/** Draws the part of the timeline that can be seen. What lies within one pixel is drawn once, so a hundred thousand events take a few milliseconds. */
import { CAPACITY, Kind, MAX_SPAN_NS, type EventStore, type Lane } from "./store.js";

export interface View {
  /** The right edge, CLOCK_MONOTONIC. */
  endNs: number;
  spanNs: number;
}

export interface Look {
  readonly width: number;
  readonly height: number;
  /** By {@link Kind}. */
  readonly colors: readonly string[];
  readonly text: string;
  readonly quiet: string;
  readonly line: string;
  readonly mark: string;
  readonly back: string;
}

export const AXIS_HEIGHT = 22;
const TITLE_HEIGHT = 18;
const GAP = 6;
const rowHeights: Readonly<Record<Lane["row"], number>> = {
  calls: 16,
  jobs: 10,
  frames: 10,
  loop: 10,
  messages: 10,
};

interface Row {
  readonly y: number;
  readonly height: number;
}

export interface Rows {
  /** By lane. */
  readonly rows: readonly (Row | undefined)[];
  readonly titles: readonly { readonly y: number; readonly text: string }[];
  readonly height: number;
}

/** Where lanes are: those of a file together, below a title. Lanes without an event in sight have none. */
export function layOut(store: EventStore, seen: ReadonlySet<number>): Rows {
  const rows: (Row | undefined)[] = [];
  const titles: { y: number; text: string }[] = [];
  let y = AXIS_HEIGHT + GAP;
  let last: string | undefined = undefined;
  for (const index of store.order) {
    const lane = store.lanes[index];
    if (lane === undefined || !seen.has(index)) continue;
    const group = `${lane.device}/${lane.file ?? ""}`;
    if (group !== last) {
      if (last !== undefined) y += GAP;
      last = group;
      titles.push({ y, text: titleOf(store, lane) });
      y += TITLE_HEIGHT;
    }
    const height = rowHeights[lane.row];
    rows[index] = { y, height };
    y += height + 2;
  }
  return { rows, titles, height: y + GAP };
}

function titleOf(store: EventStore, { device, file }: Lane): string {
  if (file === undefined) return `${device} · device`;
  const named = store.lanes.find((lane) => lane.device === device && lane.file === file && lane.comm !== "");
  const who = named === undefined ? "" : ` · ${named.comm}[${named.pid ?? "?"}]`;
  return `${device}${who} · file ${file}`;
}

/** Lanes that have an event in the view. */
export function lanesIn(store: EventStore, { endNs, spanNs }: View): Set<number> {
  const seen = new Set<number>();
  forEachIn(store, { endNs, spanNs }, (at) => seen.add(store.lane[at] ?? 0));
  return seen;
}

function forEachIn(
  store: EventStore,
  { endNs, spanNs }: View,
  draw: (at: number, number: number) => void,
): void {
  for (let n = store.firstEndingAt(endNs - spanNs); n < store.count; n++) {
    const at = n % CAPACITY;
    // They are in the order of their ends: what ends so late begins behind the view.
    if ((store.end[at] ?? 0) > endNs + MAX_SPAN_NS) return;
    if ((store.start[at] ?? 0) <= endNs) draw(at, n);
  }
}

/** @param matches - Is the event at this place one that is searched for? undefined: nothing is. */
export function drawTimeline(
  context: CanvasRenderingContext2D,
  store: EventStore,
  view: View,
  rows: Rows,
  look: Look,
  matches: ((at: number) => boolean) | undefined,
  selected: number | undefined,
): number {
  const { width, height, colors } = look;
  const { endNs, spanNs } = view;
  const scale = width / spanNs;
  const left = endNs - spanNs;
  context.clearRect(0, 0, width, height);
  drawAxis(context, view, look);
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = look.quiet;
  for (const { y, text } of rows.titles) context.fillText(text, 8, y + 13);
  // For each lane and kind, up to where it has been drawn: what ends there adds nothing that could be seen.
  const drawn = new Float64Array(store.lanes.length * 16).fill(-1);
  let count = 0;
  context.font = "10px ui-monospace, monospace";
  forEachIn(store, view, (at, n) => {
    const row = rows.rows[store.lane[at] ?? 0];
    if (row === undefined) return;
    count += 1;
    const kind = store.kind[at] ?? 0;
    const x = Math.max(-1, ((store.start[at] ?? 0) - left) * scale);
    const end = Math.min(width + 1, ((store.end[at] ?? 0) - left) * scale);
    const isMatch = matches?.(at) === true;
    const slot = (store.lane[at] ?? 0) * 16 + kind;
    if (!isMatch && n !== selected && end <= (drawn[slot] ?? 0)) return;
    const right = Math.max(end, x + 1.5);
    drawn[slot] = Math.max(drawn[slot] ?? 0, Math.ceil(end));
    const isThin = kind === Kind.Waited || kind === Kind.Poll;
    const top = isThin ? row.y + row.height - 5 : row.y;
    context.globalAlpha = matches === undefined || isMatch ? 1 : 0.2;
    context.fillStyle = colors[kind] ?? look.text;
    context.fillRect(x, top, right - x, isThin ? 5 : row.height);
    if (isMatch || n === selected) {
      context.strokeStyle = look.mark;
      context.lineWidth = n === selected ? 2 : 1;
      context.strokeRect(x - 0.5, row.y - 0.5, right - x + 1, row.height + 1);
    }
    if (right - x > 44 && row.height >= 16 && kind !== Kind.Poll) {
      context.fillStyle = isThin ? look.text : look.back;
      const name = shortName(store.events[at]?.["name"] ?? store.events[at]?.["action"]);
      context.fillText(name, Math.max(x, 0) + 4, row.y + (isThin ? 9 : 12), right - Math.max(x, 0) - 6);
    }
  });
  context.globalAlpha = 1;
  return count;
}

const shortName = (name: unknown): string =>
  typeof name === "string" ? name.replace(/^(VIDIOC|MEDIA_IOC)_/, "") : "";

function drawAxis(context: CanvasRenderingContext2D, { endNs, spanNs }: View, look: Look): void {
  const { width, height } = look;
  const most = Math.max(2, Math.floor(width / 110));
  const step = stepOf(spanNs / most);
  context.font = "11px system-ui, sans-serif";
  context.strokeStyle = look.line;
  context.fillStyle = look.quiet;
  context.lineWidth = 1;
  for (let ns = Math.ceil((endNs - spanNs) / step) * step; ns < endNs; ns += step) {
    const x = Math.round(((ns - (endNs - spanNs)) / spanNs) * width) + 0.5;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height);
    context.stroke();
    context.fillText(timeText(ns, step), x + 4, 14);
  }
}

function stepOf(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = least / power;
  return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
}

/** Seconds since boot, with as many digits as a step needs. */
function timeText(ns: number, step: number): string {
  const digits = Math.max(0, Math.min(9, 9 - Math.floor(Math.log10(step))));
  return `${(ns / 1e9).toFixed(digits)} s`;
}

/** The event at a place of the canvas: the shortest of those that are there. */
export function eventAt(
  store: EventStore,
  view: View,
  rows: Rows,
  width: number,
  x: number,
  y: number,
): number | undefined {
  const scale = view.spanNs / width;
  const ns = view.endNs - view.spanNs + x * scale;
  const slack = 3 * scale;
  let best: number | undefined = undefined;
  let bestSpan = Number.POSITIVE_INFINITY;
  forEachIn(store, view, (at, n) => {
    const row = rows.rows[store.lane[at] ?? 0];
    if (row === undefined || y < row.y - 1 || y > row.y + row.height + 1) return;
    const [start, end] = [store.start[at] ?? 0, store.end[at] ?? 0];
    if (ns < start - slack || ns > end + slack || end - start >= bestSpan) return;
    best = n;
    bestSpan = end - start;
  });
  return best;
}
