// The stored scores of several runs beside each other: the rows and columns of a suite over all runs.

import type { Evaluation } from "../runs/evaluations.ts";
import type { RunRecord } from "../runs/run-record.ts";

type Row = Evaluation["rows"][number];

export interface NamedRow extends Row {
  /** By the run's name in this report; published rows belong to nobody and keep theirs. */
  readonly shownName: string;
  /** The run's place in the report; undefined for published rows. */
  readonly run: number | undefined;
  readonly subsets: Evaluation["subsets"];
}

/** The suites that some run was evaluated on. */
export const listSuites = (runs: readonly RunRecord[]): string[] => [
  ...new Set(runs.flatMap(({ evaluations }) => evaluations.finished.map(({ suite }) => suite))),
];

/** "GLUE"; the folder's name for a suite without a title. */
export const titleOf = (runs: readonly RunRecord[], suite: string): string =>
  evaluationsOf(runs, suite)[0]!.evaluation.title || suite;

const evaluationsOf = (runs: readonly RunRecord[], suite: string) =>
  runs.flatMap(({ name, evaluations }, run) =>
    evaluations.finished.filter(one => one.suite === suite).map(evaluation => ({ name, run, evaluation })),
  );

/** The columns of all runs, in the order they are first met. */
export function listColumns(runs: readonly RunRecord[], suite: string): Evaluation["columns"] {
  const all = evaluationsOf(runs, suite).flatMap(({ evaluation }) => evaluation.columns);
  return all.filter(({ name }, i) => all.findIndex(other => other.name === name) === i);
}

const suffixes = { none: "", untrained: ", untrained", majority: ", the commonest answer", published: "" } as const;

/** Each run's rows, then each published row once. */
export function listRows(runs: readonly RunRecord[], suite: string): NamedRow[] {
  const rows = evaluationsOf(runs, suite).flatMap(({ name, run, evaluation: { rows: own, subsets } }) =>
    own.map((row): NamedRow => {
      const isPublished = row.kind === "published";
      return {
        ...row,
        run: isPublished ? undefined : run,
        shownName: isPublished ? row.name : `${name}${suffixes[row.kind]}`,
        subsets: isPublished ? new Map() : subsets,
      };
    }),
  );
  const published = rows.filter(({ kind }) => kind === "published");
  return [
    ...rows.filter(({ kind }) => kind !== "published"),
    ...published.filter(({ name }, i) => published.findIndex(other => other.name === name) === i),
  ];
}
