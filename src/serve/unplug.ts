/**
 * The end of a device as its clients know it from kernel drivers: calls fail with ENODEV (EIO on a media node), poll() tells
 * POLLERR, POLLHUP and on video nodes POLLPRI, until they have closed their files. FUSE knows nothing like it: as soon as its server has gone, the kernel
 * answers ENOTCONN. So the driver answers a little longer.
 */
import type { ServedNode } from "../cuse/index.js";
import type { ErrnoName } from "../linux.js";
import type { ClientFiles } from "./client-files.js";

/** How long a driver that was told to end answers clients which have not closed their files. */
export const UNPLUG_MS = 2000;

/** What can be unplugged before it is closed. */
export interface Unpluggable {
  /**
   * The device is gone for its clients, who are told so. Settles when they have closed their files, or after `limitMs`.
   * Never rejects.
   */
  unplug(limitMs: number): Promise<void>;
}

/** What ends: a video device, a sub-device, a media device. */
export interface Ending {
  /** Files that clients have not closed. */
  readonly openCount: number;
  /** From now on calls fail, and pollers wake. */
  unregister(): void;
}

/**
 * `device`, whose files are served by `node`, and in clients by `files`.
 * @param code - What calls that wait fail with.
 */
export function unpluggable(
  device: Ending,
  node: Pick<ServedNode, "refusePending">,
  files: Pick<ClientFiles, "session"> | undefined,
  code: ErrnoName = "ENODEV",
): Unpluggable {
  return {
    unplug: (limitMs) => {
      device.unregister();
      node.refusePending(code);
      files?.session?.refusePending("ENODEV");
      return allClosed(device, limitMs);
    },
  };
}

const LOOK_MS = 20;

/** Settles when the device has no open file, or after `limitMs`. */
function allClosed(device: Ending, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const endMs = performance.now() + limitMs;
    const look = (): void => {
      if (device.openCount === 0 || performance.now() >= endMs) resolve();
      else setTimeout(look, LOOK_MS);
    };
    look();
  });
}
