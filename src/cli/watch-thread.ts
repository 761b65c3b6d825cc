/** `watch-thread.js`: the thread of a driver that serves its page; watching.ts starts it. */
import { SessionFacts, TracerFile } from "../replay/index.js";
import type { TraceEvent } from "../v4l2/index.js";
import { servePage } from "../watch/index.js";

const PIECE = 1 << 20;

/** The events as a file of v4l2-tracer, piece by piece. */
function* tracerFile(events: () => Iterable<TraceEvent>): Generator<string, void, undefined> {
  const facts = new SessionFacts();
  for (const event of events()) facts.take(event);
  let text = "";
  const file = new TracerFile((more) => (text += more), { facts });
  for (const event of events()) {
    file.take(event);
    if (text.length < PIECE) continue;
    yield text;
    text = "";
  }
  file.end();
  yield text;
}

await servePage({ tracerFile });
