/** Flags of open files, as this machine's kernel numbers them. */
import { constants } from "node:fs";

export const { O_NONBLOCK } = constants;

/** `O_ACCMODE`: read only, write only, or both. Fixed when the file is opened. */
export const O_ACCMODE = constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR;
