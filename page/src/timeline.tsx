/** The last seconds, by file: calls, waits, jobs, frames. It can be paused, moved, zoomed and searched. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { describeEvent } from "./connection.js";
import type { PageEvent } from "./recording.js";
import { CAPACITY, number, text, type EventStore } from "./store.js";
import { drawTimeline, eventAt, lanesIn, layOut, type Look, type Rows, type View } from "./timeline-draw.js";

const LEAST_SPAN_NS = 20e3;
const MOST_SPAN_NS = 120e9;
const FIRST_SPAN_NS = 2e9;
/** A redraw is worth so much time at the most. */
const FRAME_MS = 50;
const KIND_NAMES = [
  "call",
  "failed",
  "waited",
  "poll",
  "job",
  "drawn",
  "late",
  "lost",
  "blocked",
  "message",
  "warning",
];
const legend = ["call", "failed", "waited", "job", "drawn", "late", "lost"];

interface TimelineProps {
  readonly store: EventStore;
  readonly paused: boolean;
  readonly setPaused: (paused: boolean) => void;
}

export function Timeline({ store, paused, setPaused }: TimelineProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const view = useRef<View>({ endNs: 0, spanNs: FIRST_SPAN_NS });
  const rows = useRef<Rows>({ rows: [], titles: [], height: 0 });
  const [query, setQuery] = useState("");
  const [selected, setSelected] = useState<number | undefined>(undefined);
  const [height, setHeight] = useState(160);
  const [tip, setTip] = useState<{ x: number; y: number; text: string } | undefined>(undefined);
  const [status, setStatus] = useState("");
  const matches = useMemo(() => matcher(store, query), [store, query]);
  const latest = useRef({ paused, matches, selected });
  latest.current = { paused, matches, selected };
  const dirty = useRef(true);
  dirty.current = true;

  useEffect(() => {
    let frame = 0;
    let lastMs = 0;
    let lastCount = -1;
    // The driver's clock, as far as events tell; between batches the page's own carries it on.
    let clock = { ns: 0, ms: 0 };
    const draw = (ms: number): void => {
      frame = requestAnimationFrame(draw);
      if (ms - lastMs < FRAME_MS && !dirty.current) return;
      const element = canvas.current;
      if (element === null || document.hidden) return;
      const { paused: isPaused, matches: isMatch, selected: chosen } = latest.current;
      if (isPaused && !dirty.current) return;
      lastMs = ms;
      dirty.current = false;
      if (!isPaused) {
        const carried = clock.ns + (ms - clock.ms) * 1e6;
        if (store.newestNs > carried || carried - store.newestNs > 30e9) clock = { ns: store.newestNs, ms };
        view.current.endNs = store.newestNs === 0 ? 0 : clock.ns + (ms - clock.ms) * 1e6;
      }
      const seen = lanesIn(store, view.current);
      rows.current = layOut(store, seen);
      const wanted = Math.max(120, Math.min(560, Math.ceil(rows.current.height)));
      setHeight((before) => (wanted > before || wanted < before - 80 ? wanted : before));
      const look = lookOf(element);
      const context = sized(element, look);
      if (context === null) return;
      const begun = performance.now();
      const count = drawTimeline(context, store, view.current, rows.current, look, isMatch, chosen);
      // For tests, and for whoever asks why the page is slow.
      element.dataset["events"] = String(count);
      element.dataset["kept"] = String(store.count - store.first);
      element.dataset["drawMs"] = (performance.now() - begun).toFixed(1);
      element.dataset["endNs"] = String(view.current.endNs);
      if (count !== lastCount) {
        lastCount = count;
        setStatus(`${count.toLocaleString("en")} events in ${spanText(view.current.spanNs)}`);
      }
    };
    frame = requestAnimationFrame(draw);
    return () => {
      cancelAnimationFrame(frame);
    };
  }, [store]);

  /** At least a tenth of the width has something to show. */
  const show = (spanNs: number, endNs: number): void => {
    const oldest = store.start[store.first % CAPACITY] ?? 0;
    const end = Math.min(store.newestNs + 0.9 * spanNs, Math.max(oldest + 0.1 * spanNs, endNs));
    view.current = { spanNs, endNs: latest.current.paused ? end : endNs };
    dirty.current = true;
  };
  const zoom = (factor: number, at = 1): void => {
    const { endNs, spanNs } = view.current;
    const span = Math.min(MOST_SPAN_NS, Math.max(LEAST_SPAN_NS, spanNs * factor));
    // What is at that part of the width stays there; a live view keeps its right edge.
    show(span, latest.current.paused ? endNs + (1 - at) * (span - spanNs) : endNs);
  };
  const move = (part: number): void => {
    if (!latest.current.paused) setPaused(true);
    const { endNs, spanNs } = view.current;
    show(spanNs, endNs + part * spanNs);
  };
  const find = (step: 1 | -1): void => {
    if (matches === undefined) return;
    let n = selected ?? (step === 1 ? store.first - 1 : store.count);
    do n += step;
    while (n >= store.first && n < store.count && !matches(n % CAPACITY));
    if (n < store.first || n >= store.count) {
      setStatus("no further match");
      return;
    }
    setPaused(true);
    setSelected(n);
    view.current = { ...view.current, endNs: (store.end[n % CAPACITY] ?? 0) + view.current.spanNs / 2 };
  };
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
      if (event.key === "/") search.current?.focus();
      else if (event.key === "+" || event.key === "=") zoom(0.5, 0.5);
      else if (event.key === "-") zoom(2, 0.5);
      else if (event.key === "Escape") setSelected(undefined);
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", key);
    return () => {
      removeEventListener("keydown", key);
    };
  }, []);
  const drag = useRef<{ x: number; moved: boolean } | undefined>(undefined);
  const placeOf = (event: PointerEvent | WheelEvent) => {
    const { left, top, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top, width };
  };
  return (
    <section class="card timeline" aria-labelledby="timeline-title">
      <header>
        <h2 id="timeline-title">Timeline</h2>
        <input
          ref={search}
          type="search"
          placeholder="search: QBUF, EBUSY, ffmpeg …"
          aria-label="Search the timeline"
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") find(event.shiftKey ? -1 : 1);
            else if (event.key === "Escape") event.currentTarget.blur();
          }}
        />
        <span class="buttons">
          <button aria-label="Previous match" title="Previous match (Shift+Enter)" onClick={() => find(-1)}>
            ‹
          </button>
          <button aria-label="Next match" title="Next match (Enter)" onClick={() => find(1)}>
            ›
          </button>
          <button aria-label="Zoom in" title="Zoom in (+)" onClick={() => zoom(0.5, 0.5)}>
            +
          </button>
          <button aria-label="Zoom out" title="Zoom out (-)" onClick={() => zoom(2, 0.5)}>
            −
          </button>
          <button aria-pressed={paused} title="Pause (space)" onClick={() => setPaused(!paused)}>
            {paused ? "Go on" : "Pause"}
          </button>
        </span>
      </header>
      <div class="canvas">
        <canvas
          ref={canvas}
          style={{ height: `${height}px` }}
          tabIndex={0}
          role="img"
          aria-label={`Timeline of calls, jobs and frames: ${status}. Arrow keys move it, plus and minus zoom.`}
          onWheel={(event) => {
            const { x, width } = placeOf(event);
            if (event.ctrlKey || event.metaKey) zoom(2 ** (event.deltaY / 200), x / width);
            else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
              move((event.deltaX === 0 ? event.deltaY : event.deltaX) / width);
            else return;
            event.preventDefault();
          }}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            drag.current = { x: event.clientX, moved: false };
          }}
          onPointerMove={(event) => {
            const { x, y, width } = placeOf(event);
            if (drag.current !== undefined) {
              const by = event.clientX - drag.current.x;
              if (!drag.current.moved && Math.abs(by) < 4) return;
              drag.current = { x: event.clientX, moved: true };
              move(-by / width);
              return;
            }
            const n = eventAt(store, view.current, rows.current, width, x, y);
            const event_ = n === undefined ? undefined : store.events[n % CAPACITY];
            setTip(event_ && { x: Math.min(x, width - 180), y, text: summary(event_, store, n ?? 0) });
          }}
          onPointerUp={(event) => {
            const { x, y, width } = placeOf(event);
            const hasMoved = drag.current?.moved === true;
            drag.current = undefined;
            if (hasMoved) return;
            const n = eventAt(store, view.current, rows.current, width, x, y);
            setSelected(n);
            if (n !== undefined) setPaused(true);
          }}
          onPointerLeave={() => setTip(undefined)}
          onKeyDown={(event) => {
            if (event.key === "ArrowLeft") move(-0.2);
            else if (event.key === "ArrowRight") move(0.2);
            else if (event.key === "End") setPaused(false);
            else return;
            event.preventDefault();
          }}
        />
        {tip !== undefined && (
          <div class="tip" style={{ left: `${tip.x}px`, top: `${tip.y + 14}px` }}>
            {tip.text}
          </div>
        )}
      </div>
      <footer>
        <span class="legend">
          {legend.map((name) => (
            <span key={name}>
              <i class={`kind-${name}`} /> {name}
            </span>
          ))}
        </span>
        <span class="quiet">{status}</span>
      </footer>
      {selected !== undefined && (
        <Details store={store} selected={selected} close={() => setSelected(undefined)} />
      )}
    </section>
  );
}

