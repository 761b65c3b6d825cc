/** src/convert as the loopback uses it. */
import { canConvert, convertibleFormats, pictureIn, PictureConverter } from "../convert/index.js";
import type { ConverterOptions } from "../convert/index.js";
import { BufType } from "../v4l2/index.js";
import type { PlaneMemory } from "../vb2/index.js";
import type { ShapeConverter } from "./converter.js";
import type { Frame } from "./frame.js";
import { commonFormats, describeShape, drawableFormat, isCompressed, producerFormats } from "./shape.js";
import type { Shape } from "./shape.js";

/**
 * Processes at most. A conversion is not interrupted: a picture of 4K as JPEG takes some 60 ms, in which a process makes
 * thirty small ones. With a process for each consumer the kernel's scheduler shares the processors out.
 */
const MOST_PROCESSES = 4;
/** Pixels of the larger side of a conversion, from which on it is a large one. */
const LARGE_PIXELS = 2560 * 1440;

interface Process {
  pictures: PictureConverter;
  /** Consumers that it works for, and whether their conversions are large. */
  readonly users: Map<object, boolean>;
}

const largeUsersOf = ({ users }: Process): number => [...users.values()].filter((isLarge) => isLarge).length;

/** Conversions in confined processes: one for each consumer, up to a bound. Each starts when it is first needed. */
export class PictureConversion implements ShapeConverter {
  readonly formats: readonly number[];
  readonly #options: ConverterOptions;
  /** The first has no large conversions: whatever others ask for, small ones go on. */
  readonly #processes: readonly Process[];
  readonly #processOf = new Map<object, Process>();
  #isClosed = false;

  constructor(options: ConverterOptions = {}) {
    this.#options = options;
    this.#processes = Array.from({ length: MOST_PROCESSES }, () => ({
      pictures: new PictureConverter(options),
      users: new Map<object, boolean>(),
    }));
    const possible = convertibleFormats.map(({ pixelformat }) => pixelformat);
    const known = possible.filter((pixelformat) => producerFormats.includes(pixelformat));
    this.formats = [...new Set([...commonFormats.filter((format) => known.includes(format)), ...known])];
  }

  /** Process ids; for tests. */
  get pids(): readonly number[] {
    return this.#processes.flatMap(({ pictures }) => pictures.pid ?? []);
  }

  converts(from: Shape, to: Shape): boolean {
    return canConvert(from.pixelformat, to.pixelformat);
  }

  async convert(
    whose: object,
    { shape, bytes, memory }: Frame,
    to: Shape,
    plane: PlaneMemory,
  ): Promise<number> {
    const source = pictureIn(memory.plane, describeShape(shape, BufType.VideoOutput), {
      offset: memory.offset,
      ...((isCompressed(shape.pixelformat) || drawableFormat(shape.pixelformat) === undefined) && {
        bytesUsed: bytes.length,
      }),
    });
    const destination = pictureIn(plane, describeShape(to, BufType.VideoCapture));
    const isLarge = Math.max(shape.width * shape.height, to.width * to.height) >= LARGE_PIXELS;
    const { pictures } = this.#processOf.get(whose) ?? this.#assign(whose, isLarge);
    const { bytesUsed } = await pictures.convert(source, destination, { fit: "bars" });
    return isCompressed(to.pixelformat) ? bytesUsed : to.sizeimage;
  }

  /** The process with the fewest large conversions, and of these with the fewest consumers. */
  #assign(whose: object, isLarge: boolean): Process {
    const [first, ...others] = this.#processes;
    if (first === undefined) throw new Error("there are processes");
    const usable = isLarge ? others : [first, ...others];
    const weight = (process: Process): number => largeUsersOf(process) * 1000 + process.users.size;
    const chosen = usable.reduce((best, each) => (weight(each) < weight(best) ? each : best));
    chosen.users.set(whose, isLarge);
    this.#processOf.set(whose, chosen);
    return chosen;
  }

  finished(whose: object): void {
    const process = this.#processOf.get(whose);
    if (process === undefined) return;
    this.#processOf.delete(whose);
    process.users.delete(whose);
    // One stays for the next consumer.
    if (process.users.size > 0 || process === this.#processes[0] || this.#isClosed) return;
    process.pictures.close();
    process.pictures = new PictureConverter(this.#options);
  }

  forget(plane: PlaneMemory): void {
    for (const { pictures } of this.#processes) pictures.forget(plane);
  }

  close(): void {
    this.#isClosed = true;
    for (const { pictures } of this.#processes) pictures.close();
  }
}
