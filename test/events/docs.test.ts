/** docs/events.md and the JSON Schema are what the table of members says, and real lines fit. */
import { expect, it } from "vitest";
import {
  commonFields,
  eventFields,
  eventKinds,
  eventSchema,
  EVENTS_VERSION,
  kindDocs,
} from "../../src/events/index.js";
import { ioctlByteMembers, type FieldForm } from "../../src/events/fields.js";
import { jsonLine } from "../../src/v4l2/index.js";
import { examples } from "./support/events.js";

const intro = `# Events

A device tells everything that happens on it as one stream of events: \`device.trace.subscribe(listener)\` in a program,
\`--log json\` and \`--record FILE\` on the command line. This page is version ${EVENTS_VERSION} of them. A member keeps its meaning within a
version; new kinds and members may come, so pass over what you do not know.

| command | what it does |
|---|---|
| \`v4l2-cuse sample --record FILE\` (\`visl\`, \`decoder\`, \`loopback\`, \`run --device\`) | records all events |
| \`v4l2-cuse events FILE\` | prints a recording as the log would have; \`--json\`: a JSON object in each line; \`--kinds ioctl,frame\` |
| \`v4l2-cuse events NODE\` | prints what happens on a node that a driver serves, as it happens ([below](#live-events)) |
| \`v4l2-cuse export FILE --to perfetto\` | JSON that ui.perfetto.dev, trace_processor and chrome://tracing open |
| \`v4l2-cuse export FILE --to ftrace\` | text as the kernel's \`v4l2\` and \`vb2\` trace events |
| \`v4l2-cuse export FILE --to v4l2-tracer\` | a file of v4l2-tracer 1.32 ([replay.md](replay.md)) |
| \`v4l2-cuse replay FILE -d NODE\` | plays a recording against a driver, and compares the answers ([replay.md](replay.md)) |
| \`v4l2-cuse diff A B\` | the first place where the clients of two recordings differ ([diff.md](diff.md)) |
| \`v4l2-cuse explain FILE\` | why frames were late or lost ([late-frames.md](late-frames.md)) |
| \`v4l2-cuse expect FILE RULES...\` | judges a recording by rules, for tests ([expect.md](expect.md)) |

A recording has no transitions from or to "preparing", which are instants within a call.

The export to Perfetto has not been opened with trace_processor, which no package source of the project has. Instead a test
loads it into sqlite3, finds the way of each buffer of three clients at once from \`QBUF\` by its job to \`DQBUF\`, and compares
the times with the recording. The rules by which an importer drops items are queries of that test, too: slices of a track nest,
each arrow's end is in a slice, each asynchronous slice that begins under an id ends before the next.

All read a recording in constant memory. Of one million events (222 MB, decoders' sessions told again and again), on two shared
processors:

| command | processor time | memory at its peak |
|---|---|---|
| \`export --to perfetto\` | 13 s | 99 MiB |
| \`export --to ftrace\` | 3.5 s | 97 MiB |
| \`export --to v4l2-tracer\` | 27 s | 100 MiB |
| \`explain\` | 3 s | 98 MiB |

Each takes several recordings, and puts their events in order by time. A recording of the processes of one machine can be
merged so, for CLOCK_MONOTONIC is the same in all of them.

Nothing is built while nobody listens. A recording never holds a client up: events wait in memory, 16 MiB at the most,
until they are written; those that have no room are counted, and the recording says so (\`dropped\`). What comes in
is written every quarter of a second. So a driver that is killed (SIGKILL) loses what happened since, and what waits for a
slow disk; one that ends loses nothing that had room. What recording costs is in
[performance.md](performance.md#when-somebody-listens). If the file cannot be
written, one sentence says so, the device goes on, and the exit status is 74. The file can be read by its owner only, for it holds what
clients did.

\`--record-bytes SIZE\` adds what OUTPUT buffers hold, so much of each. A program follows live events with \`followEvents()\` of
src/events, as a recording that it writes wherever it likes.

## Live events

\`v4l2-cuse events /dev/video0\` (or \`0\`, \`media0\`, the path of a FUSE node) prints the events of the driver that serves the node until the driver
ends, or until Ctrl-C. Every driver command can be followed, without an option: it listens at a socket in
\`/run/v4l2-cuse/events\`, of users other than root in \`$XDG_RUNTIME_DIR/v4l2-cuse/events\`. Only the driver's user and root may
enter that folder. A follower looks into the folder of its own user. A driver that cannot make the socket serves its nodes all the
same.

Several can follow, 16 at the most. A follower that reads slowly holds nobody up: 4 MiB wait for it, the events that have no room
are counted, and it is told (\`dropped\`). Nothing is recorded while nobody follows. Programs that \`v4l2-cuse run\` has started find the
driver by the node that they see; others name the path that the driver has announced, or the number.

Whoever connects gets a line of JSON (\`program\`, \`pid\`, \`devices\`, \`nodes\`), answers \`follow\` and a line feed, and gets a recording that ends
with the driver.

## Keys

| to follow | join by |
|---|---|
| a buffer | \`device\`, \`file\`, \`type\`, \`index\` |
| a frame | \`device\`, \`file\`, \`type\`, \`sequence\`; of mem2mem devices \`timestampNs\` |
| a request | \`device\` of the media node and \`request\`; buffer and job events have the same \`request\`. Before a client has named the request it is its number alone, \`12\`, afterwards \`12:7\` |
| a job | \`device\`, \`job\` |
| a client | \`pid\`; \`file\` of all but media nodes' events |

## Members

All events have these; JSON leaves out members that are undefined. 64-bit numbers that JSON's numbers would round are
strings. [events.schema.json](events.schema.json) is the JSON Schema of a line.
`;

