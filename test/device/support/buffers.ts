/** What `test/clients/buffer-life.c` does, and the lines that it must print: seen on vivid (kernel 6.12). */
import { built } from "../../support/built.js";

export const buffersProgram = built("buffer-life");

export interface Life {
  readonly title: string;
  readonly words: string;
  readonly lines: readonly string[];
}

export const allocated = ["open rw: ok", "reqbufs: 4"];
const toFour = (line: (index: number) => string): string[] => [0, 1, 2, 3].map(line);
const mappedAll = toFour((index) => `mmap ${index}: ok`);
export const mapAll = "mmap 0 rw mmap 1 rw mmap 2 rw mmap 3 rw";
const unmapAll = "munmap 0 munmap 1 munmap 2 munmap 3";

export const lives: readonly Life[] = [
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

/** What a client that streams hears when its device ends. */
export const gone = [
  "poll: 0x1a",
  "select: in 1, except 1",
  "dqbuf: ENODEV",
  "querycap: ENODEV",
  "streamoff: ENODEV",
  "read: ENODEV",
];

export const untilEnd = `open rw reqbufs 4 ${mapAll} qbuf 0 qbuf 1 streamon until-end`;

/** Words and lines of a file opened O_RDONLY. */
export const readOnly: {
  readonly words: string;
  readonly asItIs: readonly string[];
  readonly helped: readonly string[];
} = {
  words: "open ro reqbufs 4 mmap 0 r mmap 0 rw expbuf 0 ro",
  asItIs: [
    "open ro: ok",
    "reqbufs: 4",
    // Differs from vb2, which says EINVAL: the kernel does not ask us.
    "mmap 0: ENODEV",
    "mmap 0: EACCES",
    "expbuf 0 ro: ro, writable mapping EACCES",
  ],
  helped: [
    "open ro: ok",
    "reqbufs: 4",
    "mmap 0: EINVAL",
    "mmap 0: EACCES",
    "expbuf 0 ro: ro, writable mapping EACCES",
  ],
};
