/** src/convert as the loopback uses it. */
import { canConvert, convertibleFormats, pictureIn, PictureConverter } from "../convert/index.js";
import type { ConverterOptions } from "../convert/index.js";
import { BufType } from "../v4l2/index.js";
import type { PlaneMemory } from "../vb2/index.js";
import type { ShapeConverter } from "./converter.js";
import type { Frame } from "./frame.js";
import { commonFormats, describeShape, drawableFormat, isCompressed, producerFormats } from "./shape.js";
import type { Shape } from "./shape.js";

/** Conversions in the confined worker. */
export class PictureConversion implements ShapeConverter {
  readonly formats: readonly number[];
  readonly #pictures: PictureConverter;

  constructor(options: ConverterOptions = {}) {
    this.#pictures = new PictureConverter(options);
    const possible = convertibleFormats.map(({ pixelformat }) => pixelformat);
    const known = possible.filter((pixelformat) => producerFormats.includes(pixelformat));
    this.formats = [...new Set([...commonFormats.filter((format) => known.includes(format)), ...known])];
  }

  converts(from: Shape, to: Shape): boolean {
    return canConvert(from.pixelformat, to.pixelformat);
  }

  async convert({ shape, bytes, memory }: Frame, to: Shape, plane: PlaneMemory): Promise<number> {
    const source = pictureIn(memory.plane, describeShape(shape, BufType.VideoOutput), {
      offset: memory.offset,
      ...((isCompressed(shape.pixelformat) || drawableFormat(shape.pixelformat) === undefined) && {
        bytesUsed: bytes.length,
      }),
    });
    const destination = pictureIn(plane, describeShape(to, BufType.VideoCapture));
    const { bytesUsed } = await this.#pictures.convert(source, destination, { fit: "bars" });
    return isCompressed(to.pixelformat) ? bytesUsed : to.sizeimage;
  }

  forget(plane: PlaneMemory): void {
    this.#pictures.forget(plane);
  }

  close(): void {
    this.#pictures.close();
  }
}
