/** Buffers by index: which indices are free. */
import { expect, it } from "vitest";
import { SlotTable } from "../../src/vb2/slots.js";

/** Of six, those with these indices are taken. */
function table(...taken: number[]): SlotTable<string> {
  const slots = new SlotTable<string>(6);
  for (const index of taken) slots.set(index, `buffer ${index}`);
  return slots;
}

it.each([
  [[], 6, { first: 0, count: 6 }],
  [[], 7, { first: 0, count: 6 }],
  [[], 2, { first: 0, count: 2 }],
  [[0], 9, { first: 1, count: 5 }],
  [[5], 9, { first: 0, count: 5 }],
  [[1], 1, { first: 0, count: 1 }],
  [[1], 2, { first: 2, count: 2 }],
  [[1, 3], 9, { first: 4, count: 2 }],
  [[0, 2, 4], 2, { first: 1, count: 1 }],
  [[0, 1, 2, 3, 4, 5], 1, { first: 0, count: 0 }],
])("with %j taken, a run of %i is %j", (taken, wanted, run) => {
  expect(table(...taken).findRun(wanted)).toEqual(run);
});

it("counts what is there, and forgets it once", () => {
  const slots = table(1, 4);
  slots.delete(4);
  slots.delete(4);
  slots.delete(0);
  expect([slots.count, slots.values(), slots.get(1), slots.get(4), slots.get(6)]).toEqual([
    1,
    ["buffer 1"],
    "buffer 1",
    undefined,
    undefined,
  ]);
});
