/**
 * Writes the argument of an ioctl for the log, twice at once: as text in the form of the kernel core's debug
 * lines, and as a plain object. Each definition describes its argument with it.
 *
 * Whatever bytes a client sends, nothing here throws.
 */
import { escapeText, fourccText, nameOf } from "../values/names.js";
import type { NameTable } from "../values/names.js";

export type ArgObject = Record<string, unknown>;

/** An unsigned number in hex, with at least `digits` digits. */
export function hex(value: number | bigint, digits = 1): string {
  const unsigned = typeof value === "bigint" ? BigInt.asUintN(64, value) : value >>> 0;
  return `0x${unsigned.toString(16).padStart(digits, "0")}`;
}

/**
 * Sees each value before it is written.
 * @param path - What names it within the argument: `width=`, `planes[0].bytesused=`.
 * @param key - The last part of that: `bytesused=`.
 * @returns What is written in its place.
 */
export type ValueObserver = (path: string, value: string, key: string) => string;

/** Collects what the log shows of an ioctl's argument: the kernel's text, and the same as a plain object. */
export class ArgWriter {
  readonly #observe: ValueObserver | undefined;
  /** Of the list's element, or the group, that is being written. */
  #path = "";
  #text = "";
  #comma = false;
  #object: ArgObject = {};
  #target: ArgObject = this.#object;

  constructor(observe?: ValueObserver) {
    this.#observe = observe;
  }

  get text(): string {
    return this.#text;
  }

  get object(): ArgObject {
    return this.#object;
  }

  /**
   * One piece of text, after a comma if it is not the first of its line.
   * @param keyLength - So many characters name the value that follows them: `width=640`.
   */
  item(text: string, keyLength = text.indexOf("=") + 1): this {
    let shown = text;
    if (this.#observe !== undefined && keyLength > 0) {
      const key = text.slice(0, keyLength);
      shown = key + this.#observe(this.#path + key, text.slice(keyLength), key);
    }
    this.#text += this.#comma ? `, ${shown}` : shown;
    this.#comma = true;
    return this;
  }

  /** Text that brings its own punctuation; the next item follows without a comma. */
  raw(text: string): this {
    this.#text += text;
    this.#comma = false;
    return this;
  }

  /** Only into the object. */
  set(name: string, value: unknown): this {
    this.#target[name] = value;
    return this;
  }

  /** `%d` of a 32-bit field. */
  int(name: string, value: number): this {
    return this.set(name, value | 0).item(`${name}=${value | 0}`);
  }

  /** `%u` of a 32-bit field. */
  uint(name: string, value: number): this {
    return this.set(name, value >>> 0).item(`${name}=${value >>> 0}`);
  }

  /** A 64-bit field in decimal. */
  big(name: string, value: bigint): this {
    return this.set(name, value).item(`${name}=${value}`);
  }

  hex(name: string, value: number | bigint, digits = 1): this {
    return this.set(name, typeof value === "number" ? value >>> 0 : value).item(
      `${name}=${hex(value, digits)}`,
    );
  }

  /** An enumeration by its word. */
  word(name: string, value: number, table: NameTable): this {
    const word = nameOf(table, value);
    return this.set(name, word === "unknown" || word === "(null)" ? value : word).item(`${name}=${word}`);
  }

  fourcc(name: string, code: number): this {
    const text = fourccText(code);
    return this.set(name, text.slice(0, 4)).item(`${name}=${text}`);
  }

  string(name: string, text: string): this {
    return this.set(name, text).item(`${name}=${escapeText(text)}`);
  }

  /** `name='text'`. */
  quoted(name: string, text: string): this {
    return this.set(name, text).item(`${name}='${escapeText(text)}'`);
  }

  /** `name wxh=640x480, x,y=0,0`; without a name the rectangle is `rect` in the object. */
  rect(
    name: string,
    rect: { readonly width: number; readonly height: number; readonly left: number; readonly top: number },
  ): this {
    const { left, top, width, height } = rect;
    return this.set(name === "" ? "rect" : name, { left, top, width, height })
      .item(`${name === "" ? "" : `${name} `}wxh=${width | 0}x${height | 0}`)
      .item(`x,y=${left},${top}`);
  }

  /** A line of its own. */
  line(): this {
    return this.raw("\n");
  }

  /** Elements of an array: text by `write`, values as objects in an array called `name`. */
  list(name: string, length: number, write: (writer: this, index: number) => void): this {
    const [outer, path] = [this.#target, this.#path];
    const elements: ArgObject[] = [];
    for (let index = 0; index < length; index++) {
      this.#target = {};
      this.#path = `${path}${name}[${index}].`;
      write(this, index);
      elements.push(this.#target);
    }
    this.#target = outer;
    this.#path = path;
    return this.set(name, elements);
  }

  /** What `write` sets goes into an object called `name`. */
  group(name: string, write: (writer: this) => void): this {
    const [outer, path] = [this.#target, this.#path];
    this.#target = {};
    this.#path = `${path}${name}.`;
    write(this);
    outer[name] = this.#target;
    this.#target = outer;
    this.#path = path;
    return this;
  }
}
