/**
 * Shows a {@link SysfsView} to this process's thread and to the programs it starts, and to nobody else.
 *
 * sysfs takes no new entries, so three of its folders are covered with a tmpfs each: `class`, `bus`, and
 * `devices/virtual/cuse`, or the folder around that where the kernel has no CUSE. Where nodes are FUSE files, of which
 * sysfs knows nothing, so is `dev/char`. What `class` and `bus` held stays reachable: both are bound below `/sys/class/.v4l2-cuse`,
 * and each of their entries is a symbolic link to there. Links *inside* them, such as
 *
 *     /sys/class/net/eth0 -> ../../devices/pci0000:00/0000:00:03.0/net/eth0
 *
 * are resolved from where the folder really is, so `.v4l2-cuse` has links for the rest of /sys and they lead where they
 * always led. New devices in other classes therefore appear as usual. Folders that get entries of ours
 * (`class/video4linux`, `bus/media/devices`, where the kernel has its own) are copies: their links are copied as they
 * are, and devices that the kernel adds there later are missing.
 *
 * Nothing is written outside of these tmpfs, and they vanish with the last process in the mount namespace,
 * however it ends.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { isSystemError, mount, MountFlag, unmount } from "../../native.js";
import { DEVICES, type Entry, type Folder, type SysfsView } from "./sysfs-view.js";

/** What was covered, below /sys/class. */
const HIDDEN = ".v4l2-cuse";
const UDEV = "/run/udev/data";
const VIRTUAL = "/sys/devices/virtual";
const CHAR = "/sys/dev/char";
const tmpfsFlags = MountFlag.NoSuid | MountFlag.NoDev | MountFlag.NoExec;

/** Is this process in a view already? One view in another would show the first one's folders as devices. */
export function insideView(): boolean {
  return existsSync(`/sys/class/${HIDDEN}`);
}

/**
 * Builds the view in this thread's mount namespace, which must be its own (see `unshareMounts`): the main thread's.
 * @throws {SystemError} Something could not be mounted or written; sysfs is as it was then.
 */
export function mountView(view: SysfsView): void {
  const propagates = keepMountsToOurselves();
  // A process-wide value, and the client's: back to what it was before anybody else can run.
  const umask = process.umask(0o022);
  const builder = new Builder();
  try {
    builder.build(view);
    if (propagates === "nowhere") builder.overrideUdev(view.udev);
    builder.seal();
  } catch (error) {
    builder.undo();
    throw error;
  } finally {
    process.umask(umask);
    builder.close();
  }
}

/** New mounts of the host still come in, ours do not get out. In a chroot, / may be no mount; /sys is all we need. */
export function keepMountsToOurselves(): "nowhere" | "outside of /sys" {
  const flags = MountFlag.Slave | MountFlag.Recursive;
  try {
    mount("none", "/", { flags });
    return "nowhere";
  } catch (error) {
    if (!isSystemError(error) || error.code !== "EINVAL") throw error;
    mount("none", "/sys", { flags });
    return "outside of /sys";
  }
}

/** Builds the view step by step and can take all steps back. */
class Builder {
  readonly #mounted: string[] = [];
  readonly #covered: string[] = [];
  readonly #fds: number[] = [];

  build(view: SysfsView): void {
    const cuse = existsSync(`/sys/${DEVICES}`) ? this.#hold(`/sys/${DEVICES}`) : undefined;
    const virtual = this.#hold(VIRTUAL);
    const char = this.#hold(CHAR);
    const bus = this.#hold("/sys/bus");
    const others = readdirSync("/sys").filter((name) => name !== "class" && name !== "bus");
    const classes = this.#hold("/sys/class");

    const hidden = `/sys/class/${HIDDEN}`;
    this.#cover("/sys/class");
    mkdirSync(hidden);
    for (const name of others) symlinkSync(`../../${name}`, `${hidden}/${name}`);
    this.#bind(bus, `${hidden}/bus`);
    this.#bind(classes, `${hidden}/class`);
    // What covers the folder came along, since it is a mount in it.
    unmount(`${hidden}/class`);
    this.#extend("/sys/class", `${HIDDEN}/class`, classes, view.class);

    this.#cover("/sys/bus");
    this.#extend("/sys/bus", `../class/${HIDDEN}/bus`, bus, view.bus);

    if (cuse === undefined) {
      this.#cover(VIRTUAL);
      for (const name of readdirSync(virtual)) this.#bind(`${virtual}/${name}`, `${VIRTUAL}/${name}`);
      mkdirSync(`/sys/${DEVICES}`);
    } else {
      this.#cover(`/sys/${DEVICES}`);
    }
    writeFolder(`/sys/${DEVICES}`, view.devices);
    for (const name of cuse === undefined ? [] : readdirSync(cuse)) {
      if (!Object.hasOwn(view.devices, name)) this.#bind(`${cuse}/${name}`, `/sys/${DEVICES}/${name}`);
    }

    if (Object.keys(view.char).length > 0) {
      this.#cover(CHAR);
      // Links keep their text: the folder is where it was.
      for (const name of readdirSync(char)) symlinkSync(readlinkSync(`${char}/${name}`), `${CHAR}/${name}`);
      writeFolder(CHAR, view.char);
    }
  }

