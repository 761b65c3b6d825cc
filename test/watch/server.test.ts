/** Who may see the page, and what a slow or greedy viewer can do: nothing to the driver. */
import { createConnection } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { Recording } from "../../src/events/index.js";
import { MAX_VIEWERS } from "../../src/watch/index.js";
import { ask, messageEvent, open, startServer, TOKEN } from "./support.js";

const base = `/${TOKEN}`;
const sentence = /^[A-Z0-9][^\n]*\.\n$/;

describe("the gate", () => {
  it("lets a request of this machine with the token in", async () => {
    const { port } = await startServer();
    expect((await ask(port)).status).toBe(200);
    expect((await ask(port, { headers: { host: `localhost:${port}` } })).status).toBe(200);
  });

  it.each([
    ["no token", "/state"],
    ["no path", "/"],
    ["another token", `/${"x".repeat(TOKEN.length)}/state`],
    ["the beginning of the token", `/${TOKEN.slice(0, -1)}/state`],
    ["more than the token", `/${TOKEN}x/state`],
    ["the token in another place", `/state?token=${TOKEN}`],
    ["the token behind a folder", `/./${TOKEN}/state`],
    ["an address for a proxy", `http://127.0.0.1/${TOKEN}/state`],
  ])("refuses %s in one sentence", async (_what, path) => {
    const { port } = await startServer();
    const { status, body, headers } = await ask(port, { path });
    expect(status).toBe(403);
    expect(String(body)).toMatch(sentence);
    expect(headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect(headers.connection).toBe("close");
  });

  it.each([
    ["another name that leads here (DNS rebinding)", "evil.example:PORT"],
    ["a name that begins like ours", "127.0.0.1.evil.example:PORT"],
    ["another port", "127.0.0.1:1"],
    ["no port", "127.0.0.1"],
    ["the machine's own address", "192.168.1.7:PORT"],
    ["nothing but a port", ":PORT"],
  ])("refuses the Host header of %s", async (_what, host) => {
    const { port } = await startServer();
    const { status, body } = await ask(port, { headers: { host: host.replace("PORT", String(port)) } });
    expect(status).toBe(403);
    expect(String(body)).toMatch(/127\.0\.0\.1 and localhost only.*\.\n$/);
  });

  it.each([
    ["another site", { origin: "http://evil.example" }],
    ["another port of this machine", { origin: "http://127.0.0.1:1" }],
    ["https", { origin: "https://127.0.0.1:PORT" }],
    ["a sandboxed frame", { origin: "null" }],
    ["an image of another site", { "sec-fetch-site": "cross-site" }],
    ["another port, as an image", { "sec-fetch-site": "same-site" }],
  ])("refuses what a page of %s asks", async (_what, headers) => {
    const { port } = await startServer();
    const real = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replace("PORT", String(port))]),
    );
    const { status, body } = await ask(port, { headers: real });
    expect(status).toBe(403);
    expect(String(body)).toMatch(/^Another page may not ask.*\.\n$/);
  });

  it("is not reached by the machine's other addresses", async () => {
    const { port } = await startServer();
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === "IPv4")
      .map(({ address }) => address);
    for (const host of [...others, "127.0.0.2", "::1"]) {
      await expect(ask(port, { host, headers: { host: `127.0.0.1:${port}` } }), host).rejects.toThrow(
        /ECONNREFUSED|EADDRNOTAVAIL|ENETUNREACH/,
      );
    }
  });

  it("forbids the page everything but its own files", async () => {
    const { port } = await startServer();
    const { headers } = await ask(port, { path: `${base}/` });
    expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(headers["content-security-policy"]).not.toMatch(/unsafe|https?:/);
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["referrer-policy"]).toBe("no-referrer");
    expect(headers["cache-control"]).toBe("no-store");
    expect(headers["access-control-allow-origin"]).toBeUndefined();
  });
});