function Details({ store, selected, close }: { store: EventStore; selected: number; close: () => void }) {
  // As it was when it was chosen: newer ones may take its place in the store.
  const event = useMemo(
    () => (selected >= store.first ? store.events[selected % CAPACITY] : undefined),
    [store, selected],
  );
  const [argument, setArgument] = useState("");
  useEffect(() => {
    let isOurs = true;
    setArgument("");
    if (event?.kind === "ioctl")
      void describeEvent(event).then((described) => isOurs && setArgument(described));
    return () => {
      isOurs = false;
    };
  }, [event]);
  if (event === undefined) return null;
  const { kind, device, monotonicNs, cmd: _cmd, name, ...members } = event;
  return (
    <div class="details" role="region" aria-label="The chosen event">
      <button class="close" aria-label="Close" onClick={close}>
        ×
      </button>
      <h3>{text(name) ?? kind}</h3>
      <p class="mono">{argument}</p>
      <dl>
        <dt>time</dt>
        <dd>{(monotonicNs / 1e9).toFixed(6)} s</dd>
        <dt>device</dt>
        <dd>{device}</dd>
        {Object.entries(members).map(([member, value]) => (
          <>
            <dt>{member}</dt>
            <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
          </>
        ))}
      </dl>
    </div>
  );
}

