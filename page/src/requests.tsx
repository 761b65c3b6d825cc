/** Requests in flight, and those of which the driver has said something: beside each, what. */
import { secondsOf, text, type EventStore, type OpenRequest } from "./store.js";

const MAX_SHOWN = 24;

export function Requests({ store }: { store: EventStore }) {
  const requests = [...store.requests.values()];
  const { blamed } = store;
  if (requests.length === 0 && blamed.length === 0) return null;
  return (
    <section class="card" aria-label="Requests">
      <h2>
        Requests <span class="quiet">{requests.length} in flight</span>
      </h2>
      <ul class="requests">
        {requests.slice(-MAX_SHOWN).map((request) => (
          <Row key={`${request.device}/${request.request}`} request={request} />
        ))}
      </ul>
      {blamed.length > 0 && (
        <>
          <h3>
            With messages <span class="quiet">the last that came back</span>
          </h3>
          <ul class="requests">
            {[...blamed].reverse().map((request) => (
              <Row key={`${request.request}/${request.sinceNs}`} request={request} isOver />
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Row({ request, isOver = false }: { request: OpenRequest; isOver?: boolean }) {
  const { messages, moreMessages, buffers } = request;
  return (
    <li>
      <b>{request.request}</b> {isOver ? secondsOf(request.sinceNs) : request.state}{" "}
      <span class="quiet">{buffers.join(", ")}</span>
      {messages.length > 0 && (
        <ul class="said">
          {messages.map((message, index) => (
            <li key={index} class={text(message["level"]) ?? ""}>
              {text(message["text"])}
            </li>
          ))}
          {moreMessages > 0 && <li class="quiet">and {moreMessages} more: see the messages, or the log</li>}
        </ul>
      )}
    </li>
  );
}
