// The table of a sweep, as text, Markdown, CSV and LaTeX: the same rows. A difference is marked where its interval leaves out 0.

import type { Compared } from "./comparison.ts";

const columns = ["change", "n", "loss", "sd", "difference", "95 % interval", "p", "", "steps", "tokens"] as const;

/** Cells as they are read; an empty one where nothing is known. */
export function listRows(compared: readonly Compared[]): string[][] {
  return compared.map(({ name, count, failed, mean, deviation, difference, steps, tokens }) => [
    name,
    failed.length === 0 ? String(count) : `${count}, ${describeFailures(failed)}`,
    format(mean),
    format(deviation),
    difference === undefined ? "" : sign(difference.mean),
    difference === undefined ? "" : `${sign(difference.low)} to ${sign(difference.high)}`,
    difference === undefined ? "" : difference.p < 0.001 ? "< 0.001" : difference.p.toFixed(3),
    difference === undefined ? "" : difference.high < 0 ? "better" : difference.low > 0 ? "worse" : "",
    steps === undefined ? "" : Math.round(steps).toLocaleString("en-US"),
    tokens === undefined ? "" : `${(tokens / 1e6).toFixed(2)} M`,
  ]);
}

function describeFailures(failed: readonly string[]): string {
  const codes = [...new Set(failed)];
  return codes.map(code => `${failed.filter(each => each === code).length} × ${code}`).join(", ");
}

/** A loss that came apart is too long for digits behind the point. */
const formatLoss = (value: number) => (Math.abs(value) < 1000 ? value.toFixed(4) : value.toExponential(2));
const format = (value: number | undefined) => (value === undefined ? "" : formatLoss(value));
const sign = (value: number) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${formatLoss(Math.abs(value))}`;

/** What a reader must know of the numbers. */
export function explainTable(compared: readonly Compared[]): string {
  const tested = compared.filter(({ difference }) => difference !== undefined).length;
  const chance = tested < 2 ? "" : ` Of ${tested} differences one in twenty leaves out 0 by chance.`;
  return `Loss: nats a predicted token of held-out text, at the end of the budget; differences from the base, in pairs of a seed.${chance}`;
}

export function formatText(compared: readonly Compared[]): string {
  const rows = [[...columns], ...listRows(compared)];
  const used = columns.map((_, i) => i).filter(i => rows.slice(1).some(row => row[i] !== ""));
  const widths = used.map(i => Math.max(...rows.map(row => row[i]!.length)));
  return rows
    .map(row =>
      used
        .map((i, at) => (i === 0 || i === 7 ? row[i]!.padEnd(widths[at]!) : row[i]!.padStart(widths[at]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function formatMarkdown(compared: readonly Compared[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return `${[line(columns), line(columns.map((_, i) => (i === 0 ? "---" : "---:"))), ...listRows(compared).map(line)].join("\n")}\n`;
}

/** Plain numbers, as they are. */
export function formatCsv(compared: readonly Compared[]): string {
  const quote = (cell: string) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const head = "change,n,failed,loss,sd,difference,low,high,p,paired,steps,tokens,seconds";
  const rows = compared.map(({ name, count, failed, mean, deviation, difference, steps, tokens, seconds }) =>
    [
      name,
      count,
      failed.join(" "),
      mean,
      deviation,
      difference?.mean,
      difference?.low,
      difference?.high,
      difference?.p,
      difference?.isPaired,
      steps,
      tokens,
      seconds,
    ]
      .map(cell => quote(cell === undefined ? "" : String(cell)))
      .join(","),
  );
  return `${[head, ...rows].join("\n")}\n`;
}

const latex: Readonly<Record<string, string>> = {
  ...{ "\\": "\\textbackslash{}", "~": "\\~{}", "^": "\\^{}", "−": "$-$", "×": "$\\times$", "<": "$<$", ">": "$>$" },
};

export function formatLatex(compared: readonly Compared[]): string {
  const quote = (cell: string) => cell.replace(/[\\&%$#_{}~^−×<>]/g, found => latex[found] ?? `\\${found}`);
  const line = (cells: readonly string[]) => `${cells.map(quote).join(" & ")} \\\\`;
  const body = [line(columns), "\\hline", ...listRows(compared).map(line)].join("\n");
  return `\\begin{tabular}{l${"r".repeat(columns.length - 1)}}\n\\hline\n${body}\n\\hline\n\\end{tabular}\n`;
}
