/** Continues after a result that may come later, without a promise when it does not. */
import type { Awaitable } from "./v4l2/values/types.js";

/** Goes on with `next` at once, or when the promise is fulfilled: what answers at once stays without a promise. */
export function settle<Value, Result>(
  value: Awaitable<Value>,
  next: (value: Value) => Awaitable<Result>,
): Awaitable<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}
