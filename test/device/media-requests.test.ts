/** Media nodes and requests with clients in processes of their own, through the helper library. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import type { CharDevice, IoctlRequest } from "../../src/cuse/index.js";
import {
  buildM2mGraph,
  EntityFunction,
  MediaDevice,
  queueObjects,
  validateObjects,
} from "../../src/media/index.js";
import {
  MEDIA_IOC_REQUEST_ALLOC,
  MEDIA_REQUEST_IOC_QUEUE,
  MEDIA_REQUEST_IOC_REINIT,
} from "../../src/v4l2/gen/index.js";
import { V4l2Error, type MediaRequest, type RequestObject } from "../../src/v4l2/index.js";
import { describeDevice, freeName, keep, startDevice, TestLog, until } from "./support/device.js";
import { runProgram, startHelpedProbe, startProbe, type ClientOptions } from "./support/probe.js";
import { AdapterCall, answer, LastClient } from "../../src/serve/client-call.js";
import { startMediaDevice } from "../../src/serve/index.js";
import type { MediaSessionOptions } from "../../src/serve/index.js";

const VERSION = (6 << 16) | (12 << 8) | 107;
const ALLOC = `ioctl-fd ${MEDIA_IOC_REQUEST_ALLOC}`;
const QUEUE = `ioctl ${MEDIA_REQUEST_IOC_QUEUE} 00`;
const REINIT = `ioctl ${MEDIA_REQUEST_IOC_REINIT} 00`;
const POLLPRI = 2;

function makeDevice(name = freeName("mediatest")): MediaDevice {
  return new MediaDevice({
    name,
    info: { driver: "visl", model: "visl", busInfo: "platform:visl", version: VERSION },
    requests: { validate: validateObjects, queue: queueObjects },
  });
}

async function startMedia(
  options: MediaSessionOptions = {},
): Promise<{ media: MediaDevice; node: string; close: () => Promise<void> }> {
  const media = makeDevice();
  const session = keep(await startMediaDevice(media, { mode: 0o666, ...options }));
  return { media, node: session.node, close: () => session.close() };
}

/** `_IOW('E', 32, int)`: binds a buffer of ours into the request of that descriptor. */
const BIND = (1 << 30) | (4 << 16) | (0x45 << 8) | 32;

/** A device whose buffers are nothing but requests' objects. */
class Binder implements CharDevice<undefined> {
  readonly #media: MediaDevice;
  readonly #clients = new LastClient();
  readonly bound: { readonly request: MediaRequest; readonly object: RequestObject }[] = [];

  constructor(media: MediaDevice) {
    this.#media = media;
  }

  open(): undefined {}
  release(): void {}

  ioctl(_file: undefined, ioctl: IoctlRequest): number | Promise<number> {
    return answer(() => {
      if (ioctl.cmd !== BIND) throw new V4l2Error("ENOTTY", "not here");
      const fd = new DataView(ioctl.arg.buffer, ioctl.arg.byteOffset).getInt32(0, true);
      const request = this.#media.byFd(new AdapterCall(ioctl, this.#clients), fd);
      const object: RequestObject = { owner: {}, kind: "buffer" };
      request.bind(object);
      this.bound.push({ request, object });
      return 0;
    });
  }

  /** The hardware is done with everything. */
  finish(): void {
    for (const { request, object } of this.bound.splice(0)) request.unbind(object);
  }
}

async function startPair(): Promise<{ media: MediaDevice; mediaNode: string; binder: Binder; node: string }> {
  const { media, node: mediaNode } = await startMedia();
  const binder = new Binder(media);
  const { node } = await startDevice(binder, { mode: 0o666 });
  return { media, mediaNode, binder, node };
}

async function helped(node: string, steps: string, options?: ClientOptions): Promise<readonly string[]> {
  const { lines, stderr, code, signal } = await (await startHelpedProbe(node, steps, options)).result;
  if (code !== 0) throw new Error(`probe ended with ${code ?? signal}: ${lines.join("\n")}\n${stderr}`);
  return lines;
}

