/** The GitHub action's first half: installs v4l2-cuse, and starts a device. */
"use strict";
const { spawnSync } = require("node:child_process");
const { appendFileSync, mkdtempSync } = require("node:fs");
const { join } = require("node:path");

const input = (name) => (process.env[`INPUT_${name.toUpperCase()}`] ?? "").trim();

/** Runs it with the step's output; ends the step if it fails. */
function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit", ...options });
  if (error === undefined && status === 0) return;
  console.log(`::error::${error?.message ?? `${command} failed`}`);
  process.exit(1);
}

/** @returns The folder of the command. */
function install(spec) {
  const prefix = mkdtempSync(join(process.env.RUNNER_TEMP ?? "/tmp", "v4l2-cuse-"));
  run("npm", ["install", "--silent", "--no-audit", "--no-fund", "--prefix", prefix, spec]);
  const bin = join(prefix, "node_modules", ".bin");
  // For the steps that follow.
  if (process.env.GITHUB_PATH) appendFileSync(process.env.GITHUB_PATH, `${bin}\n`);
  return bin;
}

const spec = input("package");
const path = spec === "" ? process.env.PATH : `${install(spec)}:${process.env.PATH}`;
const state = join(process.env.RUNNER_TEMP ?? "/tmp", `v4l2-cuse-device-${process.pid}`);
if (process.env.GITHUB_STATE) appendFileSync(process.env.GITHUB_STATE, `folder=${state}\n`);
run(join(__dirname, "device"), ["start", ...input("device").split(/\s+/).filter(Boolean)], {
  env: { ...process.env, PATH: path, V4L2_CUSE_NODE: input("node") || "auto", V4L2_CUSE_STATE: state },
});
