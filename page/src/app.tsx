import { useEffect, useState } from "preact/hooks";
import type { WatchState } from "../../src/watch/protocol.js";
import { Connection, type Link } from "./connection.js";
import { PictureView } from "./picture/view.js";
import { EventStore } from "./store.js";

export function App() {
  const [store] = useState(() => new EventStore());
  const [state, setState] = useState<WatchState | undefined>(undefined);
  const [link, setLink] = useState<Link>("connecting");
  const [count, setCount] = useState(0);
  useEffect(() => {
    new Connection({
      begin: () => store.clear(),
      event: (event) => store.take(event),
      batch: () => setCount(store.count),
      state: setState,
      link: setLink,
    }).start();
  }, []);
  return (
    <main>
      <h1>
        {link} {count}
      </h1>
      {state?.devices.map((device) => (
        <section key={device.name}>
          <h2>
            {device.name} {device.card}
          </h2>
          <ul>
            {device.files.map((file) => (
              <li key={file.file}>
                {file.comm}[{file.pid}]
              </li>
            ))}
          </ul>
          {device.queues.map((queue) => (
            <PictureView
              key={`${queue.type}/${queue.file}`}
              queue={{ device: device.name, type: queue.type, file: queue.file }}
              label={queue.typeName}
              paused={false}
            />
          ))}
        </section>
      ))}
    </main>
  );
}
