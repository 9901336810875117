// How long the rest of a ladder takes: a training has seconds that do not depend on its size, as compiling and looking at the data, and seconds
// for its arithmetic. Both are known when two trainings of different sizes have ended.

export interface TimedTraining {
  /** Of the arithmetic of the whole ladder. */
  readonly share: number;
  readonly seconds: number;
}

/** Where the ladder stands: how many trainings follow the one under way, with which share of the arithmetic, and how far that one is. */
export interface LadderStanding {
  readonly share: number;
  readonly progress: number;
  readonly following: number;
  readonly followingShare: number;
}

/** Seconds; undefined before two trainings of different shares have ended. */
export function estimateLeft(ended: readonly TimedTraining[], standing: LadderStanding): number | undefined {
  const shares = ended.map(({ share }) => share);
  if (shares.length < 2 || Math.max(...shares) < 1.01 * Math.min(...shares)) return undefined;
  const [fixed, rate] = fitLine(ended);
  const { share, progress, following, followingShare } = standing;
  return (1 - progress) * (fixed + rate * share) + following * fixed + followingShare * rate;
}

/** Least squares with neither below 0. */
function fitLine(ended: readonly TimedTraining[]): [fixed: number, rate: number] {
  const meanOf = (of: (each: TimedTraining) => number) => ended.reduce((sum, each) => sum + of(each), 0) / ended.length;
  const [share, seconds] = [meanOf(each => each.share), meanOf(each => each.seconds)];
  const slope =
    meanOf(each => (each.share - share) * (each.seconds - seconds)) / meanOf(each => (each.share - share) ** 2);
  if (slope <= 0) return [seconds, 0];
  const fixed = seconds - slope * share;
  if (fixed >= 0) return [fixed, slope];
  return [0, meanOf(each => each.share * each.seconds) / meanOf(each => each.share ** 2)];
}
