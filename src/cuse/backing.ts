/** Memory that the kernel maps for the files of a FUSE channel (FUSE_PASSTHROUGH). It goes with the channel. */
import type { SessionLog } from "./char-device.js";
import { stackOf } from "./errors.js";
import { FUSE_DEV_IOC_BACKING_CLOSE, FUSE_DEV_IOC_BACKING_OPEN, FuseBackingMapView } from "./gen/fuse.js";

/** The system call that this takes; another one in tests. */
export interface ChannelIoctl {
  /** On a channel; the result is what `ioctl(2)` returns. */
  ioctl(fd: number, command: number, argument: Uint8Array): number;
}

/**
 * Makes memory known to the kernel.
 * @returns The number by which files name it.
 * @throws With `code`: EPERM - needs CAP_SYS_ADMIN in the first user namespace; EOPNOTSUPP, EBADF, ENOMEM.
 */
export function openBacking(system: ChannelIoctl, channelFd: number, fd: number): number {
  const map = new FuseBackingMapView(new Uint8Array(FuseBackingMapView.SIZE));
  map.fd = fd;
  return system.ioctl(channelFd, FUSE_DEV_IOC_BACKING_OPEN, map.bytes);
}

/** Gives the number back; open files have the memory for themselves. */
export function closeBacking(system: ChannelIoctl, channelFd: number, id: number, log: SessionLog): void {
  try {
    system.ioctl(channelFd, FUSE_DEV_IOC_BACKING_CLOSE, new Uint8Array(Uint32Array.of(id).buffer));
  } catch (error) {
    log.warn(`memory behind a file stays registered: ${stackOf(error)}`);
  }
}
