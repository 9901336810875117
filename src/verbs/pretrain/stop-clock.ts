// A clock without the time for which the process was stopped, by Ctrl-Z or SIGSTOP: nothing is trained meanwhile, so it is no part of a budget.

import { type Clock, systemClock } from "../../base/clock.ts";

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
