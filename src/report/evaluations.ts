// Downstream scores that `cram evaluate` stored with a run: evaluations/SUITE/scoreboard.json, the medians over seeds with
// their spreads, the controls, and what others published. They are shown as they stand there, not computed again.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readJson } from "../base/files.ts";
import { check } from "./check.ts";

/** What is not a number, a correlation with a constant, is null in JSON. */
const percent = z
  .number()
  .nullable()
  .transform(value => value ?? Number.NaN);
const interval = z.object({ low: percent, high: percent });

const scoreboardSchema = z.object({
  title: z.string(),
  columns: z.array(z.object({ name: z.string(), title: z.string(), metric: z.string() })),
  rows: z.array(
    z.object({
      /** "none" is the model itself. */
      kind: z.enum(["none", "untrained", "majority", "published"]),
      name: z.string(),
      cells: z.record(
        z.string(),
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
  subsets: z.record(z.string(), z.array(z.string())),
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
  const suites = existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory())
    : [];
  const places = suites.map(({ name }) => ({ suite: name, path: join(folder, name, "scoreboard.json") }));
  const isFinished = ({ path }: { path: string }) => existsSync(path);
  return {
    finished: places
      .filter(isFinished)
      .map(({ suite, path }) => ({ suite, ...check(scoreboardSchema, readJson(path, "scoreboard"), path) })),
    unfinished: places.filter(place => !isFinished(place)).map(({ suite }) => suite),
  };
}
