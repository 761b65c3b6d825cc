/** What clients without the helper library go without at a node, so that whoever starts a driver knows whom to tell. */
import type { ServedNode } from "../cuse/index.js";
import type { VideoDevice } from "../v4l2/index.js";
import type { ClientFiles } from "./client-files.js";

/** Something that clients without the helper go without, and why. */
export interface Lack {
  readonly what: "mmap()" | "media requests";
  /** A clause: `grafts are switched off`. */
  readonly why: string;
}

export const NO_NODE_MMAP =
  "a FUSE node has mmap() only where the driver is root and the kernel has passthrough";
export const NO_DRIVER_MMAP = "the driver does not support it";
/** The tracer makes system calls of this machine's own kind. */
export const IS_32_BIT = "it is a 32-bit program";

/** Of a video node; nothing where the device has no memory to map. */
export function lacksOfVideo<State>(
  { fileOps }: Pick<VideoDevice<State>, "fileOps">,
  { canShare, canMap }: Pick<ServedNode, "canShare" | "canMap">,
  { mapProblem }: Pick<ClientFiles, "mapProblem">,
): Lack[] {
  if (fileOps.mmap === undefined || canMap) return [];
  const ofDriver = fileOps.makeBacking === undefined ? NO_DRIVER_MMAP : undefined;
  const why = canShare ? (mapProblem ?? ofDriver) : NO_NODE_MMAP;
  return why === undefined ? [] : [{ what: "mmap()", why }];
}

/** Of a media device that makes requests. */
export function lacksOfMedia({ installProblem }: Pick<ClientFiles, "installProblem">): Lack[] {
  return installProblem === undefined ? [] : [{ what: "media requests", why: installProblem }];
}

/** One sentence a reason. */
export function lackSentences(lacks: readonly Lack[]): string[] {
  const reasons = [...new Set(lacks.map(({ why }) => why))];
  return reasons.map((reason) => {
    const what = [...new Set(lacks.filter(({ why }) => why === reason).map((lack) => lack.what))];
    return `Clients need 'v4l2-cuse run -- CLIENT' for ${what.join(" and ")}: ${reason}.`;
  });
}
