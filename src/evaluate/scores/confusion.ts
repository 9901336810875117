// The confusion matrix of a classifier: which class was taken for which.

export interface Confusion {
  readonly labels: readonly string[];
  /** counts[target][prediction], in the order of the labels. */
  readonly counts: readonly (readonly number[])[];
}

/** Counts pairs of classes; both are places in `labels`. */
export function countConfusion(
  labels: readonly string[],
  predictions: readonly number[],
  targets: readonly number[],
): Confusion {
  const counts = labels.map(() => labels.map(() => 0));
  targets.forEach((target, i) => {
    const prediction = predictions[i];
    const row = counts[target];
    if (prediction === undefined || row?.[prediction] === undefined) {
      throw new Error(`confusion: example ${i} is ${target}, predicted ${prediction}, of ${labels.length} classes`);
    }
    row[prediction]++;
  });
  return { labels, counts };
}

/** Rows are the targets, columns the predictions; the last column is the share of the row that is right. */
export function formatConfusion({ labels, counts }: Confusion): string {
  const shareRight = (row: readonly number[], target: number): string => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return total === 0 ? "" : `${((100 * row[target]!) / total).toFixed(1)} %`;
  };
  const rows = [
    ["is, predicted", ...labels, "right"],
    ...counts.map((row, target) => [
      labels[target]!,
      ...row.map(count => count.toLocaleString("en-US")),
      shareRight(row, target),
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return rows
    .map(row => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "))
    .map(line => line.trimEnd())
    .join("\n");
}
