// How far long work has come, in words: the share that is done, and the time that the rest takes at the same speed.

import type { Clock } from "../../base/clock.ts";
import { formatDuration } from "../../train/budget.ts";

/** For work of `total` parts that begins now. The time is left out in the first second and the first hundredth: it would jump. */
export function createProgress(total: number, clock: Clock): (done: number) => string {
  const start = clock.seconds();
  return done => {
    const share = total > 0 ? Math.min(1, done / total) : 1;
    const seconds = clock.seconds() - start;
    const percent = `${Math.floor(100 * share)} %`;
    if (share < 0.01 || seconds < 1) return percent;
    return `${percent}, ${formatDuration((seconds * (1 - share)) / share)} left`;
  };
}
