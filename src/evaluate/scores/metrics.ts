// The metrics of downstream tasks, with the definitions of scikit-learn and SciPy, also where little or nothing is there to
// measure: F1 without positives and Matthews of a single class are 0, a correlation with a constant is NaN. Where those
// libraries refuse (no examples at all, Pearson of one) the answer is NaN: there is no score.

export const metricNames = ["accuracy", "f1", "macro-f1", "matthews", "pearson", "spearman", "group-exact"] as const;
export type MetricName = (typeof metricNames)[number];

type Numbers = readonly number[];
/** The group of each example; one without a group is a group of its own. */
export type Groups = readonly (string | undefined)[];

/**
 * The score of predictions, classes or the numbers of a regression, against the targets in their order. `groups` counts for
 * group-exact alone.
 */
export function computeMetric(name: MetricName, predictions: Numbers, targets: Numbers, groups?: Groups): number {
  if (predictions.length !== targets.length || (groups !== undefined && groups.length !== targets.length)) {
    throw new Error(`${name}: ${predictions.length} predictions, ${targets.length} targets, ${groups?.length} groups`);
  }
  return targets.length === 0 ? Number.NaN : compute[name](predictions, targets, groups);
}

const compute: Readonly<Record<MetricName, (predictions: Numbers, targets: Numbers, groups?: Groups) => number>> = {
  accuracy: (predictions, targets) =>
    targets.reduce((right, target, i) => right + (target === predictions[i] ? 1 : 0), 0) / targets.length,
  f1: (predictions, targets) => f1Of(countClasses(predictions, targets).get(1)),
  "macro-f1": (predictions, targets) => meanOf([...countClasses(predictions, targets).values()].map(f1Of)),
  matthews: computeMatthews,
  pearson: correlate,
  spearman: (predictions, targets) =>
    // A place among numbers that are none means nothing.
    [...predictions, ...targets].some(Number.isNaN) ? Number.NaN : correlate(rank(predictions), rank(targets)),
  "group-exact": computeGroupExact,
};

function meanOf(values: Numbers): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

interface ClassCounts {
  /** Examples of the class, as predicted, as they are, and both. */
  predicted: number;
  actual: number;
  right: number;
}

/** Counts of every class that is predicted or a target. */
function countClasses(predictions: Numbers, targets: Numbers): Map<number, ClassCounts> {
  const classes = new Map<number, ClassCounts>();
  const find = (name: number): ClassCounts => {
    const found = classes.get(name) ?? { predicted: 0, actual: 0, right: 0 };
    classes.set(name, found);
    return found;
  };
  targets.forEach((target, i) => {
    find(target).actual++;
    find(predictions[i]!).predicted++;
    if (target === predictions[i]) find(target).right++;
  });
  return classes;
}

/** 2·right / (predicted + actual), the harmonic mean of precision and recall; 0 where the class never occurs. */
function f1Of(counts: ClassCounts | undefined): number {
  return counts === undefined ? 0 : (2 * counts.right) / (counts.predicted + counts.actual);
}

/** Matthews's correlation for any number of classes (Gorodkin 2004); 0 where targets or predictions are of one class. */
function computeMatthews(predictions: Numbers, targets: Numbers): number {
  const classes = [...countClasses(predictions, targets).values()];
  const total = (product: (counts: ClassCounts) => number) => classes.reduce((sum, each) => sum + product(each), 0);
  const examples = targets.length;
  const covariance = total(each => each.right) * examples - total(each => each.predicted * each.actual);
  const variances =
    (examples ** 2 - total(each => each.predicted ** 2)) * (examples ** 2 - total(each => each.actual ** 2));
  return variances === 0 ? 0 : covariance / Math.sqrt(variances);
}

/** Pearson's correlation coefficient; NaN for fewer than two numbers, for a constant, and where a number is not finite. */
function correlate(x: Numbers, y: Numbers): number {
  // One number is constant, too.
  if (isConstant(x) || isConstant(y)) return Number.NaN;
  const [a, b] = [scaledDifferences(x), scaledDifferences(y)];
  const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  return Math.max(-1, Math.min(1, cosine));
}

const dot = (a: Numbers, b: Numbers): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

const isConstant = (x: Numbers): boolean => x.every(value => value === x[0]);

/** Differences from the mean, the largest of which is made 1: squares of others could leave the range of numbers. */
function scaledDifferences(x: Numbers): number[] {
  const mean = meanOf(x);
  const largest = x.reduce((most, value) => Math.max(most, Math.abs(value - mean)), 0);
  return x.map(value => (value - mean) / largest);
}

/** Places from 1 in ascending order; equal numbers share the mean of theirs. */
function rank(x: Numbers): number[] {
  // Not by a difference: that of two infinities is NaN.
  const order = x.map((_, i) => i).sort((i, j) => (x[i]! < x[j]! ? -1 : x[i]! > x[j]! ? 1 : 0));
  const ranks = new Array<number>(x.length);
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && x[order[end]!] === x[order[start]!]) end++;
    for (let place = start; place < end; place++) ranks[order[place]!] = (start + 1 + end) / 2;
  }
  return ranks;
}

/** Share of the groups in which every prediction is right: the "exact match" of MultiRC's questions. */
function computeGroupExact(predictions: Numbers, targets: Numbers, groups: Groups = []): number {
  const exact = new Map<string | number, boolean>();
  targets.forEach((target, i) => {
    const group = groups[i] ?? i;
    exact.set(group, (exact.get(group) ?? true) && target === predictions[i]);
  });
  return meanOf([...exact.values()].map(Number));
}
