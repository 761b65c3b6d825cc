/** The two queue ops that say the same in nearly every driver: buffers are as large as the format asks for. */
import { V4l2Error } from "../v4l2/index.js";
import type { VideoFormat } from "../v4l2/index.js";
import type { SetupPlan, SetupRequest } from "./queue-config.js";
import type { VideoBuffer } from "./video-buffer.js";

/** The two ops that {@link sizedByFormat} makes. */
export interface SizedByFormat {
  /** @throws {V4l2Error} EINVAL - CREATE_BUFS asks for other planes than the format has, or smaller ones. */
  queueSetup(ask: SetupRequest): SetupPlan;
  /** @throws {V4l2Error} EINVAL - the buffer is smaller than the format, which was changed since. */
  bufPrepare(buffer: VideoBuffer): void;
}

/**
 * `queueSetup` and `bufPrepare` for a queue whose buffers hold one picture of `format()`.
 *
 * @param format - The format that is set now.
 * @param filled - Every buffer is full whatever the client says: pictures that are not compressed, in and out. Payloads
 *   are set so. False: they stay as they are, for bitstreams.
 */
export function sizedByFormat(format: () => Pick<VideoFormat, "planes">, filled: boolean): SizedByFormat {
  const neededSizes = (): number[] => format().planes.map(({ sizeimage }) => sizeimage);
  return {
    queueSetup: ({ count, planeSizes }) => {
      const needed = neededSizes();
      const sizes = planeSizes ?? needed;
      if (sizes.length !== needed.length || needed.some((size, plane) => (sizes[plane] ?? 0) < size)) {
        throw new V4l2Error("EINVAL", `planes of [${sizes.join()}] bytes, [${needed.join()}] are needed`);
      }
      return { count, planeSizes: sizes };
    },
    bufPrepare: (buffer) => {
      for (const [index, size] of neededSizes().entries()) {
        const plane = buffer.planes[index];
        if (plane === undefined || plane.length < size) {
          const has = plane?.length ?? 0;
          throw new V4l2Error(
            "EINVAL",
            `plane ${index} of buffer ${buffer.index} has ${has} bytes, ${size} are needed`,
          );
        }
        if (filled) plane.bytesused = size;
      }
    },
  };
}
