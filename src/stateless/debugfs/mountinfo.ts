/** Finds mounts, those of drivers that were killed, say, without touching any: a driver that is stopped would not answer. */

/** An octal escape of mountinfo. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));

/**
 * @param mountinfo - The content of `/proc/self/mountinfo`; see proc(5).
 * @param root - Only mounts directly below it, whose source is the one that our drivers give.
 * @param isServed - Does the device of that name belong to a driver that is there?
 * @returns Their paths, each as often as something is mounted there, the last one mounted first.
 */
export function staleMounts(mountinfo: string, root: string, isServed: (name: string) => boolean): string[] {
  const stale: string[] = [];
  for (const line of mountinfo.split("\n")) {
    const [mount = "", source = ""] = line.split(" - ");
    const path = unescaped(mount.split(" ")[4] ?? "");
    if (!path.startsWith(`${root}/`)) continue;
    const name = path.slice(root.length + 1);
    const [type, device] = source.split(" ");
    if (type === "fuse" && device === `v4l2-cuse-${name}` && !isServed(name)) stale.unshift(path);
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