const outro = `
## The file

A recording is a head and records, all numbers little-endian.

| bytes | what |
|---|---|
| 8 | \`V4L2REC\` and a line feed |
| 4 | version of this layout: 1 |
| 4 | length of the JSON that follows |
| ... | JSON: \`events\` (version of the events), \`program\`, \`timeMs\` and \`monotonicNs\` (both clocks at one time), \`kinds\`: for each kind its name, and name and form of its members in order |

Then records, until the end of the file. If the driver was killed, the last one may be cut; all before it are good.

| bytes | what |
|---|---|
| 4 | size of the record, with these four bytes |
| 2 | number of the kind: its place in \`kinds\`, from 1. 0: a string gets a number |
| 2 | number of the string that is the node's name; kind 0: the string's number, from 1, or 0: all numbers are free again |
| 8 | \`monotonicNs\`, a double; kind 0: none, the string in UTF-8 follows, to the end of the record |
| ... | the members, as the head says |

| form | bytes |
|---|---|
| \`u16\`, \`u32\`, \`i32\`, \`u64\`, \`f64\` | 2, 4, 4, 8, 8 |
| \`bool\` | 2 |
| \`u64?\`, \`f64?\` | 8; all bits 1, or NaN: undefined |
| \`name\`, \`name?\` | 2: the number of a string; 0: undefined |
| \`text\`, \`text?\`, \`bytes?\` | 4 for the length, then as many; length 4294967295: undefined |
| \`u32[]\` | 4 for the count, then 4 each |
| \`parts?\` | as \`text?\`: a JSON object; a 64-bit number is an array of one string |
| \`keys\` | 4 for the count, then 16 each: file (\`u64?\`), type (\`u32\`), index (\`u32\`) |

An ioctl's argument is in a recording as the bytes that client and driver had, and is described when it is read.

This file is made from the table of members: \`npx vitest run --project unit test/events/docs.test.ts -u\` writes it.
`;

const words: Readonly<Partial<Record<FieldForm, string>>> = {
  keys: "list of buffers",
  "u32[]": "list of numbers",
  "parts?": "object",
};

const formText = (form: FieldForm): string => `${words[form] ?? `\`${form}\``}`;

function section(kind: (typeof eventKinds)[number]): string {
  const shown =
    kind === "ioctl"
      ? [
          ["args", "The argument after the call, as an object (JSON only)."],
          ["asked", "What the client asked, where it was given something else (JSON only)."],
        ]
      : [];
  return [
    `### ${kind}\n`,
    `${kindDocs[kind]}\n`,
    "| member | form | |",
    "|---|---|---|",
    ...eventFields[kind].map(({ name, form, doc, words: values }) => {
      const bytesOnly = ioctlByteMembers.some((member) => kind === "ioctl" && member === name)
        ? " (Recordings only.)"
        : "";
      return `| \`${name}\` | ${formText(form)} | ${doc}${values === undefined ? "" : ` One of ${values.join(", ")}.`}${bytesOnly} |`;
    }),
    ...shown.map(([name, doc]) => `| \`${name}\` | object | ${doc} |`),
    "",
  ].join("\n");
}

const common = [
  "| member | |",
  "|---|---|",
  "| `kind` | What happened: one of those below. |",
  ...Object.entries(commonFields).map(([name, doc]) => `| \`${name}\` | ${doc} |`),
  "",
].join("\n");

it("docs/events.md is what the table says", async () => {
  const document = `${intro}\n${common}\n${eventKinds.map(section).join("\n")}${outro}`;
  await expect(document).toMatchFileSnapshot("../../docs/events.md");
});

it("docs/events.schema.json is what the table says", async () => {
  await expect(`${JSON.stringify(eventSchema, null, 2)}\n`).toMatchFileSnapshot(
    "../../docs/events.schema.json",
  );
});

interface KindSchema {
  readonly title: string;
  readonly properties: Readonly<
    Record<string, { readonly enum?: readonly unknown[]; readonly type?: string }>
  >;
  readonly required: readonly string[];
}

it.each(examples.map((event) => [event.kind, event] as const))(
  "a line of %s fits the schema",
  (kind, event) => {
    const line = JSON.parse(jsonLine(event)) as Readonly<Record<string, unknown>>;
    const schema = (eventSchema["oneOf"] as readonly KindSchema[]).find(({ title }) => title === kind);
    if (schema === undefined) throw new Error(`no schema of ${kind}`);
    for (const name of schema.required) expect(line).toHaveProperty(name);
    for (const [name, value] of Object.entries(line)) {
      const member = schema.properties[name];
      if (member === undefined) throw new Error(`the schema of ${kind} has no ${name}`);
      if (member.enum !== undefined) expect(member.enum).toContain(value);
      if (member.type === "string") expect(typeof value).toBe("string");
      if (member.type === "integer" || member.type === "number") expect(typeof value).toBe("number");
    }
  },
);
