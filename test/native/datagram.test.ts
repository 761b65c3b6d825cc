import { describe, expect, it } from "vitest";
import { sendDatagram } from "../../src/native.js";
import { systemError } from "./support.js";

describe("a datagram to a socket that is not there", () => {
  it.each([
    ["/nowhere/socket", "ENOENT"],
    ["@v4l2-cuse-test-nobody", "ECONNREFUSED"],
    [`/${"x".repeat(107)}`, "EINVAL"],
    ["", "EINVAL"],
  ])("is refused: %s, %s", (path, code) => {
    const error = systemError(() => {
      sendDatagram(path, Buffer.from("x"));
    });
    expect(error).toMatchObject({ code, syscall: "sendto" });
  });
});
