/** Conformance streams that are not in the repository, and whether they are here. */
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** `V4L2_CUSE_VECTORS`: a folder with `h264/`, `hevc/`, `vp8/`, `vp9/`, `av1/`. Else `../shared/vectors`. */
function vectorsFolder(): string {
  const given = process.env["V4L2_CUSE_VECTORS"];
  if (given !== undefined) return given;
  const beside = ["../../../../shared/vectors", "../../../../../shared/vectors"];
  const paths = beside.map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return paths.find((path) => existsSync(path)) ?? paths[0] ?? "";
}

/** Full paths of the streams in a subfolder; says so and gives none when they are absent. */
export function vectors(subfolder: string, extensions: readonly string[]): string[] {
  const folder = `${vectorsFolder()}/${subfolder}`;
  if (!existsSync(folder)) {
    console.warn(`No conformance streams in ${folder}: set V4L2_CUSE_VECTORS. Their tests are left out.`);
    return [];
  }
  return readdirSync(folder)
    .filter((name) => extensions.some((extension) => name.endsWith(extension)))
    .sort()
    .map((name) => `${folder}/${name}`);
}
