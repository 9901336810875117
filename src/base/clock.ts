// The only reader of the machine's time. Everything that depends on time takes a Clock, so a test simulates a day in
// milliseconds.

export interface Clock {
  /** Seconds on a clock that never goes back; only differences mean anything. */
  seconds(): number;
  /** The date and time of day, for names and records; never for measuring. */
  date(): Date;
  /** It does not move while the process is stopped. */
  readonly standsWhileStopped?: boolean;
}

export const systemClock: Clock = {
  seconds: () => performance.now() / 1000,
  date: () => new Date(),
};

/**
 * Counts what this process has its processors compute, all threads together, divided by how many of them compute at once: what waits costs
 * nothing. A processor whose caches and cores others share computes less in such a second, too (docs/LOG.md has how much).
 */
export const processorClock = (processors: number): Clock => ({
  seconds: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6 / processors;
  },
  date: systemClock.date,
  standsWhileStopped: true,
});

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
