/** The page: what a driver's devices do, and who makes them do it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { ShownDevice, WatchState } from "../../src/watch/protocol.js";
import { Connection, MAX_TRIES, type Link } from "./connection.js";
import { Controls } from "./controls.js";
import { Queues } from "./queues.js";
import {
  callFigures,
  secondsOf,
  text,
  type CallFigures,
  type EventStore,
  EventStore as Store,
} from "./store.js";
import { Requests } from "./requests.js";
import { Timeline, timeOf } from "./timeline.js";

/** Tables and boxes follow events so often. */
const REFRESH_MS = 100;
const FIGURES_MS = 1000;
const FIGURES_SPAN_NS = 5e9;

const links: Readonly<Record<Link, string>> = {
  connecting: "looking for the driver",
  live: "live",
  resting: "resting",
  silent: "no answer",
  refused: "refused",
  full: "too many pages are open",
  lost: "disconnected",
};

/** What there is to say besides, and to do. */
const advice: Readonly<Partial<Record<Link, string>>> = {
  connecting: "It has ended, or the connection broke.",
  silent: "The driver has said nothing of itself for three seconds: it is stopped, or busy with one thing.",
  refused: "The driver was started anew, or this never was its page: open the address that it has printed.",
  full: "Close another page of this driver.",
  lost: "The driver was not found again.",
};

export function App() {
  const [store] = useState(() => new Store());
  const [state, setState] = useState<WatchState | undefined>(undefined);
  const [{ link, tries }, setLink] = useState<{ link: Link; tries: number }>({
    link: "connecting",
    tries: 0,
  });
  const connection = useRef<Connection | undefined>(undefined);
  const [paused, setPaused] = useState(false);
  const [, setTurn] = useState(0);
  const [figures, setFigures] = useState<readonly CallFigures[]>([]);
  const isPaused = useRef(false);
  isPaused.current = paused;
  useEffect(() => {
    let isNew = false;
    connection.current = new Connection({
      begin: () => store.clear(),
      event: (event) => store.take(event),
      batch: () => (isNew = true),
      state: (next) => {
        document.title = `${next.devices[0]?.name ?? ""} · v4l2-cuse`;
        setState(next);
      },
      link: (next, count) => setLink({ link: next, tries: count }),
    });
    connection.current.start();
    const refresh = setInterval(() => {
      if (!isNew || isPaused.current) return;
      isNew = false;
      setTurn((turn) => turn + 1);
    }, REFRESH_MS);
    const figure = setInterval(() => {
      if (!isPaused.current && !document.hidden)
        setFigures(callFigures(store, store.newestNs, FIGURES_SPAN_NS));
    }, FIGURES_MS);
    const key = (event: KeyboardEvent): void => {
      const isWidget =
        event.target instanceof Element && event.target.closest("input, select, button") !== null;
      if (event.key !== " " || isWidget) return;
      setPaused((before) => !before);
      event.preventDefault();
    };
    addEventListener("keydown", key);
    return () => {
      clearInterval(refresh);
      clearInterval(figure);
      removeEventListener("keydown", key);
    };
  }, [store]);
  return (
    <>
      <Top state={state} link={link} store={store} figures={figures} />
      {link !== "live" && (tries > 0 || (link !== "connecting" && link !== "resting")) && (
        <div class="broken" role="alert">
          <span>
            {advice[link]}
            {tries > 0 && ` Try ${tries} of ${MAX_TRIES}.`}
            {state !== undefined && ` Below is what was known at ${secondsOf(state.monotonicNs)} s.`}
          </span>
          {link === "lost" && (
            <button class="button" onClick={() => connection.current?.start()}>
              Connect
            </button>
          )}
        </div>
      )}
      <main>
        <div class="devices">
          {state?.devices.map((device) => (
            <section class="card" key={device.name} aria-label={device.name}>
              <Clients device={device} />
              <Queues
                device={device}
                store={store}
                paused={paused || (link !== "live" && link !== "silent")}
              />
            </section>
          ))}
          <Timeline store={store} paused={paused} setPaused={setPaused} />
          <Calls figures={figures} />
        </div>
        <div class="side">
          {state?.devices.map((device) => (
            <ControlCard key={device.name} device={device} mayControl={state.mayControl} />
          ))}
          <Requests store={store} />
          <Messages store={store} />
        </div>
      </main>
    </>
  );
}

interface TopProps {
  readonly state: WatchState | undefined;
  readonly link: Link;
  readonly store: EventStore;
  readonly figures: readonly CallFigures[];
}

