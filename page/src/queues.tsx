/** A queue: its buffers as boxes that move from owner to owner, and its last picture. */
import type { ShownDevice, ShownQueue } from "../../src/watch/protocol.js";
import { PictureView } from "./picture/view.js";
import { canShow } from "./picture/readers.js";
import { bufTypeName } from "./names.js";
import { number, text, type EventStore } from "./store.js";

const columns = [
  {
    name: "client",
    states: ["dequeued", "in-request", "preparing"],
    hint: "the client has it, or has put it into a request",
  },
  { name: "queued", states: ["queued"], hint: "it waits for the driver" },
  { name: "driver", states: ["active"], hint: "the driver works on it" },
  { name: "done", states: ["done", "error"], hint: "it waits for DQBUF" },
] as const;

interface Box {
  readonly index: number;
  readonly state: string;
  readonly sequence: number;
}

/** Buffers as the newest events have them; those without any as the driver has told. */
function boxesOf(queue: ShownQueue, device: string, store: EventStore): readonly Box[] {
  const events = store.buffers.get(`${device}/${queue.type}/${queue.file}`);
  return queue.buffers.map(({ index, state, sequence }) => {
    const event = events?.get(index);
    return {
      index,
      state: text(event?.["to"]) ?? state,
      sequence: event === undefined ? sequence : number(event["sequence"]),
    };
  });
}

export function Queues({
  device,
  store,
  paused,
}: {
  device: ShownDevice;
  store: EventStore;
  paused: boolean;
}) {
  if (device.queues.length === 0) return <p class="empty">Nobody has buffers.</p>;
  // OUTPUT beside CAPTURE of the same file, in the order in which pictures pass.
  const sorted = [...device.queues].sort(
    (a, b) => Number(a.file) - Number(b.file) || Number(b.isOutput) - Number(a.isOutput),
  );
  return (
    <div class="queues">
      {sorted.map((queue) => (
        <Queue key={`${queue.type}/${queue.file}`} {...{ device, queue, store, paused }} />
      ))}
    </div>
  );
}

interface QueueProps {
  readonly device: ShownDevice;
  readonly queue: ShownQueue;
  readonly store: EventStore;
  readonly paused: boolean;
}

function Queue({ device, queue, store, paused }: QueueProps) {
  const { format, type, file } = queue;
  const boxes = boxesOf(queue, device.name, store);
  const client = device.files.find((each) => each.file === file);
  const title = `${queue.isOutput ? "OUTPUT" : "CAPTURE"} of ${client?.comm ?? "a closed file"}`;
  return (
    <article class="queue" aria-label={`${device.name}: ${title}`}>
      <h3>
        {title}
        <span class={`badge ${queue.streaming ? "on" : ""}`}>
          {queue.streaming ? "streaming" : "stopped"}
        </span>
      </h3>
      <p class="quiet">
        {bufTypeName(type)} · {queue.memory?.toUpperCase() ?? "no buffers"}
        {format !== undefined && ` · ${format.fourcc} ${format.width}×${format.height}`} · file {file}
      </p>
      <Boxes boxes={boxes} />
      {format !== undefined && boxes.length > 0 && canShow(format.pixelformat) ? (
        <PictureView queue={{ device: device.name, type, file }} label={title} paused={paused} />
      ) : (
        format !== undefined && <Coded queue={queue} store={store} device={device.name} />
      )}
    </article>
  );
}

/** Bitstreams have no picture: which codec, and how much of it. */
function Coded({ queue, store, device }: { queue: ShownQueue; store: EventStore; device: string }) {
  const events = store.buffers.get(`${device}/${queue.type}/${queue.file}`);
  const newest = [...(events?.values() ?? [])].reduce<number>(
    (most, event) => (event["to"] === "done" ? Math.max(most, event.monotonicNs) : most),
    0,
  );
  const event = [...(events?.values() ?? [])].find(({ monotonicNs }) => monotonicNs === newest);
  const bytes = Array.isArray(event?.["bytesused"])
    ? (event["bytesused"] as number[])
    : queue.buffers[0]?.bytesused;
  const size = (bytes ?? []).reduce((sum, each) => sum + each, 0);
  return (
    <p class="coded">
      <b>{queue.format?.fourcc}</b>
      <span>{size === 0 ? "no bitstream yet" : `${size.toLocaleString("en")} bytes in the last buffer`}</span>
    </p>
  );
}

function Boxes({ boxes }: { boxes: readonly Box[] }) {
  const places = columns.map(() => 0);
  const placed = boxes.map((box) => {
    const column = Math.max(
      0,
      columns.findIndex(({ states }) => (states as readonly string[]).includes(box.state)),
    );
    const place = places[column] ?? 0;
    places[column] = place + 1;
    return { ...box, column, place };
  });
  const perLine = 3;
  const lines = Math.max(1, ...places.map((count) => Math.ceil(count / perLine)));
  const summary = columns.map(({ name }, index) => `${places[index] ?? 0} ${name}`).join(", ");
  return (
    <div class="boxes" role="img" aria-label={`Buffers: ${summary}`}>
      {columns.map(({ name, hint }, index) => (
        <div key={name} class="column" title={hint}>
          {name} <b>{places[index]}</b>
        </div>
      ))}
      <div class="field" style={{ height: `${lines * 30 + 4}px` }}>
        {placed.map(({ index, state, column, place, sequence }) => (
          <span
            key={index}
            class={`box ${state}`}
            title={`buffer ${index}: ${state}, sequence ${sequence}`}
            style={{
              left: `calc(${25 * column}% + 4px + ${place % perLine} * var(--step))`,
              top: `${4 + 30 * Math.floor(place / perLine)}px`,
            }}
          >
            {index}
          </span>
        ))}
      </div>
    </div>
  );
}
