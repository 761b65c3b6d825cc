/** A tree of files whose contents are made when they are read. Knows no FUSE, and nothing of a decoder. */

export interface DirectoryNode {
  readonly kind: "directory";
  names(): Iterable<string>;
  find(name: string): TreeNode | undefined;
}

export interface FileNode {
  readonly kind: "file";
  /** What is in the file now. */
  read(): Uint8Array;
  /** Takes what one `write(2)` brings. Absent: the file is read-only. @throws {V4l2Error} EINVAL, ERANGE. */
  readonly write?: (text: string) => void;
}

export type TreeNode = DirectoryNode | FileNode;

/** A directory whose entries are asked for anew each time. */
export function directory(entries: () => Iterable<readonly [name: string, node: TreeNode]>): DirectoryNode {
  return {
    kind: "directory",
    *names() {
      for (const [name] of entries()) yield name;
    },
    find(name) {
      for (const [candidate, node] of entries()) if (candidate === name) return node;
      return undefined;
    },
  };
}

/** A directory that always has the same entries. */
export function fixedDirectory(entries: Readonly<Record<string, TreeNode>>): DirectoryNode {
  return directory(() => Object.entries(entries));
}

/** A file of text; a newline is added to each line. */
export function textFile(lines: () => readonly string[], write?: (text: string) => void): FileNode {
  return {
    kind: "file",
    read: () =>
      Buffer.from(
        lines()
          .map((line) => `${line}\n`)
          .join(""),
      ),
    ...(write !== undefined && { write }),
  };
}

/** The node at `path`, which begins with a slash; undefined if there is none. */
export function lookup(root: DirectoryNode, path: string): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const name of path.split("/")) {
    if (name === "") continue;
    if (node?.kind !== "directory") return undefined;
    node = node.find(name);
  }
  return node;
}
