/**
 * Results that may come later, without a promise when they do not: a call that is answered at once takes no detour over
 * the event loop. The only place that asks whether something is a promise.
 */

/** A result that a driver may also give later. */
export type Awaitable<T> = T | Promise<T>;

/** Will it come later? */
export function isLater<Value>(value: Awaitable<Value>): value is Promise<Value> {
  return value instanceof Promise;
}

/**
 * Goes on with `done` at once, or when the promise is fulfilled.
 * @param failed - Goes on with what the promise was rejected for. What `done` throws is not for it.
 */
export function settle<Value, Result>(
  value: Awaitable<Value>,
  done: (value: Value) => Awaitable<Result>,
  failed?: (error: unknown) => Awaitable<Result>,
): Awaitable<Result> {
  return isLater(value) ? value.then(done, failed) : done(value);
}

/** As {@link settle} for what `run` returns; what it throws goes to `failed`, too. */
export function attempt<Value, Result>(
  run: () => Awaitable<Value>,
  done: (value: Value) => Awaitable<Result>,
  failed: (error: unknown) => Awaitable<Result>,
): Awaitable<Result> {
  let value: Awaitable<Value>;
  try {
    value = run();
  } catch (error) {
    return failed(error);
  }
  return settle(value, done, failed);
}

/** For {@link attempt} and {@link settle}: the result is what it is. */
export const unchanged = <Value>(value: Value): Value => value;
