/**
 * How many times as long as usual everything may take: `V4L2_CUSE_SLOW`, which scripts/guest sets in an emulated
 * machine. Every limit that only guards against a hang is multiplied by it.
 */
export const patience = Number(process.env["V4L2_CUSE_SLOW"] ?? 1);
