/** Results that may come later, without a promise when they do not. */

/** A result that a driver may also give later. */
export type Awaitable<T> = T | Promise<T>;

/** Goes on with `next` at once, or when the promise is fulfilled: what answers at once stays without a promise. */
export function settle<Value, Result>(
  value: Awaitable<Value>,
  next: (value: Value) => Awaitable<Result>,
): Awaitable<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}
