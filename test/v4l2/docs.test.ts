import { expect, it } from "vitest";
import { mediaDeviceIoctls, mediaRequestIoctls } from "../../src/media/index.js";
import { families, subdevIoctls } from "../../src/v4l2/definitions/index.js";
import type { IoctlDefinition } from "../../src/v4l2/ioctl/define-ioctl.js";

const intro = `# V4L2 ioctls

Every ioctl of videodev2.h has a definition in \`src/v4l2/definitions/\`. A driver gets one by implementing the op (see
\`src/v4l2/ops.ts\`, \`ops-video.ts\` and \`ops-subdev.ts\`); without the op a client gets ENOTTY. "core" needs no op. An ioctl also has to fit
the kind of device, as in the kernel: a capture device has no VIDIOC_G_OUTPUT.

A sub-device's node has the ioctls of v4l2-subdev.h, listed at the end, and those of controls, events and
LOG_STATUS.

"changes" marks ioctls that are refused with EBUSY while another open file has a higher priority.

The ioctls of media.h are defined in \`src/media/media-definitions.ts\`. They need no op: the graph and the requests of a
\`MediaDevice\` answer them.

32-bit clients are served, with a \`time_t\` of 32 or 64 bits: see [programs-32.md](programs-32.md).

This file is made from the definitions: \`npx vitest run --project unit test/v4l2/docs.test.ts -u\` writes it.
`;

function row({ name, servedBy, prio, note }: IoctlDefinition): string {
  const served =
    servedBy === "core"
      ? "core"
      : servedBy
          .split(", ")
          .map((op) => `\`${op}\``)
          .join(", ");
  return `| ${name} | ${served} | ${prio ? "changes" : ""} | ${note === undefined ? "yes" : `yes; ${note}`} |`;
}

const mediaRow = ({ name, note }: { readonly name: string; readonly note: string | undefined }): string =>
  `| ${name} | core |  | ${note === undefined ? "yes" : `yes; ${note}`} |`;

const table = (title: string, rows: readonly string[]): string =>
  [`## ${title}\n`, "| ioctl | op | | supported |", "|---|---|---|---|", ...rows, ""].join("\n");

const document = [
  intro,
  ...families.map(({ title, ioctls }) => table(title, ioctls.map(row))),
  table("Sub-devices", subdevIoctls.map(row)),
  table("Media controller", mediaDeviceIoctls.all.map(mediaRow)),
  table("Requests", mediaRequestIoctls.all.map(mediaRow)),
].join("\n");

it("docs/ioctls.md is what the definitions say", async () => {
  await expect(document).toMatchFileSnapshot("../../docs/ioctls.md");
});
