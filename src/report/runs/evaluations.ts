// Downstream scores that `cram evaluate` stored with a run: evaluations/SUITE/scoreboard.json, the medians over seeds with
// their spreads, the controls, and what others published. They are shown as they stand there, not computed again.

import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../../base/errors.ts";
import { isPresent, listFolder, readJson } from "../../base/files/files.ts";
import { check } from "./check.ts";

/** What is not a number, a correlation with a constant, is null in JSON. */
const percent = z
  .number()
  .nullable()
  .transform(value => value ?? Number.NaN);
const interval = z.object({ low: percent, high: percent });
/** By names that people chose, "constructor" among them, so no plain object. */
const mapOf = <T extends z.ZodType>(values: T) =>
  z.preprocess(
    value => (typeof value === "object" && value !== null ? new Map(Object.entries(value)) : value),
    z.map(z.string(), values),
  );

const scoreboardSchema = z.object({
  title: z.string(),
  columns: z.array(z.object({ name: z.string(), title: z.string(), metric: z.string() })),
  rows: z.array(
    z.object({
      /** "none" is the model itself. */
      kind: z.enum(["none", "untrained", "majority", "published"]),
      name: z.string(),
      cells: mapOf(
        z.object({
          median: percent,
          minimum: percent,
          maximum: percent,
          seeds: z.number(),
          overSeeds: interval,
          overExamples: interval,
        }),
      ),
      average: z.object({ value: z.number().optional(), count: z.number(), missing: z.array(z.string()) }).optional(),
    }),
  ),
  /** Scores on other data than the published, and why. */
  subsets: mapOf(z.array(z.string())),
});

export interface Evaluation extends z.infer<typeof scoreboardSchema> {
  /** The folder under evaluations/: "glue". */
  readonly suite: string;
}

export interface EvaluationsRecord {
  readonly finished: readonly Evaluation[];
  /** Suites with a folder but no scoreboard: under way, or killed. */
  readonly unfinished: readonly string[];
}

/** Every suite under the folder evaluations/; none where that is missing. */
export function readEvaluations(folder: string): EvaluationsRecord {
  const suites = listFolder(folder, "folder of evaluations").filter(entry => entry.isDirectory());
  const places = suites.map(({ name }) => ({ suite: name, path: join(folder, name, "scoreboard.json") }));
  const isFinished = ({ path }: { path: string }) => isPresent(path, "scoreboard");
  return {
    finished: places.filter(isFinished).map(({ suite, path }) => ({ suite, ...readScoreboard(path) })),
    unfinished: places.filter(place => !isFinished(place)).map(({ suite }) => suite),
  };
}

/** More than any suite and everything it is compared with; a page of more is slow to make and read by nobody. */
const mostRows = 500;
const mostColumns = 500;
const mostScoreboardBytes = 4 << 20;

function readScoreboard(path: string): z.infer<typeof scoreboardSchema> {
  const scoreboard = check(scoreboardSchema, readJson(path, "scoreboard", mostScoreboardBytes), path);
  const { rows, columns } = scoreboard;
  if (rows.length <= mostRows && columns.length <= mostColumns) return scoreboard;
  throw new UserError(
    "E_REPORT_FILE",
    `${path}: ${rows.length} rows and ${columns.length} columns; at most ${mostRows} and ${mostColumns} are shown`,
    "The file was changed; make it again or move it away.",
  );
}
