/** Which names a driver's nodes get. */
import { describe, expect, it } from "vitest";
import { NodeNames } from "../../src/cli/node-options.js";

const numberOf = (name: string): number => Number(/\d+$/.exec(name)?.[0]);

describe("the names of a driver's nodes", () => {
  it("follow a wish, and a second node of the kind has a number behind it", () => {
    const names = new NodeNames({ video: 200 });
    expect(names.name("video")).toBe("video200");
    expect(numberOf(names.name("video", 201))).toBeGreaterThanOrEqual(201);
  });

  it("are two different ones without a wish", () => {
    const names = new NodeNames({});
    const first = numberOf(names.name("video"));
    expect(numberOf(names.name("video", first + 1))).toBeGreaterThan(first);
  });

  it("say so where there is no number behind the first node's", () => {
    const names = new NodeNames({ video: 255 });
    expect(names.name("video")).toBe("video255");
    expect(() => names.name("video", 256)).toThrow("no number behind 255");
  });
});
