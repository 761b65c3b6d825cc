/**
 * The server of the page: HTTP on 127.0.0.1, in a thread of its own, so that neither a page nor anybody who plays with the
 * port takes time from the driver. Everything that it holds is bounded: connections, viewers, pictures, questions.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ChromeTrace, EventRingReader, Recording } from "../events/index.js";
import type { TraceEvent } from "../v4l2/index.js";
import { Gate } from "./gate.js";
import type { PageFile } from "./page-files.js";
import type { ControlChange, QueueKey, ThreadStart, WatchState } from "./protocol.js";
import { ShownPictures } from "./shown-pictures.js";
import { MAX_VIEWERS, Viewers } from "./viewers.js";

/** What the server asks the driver. */
export interface DriverQuestions {
  /** How things are. */
  state(): Promise<WatchState>;
  /** Somebody looks at the queue: its pictures are wanted for a while. */
  want(queue: QueueKey): void;
  /** @returns Why the control is not changed; or what it is now. */
  change(
    change: ControlChange,
  ): Promise<{ readonly refusal?: string | undefined; readonly value?: number | undefined }>;
}

export interface PageServerOptions extends Omit<ThreadStart, "port"> {
  readonly page: ReadonlyMap<string, PageFile>;
  readonly driver: DriverQuestions;
  /** Events as a file of v4l2-tracer, piece by piece. `events` gives the same ones whenever it is called. */
  tracerFile(events: () => Iterable<TraceEvent>): Iterable<string>;
}

const MAX_CONNECTIONS = 64;
const MAX_BODY = 4096;
/** All viewers get the same state for so long. */
const STATE_MS = 150;
/** Pieces of an export, characters. */
const EXPORT_PIECE = 256 * 1024;

const securityHeaders: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-store",
};

export class PageServer {
  readonly pictures: ShownPictures;
  readonly #options: PageServerOptions;
  readonly #server: Server;
  readonly #ring: EventRingReader;
  readonly #viewers: Viewers;
  #gate: Gate | undefined;
  #isExporting = false;
  #state: { readonly atMs: number; readonly json: Promise<string> } | undefined;

