/**
 * How many clients are served at once. A job is a process of ours, and a client can make it last: by memory that its
 * own file system serves, by being frozen. So a user's jobs wait for each other when they are many, and are refused
 * when those before them do not end; other users' are not held up by that.
 */
export interface TurnLimits {
  /** Jobs of one user at a time. */
  readonly perUser: number;
  /** All jobs at a time: a user can have many ids (user namespaces). */
  readonly total: number;
  /** How long a job waits for its turn, and its client in its call. */
  readonly waitMs: number;
}

export const TURN_LIMITS: TurnLimits = { perUser: 8, total: 64, waitMs: 5_000 };

/** A job that may run. */
export interface Turn {
  /** It takes longer than a job should, and nobody knows when it will end. */
  isLate(): void;
  /** Nothing is left of it. May be called again. */
  end(): void;
}

interface Waiting {
  readonly user: number;
  readonly resolve: (turn: Turn | undefined) => void;
  readonly timer: NodeJS.Timeout;
}

interface Count {
  running: number;
  /** Of these, those that are late. */
  late: number;
}

export class Turns {
  readonly #limits: TurnLimits;
  readonly #users = new Map<number, Count>();
  readonly #all: Count = { running: 0, late: 0 };
  #waiting: readonly Waiting[] = [];

  constructor(limits: TurnLimits = TURN_LIMITS) {
    this.#limits = limits;
  }

  /**
   * At once when there is room, and else when there is.
   * @returns undefined: not in time, or not to be expected.
   */
  take(user: number): Turn | undefined | Promise<Turn | undefined> {
    const { perUser, total, waitMs } = this.#limits;
    if (this.#hasRoom(user)) return this.#begin(user);
    if (this.#count(user).late >= perUser || this.#all.late >= total) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((waiting) => waiting.timer !== timer);
        resolve(undefined);
      }, waitMs);
      this.#waiting = [...this.#waiting, { user, resolve, timer }];
    });
  }

  #count(user: number): Count {
    return this.#users.get(user) ?? { running: 0, late: 0 };
  }

  #hasRoom(user: number): boolean {
    const { perUser, total } = this.#limits;
    return this.#count(user).running < perUser && this.#all.running < total;
  }

  #begin(user: number): Turn {
    const count = this.#count(user);
    this.#users.set(user, count);
    const counts = [count, this.#all];
    for (const each of counts) each.running += 1;
    let late = false;
    let over = false;
    return {
      isLate: () => {
        if (late || over) return;
        late = true;
        for (const each of counts) each.late += 1;
      },
      end: () => {
        if (over) return;
        over = true;
        for (const each of counts) {
          each.running -= 1;
          if (late) each.late -= 1;
        }
        if (count.running === 0) this.#users.delete(user);
        this.#callNext();
      },
    };
  }

  /** The first in the queue whose user has room; there is room for one more. */
  #callNext(): void {
    const next = this.#waiting.find(({ user }) => this.#hasRoom(user));
    if (next === undefined) return;
    clearTimeout(next.timer);
    this.#waiting = this.#waiting.filter((waiting) => waiting !== next);
    next.resolve(this.#begin(next.user));
  }
}
