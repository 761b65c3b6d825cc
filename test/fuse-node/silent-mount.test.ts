/** What a driver does about a FUSE mount that answers nobody, and that its own mount is never asked by itself. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { once } from "node:events";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { LiveEvents, type LiveHello } from "../../src/cli/live-events.js";
import { FolderInUseError } from "../../src/cuse/errors.js";
import { claimFolder, FILE_SYSTEM_TYPE } from "../../src/cuse/node-folder.js";
import { fuseTransferBytes } from "../../src/cuse/init.js";
import { receiveBytes } from "../../src/cuse/protocol.js";
import { Channel, mount, unmount } from "../../src/native.js";

const isPossible = existsSync("/dev/fuse") && process.getuid?.() === 0;
const describeNodes = isPossible ? describe : describe.skip;
const why = isPossible ? "" : " (skipped: needs root and /dev/fuse)";

/** The mount of a driver that takes requests, and answers none. */
function silentMount(): { readonly folder: string; readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), "silent-"));
  const folder = join(root, "video0");
  mkdirSync(folder);
  const handlers = { onMessage: () => undefined, onClose: () => undefined };
  const channel = new Channel("/dev/fuse", receiveBytes(fuseTransferBytes()), handlers);
  const options = `fd=${channel.fd},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions`;
  mount("v4l2-cuse", folder, { type: FILE_SYSTEM_TYPE, options });
  onTestFinished(() => {
    unmount(folder, true); // Whoever waits for an answer waits no more.
    channel.close();
    rmSync(root, { recursive: true });
  });
  return { folder, root };
}

describeNodes(`a mount that does not answer${why}`, () => {
  it("is in use: its driver may be stopped", async () => {
    const { folder, root } = silentMount();
    await expect(claimFolder(folder)).rejects.toThrow(FolderInUseError);
    await expect(claimFolder(folder, root)).rejects.toThrow(FolderInUseError);
  });

  it("is not asked by the driver whose node is in it: being killed meanwhile, the driver could not end", async () => {
    const { folder, root } = silentMount();
    const live = new LiveEvents(join(root, "events"));
    live.listen([]);
    const node = join(folder, "video0");
    await live.announce([node]);
    onTestFinished(() => live.end());
    const [name = ""] = readdirSync(join(root, "events"));
    const socket = createConnection(join(root, "events", name));
    onTestFinished(() => void socket.destroy());
    const [hello] = (await once(socket, "data")) as [Buffer];
    expect((JSON.parse(hello.toString()) as LiveHello).nodes).toEqual([
      { path: node, identity: expect.stringMatching(/^mount \d+$/) as unknown },
    ]);
  });
});
