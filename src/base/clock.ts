// The only reader of the machine's time. Everything that depends on time takes a Clock, so a test simulates a day in
// milliseconds.

export interface Clock {
  /** Seconds on a clock that never goes back; only differences mean anything. */
  seconds(): number;
  /** The date and time of day, for names and records; never for measuring. */
  date(): Date;
}

export const systemClock: Clock = {
  seconds: () => performance.now() / 1000,
  date: () => new Date(),
};

/** A clock that moves only when told. */
export function simulatedClock(startSeconds = 0): Clock & { advance(seconds: number): void } {
  let now = startSeconds;
  return {
    seconds: () => now,
    date: () => new Date(now * 1000),
    advance: seconds => {
      now += seconds;
    },
  };
}