  constructor(options: PageServerOptions) {
    this.#options = options;
    this.#ring = new EventRingReader(options.ring);
    this.#viewers = new Viewers(this.#ring, options.head);
    this.pictures = new ShownPictures((queue) => {
      options.driver.want(queue);
    });
    this.#server = createServer(
      {
        // Who connects and says nothing is gone soon.
        headersTimeout: 4000,
        requestTimeout: 8000,
        keepAliveTimeout: 5000,
        connectionsCheckingInterval: 1000,
        maxHeaderSize: 8192,
      },
      (request, response) => {
        this.#serve(request, response).catch((error: unknown) => {
          refuse(
            response,
            500,
            `The answer failed: ${error instanceof Error ? error.message : String(error)}.`,
          );
        });
      },
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on("clientError", (_error, socket) => socket.destroy());
  }

  /** @param port - 0: any. @returns The port. */
  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host: "127.0.0.1", port, backlog: 32 }, resolve);
    });
    const { port: real } = this.#server.address() as AddressInfo;
    this.#gate = new Gate({ token: this.#options.token, port: real });
    return real;
  }

  close(): void {
    this.#viewers.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    const admission = this.#gate?.admit(request) ?? { refusal: "Not yet." };
    if ("refusal" in admission) {
      refuse(response, 403, admission.refusal);
      return;
    }
    const { path, query } = admission;
    const wanted = path === "/control" ? "POST" : "GET";
    if (request.method !== wanted) {
      response.setHeader("Allow", wanted);
      refuse(response, 405, `This is asked with ${wanted}.`);
      return;
    }
    switch (path) {
      case "":
        // The page's own addresses are relative to its folder.
        response.writeHead(308, { Location: `${request.url?.replace(/[?#].*$/, "") ?? ""}/` }).end();
        return;
      case "/state":
        send(response, "application/json", await this.#stateJson());
        return;
      case "/events":
        this.#stream(response);
        return;
      case "/picture":
        await this.#picture(query, response);
        return;
      case "/event":
        this.#describe(query, response);
        return;
      case "/recording":
        await this.#alone(response, () => this.#download(response, "v4l2rec", this.#pieces()));
        return;
      case "/perfetto":
        await this.#alone(response, () => this.#download(response, "json", this.#perfetto()));
        return;
      case "/v4l2-tracer":
        await this.#alone(response, () => this.#download(response, "json", this.#tracerFile()));
        return;
      case "/control":
        await this.#control(request, response);
        return;
      default: {
        const file = this.#options.page.get(path);
        if (file === undefined) refuse(response, 404, "There is nothing here.");
        else send(response, file.type, file.bytes);
      }
    }
  }

  #stateJson(): Promise<string> {
    const now = Date.now();
    if (this.#state === undefined || now - this.#state.atMs > STATE_MS) {
      this.#state = { atMs: now, json: this.#options.driver.state().then((state) => JSON.stringify(state)) };
    }
    return this.#state.json;
  }

  #stream(response: ServerResponse): void {
    if (this.#viewers.count >= MAX_VIEWERS) {
      refuse(response, 503, `${MAX_VIEWERS} pages are open, which is the most: close one.`);
      return;
    }
    response.writeHead(200, { "Content-Type": "application/octet-stream" });
    this.#viewers.add(response);
  }

  async #picture(query: URLSearchParams, response: ServerResponse): Promise<void> {
    const queue = queueOf(query);
    if (queue === undefined) {
      refuse(response, 400, "The queue is named by device, type and file.");
      return;
    }
    const after = Number(query.get("after") ?? 0);
    const picture = await this.pictures.next(queue, after, (gone) => response.on("close", gone));
    if (response.destroyed) return;
    if (picture === undefined) {
      response.writeHead(204).end();
      return;
    }
    response.writeHead(200, {
      "Content-Type": "application/octet-stream",
      "Content-Length": picture.bytes.byteLength,
      "X-Picture": JSON.stringify(picture.head),
    });
    response.end(picture.bytes);
  }

  #recording(): Recording {
    return new Recording(Buffer.concat([...this.#pieces()]), "the ring");
  }

  /** The argument of the ioctl that was answered at a time, which names it. */
  #describe(query: URLSearchParams, response: ServerResponse): void {
    const ns = Number(query.get("ns"));
    const device = query.get("device");
    for (const event of this.#recording().events()) {
      if (event.kind !== "ioctl" || event.monotonicNs !== ns || event.device !== device) continue;
      const described = { text: event.text(), dialog: event.dialog(), detail: event.detail };
      send(response, "application/json", JSON.stringify(described));
      return;
    }
    // No fault of the page: the ring has newer events now.
    response.writeHead(204).end();
  }

  /** Exports hold megabytes: one at a time. */
  async #alone(response: ServerResponse, run: () => Promise<void>): Promise<void> {
    if (this.#isExporting) {
      refuse(response, 503, "Another download is being made: try again when it is done.");
      return;
    }
    this.#isExporting = true;
    try {
      await run();
    } finally {
      this.#isExporting = false;
    }
  }

  async #download(
    response: ServerResponse,
    suffix: string,
    pieces: Iterable<string | Uint8Array>,
  ): Promise<void> {
    const name = this.#options.name.replace(/[^\w-]/g, "_");
    response.writeHead(200, {
      "Content-Type": suffix === "json" ? "application/json" : "application/octet-stream",
      "Content-Disposition": `attachment; filename="${name}.${suffix}"`,
    });
    for (const piece of pieces) {
      if (!response.write(piece)) await drained(response);
      // Others are served between two pieces.
      else await new Promise((resolve) => setImmediate(resolve));
      if (response.destroyed) return;
    }
    response.end();
  }

  *#pieces(): Generator<Uint8Array, void, undefined> {
    yield this.#options.head;
    yield* this.#ring.pieces();
  }

  #tracerFile(): Iterable<string> {
    // It reads them twice, and the ring goes on.
    const bytes = Buffer.concat([...this.#pieces()]);
    return this.#options.tracerFile(() => new Recording(bytes, "the ring").events());
  }

  *#perfetto(): Generator<string, void, undefined> {
    let text = "";
    const trace = new ChromeTrace((piece) => (text += piece));
    for (const event of this.#recording().events()) {
      trace.take(event);
      if (text.length < EXPORT_PIECE) continue;
      yield text;
      text = "";
    }
    trace.end();
    yield text;
  }

  async #control(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.#options.mayControl) {
      refuse(
        response,
        403,
        "The page may only look: start the driver with --watch-control to change controls.",
      );
      return;
    }
    if (request.headers["content-type"] !== "application/json") {
      refuse(response, 415, "A change is JSON.");
      return;
    }
    const change = parseChange(await bodyOf(request));
    if (change === undefined) {
      refuse(
        response,
        400,
        "A change has device, id and value, and file where each file has its own controls.",
      );
      return;
    }
    const { refusal, value } = await this.#options.driver.change(change);
    if (refusal !== undefined) refuse(response, 409, refusal);
    else send(response, "application/json", JSON.stringify({ value }));
  }
}

function send(response: ServerResponse, type: string, body: string | Uint8Array): void {
  response.writeHead(200, { "Content-Type": type, "Content-Length": Buffer.byteLength(body) }).end(body);
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = `${sentence}\n`;
  response
    .writeHead(status, {
      "Content-Type": "text/plain; charset=utf-8",
      "Content-Length": Buffer.byteLength(body),
      Connection: "close",
    })
    .end(body);
}

function queueOf(query: URLSearchParams): QueueKey | undefined {
  const [device, type, file] = [query.get("device") ?? "", query.get("type") ?? "", query.get("file") ?? ""];
  const isRight = /^[\w-]{1,32}$/.test(device) && /^\d{1,3}$/.test(type) && /^\d{1,20}$/.test(file);
  return isRight ? { device, type: Number(type), file } : undefined;
}

/** @returns undefined: too long, or not all of it came. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  let body = "";
  request.setEncoding("utf8");
  try {
    for await (const part of request) {
      body += String(part);
      if (body.length > MAX_BODY) return undefined;
    }
  } catch {
    return undefined;
  }
  return body;
}

function parseChange(body: string | undefined): ControlChange | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body ?? "");
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { device, file, id, value: number } = value as Readonly<Record<string, unknown>>;
  const isRight =
    typeof device === "string" &&
    (file === undefined || (typeof file === "string" && /^\d{1,20}$/.test(file))) &&
    isInteger(id, 0, 0x0fff_ffff) &&
    isInteger(number, -0x8000_0000, 0x7fff_ffff);
  return isRight ? { device, file, id, value: number } : undefined;
}

const isInteger = (value: unknown, least: number, most: number): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;

/** A page that does not take its download for so long has none. */
const DOWNLOAD_MS = 30_000;

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => response.destroy(), DOWNLOAD_MS);
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      clearTimeout(timer);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
    if (response.destroyed) done();
  });
