/** Names of the uAPI, for numbers that events and the driver's state have. */
import { BufType } from "../../src/v4l2/gen/enumerations.js";

const bufTypes = new Map<number, string>(
  Object.entries(BufType).map(([name, value]) => [
    value,
    name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase(),
  ]),
);

/** `VIDEO_CAPTURE_MPLANE`: as videodev2.h has it, without `V4L2_BUF_TYPE_`. */
export const bufTypeName = (type: number): string => bufTypes.get(type) ?? `type ${type}`;
