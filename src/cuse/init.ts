/** CUSE_INIT: the kernel offers a channel, the answer names the device. */
import { CuseError } from "./errors.js";
import { CUSE_INIT_INFO_MAX, CuseInitInView, CuseInitOutView, FUSE_KERNEL_VERSION } from "./gen/fuse.js";
import { MAX_TRANSFER_BYTES } from "./protocol.js";

/** The newest minor version that this code was written for; the smaller of this and the kernel's is spoken. */
const OWN_MINOR = 38;

/** FUSE 7.16 (Linux 3.1) is the oldest whose messages have the layouts used here. The kernel itself wants 11. */
const OLDEST_MINOR = 16;

/** chrdev majors end here (`CHRDEV_MAJOR_MAX`), minors have 20 bits. */
const LAST_MAJOR = 511;
const LAST_MINOR = 0xfffff;

export interface DeviceNumber {
  /** 0 lets the kernel choose. */
  readonly major: number;
  readonly minor: number;
}

/** @throws {CuseError} A number that no device can have. */
export function checkDeviceNumber(major = 0, minor = 0): DeviceNumber {
  if (!Number.isInteger(major) || major < 0 || major > LAST_MAJOR) {
    throw new CuseError(
      `The major number is from 1 to ${LAST_MAJOR}, or 0 to let the kernel choose, not ${major}.`,
    );
  }
  if (!Number.isInteger(minor) || minor < 0 || minor > LAST_MINOR) {
    throw new CuseError(`The minor number is from 0 to ${LAST_MINOR}, not ${minor}.`);
  }
  return { major, minor };
}

/**
 * The answer to CUSE_INIT: `struct cuse_init_out` and the text `DEVNAME=<name>` with its NUL.
 *
 * Flags stay 0: restricted ioctls, whose argument the kernel copies by itself, so each is one round trip.
 *
 * @param body - `struct cuse_init_in`.
 * @throws {CuseError} The kernel speaks another protocol.
 */
export function answerCuseInit(body: Uint8Array, name: string, number: DeviceNumber): Uint8Array {
  const offer = new CuseInitInView(body);
  if (offer.major !== FUSE_KERNEL_VERSION || offer.minor < OLDEST_MINOR) {
    throw new CuseError(
      `This kernel speaks FUSE ${offer.major}.${offer.minor}, but ${FUSE_KERNEL_VERSION}.${OLDEST_MINOR} or later is needed: use a newer kernel.`,
    );
  }
  const info = new TextEncoder().encode(`DEVNAME=${name}\0`);
  if (info.length > CUSE_INIT_INFO_MAX) throw new CuseError("The device name is too long.");
  const bytes = new Uint8Array(CuseInitOutView.SIZE + info.length);
  const answer = new CuseInitOutView(bytes);
  answer.major = FUSE_KERNEL_VERSION;
  answer.minor = Math.min(offer.minor, OWN_MINOR);
  answer.max_read = MAX_TRANSFER_BYTES;
  answer.max_write = MAX_TRANSFER_BYTES;
  answer.dev_major = number.major;
  answer.dev_minor = number.minor;
  bytes.set(info, CuseInitOutView.SIZE);
  return bytes;
}
