/**
 * Structs, unions and enums out of castxml's description of the headers. castxml is clang's front end, so layouts
 * are a compiler's own.
 */
import { execFileSync } from "node:child_process";
import { HEADERS, LIBC_HEADER, type EnumFact, type FieldFact, type StructFact } from "./facts.js";

type Attributes = Readonly<Record<string, string>>;

interface Element {
  readonly tag: string;
  readonly attributes: Attributes;
  readonly children: Element[];
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/** castxml writes one tag per line, attributes only, and nests one level below the root. */
function parseXml(text: string): Map<string, Element> {
  const byId = new Map<string, Element>();
  let parent: Element | undefined;
  for (const line of text.split("\n")) {
    const match = /^\s*<([A-Z]\w*)((?: [\w]+="[^"]*")*)\s*(\/?)>$/.exec(line);
    if (match === null) continue;
    const attributes: Record<string, string> = {};
    for (const [, key = "", value = ""] of (match[2] ?? "").matchAll(/(\w+)="([^"]*)"/g)) {
      attributes[key] = value.replace(/&(\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole);
    }
    const element: Element = { tag: match[1] ?? "", attributes, children: [] };
    const id = attributes["id"];
    if (id === undefined) parent?.children.push(element);
    else {
      byId.set(id, element);
      parent = element;
    }
  }
  return byId;
}

export interface CompilerRun {
  /** Directories for `-isystem`, the fetched headers first. */
  readonly includes: readonly string[];
  /** More flags: `-m32`, `-D...`. */
  readonly flags: readonly string[];
  /** Whose macros and rules: gcc's, unless it is clang's own for another processor. */
  readonly like?: "clang" | undefined;
  readonly source: string;
}

export function runCastxml(run: CompilerRun): Map<string, Element> {
  const compiler = run.like === "clang" ? [] : ["--castxml-cc-gnu-c", "(", "gcc", ...run.flags, ")"];
  const args = ["--castxml-output=1", "-x", "c", ...compiler, ...run.flags];
  for (const directory of run.includes) args.push("-isystem", directory);
  return parseXml(
    execFileSync("castxml", [...args, "-o", "-", run.source], { encoding: "utf8", maxBuffer: 64 << 20 }),
  );
}

const INTEGERS: Readonly<Record<string, readonly [prefix: "u" | "s"]>> = {
  "unsigned char": ["u"],
  "signed char": ["s"],
  "short unsigned int": ["u"],
  "short int": ["s"],
  "unsigned int": ["u"],
  int: ["s"],
  "long unsigned int": ["u"],
  "long int": ["s"],
  "long long unsigned int": ["u"],
  "long long int": ["s"],
};

export interface Extracted {
  readonly structs: StructFact[];
  readonly enums: EnumFact[];
}

/** Reads what the headers declare; anonymous types become entries of their own, named after their place. */
export class Extractor {
  readonly #elements: Map<string, Element>;
  readonly #structs: StructFact[] = [];
  readonly #done = new Set<string>();

  constructor(elements: Map<string, Element>) {
    this.#elements = elements;
  }

  run(): Extracted {
    const enums: EnumFact[] = [];
    for (const element of this.#elements.values()) {
      const header = this.#header(element);
      if (header === undefined) continue;
      const { tag, attributes } = element;
      const name = attributes["name"] ?? "";
      if (tag === "Enumeration") {
        enums.push({
          name,
          header,
          values: element.children.map(({ attributes: value }) => [
            value["name"] ?? "",
            Number(value["init"]),
          ]),
        });
      } else if (
        (tag === "Struct" || tag === "Union") &&
        name !== "" &&
        attributes["incomplete"] === undefined
      ) {
        this.#aggregate(element, name, header);
      }
    }
    return { structs: this.#structs, enums };
  }

  /** `linux/x.h` when the element stands in one of the bound headers. Paths of this machine end here. */
  #header(element: Element): string | undefined {
    const file = this.#elements.get(element.attributes["file"] ?? "")?.attributes["name"] ?? "";
    return HEADERS.find((header) => file.endsWith(`/${header}`));
  }

  #get(id: string | undefined): Element {
    const element = this.#elements.get(id ?? "");
    if (element === undefined) throw new Error(`castxml: no element ${id ?? "(none)"}`);
    return element;
  }

  #aggregate(element: Element, name: string, header: string): void {
    if (this.#done.has(name)) return;
    this.#done.add(name);
    const fields: FieldFact[] = [];
    let unnamed = 0;
    for (const id of (element.attributes["members"] ?? "").split(" ").filter((part) => part !== "")) {
      const member = this.#get(id);
      if (member.tag !== "Field") continue;
      const { attributes } = member;
      const field = attributes["name"] ?? "";
      if (attributes["bits"] !== undefined) {
        if (field === "") continue; // Padding; glibc has some in its 32-bit timespec.
        throw new Error(`${name}.${field}: bitfields are not supported`);
      }
      const place = field === "" ? `${name}.<${unnamed++}>` : `${name}.${field}`;
      const [type, enumName] = this.#type(attributes["type"], place, header);
      const offset = Number(attributes["offset"]) / 8;
      fields.push(enumName === undefined ? [field, offset, type] : [field, offset, type, enumName]);
    }
    this.#structs.push({
      name,
      kind: element.tag === "Union" ? "union" : "struct",
      header,
      size: Number(element.attributes["size"]) / 8,
      fields,
    });
  }

  #type(id: string | undefined, place: string, header: string): [type: string, enumName?: string] {
    const element = this.#get(id?.replace(/[crv]+$/, ""));
    const { attributes } = element;
    switch (element.tag) {
      case "Typedef":
      case "ElaboratedType":
      case "CvQualifiedType":
        return this.#type(attributes["type"], place, header);
      case "PointerType":
        return ["ptr"];
      case "ArrayType": {
        const max = attributes["max"] ?? "";
        const dimension = max === "" ? "[]" : `[${Number(max) + 1}]`;
        const [inner, enumName] = this.#type(attributes["type"], place, header);
        const open = inner.indexOf("[");
        const type = open < 0 ? inner + dimension : inner.slice(0, open) + dimension + inner.slice(open);
        return enumName === undefined ? [type] : [type, enumName];
      }
      case "Enumeration":
        return ["u32", attributes["name"] ?? ""];
      case "FundamentalType": {
        const name = attributes["name"] ?? "";
        if (name === "char") return ["char"];
        const integer = INTEGERS[name];
        if (integer === undefined) throw new Error(`${place}: unexpected type ${name}`);
        return [`${integer[0]}${attributes["size"] ?? ""}`];
      }
      case "Struct":
      case "Union": {
        const name = attributes["name"] ?? "";
        const own = name === "" ? place : name;
        this.#aggregate(element, own, this.#header(element) ?? LIBC_HEADER);
        return [`${element.tag.toLowerCase()} ${own}`];
      }
      default:
        throw new Error(`${place}: unexpected castxml element ${element.tag}`);
    }
  }
}
