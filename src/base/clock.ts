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

const secondsBetweenBeats = 0.1;
/** How long after a stop its signal may come: the system gives it to whichever thread it likes. */
const mostSecondsLate = 0.3;

/** A clock that knows for how long the process was stopped. */
export interface StopClock extends Clock {
  stoppedSeconds(): number;
  /** Where beats are missing and no signal has said why, waits for one that is late. Asked before a stop could end a budget. */
  settle(): Promise<void>;
  close(): void;
}

/**
 * The system's clock less the time for which the process was stopped, by Ctrl-Z or SIGSTOP. A process learns that it goes on
 * (SIGCONT), and not since when it was stopped: a beat ten times a second says it. A signal that finds no beat missing, or a beat
 * that is late without a signal, as beside a busy processor or a slow disk, changes nothing. Of a clock that stands meanwhile there is nothing
 * to leave out, nor to wait for: by the seconds of a processor that waits, a wait of a third of a second takes half a minute.
 */
export function leaveOutStops(clock: Clock = systemClock): StopClock {
  if (clock.standsWhileStopped === true)
    return { ...clock, stoppedSeconds: () => 0, settle: () => Promise.resolve(), close: () => {} };
  let [stopped, last] = [0, clock.seconds()];
  let gap = { end: Number.NEGATIVE_INFINITY, seconds: 0 };
  const beat = () => {
    const now = clock.seconds();
    if (now - last > 3 * secondsBetweenBeats) gap = { end: now, seconds: now - last - secondsBetweenBeats };
    last = now;
  };
  const forget = () => {
    gap = { end: Number.NEGATIVE_INFINITY, seconds: 0 };
  };
  const resume = () => {
    // The timer may have been served before the signal.
    beat();
    if (last - gap.end < mostSecondsLate) stopped += gap.seconds;
    forget();
  };
  const timer = setInterval(beat, 1000 * secondsBetweenBeats).unref();
  process.on("SIGCONT", resume);
  return {
    seconds: () => clock.seconds() - stopped,
    date: () => clock.date(),
    stoppedSeconds: () => stopped,
    settle: async () => {
      beat();
      const deadline = gap.end + mostSecondsLate;
      while (clock.seconds() < deadline && gap.seconds > 0) {
        await new Promise<void>(resolve => setTimeout(resolve, 20));
      }
      forget();
    },
    close: () => {
      clearInterval(timer);
      process.off("SIGCONT", resume);
    },
  };
}

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
