/**
 * What a client is told of its buffers and its queue while it maps, exports, hands on and closes them, and when the device
 * ends (`test/clients/buffer-life.c`): as it is, where the kernel can map, and with the helper. What is right was seen on
 * vivid (kernel 6.12).
 */
import { describe, expect, it } from "vitest";
import { sharedCamera, startCamera, withHelper } from "./support/camera.js";
import { describeDevice } from "./support/device.js";
import { kernelMaps } from "./support/plain.js";
import { startProgram, type Client } from "./support/probe.js";
import { built } from "../support/built.js";

const program = built("buffer-life");

interface Life {
  readonly title: string;
  readonly words: string;
  readonly lines: readonly string[];
}

const allocated = ["open rw: ok", "reqbufs: 4"];
const toFour = (line: (index: number) => string): string[] => [0, 1, 2, 3].map(line);
const mappedAll = toFour((index) => `mmap ${index}: ok`);
const mapAll = "mmap 0 rw mmap 1 rw mmap 2 rw mmap 3 rw";
const unmapAll = "munmap 0 munmap 1 munmap 2 munmap 3";

const lives: readonly Life[] = [
  {
    title: "V4L2_BUF_FLAG_MAPPED is there from mmap() to munmap(), of each buffer by itself",
    words: "open rw reqbufs 4 querybuf 0 mmap 0 r querybuf 0 querybuf 1 munmap 0 querybuf 0",
    lines: [
      ...allocated,
      "querybuf 0: not mapped",
      "mmap 0: ok",
      "querybuf 0: mapped",
      "querybuf 1: not mapped",
      "querybuf 0: not mapped",
    ],
  },
  {
    title: "V4L2_BUF_FLAG_MAPPED is in the answers of PREPARE_BUF, QBUF and DQBUF",
    words: `open rw reqbufs 4 ${mapAll} prepare 0 qbuf 0 qbuf 1 streamon dqbuf qbuf 0 dqbuf streamoff ${unmapAll} querybuf 0 qbuf 1`,
    lines: [
      ...allocated,
      ...mappedAll,
      "prepare 0: mapped",
      "qbuf 0: mapped",
      "qbuf 1: mapped",
      "streamon: ok",
      "dqbuf 0: mapped",
      "qbuf 0: mapped",
      "dqbuf 1: mapped",
      "streamoff: ok",
      "querybuf 0: not mapped",
      "qbuf 1: not mapped",
    ],
  },
  {
    title: "V4L2_BUF_FLAG_MAPPED is not set by queueing buffers that nobody maps",
    words: "open rw reqbufs 4 prepare 1 qbuf 0 streamon dqbuf",
    lines: [
      ...allocated,
      "prepare 1: not mapped",
      "qbuf 0: not mapped",
      "streamon: ok",
      "dqbuf 0: not mapped",
    ],
  },
  {
    title: "a buffer that is mapped while the queue streams is found to be",
    words: "open rw reqbufs 4 qbuf 0 streamon mmap 0 r dqbuf",
    lines: [...allocated, "qbuf 0: not mapped", "streamon: ok", "mmap 0: ok", "dqbuf 0: mapped"],
  },
  {
    title: "an exported buffer has V4L2_BUF_FLAG_MAPPED until its descriptor is closed",
    words: "open rw reqbufs 4 expbuf 0 rw querybuf 0 querybuf 1 unexport querybuf 0",
    lines: [
      ...allocated,
      "expbuf 0 rw: rw, writable mapping ok",
      "querybuf 0: mapped",
      "querybuf 1: not mapped",
      "querybuf 0: not mapped",
    ],
  },
  {
    title: "a child that only keeps a mapping counts",
    words: "open rw reqbufs 4 mmap 0 rw fork munmap 0 querybuf 0 join querybuf 0",
    lines: [...allocated, "mmap 0: ok", "querybuf 0: mapped", "querybuf 0: not mapped"],
  },
  {
    title: "EXPBUF gives the access mode that it is asked for",
    words: "open rw reqbufs 4 expbuf 0 ro expbuf 1 wo expbuf 2 rw",
    lines: [
      ...allocated,
      "expbuf 0 ro: ro, writable mapping EACCES",
      "expbuf 1 wo: wo, writable mapping EACCES",
      "expbuf 2 rw: rw, writable mapping ok",
    ],
  },
  {
    title: "a closed file keeps the queue as long as a buffer of it is mapped",
    words: "open rw reqbufs 4 mmap 1 r open rw reqbufs 2 file 0 close file 1 reqbufs 2 munmap 1 reqbufs 2",
    lines: [...allocated, "mmap 1: ok", "open rw: ok", "reqbufs: EBUSY", "reqbufs: EBUSY", "reqbufs: 2"],
  },
  {
    title: "a closed file keeps the queue as long as a child has a buffer of it mapped",
    words: "open rw reqbufs 4 mmap 0 r fork munmap 0 close open rw reqbufs 2 join reqbufs 2",
    lines: [...allocated, "mmap 0: ok", "open rw: ok", "reqbufs: EBUSY", "reqbufs: 2"],
  },
  {
    title: "a descriptor that was exported does not keep the queue of a closed file",
    words: "open rw reqbufs 4 expbuf 0 rw close open rw reqbufs 2",
    lines: [...allocated, "expbuf 0 rw: rw, writable mapping ok", "open rw: ok", "reqbufs: 2"],
  },
  {
    title: "REQBUFS(1) gives two buffers",
    words: "open rw reqbufs 1",
    lines: ["open rw: ok", "reqbufs: 2"],
  },
  {
    title: "a file's first event has sequence 0",
    words: "open rw event",
    lines: ["open rw: ok", "event: sequence 0"],
  },
];