function summary(event: PageEvent, store: EventStore, n: number): string {
  const name = text(event["name"]) ?? text(event["action"]) ?? event.kind;
  const us = ((store.end[n % CAPACITY] ?? 0) - (store.start[n % CAPACITY] ?? 0)) / 1000;
  const parts = [event.kind === "job" || event.kind === "frame" ? `${event.kind} ${name}` : name];
  if (us > 0) parts.push(timeOf(us));
  for (const member of ["errno", "detail", "reason", "text"]) {
    const value = text(event[member]);
    if (value !== undefined) parts.push(value);
  }
  if (event.kind === "frame") parts.push(`frame ${number(event["sequence"])}`);
  return parts.join(" · ");
}

/** @param us - Microseconds. */
export function timeOf(us: number): string {
  if (Number.isNaN(us)) return "–";
  if (us < 1000) return `${us.toFixed(us < 10 ? 1 : 0)} µs`;
  return us < 1e6 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1e6).toFixed(2)} s`;
}

const spanText = (ns: number): string => timeOf(ns / 1000);

/** Events whose name, client, errno or reason has the words. */
function matcher(store: EventStore, query: string): ((at: number) => boolean) | undefined {
  const wanted = query.trim().toLowerCase();
  if (wanted === "") return undefined;
  const known = new WeakMap<PageEvent, boolean>();
  return (at) => {
    const event = store.events[at];
    if (event === undefined) return false;
    let isMatch = known.get(event);
    if (isMatch === undefined) {
      isMatch = ["name", "action", "comm", "errno", "detail", "reason", "text", "request"].some((member) =>
        text(event[member])?.toLowerCase().includes(wanted),
      );
      known.set(event, isMatch);
    }
    return isMatch;
  };
}

function lookOf(element: HTMLElement): Look {
  const style = getComputedStyle(element);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    colors: KIND_NAMES.map((name) => color(`--${name}`)),
    ...{ text: color("--text"), quiet: color("--quiet"), line: color("--line"), mark: color("--mark") },
    back: color("--card"),
  };
}

function sized(element: HTMLCanvasElement, { width, height }: Look): CanvasRenderingContext2D | null {
  const ratio = devicePixelRatio;
  if (element.width !== Math.round(width * ratio) || element.height !== Math.round(height * ratio)) {
    element.width = Math.round(width * ratio);
    element.height = Math.round(height * ratio);
  }
  const context = element.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
