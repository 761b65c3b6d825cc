/** Finds mounts, those of drivers that were killed, say, without touching any: a driver that is stopped would not answer. */

/** An octal escape of mountinfo. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));

/** What `mount(8)` shows of a tree: whose it is. */
export const mountSource = (name: string, identity: string): string => `v4l2-cuse-${name}@${identity}`;

/**
 * @param mountinfo - The content of `/proc/self/mountinfo`; see proc(5).
 * @param root - Only mounts directly below it, whose source is one of {@link mountSource}.
 * @param isThere - Is the process of that identity there?
 * @returns Their paths, each as often as something is mounted there, the last one mounted first.
 */
export function staleMounts(
  mountinfo: string,
  root: string,
  isThere: (identity: string) => boolean,
): string[] {
  const stale: string[] = [];
  for (const line of mountinfo.split("\n")) {
    const [mount = "", source = ""] = line.split(" - ");
    const path = unescaped(mount.split(" ")[4] ?? "");
    if (!path.startsWith(`${root}/`)) continue;
    const start = mountSource(path.slice(root.length + 1), "");
    const [type, device = ""] = source.split(" ");
    if (type === "fuse" && device.startsWith(start) && !isThere(device.slice(start.length)))
      stale.unshift(path);
  }
  return stale;
}

/** The minor number of the file system that was mounted last at `path`; undefined if none is. */
export function mountedMinor(mountinfo: string, path: string): number | undefined {
  let minor: number | undefined;
  for (const line of mountinfo.split("\n")) {
    const [, , device = "", , target = ""] = line.split(" ");
    if (unescaped(target) === path) minor = Number(device.split(":")[1]);
  }
  return minor;
}
