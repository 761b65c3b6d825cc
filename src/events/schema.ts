/** The JSON Schema of the JSON lines of events: `--log json`, `v4l2-cuse events --json`. */
import {
  commonFields,
  eventFields,
  eventKinds,
  EVENTS_VERSION,
  ioctlByteMembers,
  kindDocs,
} from "./fields.js";
import type { EventField, FieldForm } from "./fields.js";

type Schema = Readonly<Record<string, unknown>>;

const number = { type: "number" };
const integer = { type: "integer" };
/** 64-bit numbers that JSON's numbers would round are strings. */
const long = { anyOf: [{ type: "integer" }, { type: "string", pattern: "^-?[0-9]+$" }] };
const string = { type: "string" };

const forms: Readonly<Record<FieldForm, Schema>> = {
  u16: integer,
  u32: integer,
  i32: integer,
  u64: long,
  "u64?": long,
  f64: number,
  "f64?": number,
  bool: { type: "boolean" },
  name: string,
  "name?": string,
  text: string,
  "text?": string,
  "u32[]": { type: "array", items: integer },
  keys: {
    type: "array",
    items: {
      type: "object",
      properties: { file: long, type: integer, index: integer },
      required: ["type", "index"],
      additionalProperties: false,
    },
  },
  "bytes?": string,
  "parts?": { type: "object", additionalProperties: { type: ["string", "number"] } },
};

/** An ioctl's line has the argument described, and not its bytes. */
const isShown = ({ name }: EventField): boolean => !ioctlByteMembers.some((member) => member === name);

function memberSchema({ form, doc, words }: EventField): Schema {
  return { description: doc, ...forms[form], ...(words && { enum: words }) };
}

function kindSchema(kind: (typeof eventKinds)[number]): Schema {
  const fields = eventFields[kind].filter(isShown);
  const described =
    kind !== "ioctl"
      ? {}
      : {
          args: { description: "The argument after the call.", type: "object" },
          asked: { description: "What the client asked, where it was given something else.", type: "object" },
        };
  const required = fields.filter(({ form }) => !form.endsWith("?")).map(({ name }) => name);
  return {
    title: kind,
    description: kindDocs[kind],
    type: "object",
    properties: {
      kind: { const: kind },
      device: { description: commonFields.device, type: "string" },
      monotonicNs: { description: commonFields.monotonicNs, type: "integer" },
      timeMs: { description: commonFields.timeMs, type: "number" },
      ...Object.fromEntries(fields.map((field) => [field.name, memberSchema(field)])),
      ...described,
    },
    required: ["kind", "device", "monotonicNs", "timeMs", ...required, ...(kind === "ioctl" ? ["args"] : [])],
    additionalProperties: false,
  };
}

/** One line is one of these. */
export const eventSchema: Schema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: `An event of v4l2-cuse, version ${EVENTS_VERSION}`,
  oneOf: eventKinds.map(kindSchema),
};