describeDevice("MEDIA_IOC_REQUEST_ALLOC", () => {
  it.each([
    ["root", {}],
    ["another user", { uid: 1000, gid: 1000 }],
  ])("gives %s a request that outlives the media descriptor", async (_who, ids) => {
    const { media, node } = await startMedia();
    const lines = await helped(node, `open rw ${ALLOC} ${QUEUE} ${REINIT} file 0 close file 1 ${QUEUE}`, ids);
    expect(lines).toEqual([
      "open 0",
      "ioctl-fd 1",
      "ioctl -1 ENOENT 00",
      "ioctl 0 00",
      "close 0",
      "ioctl -1 ENOENT 00",
    ]);
    await until(() => media.openRequests === 0, "the request is gone");
  });

  it("is one line of the log", async () => {
    const { media, node } = await startMedia();
    const answers: (string | undefined)[] = [];
    media.trace.subscribe((event) => {
      if (event.kind === "ioctl" && event.cmd === MEDIA_IOC_REQUEST_ALLOC) answers.push(event.errno);
    });
    expect(await helped(node, `open rw ${ALLOC}`)).toEqual(["open 0", "ioctl-fd 1"]);
    expect(answers).toEqual([undefined]);
  });

  it("is ENOTTY without helper and graft", async () => {
    const { media, node } = await startMedia({ graft: "off" });
    const client = await startProbe(node, `open rw ${ALLOC}`);
    expect((await client.result).lines).toEqual(["open 0", "ioctl-fd -1 ENOTTY"]);
    expect(media.openRequests).toBe(0);
  });

  it("makes descriptors that exec closes", async () => {
    const { node } = await startMedia();
    expect(await helped(node, `open rw ${ALLOC} cloexec`)).toEqual(["open 0", "ioctl-fd 1", "cloexec 1"]);
  });

  it("makes many, each its own", async () => {
    const { media, node } = await startMedia();
    const count = 40;
    const steps = `open rw ${`file 0 ${ALLOC} `.repeat(count)} mark made sleep 300`;
    const client = await startHelpedProbe(node, steps);
    await client.line("mark made");
    expect(media.openRequests).toBe(count);
    await client.result;
    await until(() => media.openRequests === 0, "the requests are gone");
  });

  it("starts without requests, and says so, where there is no FUSE", async () => {
    const log = new TestLog();
    const media = makeDevice();
    const session = keep(await startMediaDevice(media, { mode: 0o666, log, fusePath: "/dev/no-fuse" }));
    expect(log.lines).toEqual([expect.stringMatching(/starts without requests\. \/dev\/no-fuse is missing/)]);
    expect(await helped(session.node, `open rw ${ALLOC}`)).toEqual(["open 0", "ioctl-fd -1 ENOTTY"]);
  });
});

