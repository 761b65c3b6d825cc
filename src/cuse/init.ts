/** CUSE_INIT and FUSE_INIT: the kernel offers a channel, the answer names the device or what the server can do. */
import { CuseError } from "./errors.js";
import {
  CUSE_INIT_INFO_MAX,
  CuseInitInView,
  CuseInitOutView,
  FUSE_INIT_EXT,
  FUSE_KERNEL_VERSION,
  FUSE_MAX_PAGES,
  FUSE_PARALLEL_DIROPS,
  FUSE_PASSTHROUGH,
  FuseInitInView,
  FuseInitOutView,
} from "./gen/fuse.js";
import { readFileSync } from "node:fs";
import { CUSE_TRANSFER_BYTES } from "./protocol.js";

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
  answer.max_read = CUSE_TRANSFER_BYTES;
  answer.max_write = CUSE_TRANSFER_BYTES;
  answer.dev_major = number.major;
  answer.dev_minor = number.minor;
  bytes.set(info, CuseInitOutView.SIZE);
  return bytes;
}

/** FUSE 7.34 (Linux 5.14): the oldest kernel that tells which inode a descriptor is (openFileFacts). */
const OLDEST_FUSE_MINOR = 34;

/** FUSE 7.40 (Linux 6.9) has FUSE_PASSTHROUGH. */
const OWN_FUSE_MINOR = 40;

/** RELEASE comes in the background; none must wait in the kernel for others to be answered (catchUp). */
const MAX_BACKGROUND = 0xffff;

/** The most that one READ or WRITE may carry without an administrator's doing (`FUSE_DEFAULT_MAX_PAGES_LIMIT`), pages. */
const MAX_PAGES = 256;

/** The smallest page that Linux has. Where pages are larger, `max_write` bounds a message before their number does. */
const PAGE_BYTES = 4096;

/**
 * What one READ or WRITE of a FUSE file system carries at most, bytes: 1 MiB, or less where `fs.fuse.max_pages_limit`
 * (Linux 6.13) says so.
 */
export function fuseTransferBytes(limitPath = "/proc/sys/fs/fuse/max_pages_limit"): number {
  let limit = MAX_PAGES;
  try {
    limit = Number(readFileSync(limitPath, "latin1"));
  } catch {
    // An older kernel, with the limit that is the default of newer ones.
  }
  return Math.min(Math.max(limit, 1), MAX_PAGES) * PAGE_BYTES;
}

export interface FuseInitOptions {
  /** What one READ or WRITE shall carry at most, see {@link fuseTransferBytes}. */
  readonly transferBytes: number;
  /**
   * Of those below 2^32 that the kernel offers, what is taken besides. FUSE_ATOMIC_O_TRUNC: O_TRUNC comes with OPEN
   * instead of a SETATTR after it.
   */
  readonly flags?: number;
}

export interface FuseInitAnswer {
  /** `struct fuse_init_out`. */
  readonly bytes: Uint8Array;
  /** The kernel can map another file in place of ours. */
  readonly passthrough: boolean;
}

/**
 * The answer to FUSE_INIT.
 *
 * @param body - `struct fuse_init_in`, which was shorter before Linux 5.17.
 * @throws {CuseError} The kernel speaks another protocol.
 */
export function answerFuseInit(
  body: Uint8Array,
  { transferBytes, flags = 0 }: FuseInitOptions,
): FuseInitAnswer {
  const whole = new Uint8Array(FuseInitInView.SIZE);
  whole.set(body.subarray(0, FuseInitInView.SIZE));
  const offer = new FuseInitInView(whole);
  if (offer.major !== FUSE_KERNEL_VERSION || offer.minor < OLDEST_FUSE_MINOR) {
    throw new CuseError(
      `This kernel speaks FUSE ${offer.major}.${offer.minor}, but ${FUSE_KERNEL_VERSION}.${OLDEST_FUSE_MINOR} or later is needed: use Linux 5.14 or newer.`,
    );
  }
  const extended = (offer.flags & FUSE_INIT_EXT) !== 0;
  const passthrough = extended && (BigInt(offer.flags2) & (FUSE_PASSTHROUGH >> 32n)) !== 0n;
  const answer = new FuseInitOutView(new Uint8Array(FuseInitOutView.SIZE));
  answer.major = FUSE_KERNEL_VERSION;
  answer.minor = Math.min(offer.minor, OWN_FUSE_MINOR);
  answer.flags = (offer.flags & (FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES | flags)) >>> 0;
  answer.max_background = MAX_BACKGROUND;
  answer.congestion_threshold = MAX_BACKGROUND;
  answer.max_write = transferBytes;
  answer.max_pages = MAX_PAGES;
  answer.time_gran = 1;
  if (passthrough) {
    answer.flags = (answer.flags | FUSE_INIT_EXT) >>> 0;
    answer.flags2 = Number(FUSE_PASSTHROUGH >> 32n);
    answer.max_stack_depth = 1; // Backed by files of ordinary file systems, such as memfds.
  }
  return { bytes: answer.bytes, passthrough };
}
