// The table of an evaluation as data: for each score the median over seeds with its spread, the controls, and what others
// published, in percent. It is made from stored results alone, so it can be made again at any time.

import type { Control } from "../finetuning/controls.ts";
import type { TaskResult } from "../storage/result.ts";
import { publishedRows } from "../suites/published-rows.ts";
import { type Average, averageScores, nameScore } from "../suites/suites.ts";
import type { Suite } from "../tasks/task.ts";
import { bootstrapSeeds, type Interval } from "./bootstrap.ts";

export interface Column {
  /** "cola", "mnli/matched". */
  readonly name: string;
  /** "CoLA", "MNLI-m". */
  readonly title: string;
  readonly metric: string;
}

export interface Cell {
  /** Over the seeds, percent; NaN, which is null in JSON, where a seed's score is not defined. */
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly seeds: number;
  /** 95 %, of the median under drawing the seeds again. */
  readonly overSeeds: Interval;
  /** 95 %, of the median's seed under drawing the examples again. */
  readonly overExamples: Interval;
}

export interface Row {
  readonly kind: Control | "published";
  readonly name: string;
  readonly cells: Readonly<Record<string, Cell | undefined>>;
  /** Undefined for tasks of no suite. */
  readonly average: Average | undefined;
}

export interface Scoreboard {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  /** Columns whose data is not the published task, and why. */
  readonly subsets: Readonly<Record<string, readonly string[]>>;
}

const shortSplits: Readonly<Record<string, string>> = { validation: "", matched: "-m", mismatched: "-mm" };
const rowNames: Readonly<Record<Control, (model: string) => string>> = {
  none: model => model,
  untrained: model => `${model}, untrained`,
  majority: () => "the commonest answer",
};

/** The table of results that belong together: of one model and recipe. Tasks stand in the suite's order, a task without one last. */
export function makeScoreboard(results: readonly TaskResult[], suite: Suite | undefined): Scoreboard {
  const order = (result: TaskResult) => suite?.tasks.findIndex(({ name }) => name === result.task) ?? -1;
  const ordered = [...results].sort((a, b) => order(a) - order(b) || a.seed - b.seed);
  const columns = new Map<string, Column>();
  // By names that people chose: "constructor" is one, and not in an object without a prototype.
  const subsets: Record<string, readonly string[]> = Object.create(null);
  for (const { task, title, metrics, splits, subsets: reasons } of ordered) {
    for (const split of splits) {
      const name = nameScore({ name: task }, split.name);
      columns.set(name, { name, title: `${title}${shortSplits[split.name] ?? `-${split.name}`}`, metric: metrics[0]! });
      if (reasons.length > 0) subsets[name] = reasons;
    }
  }
  const controls: readonly Control[] = ["none", "untrained", "majority"];
  const own = controls.flatMap(control => {
    const chosen = ordered.filter(result => result.control === control);
    return chosen.length === 0 ? [] : [makeRow(control, chosen, suite)];
  });
  const published = suite?.name === "glue" ? publishedRows.map(describePublished) : [];
  return { title: suite?.title ?? "", columns: [...columns.values()], rows: [...own, ...published], subsets };
}

function makeRow(kind: Control, results: readonly TaskResult[], suite: Suite | undefined): Row {
  const scored = new Map<string, { score: number; interval: Interval }[]>();
  for (const { task, metrics, splits } of results) {
    for (const { name, scores, interval } of splits) {
      const key = nameScore({ name: task }, name);
      const score = 100 * (scores[metrics[0]!] ?? Number.NaN);
      const seen = { score, interval: { low: 100 * interval.low, high: 100 * interval.high } };
      scored.set(key, [...(scored.get(key) ?? []), seen]);
    }
  }
  const cells: Record<string, Cell> = Object.create(null);
  for (const [name, seeds] of scored) cells[name] = makeCell(seeds);
  const medians = new Map(Object.entries(cells).map(([name, { median }]) => [name, median] as const));
  return {
    kind,
    name: rowNames[kind](results[0]!.model),
    cells,
    average: suite && averageScores(suite, medians),
  };
}

/**
 * Where a seed's score is no number, a correlation with a constant, there is no median: neither 0, which nobody measured, nor
 * that of the other seeds, which would hide it.
 */
function makeCell(seeds: readonly { readonly score: number; readonly interval: Interval }[]): Cell {
  const scores = seeds.map(({ score }) => score);
  const { median, minimum, maximum, low, high } = bootstrapSeeds(scores, { seed: 0 });
  if (Number.isNaN(median)) {
    const none = { low, high };
    return { median, minimum, maximum, seeds: scores.length, overSeeds: none, overExamples: none };
  }
  const distance = (i: number) => Math.abs(scores[i]! - median);
  const nearest = scores.map((_, i) => i).reduce((best, i) => (distance(i) < distance(best) ? i : best), 0);
  return {
    ...{ median, minimum, maximum, seeds: scores.length },
    overSeeds: { low, high },
    overExamples: seeds[nearest]!.interval,
  };
}

function describePublished({ name, scores, average }: (typeof publishedRows)[number]): Row {
  const alone = (value: number): Cell => {
    const interval = { low: Number.NaN, high: Number.NaN };
    return {
      ...{ median: value, minimum: value, maximum: value, seeds: 1 },
      overSeeds: interval,
      overExamples: interval,
    };
  };
  const cells = Object.fromEntries(Object.entries(scores).map(([score, value]) => [score, alone(value)] as const));
  return {
    kind: "published",
    name,
    cells,
    average: { value: average, count: Object.keys(scores).length, missing: [] },
  };
}
