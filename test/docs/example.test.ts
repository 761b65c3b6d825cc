/** examples/camera.ts is what the reader of docs/write-your-own-driver.md has made at its end. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { expect, it } from "vitest";
import { cameraSource } from "../support/guide.js";
import { repo } from "./blocks.js";

it("examples/camera.ts is the guide's camera", async () => {
  const path = join(repo, "examples/camera.ts");
  const options = { ...(await resolveConfig(path)), filepath: path };
  const [, source] = /^\/\*\*.*?\*\/\n(.*)$/s.exec(readFileSync(path, "utf8")) ?? [];
  expect(source).toBe(await format(cameraSource("event"), options));
});
