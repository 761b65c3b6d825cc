/** Whether facts recorded from older headers still hold in newer ones: the uAPI only ever grows. */
import type { Facts, FieldFact, StructFact } from "./facts.js";

export interface Comparison {
  /** Recorded facts that the other headers deny. */
  readonly contradictions: readonly string[];
  readonly additions: readonly string[];
}

/** Fields that give way when a struct gets a new member. */
export const isReserved = (field: string): boolean =>
  /^(?:reserved|pad|padding|spare|unused)\w*$/.test(field) || /_(?:reserved|pad)$/.test(field);

/** Constants that grow with the uAPI: counts, limits and versions. */
export const grows = (name: string): boolean =>
  /_(?:MAX|LAST|LASTP1|ALL|NUM|COUNT|VERSION)$/.test(name) || name.endsWith("_MINOR_VERSION");

export function compareFacts(recorded: Facts, found: Facts): Comparison {
  const contradictions: string[] = [];
  const additions: string[] = [];
  const compare = <Value>(
    what: string,
    old: Map<string, Value>,
    now: Map<string, Value>,
    differ: (name: string, old: Value, now: Value) => void,
  ): void => {
    for (const [name, value] of old) {
      const other = now.get(name);
      if (other === undefined) contradictions.push(`${what} ${name} is gone`);
      else differ(name, value, other);
    }
    for (const name of now.keys()) if (!old.has(name)) additions.push(`${what} ${name}`);
  };

  compare("type", structMap(recorded), structMap(found), (name, old, now) =>
    compareStruct(name, old, now, contradictions, additions),
  );
  compare("constant", constantMap(recorded), constantMap(found), (name, old, now) => {
    if (old === now) return;
    (grows(name) ? additions : contradictions).push(`constant ${name} was ${old}, is ${now}`);
  });
  compare("ioctl", ioctlMap(recorded), ioctlMap(found), (name, old, now) => {
    if (old !== now) contradictions.push(`ioctl ${name} was ${old}, is ${now}`);
  });
  return { contradictions, additions };
}

const structMap = ({ structs }: Facts): Map<string, StructFact> =>
  new Map(structs.map((struct) => [struct.name, struct]));

/** Macros and enumerators in one: the kernel turns one into the other at times. */
function constantMap({ constants, enums }: Facts): Map<string, string> {
  const map = new Map<string, string>();
  for (const list of Object.values(constants))
    for (const [name, type, value] of list) map.set(name, type === "str" ? JSON.stringify(value) : value);
  for (const { values } of enums) for (const [name, value] of values) map.set(name, String(value));
  return map;
}

const ioctlMap = ({ ioctls }: Facts): Map<string, string> =>
  new Map(
    ioctls.map(({ name, number, arg }) => [name, `0x${number.toString(16).padStart(8, "0")} (${arg})`]),
  );

function compareStruct(
  name: string,
  old: StructFact,
  now: StructFact,
  contradictions: string[],
  additions: string[],
): void {
  if (old.kind !== now.kind || old.size > now.size) {
    contradictions.push(`${old.kind} ${name} had ${old.size} bytes, ${now.kind} ${name} has ${now.size}`);
  } else if (old.size < now.size) {
    additions.push(`${old.kind} ${name} grew from ${old.size} to ${now.size} bytes`);
  }
  const fields = new Map(now.fields.map((field) => [field[0], field]));
  for (const field of old.fields) {
    const other = fields.get(field[0]);
    if (other !== undefined && sameField(field, other)) continue;
    if (isReserved(field[0]) || (field[0] === "" && now.kind === "struct" && other !== undefined)) {
      additions.push(`${name}.${field[0]} gave way`);
      continue;
    }
    const was = `at ${field[1]}: ${field[2]}`;
    contradictions.push(
      `${name}.${field[0]} was ${was}, ${other === undefined ? "is gone" : `is at ${other[1]}: ${other[2]}`}`,
    );
  }
  const known = new Set(old.fields.map(([field]) => field));
  for (const [field] of now.fields) if (!known.has(field)) additions.push(`${name}.${field}`);
}

const sameField = (a: FieldFact, b: FieldFact): boolean => a[1] === b[1] && a[2] === b[2];
