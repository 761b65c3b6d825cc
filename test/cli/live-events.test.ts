/** The socket of a driver's events, without a driver: who may follow, and what it costs while nobody does. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FOLLOW, LiveEvents, type LiveHello } from "../../src/cli/live-events.js";
import { namesNode } from "../../src/cli/follow-node.js";
import { LiveRecording } from "../../src/events/index.js";
import { TraceStream } from "../../src/v4l2/index.js";
import { ioctl } from "../events/support/events.js";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

interface Listening {
  readonly live: LiveEvents;
  readonly trace: TraceStream;
  readonly folder: string;
  readonly connect: () => Client;
}

async function listening(): Promise<Listening> {
  const folder = join(temporaryFolder(), "v4l2-cuse", "events");
  const live = new LiveEvents(folder);
  const trace = new TraceStream();
  live.listen([{ name: "video0", trace }]);
  await live.announce(["/dev/null"]);
  onTestFinished(() => live.end());
  return { live, trace, folder, connect: () => new Client(join(folder, readdirSync(folder)[0] ?? "")) };
}

class Client {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #bytes = Buffer.alloc(0);

  constructor(path: string) {
    this.socket = createConnection(path);
    this.socket.on("error", () => undefined);
    this.socket.on("data", (piece) => (this.#bytes = Buffer.concat([this.#bytes, piece])));
    this.closed = new Promise((resolve) => {
      this.socket.once("close", () => {
        resolve();
      });
    });
    onTestFinished(() => void this.socket.destroy());
  }

  async hello(): Promise<LiveHello> {
    await until(() => this.#bytes.includes(10));
    return JSON.parse(this.#bytes.toString("utf8", 0, this.#bytes.indexOf(10))) as LiveHello;
  }

  /** Kinds of the events that it was told. */
  kinds(): string[] {
    return [...new LiveRecording("x").push(this.#bytes.subarray(this.#bytes.indexOf(10) + 1))].map(
      ({ kind }) => kind,
    );
  }
}

async function until(what: () => boolean): Promise<void> {
  for (let round = 0; round < 400 && !what(); round++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(what()).toBe(true);
}

describe("the socket of a driver's events", () => {
  it("is its user's alone, says what it has, and goes with the driver, folders and all", async () => {
    const { live, folder, connect } = await listening();
    const [name = ""] = readdirSync(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(await connect().hello()).toMatchObject({
      pid: process.pid,
      devices: ["video0"],
      nodes: [{ path: "/dev/null", identity: `device ${(1 << 8) + 3}` }],
    });
    await live.end();
    expect(existsSync(join(folder, ".."))).toBe(false);
  });

  it("takes away those of drivers that were killed, but none on which a driver is about to listen", async () => {
    const { folder } = await listening();
    const killed =
      "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 9))";
    for (const name of ["1-dead", "0-young.new"])
      expect(spawnSync(process.execPath, ["-e", killed, join(folder, name)]).signal).toBe("SIGKILL");
    expect(readdirSync(folder)).toHaveLength(3);
    const next = new LiveEvents(folder);
    await next.announce([]);
    onTestFinished(() => next.end());
    expect(readdirSync(folder).sort()).toEqual([
      "0-young.new",
      ...[0, 1].map(() => expect.stringMatching(`^${process.pid}-[0-9a-f]{8}$`) as unknown),
    ]);
  });

  it("lets nothing be recorded before somebody follows, and after all have gone", async () => {
    const { live, trace, connect } = await listening();
    const clients = [connect(), connect()];
    for (const client of clients) await client.hello();
    expect(trace.active).toBe(false);
    for (const { socket } of clients) socket.write(FOLLOW);
    await until(() => live.followers === 2);
    trace.emit(ioctl());
    for (const client of clients) await until(() => client.kinds().length === 1);
    for (const { socket } of clients) socket.destroy();
    await until(() => live.followers === 0);
    expect(trace.active).toBe(false);
  });

  it("gives those who follow the end", async () => {
    const { live, trace, connect } = await listening();
    const client = connect();
    await client.hello();
    client.socket.write(FOLLOW);
    await until(() => live.followers === 1);
    trace.emit(ioctl());
    await live.end();
    await client.closed;
    expect(client.kinds()).toEqual(["ioctl"]);
  });

  it("ends with a follower that does not read", async () => {
    const { live, trace, connect } = await listening();
    const client = connect();
    await client.hello();
    client.socket.write(FOLLOW);
    client.socket.pause();
    await until(() => live.followers === 1);
    for (let index = 0; index < 50_000; index++) trace.emit(ioctl());
    const startMs = Date.now();
    await live.end();
    expect(Date.now() - startMs).toBeLessThan(4000);
    expect(trace.active).toBe(false);
  });

  it.each(["x", "GET / HTTP/1.1\r\n\r\n", `${FOLLOW}${FOLLOW}`, "f".repeat(100_000)])(
    "closes on somebody who says %j",
    async (text) => {
      const { trace, connect } = await listening();
      const client = connect();
      await client.hello();
      client.socket.write(text);
      await client.closed;
      expect(trace.active).toBe(false);
    },
  );

  it("has 16 who are connected at the most", async () => {
    const { connect } = await listening();
    for (let index = 0; index < 16; index++) await connect().hello();
    await connect().closed;
  });

  it("is not made where others may enter, or where there is a file, and the driver goes on", async () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    for (const where of [folder, file, `${file}/events`]) {
      const live = new LiveEvents(where);
      await live.announce(["/dev/null"]);
      await live.end();
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a node on the command line", () => {
  it("is a name or a number of one; files of that name are recordings", () => {
    const path = join(temporaryFolder(), "video0");
    expect(["0", "video3", "/dev/video255", "media0", "/dev/v4l-subdev1", path].map(namesNode)).toEqual(
      Array(6).fill(true),
    );
    writeFileSync(path, "");
    expect([path, "recording", "/tmp/a.rec", "video", "1000"].map(namesNode)).toEqual(Array(5).fill(false));
  });
});