  /** Nobody adds entries to sysfs. */
  seal(): void {
    for (const target of this.#covered) {
      mount("none", target, { flags: MountFlag.Remount | MountFlag.Bind | MountFlag.ReadOnly | tmpfsFlags });
    }
  }

  /**
   * udev's records of our nodes, where udev runs: it knows them as CUSE devices only. Without udev there is no folder
   * for them, and we make none: it would stay.
   */
  overrideUdev(records: ReadonlyMap<string, string>): void {
    for (const [id, record] of records) {
      const target = `${UDEV}/${id}`;
      if (!existsSync(target)) continue;
      const source = `/sys/class/${HIDDEN}/${id}`;
      writeEntry(source, record);
      mount(source, target, { flags: MountFlag.Bind });
      this.#mounted.push(target);
    }
  }

  undo(): void {
    for (const target of this.#mounted.reverse()) unmount(target);
  }

  close(): void {
    for (const fd of this.#fds) closeSync(fd);
  }

  /** A path to a folder that stays good when something is mounted over it. */
  #hold(path: string): string {
    const fd = openSync(path, "r");
    this.#fds.push(fd);
    return `/proc/self/fd/${fd}`;
  }

  #cover(target: string): void {
    mount("v4l2-cuse", target, { type: "tmpfs", flags: tmpfsFlags, options: "mode=755,size=4m" });
    this.#mounted.push(target);
    this.#covered.push(target);
  }

  /** Makes a folder at `target` that shows `source`. */
  #bind(source: string, target: string): void {
    mkdirSync(target);
    // With the mounts in it: those that a container has covered parts with do not come off in a user namespace.
    mount(source, target, { flags: MountFlag.Bind | MountFlag.Recursive });
    this.#mounted.push(target);
  }

  /**
   * Fills `folder` with what `original` holds and with the entries of `additions`, which win.
   * @param hidden - Where `original` can be found, relative to `folder`.
   * @param original - Path to what is shown there, if the kernel has such a folder.
   */
  #extend(folder: string, hidden: string, original: string | undefined, additions: Folder): void {
    for (const entry of original === undefined ? [] : readdirSync(original, { withFileTypes: true })) {
      if (Object.hasOwn(additions, entry.name)) continue;
      // In a folder that we copy, a link keeps its text: it is relative to a place of the same depth.
      const text = entry.isSymbolicLink()
        ? readlinkSync(`${original}/${entry.name}`)
        : `${hidden}/${entry.name}`;
      symlinkSync(text, `${folder}/${entry.name}`);
    }
    for (const [name, addition] of Object.entries(additions)) {
      const path = `${folder}/${name}`;
      const there = original === undefined ? undefined : `${original}/${name}`;
      if (typeof addition === "object" && "folder" in addition) {
        mkdirSync(path);
        const known = there !== undefined && existsSync(there) ? there : undefined;
        this.#extend(path, `../${hidden}/${name}`, known, addition.folder);
      } else {
        writeEntry(path, addition);
      }
    }
  }
}

function writeFolder(path: string, folder: Folder): void {
  for (const [name, entry] of Object.entries(folder)) writeEntry(`${path}/${name}`, entry);
}

function writeEntry(path: string, entry: Entry): void {
  if (typeof entry === "string") {
    writeFileSync(path, entry, { mode: 0o444 });
  } else if ("link" in entry) {
    symlinkSync(entry.link, path);
  } else {
    mkdirSync(path);
    writeFolder(path, entry.folder);
  }
}
