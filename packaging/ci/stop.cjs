/** The GitHub action's second half, after the job: ends the device, and shows its log. */
"use strict";
const { spawnSync } = require("node:child_process");
const { join } = require("node:path");

const state = process.env.STATE_folder;
if (state !== undefined)
  spawnSync(join(__dirname, "device"), ["stop"], {
    stdio: "inherit",
    env: { ...process.env, V4L2_CUSE_STATE: state },
  });
