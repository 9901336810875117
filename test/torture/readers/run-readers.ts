// Readers of what a run says of itself: the report's page, the dashboard's view, results.

import { dirname } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { UserError } from "../../../src/base/errors.ts";
import { readPredictions, readResult } from "../../../src/evaluate/storage/evaluation-folder.ts";
import { watchRuns } from "../../../src/report/dashboard/dashboard-runs.ts";
import { renderView } from "../../../src/report/dashboard/dashboard-view.ts";
import { renderPage } from "../../../src/report/page/page.ts";
import { makeReport } from "../../../src/report/report.ts";
import { readRun } from "../../../src/report/runs/run-record.ts";
import type { Form } from "../mutations/mutators.ts";
import type { Reader } from "./reader.ts";

const reportRun = (run: string) => renderPage(makeReport([readRun(run, "a run", {})]), "today", []);

/** One look at the folder; a run's troubles are shown there, nothing is thrown. */
async function watchRun(folder: string): Promise<unknown> {
  const stop = new AbortController();
  const watch = watchRuns({ folder: dirname(folder), clock: systemClock, readRecipeFacts: () => ({}) });
  const followed = watch.follow(stop.signal);
  try {
    const run = [...watch.runs.values()].find(each => each.folder === folder);
    if (run === undefined) throw new UserError("E_FILE_MISSING", "the dashboard does not show the run", "…");
    const { troubles, ...view } = renderView({ runs: [run], variants: [0], withSections: true });
    if (troubles.length > 0) throw new UserError("E_EVENTS", troubles.join("\n"), "…");
    return view;
  } finally {
    stop.abort();
    await followed;
  }
}

const files: readonly (readonly [file: string, form: Form])[] = [
  ["recipe.json", "json"],
  ["data.json", "json"],
  ["events.jsonl", "lines"],
  ["fills.jsonl", "lines"],
  ["evaluations/own/scoreboard.json", "json"],
];
const readersOf = (verb: string, read: Reader["read"]) =>
  files.map(
    ([damaged, form]): Reader => ({
      ...{ name: `${verb} ${damaged.split("/").at(-1)}`, from: "run", damaged, form, read },
    }),
  );

const place = (run: string) => ({
  ...{ root: `${run}/evaluations`, suite: "own", task: "own", variant: { control: "none", seed: 0 } as const },
});

export const runReaders: readonly Reader[] = [
  ...readersOf("report", reportRun),
  ...readersOf("dashboard", watchRun),
  {
    ...{ name: "result.json", from: "run", damaged: "evaluations/own/own/seed-0/result.json", form: "json" },
    read: run => readResult(`${run}/evaluations/own/own/seed-0`),
  },
  {
    ...{
      name: "predictions.jsonl",
      from: "run",
      damaged: "evaluations/own/own/seed-0/predictions.jsonl",
      form: "lines",
    },
    read: run => readPredictions(place(run)),
  },
];
