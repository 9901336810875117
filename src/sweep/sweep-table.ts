// The table of a sweep, as text, Markdown, CSV and LaTeX: the same rows. A difference is marked where it exceeds
// the noise with all differences of the table in view.

import { type Compared, falseShare, type Measure } from "./comparison.ts";

const measureIn = (compared: readonly Compared[]): Measure => compared[0]?.measure ?? "nats";

const listColumns = (compared: readonly Compared[]): readonly string[] => [
  ...["change", "n", measureIn(compared) === "nats" ? "loss" : measureIn(compared), "sd", "difference"],
  ...["95 % interval", "p", "verdict", "steps", "million tokens", "seconds"],
];
/** Seconds differ each time, and a table is to be the same however often its sweep was interrupted: files of text leave them out. */
const lasting = -1;

/** Cells as they are read; an empty one where nothing is known. */
export function listRows(compared: readonly Compared[]): string[][] {
  return compared.map(({ name, count, failed, mean, deviation, difference, adjusted, steps, tokens, seconds }) => [
    name,
    failed.length === 0 ? String(count) : `${count}, ${describeFailures(failed)}`,
    format(mean),
    format(deviation),
    difference === undefined ? "" : sign(difference.mean),
    difference === undefined ? "" : `${sign(difference.low)} to ${sign(difference.high)}`,
    difference === undefined ? "" : difference.p < 0.001 ? "< 0.001" : difference.p.toFixed(3),
    difference === undefined ? "" : judge(difference.mean, adjusted!),
    steps === undefined ? "" : Math.round(steps).toLocaleString("en-US"),
    tokens === undefined ? "" : (tokens / 1e6).toFixed(2),
    seconds === undefined ? "" : seconds.toFixed(1),
  ]);
}

/** What a difference is told to be, among all of the table. */
export function judge(difference: number, adjusted: number): "better" | "worse" | "" {
  return adjusted >= falseShare ? "" : difference < 0 ? "better" : "worse";
}

function describeFailures(failed: readonly string[]): string {
  const codes = [...new Set(failed)];
  const count = (code: string) => failed.filter(each => each === code).length;
  return codes.map(code => (count(code) === 1 ? code : `${count(code)} × ${code}`)).join(", ");
}

/** A loss that came apart is too long for digits behind the point. */
const formatLoss = (value: number) => (Math.abs(value) < 1000 ? value.toFixed(4) : value.toExponential(2));
const format = (value: number | undefined) => (value === undefined ? "" : formatLoss(value));
const sign = (value: number) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${formatLoss(Math.abs(value))}`;

/** What a reader must know of the numbers. */
export function explainTable(compared: readonly Compared[]): string {
  const differences = compared.flatMap(({ difference, adjusted }) =>
    difference === undefined ? [] : [{ ...difference, adjusted: adjusted! }],
  );
  const measure =
    measureIn(compared) === "nats"
      ? "Loss: nats a predicted token of held-out text, at the end of the budget."
      : "Bits per byte of masked words of the held-out text, at the end of the budget, which do not depend on tokenizers.";
  if (differences.length === 0) return measure;
  const paired = differences.filter(({ isPaired }) => isPaired).length;
  const how =
    paired === differences.length
      ? "in pairs of a seed (Student's t)"
      : paired === 0
        ? "of unpaired trials (Welch's t)"
        : `in pairs of a seed where both have the same seeds (${paired}, Student's t), else Welch's t`;
  const told = differences.filter(({ adjusted }) => adjusted < falseShare).length;
  const noise =
    "intervals and p are of each by itself; better and worse stand where all p together leave at most one in twenty to chance " +
    "(Benjamini and Hochberg)";
  return `${measure} Differences from the base ${how}; ${noise}: ${told} of ${differences.length}.`;
}

/** The lowest and what follows it, in a sentence; undefined where nothing has reached its end. */
export function describeLowest(compared: readonly Compared[]): string | undefined {
  const ended = compared
    .flatMap(row => (row.mean === undefined ? [] : [{ ...row, mean: row.mean }]))
    .sort((a, b) => a.mean - b.mean);
  const [best, next] = ended;
  if (best === undefined) return undefined;
  const unit = measureIn(compared);
  const say = ({ mean, deviation, count }: (typeof ended)[number]) =>
    deviation === undefined
      ? `${formatLoss(mean)} ${unit}`
      : `${formatLoss(mean)} ± ${formatLoss(deviation)} ${unit} over ${count} seeds`;
  if (next === undefined) return `${best.name}: ${say(best)}.`;
  const { difference, adjusted } = best;
  const isNoise = difference !== undefined && judge(difference.mean, adjusted!) === "";
  const noise = isNoise ? ", which is no more below the base than chance explains" : "";
  return `${best.name} is lowest of ${ended.length}: ${say(best)}${noise}; next is ${next.name}, ${say(next)}.`;
}

export function formatText(compared: readonly Compared[]): string {
  const columns = listColumns(compared);
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

/** Of a table's cell: neither a column more, nor an element of HTML, which a reader would not see. */
export const escapeMarkdown = (cell: string): string => cell.replace(/\||<(?=[a-z/!?])/gi, "\\$&");

export function formatMarkdown(compared: readonly Compared[]): string {
  const columns = listColumns(compared);
  const line = (cells: readonly string[]) => `| ${cells.slice(0, lasting).map(escapeMarkdown).join(" | ")} |`;
  return `${[line(columns), line(columns.map((_, i) => (i === 0 ? "---" : "---:"))), ...listRows(compared).map(line)].join("\n")}\n`;
}

/** Plain numbers, as they are. */
export function formatCsv(compared: readonly Compared[]): string {
  const quote = (cell: string) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const value = measureIn(compared) === "nats" ? "loss" : "bitsPerByte";
  const head = `change,n,failed,${value},sd,difference,low,high,p,adjusted,paired,steps,tokens,seconds`;
  const rows = compared.map(({ name, count, failed, mean, deviation, difference, adjusted, steps, tokens, seconds }) =>
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
      adjusted,
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
  const line = (cells: readonly string[]) => `${cells.slice(0, lasting).map(quote).join(" & ")} \\\\`;
  const columns = listColumns(compared);
  const body = [line(columns), "\\hline", ...listRows(compared).map(line)].join("\n");
  return `\\begin{tabular}{l${"r".repeat(columns.length - 2)}}\n\\hline\n${body}\n\\hline\n\\end{tabular}\n`;
}
