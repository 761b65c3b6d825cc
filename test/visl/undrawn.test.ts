import { expect, it } from "vitest";
import { BufFlag } from "../../src/v4l2/index.js";
import { Bench, CAPTURE, OUTPUT, turn } from "./client.js";

it.each([
  [true, false],
  [false, true],
])("with drawing %j, frames are left as they were: %j", async (drawing, isUntouched) => {
  const client = new Bench({ drawing }).open();
  client.reqbufs(OUTPUT, 1);
  client.reqbufs(CAPTURE, 1);
  client.bytes(CAPTURE, 0).fill(7);
  client.streamon(OUTPUT);
  client.streamon(CAPTURE);
  client.qbuf(OUTPUT, 0);
  client.qbuf(CAPTURE, 0);
  await turn();
  expect(client.dqbuf(CAPTURE).flags & BufFlag.Error).toBe(0);
  expect(client.bytes(CAPTURE, 0).every((byte) => byte === 7)).toBe(isUntouched);
});
