import { describe, expect, it } from "vitest";
import { withoutSecrets } from "../../src/cli/secrets.js";

describe("an address in a text", () => {
  it.each([
    ["rtsp://me:pw@camera:554/s: refused", "rtsp://***@camera:554/s: refused"],
    ["'rtsp://me:p@w@camera/s?tcp'", "'rtsp://***@camera/s?***'"],
    ["http://camera/a.cgi?user=me&pwd=pw failed", "http://camera/a.cgi?*** failed"],
    ["rtsp://camera/s and http://me:pw@b", "rtsp://camera/s and http://***@b"],
    ["loopback --card a@b film.mp4?", "loopback --card a@b film.mp4?"],
  ])("%j has no password any more", (text, without) => {
    expect(withoutSecrets(text)).toBe(without);
  });
});
