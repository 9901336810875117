// Runs as one HTML page; charts and numbers as files on demand.

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { writeFileAtomically } from "../../base/files/files.ts";
import { checkPageOutput, recogniseFolder, refuseKnownFolder } from "../../base/files/folder-kind.ts";
import { refuseUnseen } from "../../base/files/read-failure.ts";
import { findRun } from "../../checkpoint/state.ts";
import { renderPage } from "../../report/page/page.ts";
import { makeReport } from "../../report/report.ts";
import { describeTrouble } from "../../report/runs/check.ts";
import { nameRuns, type RecipeFacts, type RunRecord, readRun } from "../../report/runs/run-record.ts";
import { saveCharts, saveData } from "../../report/save.ts";
import { renderLatexTable, renderMarkdownTable } from "../../report/tables/paper-table.ts";
import { type OptionKinds, readOptions, requireList } from "../given-values.ts";
import { readRecipeFacts } from "./recipe-facts.ts";
import type { ReportOptions, WrittenReport } from "./report-places.ts";
import { reportSweep } from "./sweep-report.ts";

const optionKinds: OptionKinds<ReportOptions> = { out: "path", charts: "path", data: "path", table: "path" };

/**
 * Shows runs beside each other on one HTML page, finished or still training, or a sweep; a checkpoint stands for its run. The page needs
 * no network and no other file.
 *
 * ```ts
 * const { page, notes } = await report(["runs/mine"], { out: "mine.html", data: "numbers" });
 * console.log(page, notes);
 * ```
 *
 * Errors are `UserError`s: E_OPTION and E_OUTPUT_OTHER for places that hold something else, E_FILE_MISSING where a folder is no run's,
 * E_PNG, and the first run's where none can be read.
 */
export async function report(given: readonly string[], options: ReportOptions = {}): Promise<WrittenReport> {
  const places = readOptions("report", options, optionKinds);
  const runs = requireList(given, "run").map(findRun);
  if (runs.length === 0) throw new UserError("E_OPTION", "no run was named", "Name the folder of one at least.");
  const { out = "report.html", charts, data, table } = places;
  if (table !== undefined && !/\.(tex|md)$/.test(table)) {
    throw new UserError("E_OPTION", `--table ${table}: neither .tex nor .md`, "End its name with one of them.");
  }
  checkPlaces({ out, charts, data });
  const sweep = runs.find(folder => recogniseFolder(folder) === "a sweep");
  if (sweep !== undefined) {
    if (runs.length === 1) return reportSweep(sweep, places);
    const advice = `Report it alone; ${join(sweep, "trials", "…", "run")} are its runs.`;
    throw new UserError("E_OPTION", `${sweep}: a sweep beside ${runs.length - 1} other folders`, advice);
  }
  refuseStrangers(runs);
  const notes: string[] = [];
  const read = readRuns(runs, nameRuns(runs), notes);
  if (read.runs.length === 0) throw read.failure;
  const content = makeReport(read.runs);
  const date = systemClock.date().toISOString().slice(0, 16).replace("T", " ");
  writeFileAtomically(out, renderPage(content, date, notes));
  if (table !== undefined) {
    const render = table.endsWith(".tex") ? renderLatexTable : renderMarkdownTable;
    writeFileAtomically(table, Buffer.from(render(content.runs)));
  }
  return {
    page: out,
    runs: read.runs.map(({ name }) => name),
    data: data === undefined ? [] : saveData(content, data),
    charts: charts === undefined ? [] : await saveCharts(content, charts),
    notes,
    failure: read.failure,
  };
}

/** What was misspelt is told before a page is written without it. UserError E_FILE_MISSING. */
function refuseStrangers(folders: readonly string[]): void {
  const strangers = folders.filter(folder => recogniseFolder(folder) !== "a run");
  if (strangers.length === 0) return;
  for (const folder of strangers) refuseUnseen(folder, "run");
  throw new UserError(
    "E_FILE_MISSING",
    `${strangers.join(", ")}: no run here${folders.length > 1 ? ", and nothing was written" : ""}`,
    `Give the folder of a run that cram pretrain began${folders.length > strangers.length ? ", or leave it out" : ""}.`,
  );
}

function checkPlaces({ out, charts, data }: ReportOptions & { readonly out: string }): void {
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

/** A run that cannot be read is left out and noted. */
function readRuns(
  folders: readonly string[],
  names: readonly string[],
  notes: string[],
): { readonly runs: readonly RunRecord[]; readonly failure: unknown } {
  let failure: unknown;
  const runs = folders.flatMap((folder, i) => {
    try {
      const run = readRun(folder, names[i]!, readFactsIfKnown(folder, names[i]!, notes));
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

/** A recipe that this version cannot read leaves them out, and says so. */
function readFactsIfKnown(folder: string, name: string, notes: string[]): RecipeFacts {
  try {
    return readRecipeFacts(folder);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // A folder without a recipe is no run, which readRun says better.
    if (error.code === "E_FILE_MISSING") return {};
    notes.push(`${name}: FLOPs are left out, for this version cannot read the recipe: ${error.message}`);
    return {};
  }
}