describe("what can be asked", () => {
  it.each([
    "/../package.json",
    "/%2e%2e/package.json",
    "/assets/../../package.json",
    "/etc/passwd",
    "//state",
  ])("has nothing at %s", async (path) => {
    const { port } = await startServer();
    expect((await ask(port, { path: base + path })).status).toBe(404);
  });

  it("sends the page's folder when the last slash is missing", async () => {
    const { port } = await startServer();
    expect((await ask(port, { path: base })).headers.location).toBe(`${base}/`);
  });

  it("is asked with GET, and only controls with POST", async () => {
    const { port } = await startServer({ mayControl: true });
    const origin = `http://127.0.0.1:${port}`;
    expect((await ask(port, { method: "POST", headers: { origin } })).status).toBe(405);
    expect((await ask(port, { path: `${base}/control` })).status).toBe(405);
  });

  const change = JSON.stringify({ device: "video0", id: 9963776, value: 7 });
  const post = (port: number, body: string, headers: Readonly<Record<string, string>> = {}) =>
    ask(port, {
      ...{ path: `${base}/control`, method: "POST", body },
      headers: { origin: `http://127.0.0.1:${port}`, "content-type": "application/json", ...headers },
    });

  it("changes no control unless the driver was started so", async () => {
    const { port, changes } = await startServer();
    const { status, body } = await post(port, change);
    expect(status).toBe(403);
    expect(String(body)).toMatch(/--watch-control/);
    expect(changes).toEqual([]);
  });

  it("changes a control", async () => {
    const { port, changes } = await startServer({ mayControl: true });
    expect(JSON.parse(String((await post(port, change)).body))).toEqual({ value: 7 });
    expect(changes).toEqual([{ device: "video0", file: undefined, id: 9963776, value: 7 }]);
  });

  it("takes no change without an Origin, or as a form sends it", async () => {
    const { port, changes } = await startServer({ mayControl: true });
    const path = `${base}/control`;
    const headers = { "content-type": "application/json" };
    expect((await ask(port, { path, method: "POST", body: change, headers })).status).toBe(403);
    expect((await post(port, change, { "content-type": "text/plain" })).status).toBe(415);
    expect(changes).toEqual([]);
  });

  it.each([
    "",
    "null",
    "[]",
    "{",
    '{"device":"video0","id":"1","value":1}',
    '{"device":"video0","id":1.5,"value":1}',
    '{"device":"video0","id":-1,"value":1}',
    '{"device":"video0","id":1,"value":4294967296}',
    '{"device":"video0","file":"x","id":1,"value":1}',
    `{"device":"video0","id":1,"value":1,"more":"${"x".repeat(5000)}"}`,
  ])("refuses the change %s", async (body) => {
    const { port, changes } = await startServer({ mayControl: true });
    expect((await post(port, body)).status).toBe(400);
    expect(changes).toEqual([]);
  });

  it("has no picture of a queue whose name is none", async () => {
    const { port, wanted } = await startServer();
    expect((await ask(port, { path: `${base}/picture?device=a/b&type=1&file=2` })).status).toBe(400);
    expect(wanted).toEqual([]);
  });

  it("answers with the newest picture, at once or when it comes", async () => {
    const { port, server } = await startServer();
    const queue = { device: "video0", type: 1, file: "3" };
    const path = `${base}/picture?device=video0&type=1&file=3`;
    const waiting = ask(port, { path });
    const head = { sequence: 9, timestampNs: "0", monotonicNs: 0, planes: [3], number: 41 };
    setTimeout(
      () => server.pictures.take(queue, { head: { ...head, format: never }, bytes: Buffer.from("abc") }),
      50,
    );
    const { body, headers } = await waiting;
    expect(String(body)).toBe("abc");
    expect(JSON.parse(String(headers["x-picture"]))).toMatchObject(head);
    expect(String((await ask(port, { path })).body)).toBe("abc");
    // It has that one: there is none for two seconds.
    expect((await ask(port, { path: `${path}&after=41` })).status).toBe(204);
  });
});

