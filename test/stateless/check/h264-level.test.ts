/** What H.264's levels allow: lines of table A-1 of the specification. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { h264 } from "../../../src/codec/index.js";
import { beyondLevel } from "../../../src/stateless/check/h264-level.js";
import { H264Check } from "../../../src/stateless/check/h264.js";
import { linesOf, must, requestsOf } from "./requests.js";

const clip = fileURLToPath(new URL("../../gstreamer/data/h264_main_b.h264", import.meta.url));
const [first] = requestsOf(h264.frameControls, clip);
const submitted = must(must(first).controls.StatelessH264Sps);

const FRAME_MBS_ONLY = 0x10;
/** 720x576 of one frame of macroblocks. */
const sps = {
  ...submitted,
  profile_idc: 77,
  level_idc: 30,
  constraint_set_flags: 0,
  pic_width_in_mbs_minus1: 44,
  pic_height_in_map_units_minus1: 35,
  max_num_ref_frames: 5,
  flags: FRAME_MBS_ONLY,
};

describe("the level of an H.264 SPS", () => {
  it("allows what table A-1 has, and nothing more", () => {
    expect(beyondLevel(sps)).toBeUndefined();
    expect(beyondLevel({ ...sps, max_num_ref_frames: 6 })).toBe(
      "H264_SPS.level_idc is 30, and it allows 5 reference frames of this size, not the 6 of max_num_ref_frames (table A-1)",
    );
    expect(beyondLevel({ ...sps, pic_height_in_map_units_minus1: 36 })).toBe(
      "H264_SPS.level_idc is 30, and a frame of 45x37 macroblocks is too large for it (table A-1)",
    );
  });

  it("counts the macroblocks of both fields", () => {
    expect(beyondLevel({ ...sps, flags: 0, pic_height_in_map_units_minus1: 17 })).toBeUndefined();
    expect(beyondLevel({ ...sps, flags: 0 })).toMatch(/45x72 macroblocks/);
  });

  it("bounds a frame that is long and narrow", () => {
    const narrow = { ...sps, pic_height_in_map_units_minus1: 3, max_num_ref_frames: 1 };
    expect(beyondLevel({ ...narrow, pic_width_in_mbs_minus1: 112 })).toBeUndefined();
    expect(beyondLevel({ ...narrow, pic_width_in_mbs_minus1: 113 })).toMatch(/114x4 macroblocks/);
  });

  it("is 1b where 1.1 comes with constraint_set3_flag in the profiles that have it", () => {
    const small = { ...sps, level_idc: 11, pic_width_in_mbs_minus1: 10, pic_height_in_map_units_minus1: 9 };
    expect(beyondLevel(small)).toBeUndefined();
    expect(beyondLevel({ ...small, constraint_set_flags: 8 })).toMatch(/11x10 macroblocks/);
    expect(beyondLevel({ ...small, constraint_set_flags: 8, profile_idc: 100 })).toBeUndefined();
  });

  it("is not judged where the table has no line of it, or the profile has other limits", () => {
    expect(beyondLevel({ ...sps, level_idc: 77, max_num_ref_frames: 16 })).toBeUndefined();
    expect(beyondLevel({ ...sps, profile_idc: 118, max_num_ref_frames: 16 })).toBeUndefined();
  });

  it("is told once, of the first request with the SPS", () => {
    const requests = requestsOf(h264.frameControls, clip).map((request) => {
      const StatelessH264Sps = { ...submitted, level_idc: 10 };
      return { ...request, controls: { ...request.controls, StatelessH264Sps } };
    });
    const check = new H264Check();
    const lines = requests.map((request) => linesOf(check, request));
    expect(lines[0]).toEqual([
      expect.stringMatching(/^H264_SPS\.level_idc is 10, and a frame of \d+x\d+ macroblocks is too large/),
    ]);
    expect(lines.slice(1).flat()).toEqual([]);
  });
});
