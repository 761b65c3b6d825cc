import { expect, it } from "vitest";
import { asError, cannotHappen, present } from "../src/present.js";

it("a value that is there is handed on, whatever it is", () => {
  for (const value of [0, "", false, null, Number.NaN, {}]) expect(present(value, "it is there")).toBe(value);
});

it("what was thrown is an error, or becomes one", () => {
  const error = new RangeError("too far");
  expect(asError(error)).toBe(error);
  expect(asError("too far")).toEqual(new Error("too far"));
});

it("one that is not there is a bug of ours, and so is a call that cannot be made", () => {
  expect(() => present(undefined, "a buffer has planes")).toThrow("cannot happen: a buffer has planes");
  expect(() => cannotHappen("nobody calls this")).toThrow("cannot happen: nobody calls this");
});
