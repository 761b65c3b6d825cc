/** The input of a device that has one: clients such as ffmpeg ask every capture device for it. */
import { V4l2Error } from "./error.js";
import type { VideoOps } from "./ops-video.js";
import { InputType } from "./values/types-device.js";

/**
 * ENUMINPUT, G_INPUT and S_INPUT of a capture device with one camera input.
 * @param name - At most 31 bytes.
 */
export function singleInput<File>(
  name: string,
): Required<Pick<VideoOps<File>, "enuminput" | "gInput" | "sInput">> {
  return {
    enuminput: (_file, index) => (index === 0 ? { name, type: InputType.Camera } : undefined),
    gInput: () => 0,
    sInput: (_file, index) => {
      if (index !== 0) throw new V4l2Error("EINVAL", `there is no input ${index}`);
    },
  };
}
