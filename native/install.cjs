// What npm runs after it installed the package: builds the native parts, unless they came built for this processor and
// C library. Without this (npm install --ignore-scripts) those that came are used just so.
const { spawnSync } = require("node:child_process");
const { existsSync } = require("node:fs");

const shipped = `${__dirname}/prebuilt/${process.arch}/v4l2_cuse.node`;
const works = () => {
  try {
    process.dlopen({ exports: {} }, shipped);
    return true;
  } catch {
    return false;
  }
};
if (!existsSync(shipped) || process.env.npm_config_build_from_source !== undefined || !works()) {
  process.exitCode = spawnSync("make", ["-j4", "-C", __dirname], { stdio: "inherit" }).status ?? 1;
}
