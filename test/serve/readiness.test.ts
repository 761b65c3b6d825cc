import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Readiness } from "../../src/serve/readiness.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/v4l2-cuse-ready-`);
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const nodes = ["/dev/video3", "/dev/media1"];
const lines = "/dev/video3\n/dev/media1\n";

describe("who waits for a driver's nodes", () => {
  it("finds them in a file, whole, that goes when the nodes do", () => {
    const path = `${folder}/ready`;
    const readiness = new Readiness({ readyFile: path });
    expect(existsSync(path)).toBe(false);
    readiness.ready(nodes);
    expect(readFileSync(path, "utf8")).toBe(lines);
    readiness.stopping();
    expect(existsSync(path)).toBe(false);
  });

  it("does not hold up the end: something else has come to where the file was", () => {
    const path = `${folder}/ready`;
    const readiness = new Readiness({ readyFile: path });
    readiness.ready(nodes);
    rmSync(path);
    mkdirSync(path);
    readiness.stopping();
    expect(existsSync(path)).toBe(true);
  });

  it("has no link of somebody else's written, and nothing is left of a file that cannot be there", () => {
    const [path, other] = [`${folder}/ready`, `${folder}/other`];
    symlinkSync(other, `${path}.${process.pid}`);
    new Readiness({ readyFile: path }).ready(nodes);
    expect([readFileSync(path, "utf8"), existsSync(other)]).toEqual([lines, false]);
    mkdirSync(`${folder}/taken`);
    expect(() => {
      new Readiness({ readyFile: `${folder}/taken` }).ready(nodes);
    }).toThrow("EISDIR");
    expect(readdirSync(folder).sort()).toEqual(["ready", "taken"]);
  });

  it("reads them from a descriptor, up to its end", () => {
    const path = `${folder}/out`;
    const fd = openSync(path, "w");
    new Readiness({ readyFd: fd }).ready(nodes);
    expect(readFileSync(path, "utf8")).toBe(lines);
    expect(() => {
      closeSync(fd);
    }).toThrow("EBADF");
  });

  it.each([
    [{ readyFile: "/nowhere/ready" }, /for \/nowhere\/ready cannot be written: ENOENT/],
    [{ readyFd: 1_000_000 }, /for the descriptor 1000000 cannot be written: EBADF/],
  ])("is not left waiting: %o is an error", (options, sentence) => {
    expect(() => {
      new Readiness(options).ready(nodes);
    }).toThrow(sentence);
  });

  it.each(["/socket", "@"])(
    "is systemd: READY=1, then STOPPING=1, on the socket that it named (%s)",
    (kind) => {
      const name = kind === "@" ? `@v4l2-cuse-test-${process.pid}` : folder + kind;
      // Node.js has no datagram sockets of this family: python3 is the other end.
      const script = `
import os, socket, subprocess, sys
end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
end.bind("\\0" + name[1:] if name[0] == "@" else name)
end.settimeout(20)
child = subprocess.run(sys.argv[2:], env=dict(os.environ, NOTIFY_SOCKET=name))
print(repr(end.recv(999).decode()))
print(repr(end.recv(999).decode()))`;
      const module = new URL("../../src/serve/readiness.ts", import.meta.url).href;
      const driver = `
      const { Readiness } = await import(${JSON.stringify(module)});
      const readiness = new Readiness();
      readiness.ready(["/dev/video3"]);
      if ("NOTIFY_SOCKET" in process.env) process.exit(1);
      readiness.stopping();`;
      const argv = [name, process.execPath, "--import", "tsx", "--input-type=module", "-e", driver];
      const { stdout, stderr } = spawnSync("python3", ["-c", script, ...argv], { encoding: "utf8" });
      expect(stderr).toBe("");
      expect(stdout).toBe("'READY=1\\nSTATUS=Serving /dev/video3\\n'\n'STOPPING=1\\n'\n");
    },
  );
});
