/**
 * A driver process with anonymous files: `anonymous-driver.ts serve PROBE STEP...` makes one, gives it to a probe as
 * descriptor 3 and serves it for ever. `anonymous-driver.ts stuck kill|exit` never answers its own open, prints
 * "stuck" while that waits, and then waits to be killed, or exits.
 */
import { spawn } from "node:child_process";
import { FileOpener } from "../../../src/cuse/file-opener.js";
import { FUSE_INIT, FUSE_LOOKUP, FuseInHeaderView } from "../../../src/cuse/gen/fuse.js";
import { FuseSession } from "../../../src/cuse/index.js";
import { answerFuseInit, fuseTransferBytes } from "../../../src/cuse/init.js";
import { receiveBytes } from "../../../src/cuse/protocol.js";
import { ReplyWriter } from "../../../src/cuse/reply.js";
import { Channel, mountFuse } from "../../../src/native.js";
import { EchoDevice } from "./echo-device.js";

async function serve(program: string, steps: readonly string[]): Promise<void> {
  const session = new FuseSession();
  const device = new EchoDevice();
  const file = await session.create(device, (handle) => device.add(handle));
  const client = spawn(program, ["none", ...steps], { stdio: ["ignore", "inherit", "inherit", file.fd] });
  file.close();
  client.once("exit", () => console.log("driver: client ended"));
}

function stuck(end: string | undefined): void {
  const transferBytes = fuseTransferBytes();
  const channel: Channel = new Channel("/dev/fuse", receiveBytes(transferBytes), {
    onMessage: (message) => {
      const { opcode, unique } = new FuseInHeaderView(message);
      if (opcode === FUSE_INIT) {
        const init = answerFuseInit(message.subarray(FuseInHeaderView.SIZE), { transferBytes });
        const writer = new ReplyWriter(channel, console);
        writer.data(Number(unique), 0, init.bytes);
      } else if (opcode === FUSE_LOOKUP) {
        console.log("stuck");
        if (end === "exit") process.exit(7);
      }
    },
    onClose: () => undefined,
  });
  const mount = mountFuse(channel.fd);
  new FileOpener(mount.fd).open("file", 0).catch(() => undefined);
}

const [mode, first = "", ...rest] = process.argv.slice(2);
if (mode === "serve") await serve(first, rest);
else stuck(first);
