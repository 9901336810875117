// cram report: runs as one HTML page; charts and numbers as files on demand.

import { statSync } from "node:fs";
import { Argument, type Command } from "commander";
import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";
import { report as reportRuns } from "../../verbs/report/report.ts";
import { suggest } from "../terminal/completion.ts";
import { print } from "../terminal/output.ts";

interface ReportFlags {
  readonly out: string;
  readonly charts?: string;
  readonly data?: string;
  readonly table?: string;
  readonly json?: boolean;
}

export function addReport(command: Command): void {
  command
    .addArgument(suggest(new Argument("<run...>", "folders of runs, or the folder of one sweep"), "runs"))
    .option("--out <file>", "where the page goes", "report.html")
    .option("--charts <folder>", "write every chart as SVG and PNG too")
    .option("--data <folder>", "write every number as CSV and JSON too")
    .option("--table <file>", "write a .tex or .md of the recipes too, with mean and deviation over their seeds")
    .option("--json", "print the paths of what was written as one JSON object")
    .addHelpText(
      "after",
      `
The page needs no network and no other file. It shows filled masks if the run holds some:
  cram fill runs/mine "Paris is the [MASK] of France." --json >> runs/mine/fills.jsonl

Examples:
  cram report runs/mine
  cram report sweeps/rates --data numbers          the table with intervals, curves, and what mattered; LaTeX, CSV
  cram report runs/mine runs/other --out compare.html --charts charts --data numbers
  cram report runs/seed-* --table results.tex`,
    )
    .action(report);
}

async function report(folders: string[], flags: ReportFlags): Promise<void> {
  const { json, ...places } = flags;
  const { page, runs, charts, data, notes, failure } = await reportRuns(folders, places);
  if (json === true) print(JSON.stringify({ page, charts, data, table: flags.table, notes }));
  else {
    for (const note of notes) print(`note: ${note}`);
    const shown = runs.length === 1 ? runs[0]! : `${runs.length} runs`;
    print(`${page}: ${shown} (${Math.ceil(statSync(page).size / 1000)} kB); open it in a browser`);
    if (flags.data !== undefined) print(`${flags.data}: ${countOf(data.length, "file")} of numbers`);
    if (flags.table !== undefined) print(`${flags.table}: a table of the recipes`);
    if (flags.charts !== undefined) print(`${flags.charts}: ${countOf(charts.length, "file")} of charts`);
  }
  // The first one's, after the page of the others.
  if (!(failure instanceof UserError)) {
    if (failure !== undefined) throw failure;
    return;
  }
  const { code, message, advice } = failure;
  const left = countOf(folders.length - runs.length, "run");
  throw new UserError(code as `E_${string}`, `${page} is without ${left}: ${message}`, advice);
}
