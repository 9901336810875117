// A curve as text, for terminals: a column for each value, in eighths of a line.

const eighths = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/** Lines of a chart of values from 0 to `most`, with `label` at the top and 0 at the bottom. Anything above 0 is seen. */
export function drawChart(values: readonly number[], most: number, label: string, lines = 8): string[] {
  const heights = values.map(value => (value > 0 ? Math.max(1, Math.round((8 * lines * value) / most)) : 0));
  const margin = label.length;
  const rows = Array.from({ length: lines }, (_, row) => {
    const below = 8 * (lines - 1 - row);
    const cells = heights.map(height => eighths[Math.min(8, Math.max(0, height - below))]);
    return `${(row === 0 ? label : "").padStart(margin)} │${cells.join("")}`;
  });
  return [...rows.map(row => row.trimEnd()), `${"0".padStart(margin)} └${"─".repeat(values.length)}`];
}