function Top({ state, link, store, figures }: TopProps) {
  const [device] = state?.devices ?? [];
  const rate = figures.reduce((sum, { perSecond }) => sum + perSecond, 0);
  const frames = state?.frames;
  return (
    <header class="top">
      <h1>
        {device?.name ?? "v4l2-cuse"} <span class="quiet">{device?.card}</span>
      </h1>
      <span class={`link ${link}`} role="status">
        {links[link]}
      </span>
      <dl class="tiles">
        <Tile name="calls" value={`${rate.toFixed(0)}/s`} />
        {frames !== undefined && (
          <>
            <Tile name="frames" value={frames.drawn.toLocaleString("en")} />
            <Tile
              name="late"
              value={frames.late.toLocaleString("en")}
              alarm={frames.late > 0 ? "late" : undefined}
            />
            <Tile
              name="lost"
              value={frames.lost.toLocaleString("en")}
              alarm={frames.lost > 0 ? "lost" : undefined}
            />
          </>
        )}
        {store.counts.missed > 0 && (
          <Tile name="events not shown" value={store.counts.missed.toLocaleString("en")} />
        )}
      </dl>
      <span class="buttons">
        <a class="button" href="recording" download>
          Recording
        </a>
        <a class="button" href="perfetto" download>
          Perfetto
        </a>
        <a class="button" href="v4l2-tracer" download>
          v4l2-tracer
        </a>
      </span>
    </header>
  );
}

function Tile({ name, value, alarm }: { name: string; value: string; alarm?: string | undefined }) {
  return (
    <div class={`tile ${alarm ?? ""}`}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Clients({ device }: { device: ShownDevice }) {
  return (
    <>
      <h2>
        {device.name} <span class="quiet">{device.driver}</span>
      </h2>
      {device.files.length === 0 ? (
        <p class="empty">Nobody has it open.</p>
      ) : (
        <ul class="clients">
          {device.files.map(({ file, comm, pid, nonblocking }) => {
            const queues = device.queues.filter((queue) => queue.file === file);
            const does = queues.map(({ isOutput, streaming, format }) =>
              [isOutput ? "OUTPUT" : "CAPTURE", format?.fourcc, streaming ? "streaming" : "stopped"].join(
                " ",
              ),
            );
            return (
              <li key={file}>
                <b>{comm}</b>
                <span class="quiet">[{pid}]</span> {does.length === 0 ? "has it open" : does.join(", ")}
                {nonblocking && <span class="quiet"> · non-blocking</span>}
              </li>
            );
          })}
        </ul>
      )}
    </>
  );
}

function Calls({ figures }: { figures: readonly CallFigures[] }) {
  return (
    <section class="card" aria-labelledby="calls-title">
      <h2 id="calls-title">
        Calls <span class="quiet">of the last 5 s; times without waiting</span>
      </h2>
      {figures.length === 0 ? (
        <p class="empty">None.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">call</th>
              <th scope="col">per s</th>
              <th scope="col">median</th>
              <th scope="col">99 %</th>
              <th scope="col">most</th>
            </tr>
          </thead>
          <tbody>
            {figures.slice(0, 12).map(({ name, perSecond, failed, median, p99, most }) => (
              <tr key={name}>
                <th scope="row">
                  {name.replace(/^VIDIOC_/, "")}
                  {failed > 0 && <span class="failed"> {failed} failed</span>}
                </th>
                <td>{perSecond < 10 ? perSecond.toFixed(1) : perSecond.toFixed(0)}</td>
                <td>{timeOf(median)}</td>
                <td>{timeOf(p99)}</td>
                <td>{timeOf(most)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function ControlCard({ device, mayControl }: { device: ShownDevice; mayControl: boolean }) {
  const own = device.files.filter(({ controls = [] }) => controls.length > 0);
  if (device.controls.length === 0 && own.length === 0) return null;
  return (
    <section class="card" aria-label={`Controls of ${device.name}`}>
      <h2>
        Controls{" "}
        <span class="quiet">
          {mayControl ? device.name : "to look at; --watch-control lets the page change them"}
        </span>
      </h2>
      {device.controls.length > 0 && (
        <Controls device={device.name} controls={device.controls} mayControl={mayControl} />
      )}
      {own.map(({ file, comm, pid, controls = [] }) => (
        <details key={file} open={own.length === 1}>
          <summary>
            {comm}[{pid}], file {file}
          </summary>
          <Controls device={device.name} file={file} controls={controls} mayControl={mayControl} />
        </details>
      ))}
    </section>
  );
}

function Messages({ store }: { store: EventStore }) {
  const newest = store.messages.slice(-30).reverse();
  return (
    <section class="card" aria-label="Messages">
      <h2>Messages</h2>
      {newest.length === 0 ? (
        <p class="empty">None.</p>
      ) : (
        <ul class="messages">
          {newest.map((event, index) => (
            <li key={index} class={text(event["level"]) ?? ""}>
              <span class="quiet">{secondsOf(event.monotonicNs)}</span> {text(event["text"])}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