const never = {
  ...{ width: 1, height: 1, pixelformat: 0, fourcc: "RGB3", field: 1, planes: [] },
  ...{ colorspace: 0, ycbcrEnc: 0, quantization: 0, xferFunc: 0 },
};

describe("viewers", () => {
  it("get a recording that goes on, from the oldest event that there is", async () => {
    const { port, ring } = await startServer();
    ring.take(messageEvent(1, "before"));
    const response = await open(port, { path: `${base}/events` });
    setTimeout(() => ring.take(messageEvent(2, "after")), 100);
    let bytes = Buffer.alloc(0);
    for await (const part of response) {
      bytes = Buffer.concat([bytes, part as Buffer]);
      if (bytes.includes("after")) break;
    }
    const events = [...new Recording(bytes, "the stream").events()];
    expect(events.map((event) => event.kind === "message" && event.text)).toEqual(["before", "after"]);
  });

  it(`are ${MAX_VIEWERS} at the most`, async () => {
    const { port } = await startServer();
    const path = `${base}/events`;
    const streams = await Promise.all(Array.from({ length: MAX_VIEWERS }, () => open(port, { path })));
    const { status, body } = await ask(port, { path });
    expect(status).toBe(503);
    expect(String(body)).toMatch(sentence);
    streams[0]?.destroy();
    await expect.poll(async () => (await open(port, { path })).statusCode).toBe(200);
    for (const stream of streams) stream.destroy();
  });

  it(
    "lose events when they are slow, are told how many, and never hold the writer up",
    { timeout: 60_000 },
    async () => {
      const { port, ring } = await startServer();
      const response = await open(port, { path: `${base}/events` });
      response.pause();
      const total = 400_000;
      const text = "x".repeat(100);
      const before = process.cpuUsage();
      for (let n = 0; n < total; n += 10_000) {
        for (let k = n; k < n + 10_000; k++) ring.take(messageEvent(k, text));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const { user, system } = process.cpuUsage(before);
      // Microseconds of processor time for an event, with what the server does meanwhile: a machine at its limit is no failure.
      expect((user + system) / total).toBeLessThan(40);
      ring.take(messageEvent(total, "the end"));
      const parts: Buffer[] = [];
      for await (const part of response) {
        parts.push(part as Buffer);
        if ((part as Buffer).includes("the end")) break;
      }
      let seen = 0;
      let lost = 0;
      for (const event of new Recording(Buffer.concat(parts), "the stream").events()) {
        if (event.kind === "dropped") lost += event.count;
        else seen += 1;
      }
      expect(lost).toBeGreaterThan(0);
      expect(seen + lost).toBe(total + 1);
    },
  );

  it("do not keep others out by saying nothing", { timeout: 30_000 }, async () => {
    const { port } = await startServer();
    const silent = Array.from({ length: 80 }, () =>
      createConnection(port, "127.0.0.1").on("error", () => undefined),
    );
    // Those beyond the limit are closed at once, the others when they have said nothing for four seconds.
    await expect
      .poll(async () => (await ask(port).catch(() => undefined))?.status, { timeout: 15_000 })
      .toBe(200);
    for (const socket of silent) socket.destroy();
  });
});

describe("downloads", () => {
  it("are a recording, and the same for Perfetto", async () => {
    const { port, ring } = await startServer();
    for (let n = 0; n < 20_000; n++) ring.take(messageEvent(n, `message ${n}`));
    const { body, headers } = await ask(port, { path: `${base}/recording` });
    expect(headers["content-disposition"]).toBe('attachment; filename="video0.v4l2rec"');
    expect([...new Recording(body, "the file").events()]).toHaveLength(20_000);
    const trace = JSON.parse(String((await ask(port, { path: `${base}/perfetto` })).body)) as {
      traceEvents: readonly { name: string }[];
    };
    expect(trace.traceEvents.length).toBeGreaterThan(20_000);
  });
});
