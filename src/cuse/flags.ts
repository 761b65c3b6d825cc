/** Flags of open files and of poll(2), as the kernel numbers them. */
import { constants } from "node:fs";

export const { O_NONBLOCK } = constants;

/** `O_ACCMODE`: read only, write only, or both. Fixed when the file is opened. */
export const O_ACCMODE = constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR;

export const POLLERR = 0x008;
export const POLLHUP = 0x010;

/** A file without a poll handler is always ready: POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM (DEFAULT_POLLMASK). */
export const ALWAYS_READY = 0x001 | 0x004 | 0x040 | 0x100;
