import { expect, it } from "vitest";
import { families } from "../../src/v4l2/definitions/index.js";
import type { IoctlDefinition } from "../../src/v4l2/ioctl/define-ioctl.js";

const intro = `# V4L2 ioctls

Every ioctl of videodev2.h has a definition in \`src/v4l2/definitions/\`. A driver gets one by implementing the op (see
\`src/v4l2/ops.ts\` and \`ops-video.ts\`); without the op a client gets ENOTTY. "core" needs no op. An ioctl also has to fit
the kind of device, as in the kernel: a capture device has no VIDIOC_G_OUTPUT.

"changes" marks ioctls that are refused with EBUSY while another open file has a higher priority.

32-bit clients, and clients built with a 32-bit \`time_t\`, are refused with ENOTTY.

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

const document = [
  intro,
  ...families.map(({ title, ioctls }) =>
    [`## ${title}\n`, "| ioctl | op | | supported |", "|---|---|---|---|", ...ioctls.map(row), ""].join("\n"),
  ),
].join("\n");

it("docs/ioctls.md is what the definitions say", async () => {
  await expect(document).toMatchFileSnapshot("../../docs/ioctls.md");
});
