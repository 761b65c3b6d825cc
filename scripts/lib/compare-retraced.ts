/**
 * compare-retraced.ts EXPORTED RETRACED: two files of v4l2-tracer, what a recording was exported to and what its `retrace` then
 * wrote of itself. Says where the first call with another argument or answer is, or the first buffer with other bytes, and
 * fails; or how many were the same.
 */
import { readFileSync } from "node:fs";

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
type Entry = Readonly<Record<string, Json>>;

/** Of the process, not of the session. */
const OF_PROCESS = new Set(["fd", "request_fd", "address"]);

const [exported = "", retraced = ""] = process.argv.slice(2);
const read = (path: string): readonly Entry[] =>
  (JSON.parse(readFileSync(path, "utf8")) as readonly Entry[]).filter(
    ({ ioctl, mem_dump: dump }) => ioctl !== undefined || dump !== undefined,
  );

/** `retrace` plays no call that was refused, and no VIDIOC_ENUM_FRAMESIZES. */
const asked = read(exported).filter(
  ({ ioctl, errno }) => errno === undefined && ioctl !== "VIDIOC_ENUM_FRAMESIZES",
);
const played = read(retraced);

function flat(value: Json | undefined, name: string, members: Map<string, Json>): Map<string, Json> {
  if (typeof value !== "object" || value === null) return members.set(name, value ?? null);
  for (const [key, member] of Object.entries(value)) {
    if (!OF_PROCESS.has(key)) flat(member, name === "" ? key : `${name}.${key}`, members);
  }
  return members;
}

/** `retrace` asks without V4L2_FMTDESC_FLAG_ENUM_ALL, which no answer tells: then a format that only this lists is refused. */
const lostItsFlag = (entry: Entry, other: Entry | undefined): boolean =>
  entry["ioctl"] === "VIDIOC_ENUM_FMT" &&
  other?.["ioctl"] === "VIDIOC_ENUM_FMT" &&
  other["errno"] === "EINVAL";

/** It writes of entry points the number of the last VIDIOC_QUERY_EXT_CTRL, 1, though it sends all. */
function lostElements(left: Map<string, Json>, right: Map<string, Json>): boolean {
  const counted = [...right.keys()].find((name) => name.endsWith(".elems"));
  if (counted === undefined || right.get(counted) !== 1 || left.get(counted) === 1) return false;
  for (const name of left.keys()) if (/\.p_u32\.[1-9]\d*$/.test(name)) left.delete(name);
  return left.delete(counted) && right.delete(counted);
}

let [calls, dumps, withoutFlag, uncounted] = [0, 0, 0, 0];
for (const [at, entry] of asked.entries()) {
  const other = played[at];
  const [left, right] = [flat(entry, "", new Map()), flat(other, "", new Map())];
  if (lostItsFlag(entry, other) && right.delete("errno")) withoutFlag++;
  if (lostElements(left, right)) uncounted++;
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    const [wanted, got] = [left.get(name), right.get(name)];
    if (wanted === got) continue;
    const [call, expected, retraced] = [entry["ioctl"] ?? "mem_dump", wanted, got].map((each) =>
      JSON.stringify(each),
    );
    console.log(
      `entry ${at}, ${call ?? ""}: ${name}: ${expected ?? "none"}, retraced: ${retraced ?? "none"}`,
    );
    process.exit(1);
  }
  if (entry["ioctl"] === undefined) dumps++;
  else calls++;
}
if (played.length !== asked.length) {
  console.log(`${asked.length} entries were exported, ${played.length} retraced`);
  process.exit(1);
}
const faults = [
  ...(withoutFlag > 0 ? [`${withoutFlag} VIDIOC_ENUM_FMT that lost a flag`] : []),
  ...(uncounted > 0 ? [`${uncounted} VIDIOC_S_EXT_CTRLS whose elements it does not count`] : []),
];
console.log(
  `${calls} calls and ${dumps} buffers are the same${faults.length > 0 ? `, but for ${faults.join(", ")}` : ""}`,
);
