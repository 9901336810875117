// What a paper says of some runs as a table, in LaTeX or Markdown: a row a recipe, with mean and standard deviation over its seeds.
// Units stand in the heads, one for a whole column, so that cells are numbers and rows can be compared.

import { chooseUnit, type Quantity } from "../quantity.ts";
import type { RunRecord } from "../runs/run-record.ts";
import { groupByRecipe, type RecipeGroup } from "./recipe-groups.ts";

interface Column {
  readonly name: string;
  readonly quantity: Quantity;
  readonly of: (group: RecipeGroup) => number | undefined;
  /** Behind the point; four significant digits unless given. */
  readonly decimals?: number;
}

function meanOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter(value => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
}

const columns: readonly Column[] = [
  { name: "seeds", quantity: "count", of: ({ runs }) => runs.length },
  { name: "parameters", quantity: "count", of: ({ runs: [run] }) => run?.curves.starts[0]?.parameters, decimals: 0 },
  {
    name: "tokens",
    quantity: "tokens",
    of: ({ runs }) => meanOf(runs.map(({ curves }) => curves.steps.tokens.at(-1))),
  },
  {
    ...{ name: "time", quantity: "seconds" },
    of: ({ runs }) => meanOf(runs.map(({ curves }) => curves.steps.elapsedSeconds.at(-1))),
  },
  { name: "validation loss", quantity: "nats", of: ({ mean }) => mean, decimals: 3 },
  { name: "standard deviation", quantity: "nats", of: ({ deviation }) => deviation, decimals: 3 },
];

/** Texts of heads and cells, the best recipe first. */
function listLines(runs: readonly RunRecord[]): { readonly heads: string[]; readonly rows: string[][] } {
  const groups = groupByRecipe(runs);
  const printed = columns.map(({ name, quantity, of, decimals }) => {
    const values = groups.map(of);
    const unit = chooseUnit(quantity, Math.max(0, ...values.filter(value => value !== undefined)));
    // "million tokens" of a column that is called tokens.
    const shown = unit.name.replace(name, "").trim();
    const print = (value: number | undefined) => {
      if (value === undefined) return "";
      return decimals === undefined
        ? String(Number((value / unit.size).toPrecision(4)))
        : (value / unit.size).toFixed(decimals);
    };
    return { head: shown === "" ? name : `${name} (${shown})`, cells: values.map(print) };
  });
  return {
    heads: ["recipe", ...printed.map(({ head }) => head)],
    rows: groups.map(({ name }, row) => [name, ...printed.map(({ cells }) => cells[row]!)]),
  };
}

/** GitHub's tables. */
export function renderMarkdownTable(runs: readonly RunRecord[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replace(/[|\\]/g, "\\$&")).join(" | ")} |`;
  const { heads, rows } = listLines(runs);
  const rule = ["---", ...columns.map(() => "--:")];
  return `${[heads, rule, ...rows].map(line).join("\n")}\n`;
}

const latex: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
};

/** Rules of the package booktabs. */
export function renderLatexTable(runs: readonly RunRecord[]): string {
  const protect = (text: string) => text.replace(/[\\~^]|[&%$#_{}]/g, found => latex[found] ?? `\\${found}`);
  const { heads, rows } = listLines(runs);
  const line = (cells: readonly string[]) => `${cells.map(protect).join(" & ")} \\\\`;
  return [
    "% \\usepackage{booktabs}",
    `\\begin{tabular}{l${"r".repeat(columns.length)}}`,
    "\\toprule",
    line(heads),
    "\\midrule",
    ...rows.map(line),
    "\\bottomrule",
    "\\end{tabular}\n",
  ].join("\n");
}
