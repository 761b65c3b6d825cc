import { describe, expect, it } from "vitest";
import { ClientFiles } from "../../src/serve/index.js";

describe("why clients cannot be given files", () => {
  it("is a clause, which the sentence around it ends", async () => {
    const files = await ClientFiles.start({ fusePath: "/dev/nothing" });
    expect(files.session).toBeUndefined();
    expect(files.installProblem).toMatch(/^\/dev\/nothing is missing: .*[^.]$/);
    expect(files.mapProblem).toBe(files.installProblem);
    expect([files.canInstall, files.canMap]).toEqual([false, false]);
    await files.close();
  });

  it("is the operator's wish", async () => {
    const files = await ClientFiles.start({ graft: "off" });
    expect([files.installProblem, files.mapProblem]).toEqual(Array(2).fill("grafts are switched off"));
    await files.close();
  });
});
