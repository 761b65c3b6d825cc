/**
 * The Perfetto export of three clients at once, read by sqlite3: each buffer's way is found by SQL, and what Perfetto's importer
 * would drop or misplace is looked for. trace_processor itself is in none of the package sources that the project uses.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtProgram } from "../device/support/camera.js";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-perfetto-"));
const [recording, trace] = [join(folder, "recording"), join(folder, "trace.json")];
const tables = readFileSync(path("perfetto.sql"), "utf8").replace("('FILE')", `('${trace}')`);

const node = (...args: string[]): string =>
  execFileSync(process.execPath, [builtProgram(), ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, GST_REGISTRY_1_0: join(folder, "registry") },
  });

/** Rows of the last statement. */
function ask<Row>(statement: string): Row[] {
  const json = execFileSync("sqlite3", ["-json", ":memory:"], {
    input: `${tables}\n${statement};\n`,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  return json === "" ? [] : (JSON.parse(json) as Row[]);
}

interface Way {
  readonly file: number;
  readonly qbuf: number;
  readonly job: number;
  readonly started: number;
  readonly finished: number;
  readonly dqbuf: number;
}

interface Line {
  readonly kind: string;
  readonly monotonicNs: number;
  readonly name?: string;
  readonly errno?: string;
  readonly file: number;
  readonly args?: { readonly index: number; readonly type: string };
  readonly action?: string;
  readonly job?: number;
  readonly source?: number;
  readonly destination?: number;
}

/** The ways of buffers, from the recording's own events. Times are those of the calls' answers. */
function waysOf(lines: readonly Line[]): Way[] {
  const open = new Map<string, Partial<Way>>();
  const started = new Map<number, number>();
  const ways: Way[] = [];
  for (const { kind, monotonicNs: ns, name, errno, file, args, action, job = 0, ...buffers } of lines) {
    if (kind === "job") {
      if (action === "started") started.set(job, ns);
      if (action !== "finished") continue;
      for (const [type, index] of [
        ["vid-out-mplane", buffers.source],
        ["vid-cap-mplane", buffers.destination],
      ]) {
        const key = `${file} ${type} ${index}`;
        open.set(key, { ...open.get(key), job, started: started.get(job) ?? 0, finished: ns });
      }
    } else if (kind === "ioctl" && errno === undefined && args !== undefined) {
      const key = `${file} ${args.type} ${args.index}`;
      if (name === "VIDIOC_QBUF") open.set(key, { file, qbuf: ns });
      else if (name === "VIDIOC_DQBUF") {
        ways.push({ ...open.get(key), dqbuf: ns } as Way);
        open.delete(key);
      }
    }
  }
  return ways.sort((a, b) => a.dqbuf - b.dqbuf);
}

const isPossible = existsSync("/dev/fuse") && process.getuid?.() === 0;
const why = isPossible ? "" : " (skipped: needs root and /dev/fuse)";

describe.runIf(isPossible)(`three clients at once, in a trace for Perfetto${why}`, () => {
  beforeAll(() => {
    const clip = path("../gstreamer/data/vp8.ivf");
    const client = `gst-launch-1.0 -q filesrc location='${clip}' ! ivfparse ! v4l2slvp8dec ! fakesink`;
    // The first one alone: it looks for decoders.
    const clients = `${client}; ${client} & ${client} & ${client} & wait`;
    node("run", "--quiet", "--device", "visl", "--record", recording, "--", "sh", "-c", clients);
    node("export", recording, "--to", "perfetto", "-o", trace);
  }, 120_000);
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it("have the way of each buffer from QBUF by its job to DQBUF, at the times of the recording", () => {
    const found = ask<Way>(`
      SELECT CAST(substr(p.meta, instr(p.meta, ' file ') + 6) AS INTEGER) AS file, s.end AS qbuf,
             CAST(substr(t.name, 5) AS INTEGER) AS job, t.ns AS started, t.end AS finished, f.end AS dqbuf
      FROM bound AS s
        JOIN bound AS t ON t.id = s.id AND t.ph = 't' AND t.name LIKE 'job %'
        JOIN bound AS f ON f.id = s.id AND f.ph = 'f' AND f.name = 'VIDIOC_DQBUF'
        JOIN item AS p ON p.n = (SELECT max(n) FROM item WHERE ph = 'M' AND name = 'process_name' AND pid = s.pid)
      WHERE s.ph = 's' AND s.name = 'VIDIOC_QBUF'
      ORDER BY f.end`);
    const events = node("events", recording, "--json").trimEnd().split("\n");
    const ways = waysOf(events.map((line) => JSON.parse(line) as Line));
    // Ten frames each, with a bitstream and a picture, of three clients and the one before.
    expect(ways).toHaveLength(4 * 10 * 2);
    expect(new Set(ways.map(({ file }) => file)).size).toBe(4);
    const rounded = (way: Way): Record<string, number> =>
      Object.fromEntries(Object.entries(way).map(([name, ns]) => [name, Math.round(Number(ns))]));
    expect(found.map(rounded)).toEqual(ways.map(rounded));
  });

  it.each([
    [
      "slices of a track lie beside or in each other, and none lasts no time",
      `
      SELECT a.name, b.name AS other FROM slice AS a JOIN slice AS b
        ON a.pid = b.pid AND a.tid = b.tid AND a.ns < b.ns AND b.ns < a.end AND a.end < b.end
      UNION ALL SELECT name, 'no time' FROM slice WHERE end <= ns OR ns < 0`,
    ],
    ["each end of an arrow is in a slice of its track", "SELECT * FROM bound WHERE name IS NULL"],
    [
      "each arrow begins once, before all that follows, and ends once at the most",
      `
      SELECT id FROM bound GROUP BY id
      HAVING sum(ph = 's') <> 1 OR sum(ph = 'f') > 1 OR min(at) < min(CASE ph WHEN 's' THEN at END)
        OR max(at) > max(CASE ph WHEN 'f' THEN at ELSE 0 END) AND sum(ph = 'f') = 1`,
    ],
    [
      "each asynchronous slice ends where the next of its id begins, under the name that it began with",
      `
      SELECT * FROM (
        SELECT cat, id, ph, name, ns, lag(ph) OVER way AS before, lag(name) OVER way AS named, lag(ns) OVER way AS since
        FROM item WHERE ph IN ('b', 'e') WINDOW way AS (PARTITION BY cat, id ORDER BY n))
      WHERE ph = 'e' AND (before IS NOT 'b' OR named IS NOT name OR since > ns) OR ph = 'b' AND before = 'b'`,
    ],
    [
      "an id of asynchronous slices is of one process",
      `
      SELECT cat, id FROM item WHERE ph IN ('b', 'e') GROUP BY cat, id HAVING count(DISTINCT pid) > 1`,
    ],
    [
      "every track and process has a name",
      `
      SELECT DISTINCT pid, tid FROM item WHERE ph IN ('X', 'i', 's', 't', 'f') AND NOT EXISTS (
        SELECT 1 FROM item AS m WHERE m.ph = 'M' AND m.name = 'thread_name' AND m.pid = item.pid AND m.tid = item.tid)
      UNION ALL SELECT DISTINCT pid, 0 FROM item WHERE NOT EXISTS (
        SELECT 1 FROM item AS m WHERE m.ph = 'M' AND m.name = 'process_name' AND m.pid = item.pid)`,
    ],
  ])("is taken whole by an importer: %s", (_rule, breaches) => {
    const [{ count = 0 } = {}] = ask<{ count: number }>(
      "SELECT count(*) AS count FROM item WHERE ph IN ('X', 'b', 's')",
    );
    expect(count).toBeGreaterThan(300);
    expect(ask(breaches)).toEqual([]);
  });
});
