/** What a call is refused with. */
import { V4l2Error } from "../../src/v4l2/index.js";

/** The errno that `action` is refused with, as "EBUSY"; "0": it is not. Anything but a V4l2Error goes up. */
export function errnoOf(action: () => unknown): string {
  try {
    action();
    return "0";
  } catch (error) {
    if (error instanceof V4l2Error) return error.code;
    throw error;
  }
}