describeDevice("a request", () => {
  it("is named by its number, queued, waited for, and used again", async () => {
    const { mediaNode, binder, node } = await startPair();
    const round = `ioctl-on 0 ${BIND} this ${QUEUE} ${QUEUE} ${REINIT} poll ${POLLPRI} 5000 ${QUEUE} ${REINIT}`;
    const client = await startHelpedProbe(
      mediaNode,
      `open-other ${node} open rw ${ALLOC} poll ${POLLPRI} 0 ${round} ${round}`,
    );
    let rounds = 0;
    while (rounds < 2) {
      await until(() => binder.bound[0]?.request.state === "queued", "the request is queued");
      await new Promise((resolve) => setTimeout(resolve, 400));
      binder.finish();
      rounds += 1;
    }
    const { lines } = await client.result;
    const expected: unknown[] = [
      "ioctl-on 0",
      "ioctl 0 00",
      "ioctl -1 EBUSY 00",
      "ioctl -1 EBUSY 00",
      expect.stringMatching(/^poll 1 0x2 after /),
      "ioctl -1 EBUSY 00",
      "ioctl 0 00",
    ];
    expect(lines).toEqual([
      "open-other 0",
      "open 1",
      "ioctl-fd 2",
      expect.stringMatching(/^poll 1 0x8 after /), // Nothing is under way.
      ...expected,
      ...expected,
    ]);
  });

  it("is EINVAL by numbers that are none", async () => {
    const { mediaNode, node } = await startPair();
    const other = await startMedia();
    const numbers = ["-1", "0", "1", "57005", "2147483647", "3", "4"];
    const lines = await helped(
      mediaNode,
      `open-other ${node} open rw ${ALLOC} ${numbers.map((fd) => `ioctl-on 0 ${BIND} ${fd}`).join(" ")}
       close ioctl-on 0 ${BIND} this
       open-other ${other.node} ${ALLOC} ioctl-on 0 ${BIND} this`,
    );
    expect(lines.filter((line) => line.startsWith("ioctl-on"))).toEqual(
      new Array(numbers.length + 2).fill("ioctl-on -1 EINVAL"),
    );
  });

  it("works duplicated, in a child, and in another process that was sent it", async () => {
    const { media, mediaNode, binder, node } = await startPair();
    const steps = `open-other ${node} open rw ${ALLOC} dup ioctl-on 0 ${BIND} this pass ${QUEUE} mark queued
                   poll ${POLLPRI} 5000 close`;
    const client = await startHelpedProbe(mediaNode, steps);
    await client.line("mark queued");
    binder.finish();
    const { lines } = await client.result;
    expect(lines.slice(-5)).toEqual([
      "pass 0",
      "ioctl 0 00",
      "mark queued",
      expect.stringMatching(/^poll 1 0x2 after /),
      "close 0",
    ]);
    await until(() => media.openRequests === 0, "the request is gone");
  });

  it("runs to its end when its client is killed", async () => {
    const { media, mediaNode, binder, node } = await startPair();
    const client = await startHelpedProbe(
      mediaNode,
      `open-other ${node} open rw ${ALLOC} ioctl-on 0 ${BIND} this ${QUEUE} mark queued sleep 9000`,
    );
    await client.line("mark queued");
    const request = binder.bound[0]?.request;
    client.kill();
    await client.result;
    await until(() => media.openRequests === 0, "its descriptor is closed");
    expect(request?.state).toBe("queued");
    binder.finish();
    expect(request?.state).toBe("cleaning");
  });

  it("ends with its device: whoever waits is woken", async () => {
    const { node, close } = await startMedia();
    const client = await startHelpedProbe(
      node,
      `open rw ${ALLOC} mark made sleep 500 ${QUEUE} file 0 ${ALLOC}`,
    );
    await client.line("mark made");
    await close();
    const { lines } = await client.result;
    expect(lines.slice(-2)).toEqual([
      expect.stringMatching(/^ioctl -1 (ENOTCONN|ECONNABORTED) 00$/),
      expect.stringMatching(/^ioctl-fd -1 (ENOTCONN|ECONNABORTED|ENODEV)$/),
    ]);
  });
});

describeDevice("real programs", () => {
  it("media-ctl -p prints what it prints for the kernel's visl", async () => {
    const { media, node } = await startMedia();
    const video = await startDevice(new Binder(media));
    buildM2mGraph(media.graph, "visl", EntityFunction.VideoDecoder, video);
    const { lines, code } = await runProgram("media-ctl", ["-p", "-d", node]);
    const file = fileURLToPath(new URL("../media/data/visl-media-ctl-p.txt", import.meta.url));
    const golden = readFileSync(file, "utf8").replaceAll("/dev/video0", video.node);
    expect(code).toBe(0);
    // v4l-utils 1.22 writes "Source" where 1.30 writes "SOURCE".
    const printed = lines.map((line) =>
      /^\tpad\d+: /.test(line) ? line.toUpperCase().replace("PAD", "pad") : line,
    );
    expect(`${printed.join("\n")}\n`).toBe(golden);
  });

  it("v4l2-compliance finds nothing on a media node", async () => {
    const { media, node } = await startMedia();
    const video = await startDevice(new Binder(media));
    buildM2mGraph(media.graph, "visl", EntityFunction.VideoDecoder, video);
    const { lines } = await runProgram("v4l2-compliance", ["-m", node]);
    const total = lines.filter((line) => line.startsWith("Total for"));
    expect(total).toEqual([expect.stringMatching(/Succeeded: (\d+), Failed: 0, Warnings: 0$/)]);
  });
});
