/** A server of the page without a driver: what it is asked is kept, what it says is made up. */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { onTestFinished } from "vitest";
import { encodeHead, EventRing } from "../../src/events/index.js";
import type { TraceEvent } from "../../src/v4l2/index.js";
import { PageServer, type ControlChange, type QueueKey, type WatchState } from "../../src/watch/index.js";

export const TOKEN = "a-token-of-a-test-that-nobody-else-has";

export interface TestServer {
  readonly port: number;
  readonly ring: EventRing;
  readonly server: PageServer;
  readonly changes: ControlChange[];
  readonly wanted: QueueKey[];
}

export async function startServer({ mayControl = false } = {}): Promise<TestServer> {
  const ring = new EventRing();
  const changes: ControlChange[] = [];
  const wanted: QueueKey[] = [];
  const state: WatchState = {
    ...{ program: "test", pid: 1, monotonicNs: 0, mayControl, devices: [] },
    frames: { drawn: 0, late: 0, lost: 0 },
  };
  const server = new PageServer({
    ...{ token: TOKEN, ring: ring.memory, name: "video0", mayControl },
    head: encodeHead({ program: "test", timeMs: 0, monotonicNs: 0 }),
    page: new Map([["/", { type: "text/html; charset=utf-8", bytes: Buffer.from("<!doctype html>") }]]),
    tracerFile: () => ["[]"],
    driver: {
      state: () => Promise.resolve(state),
      want: (queue) => void wanted.push(queue),
      change: (change) => {
        changes.push(change);
        return Promise.resolve({ value: change.value });
      },
    },
  });
  onTestFinished(() => {
    server.close();
  });
  return { port: await server.listen(0), ring, server, changes, wanted };
}

export interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly host?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export function open(
  port: number,
  { path = `/${TOKEN}/state`, method = "GET", headers = {}, body, host = "127.0.0.1" }: Asked,
) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest({ host, port, path, method, agent: false, headers }, resolve);
    request.on("error", reject);
    request.end(body);
  });
}

export async function ask(port: number, asked: Asked = {}): Promise<Answer> {
  const response = await open(port, asked);
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) };
}

export function messageEvent(monotonicNs: number, text: string): TraceEvent {
  return { kind: "message", timeMs: 0, monotonicNs, device: "video0", level: "info", text };
}
