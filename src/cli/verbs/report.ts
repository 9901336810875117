// cram report: runs as one HTML page; charts and numbers as files on demand.

import { existsSync, statSync } from "node:fs";
import type { Command } from "commander";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { writeFileAtomically } from "../../base/files/files.ts";
import { checkPageOutput, refuseKnownFolder } from "../../base/files/folder-kind.ts";
import { countTrainingFlops } from "../../model/parameters.ts";
import { printPage } from "../../report/page/page.ts";
import { makeReport } from "../../report/report.ts";
import { describeTrouble } from "../../report/runs/check.ts";
import { nameRuns, type RunRecord, readRun } from "../../report/runs/run-record.ts";
import { saveCharts, saveData } from "../../report/save.ts";
import { readRunRecipe } from "../../train/run-folder.ts";
import { print } from "../terminal/output.ts";

interface ReportFlags {
  readonly out: string;
  readonly charts?: string;
  readonly data?: string;
  readonly json?: boolean;
}

export function addReport(program: Command): void {
  program
    .command("report")
    .description("show runs beside each other on one HTML page, finished or still training")
    .argument("<run...>", "folders of runs")
    .option("--out <file>", "where the page goes", "report.html")
    .option("--charts <folder>", "write every chart as SVG and PNG too")
    .option("--data <folder>", "write every number as CSV and JSON too")
    .option("--json", "print the paths of what was written as one JSON object")
    .addHelpText(
      "after",
      `
The page needs no network and no other file. It shows filled masks if the run holds some:
  cram fill runs/mine "Paris is the [MASK] of France." --json >> runs/mine/fills.jsonl

Examples:
  cram report runs/mine
  cram report runs/mine runs/other --out compare.html --charts charts --data numbers`,
    )
    .action(report);
}

async function report(folders: string[], flags: ReportFlags): Promise<void> {
  checkPlaces(flags);
  const names = nameRuns(folders);
  const notes: string[] = [];
  const { runs, failure } = readRuns(folders, names, notes);
  if (runs.length === 0) throw failure;
  const content = makeReport(runs);
  writeFileAtomically(
    flags.out,
    printPage(content, systemClock.date().toISOString().slice(0, 16).replace("T", " "), notes),
  );
  const data = flags.data === undefined ? [] : saveData(content, flags.data);
  const charts = flags.charts === undefined ? [] : await saveCharts(content, flags.charts);
  if (flags.json === true) {
    print(JSON.stringify({ page: flags.out, charts, data, notes }));
    if (failure !== undefined) throw failure;
    return;
  }
  for (const note of notes) print(`note: ${note}`);
  print(
    `${flags.out}: ${runs.length === 1 ? runs[0]!.name : `${runs.length} runs`} (${Math.ceil(statSync(flags.out).size / 1000)} kB); open it in a browser`,
  );
  if (flags.data !== undefined) print(`${flags.data}: ${data.length} files of numbers`);
  if (flags.charts !== undefined) print(`${flags.charts}: ${charts.length} files of charts`);
  if (failure !== undefined) throw failure;
}

function checkPlaces({ out, charts, data }: ReportFlags): void {
  const kindOf = (path: string | undefined) =>
    path === undefined || !existsSync(path) ? undefined : statSync(path).isDirectory() ? "folder" : "file";
  if (kindOf(out) === "folder") throw new UserError("E_OPTION", `--out ${out}: a folder`, "Name a file for the page.");
  checkPageOutput(out);
  for (const folder of [charts, data]) if (folder !== undefined) refuseKnownFolder(folder);
  for (const [option, path] of [
    ["--charts", charts],
    ["--data", data],
  ] as const) {
    if (kindOf(path) === "file") throw new UserError("E_OPTION", `${option} ${path}: a file`, "Name a folder.");
  }
}

/** A run that cannot be read is left out and noted, and the first one's error comes after the page of the others. */
function readRuns(
  folders: readonly string[],
  names: readonly string[],
  notes: string[],
): { readonly runs: readonly RunRecord[]; readonly failure: unknown } {
  let failure: unknown;
  const runs = folders.flatMap((folder, i) => {
    try {
      const run = readRun(folder, names[i]!, countRunFlops(folder, names[i]!, notes));
      notes.push(...run.troubles.map(trouble => `${run.name}: ${trouble}`));
      return [run];
    } catch (error) {
      failure ??= error;
      notes.push(`${names[i]}: left out: ${describeTrouble(error)}`);
      return [];
    }
  });
  return { runs, failure };
}

/** FLOPs of a token; a recipe that this version cannot read leaves them out, and says so. */
function countRunFlops(folder: string, name: string, notes: string[]): number | undefined {
  try {
    const { model, data } = readRunRecipe(folder);
    return countTrainingFlops(model, data.maskFraction);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // A folder without a recipe is no run, which readRun says better.
    if (error.code === "E_FILE_MISSING") return undefined;
    notes.push(`${name}: FLOPs are left out, for this version cannot read the recipe: ${error.message}`);
    return undefined;
  }
}
