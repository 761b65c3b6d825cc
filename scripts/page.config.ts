import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The page of `--watch`: a few files in dist/page, which the driver reads once. */
export default defineConfig({
  root: fileURLToPath(new URL("../page", import.meta.url)),
  // Behind the token, which is in the address.
  base: "./",
  build: {
    outDir: "../dist/page",
    emptyOutDir: true,
    target: "es2022",
    // The policy of the page has no inline scripts and no data: addresses.
    modulePreload: false,
    assetsInlineLimit: 0,
  },
});