const gone = [
  "poll: 0x1a",
  "select: in 1, except 1",
  "dqbuf: ENODEV",
  "querycap: ENODEV",
  "streamoff: ENODEV",
  "read: ENODEV",
];

async function linesOf(client: Client): Promise<readonly string[]> {
  const { lines, stderr, code, signal } = await client.result;
  expect({ code, signal }, `${lines.join("\n")}\n${stderr}`).toEqual({ code: 0, signal: null });
  return lines;
}

const asItIs = (node: string, words: string): Client => startProgram(program, [node, ...words.split(" ")]);
const helped = (node: string, words: string): Client => withHelper([program, node, ...words.split(" ")]);

const maps = await kernelMaps();

describeDevice("what a client is told", () => {
  const camera = sharedCamera();

  describe.skipIf(!maps)("as it is", () => {
    it.each(lives)("$title", async ({ words, lines }) => {
      expect(await linesOf(asItIs(camera().node, words))).toEqual(lines);
    });

    it("a file opened O_RDONLY cannot be mapped, and is not grafted; its buffers can be exported", async () => {
      const words = "open ro reqbufs 4 mmap 0 r mmap 0 rw expbuf 0 ro";
      expect(await linesOf(asItIs(camera().node, words))).toEqual([
        "open ro: ok",
        "reqbufs: 4",
        // Differs from vb2, which says EINVAL: the kernel does not ask us.
        "mmap 0: ENODEV",
        "mmap 0: EACCES",
        "expbuf 0 ro: ro, writable mapping EACCES",
      ]);
    });

    it("a descriptor that maps has no data to seek to", async () => {
      const words = "open rw reqbufs 4 seek data";
      expect(await linesOf(asItIs(camera().node, words))).toEqual([...allocated, "seek data: ESPIPE"]);
    });
  });

  describe("with the helper", () => {
    it.each(lives)("$title", async ({ words, lines }) => {
      expect(await linesOf(helped(camera().node, words))).toEqual(lines);
    });

    it("a file opened O_RDONLY cannot be mapped; its buffers can be exported", async () => {
      const words = "open ro reqbufs 4 mmap 0 r mmap 0 rw expbuf 0 ro";
      expect(await linesOf(helped(camera().node, words))).toEqual([
        "open ro: ok",
        "reqbufs: 4",
        "mmap 0: EINVAL",
        "mmap 0: EACCES",
        "expbuf 0 ro: ro, writable mapping EACCES",
      ]);
    });
  });
});

describeDevice("a device that ends", () => {
  const ways: readonly (readonly [string, typeof asItIs])[] = [
    ["as it is", asItIs],
    ["with the helper", helped],
  ];

  it.skipIf(!maps).each(ways)(
    "is ENODEV to a client %s for as long as it has the file open",
    async (_way, start) => {
      const driver = await startCamera();
      const client = start(driver.node, `open rw reqbufs 4 ${mapAll} qbuf 0 qbuf 1 streamon until-end`);
      await client.line("streaming");
      expect(await driver.stop()).toBe(0);
      expect((await linesOf(client)).slice(-gone.length)).toEqual(gone);
    },
  );
});
