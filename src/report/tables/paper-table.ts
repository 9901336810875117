// What a paper says of some runs as a table, in LaTeX or Markdown: a row a recipe, with mean and standard deviation over its seeds.

import { formatNumber, formatWithUnit } from "../quantity.ts";
import type { RunRecord } from "../runs/run-record.ts";
import { groupByRecipe } from "./recipe-groups.ts";

const heads = ["recipe", "seeds", "parameters", "tokens", "time", "validation loss (nats)"];

/** Texts of cells, the best recipe first. */
function listRows(runs: readonly RunRecord[]): string[][] {
  return groupByRecipe(runs).map(({ name, runs: group, mean, deviation }) => {
    const [{ curves }] = group as [RunRecord];
    const meanOf = (values: readonly (number | undefined)[]) => {
      const known = values.filter(value => value !== undefined);
      return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
    };
    const tokens = meanOf(group.map(run => run.curves.steps.tokens.at(-1)));
    const seconds = meanOf(group.map(run => run.curves.steps.elapsedSeconds.at(-1)));
    const spread = deviation === undefined ? "" : ` ± ${deviation.toFixed(3)}`;
    return [
      name,
      String(group.length),
      curves.starts[0] === undefined ? "" : formatNumber(curves.starts[0].parameters),
      tokens === undefined ? "" : formatWithUnit(tokens, "tokens"),
      seconds === undefined ? "" : formatWithUnit(seconds, "seconds"),
      mean === undefined ? "" : `${mean.toFixed(3)}${spread}`,
    ];
  });
}

/** GitHub's tables. */
export function renderMarkdownTable(runs: readonly RunRecord[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replace(/[|\\]/g, "\\$&")).join(" | ")} |`;
  const rule = ["---", "--:", "--:", "--:", "--:", "--:"];
  return `${[heads, rule, ...listRows(runs)].map(line).join("\n")}\n`;
}

const latex: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "±": "$\\pm$",
};

/** Rules of the package booktabs. */
export function renderLatexTable(runs: readonly RunRecord[]): string {
  const protect = (text: string) => text.replace(/[\\~^±]|[&%$#_{}]/g, found => latex[found] ?? `\\${found}`);
  const line = (cells: readonly string[]) => `${cells.map(protect).join(" & ")} \\\\`;
  return [
    "% \\usepackage{booktabs}",
    "\\begin{tabular}{lrrrrr}",
    "\\toprule",
    line(heads),
    "\\midrule",
    ...listRows(runs).map(line),
    "\\bottomrule",
    "\\end{tabular}\n",
  ].join("\n");
}
