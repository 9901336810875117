// The numbers of a report as tables: how each run stands, what differs between recipes, each tenth of a run, budgets, data,
// filled masks.

import { throughputOf } from "./charts.ts";
import { type FilledText, groupByDataset, type RunRecord } from "./run-record.ts";
import type { Cell, Column, Table } from "./table.ts";

/** One row a run. */
export function tabulateRuns(runs: readonly RunRecord[]): Table {
  const columns: Column[] = [
    { key: "run", name: "run", quantity: "text" },
    { key: "recipe", name: "recipe", quantity: "text" },
    { key: "state", name: "state", quantity: "text" },
    { key: "device", name: "device", quantity: "text" },
    { key: "parameters", name: "parameters", quantity: "count" },
    { key: "validationLoss", name: "validation loss, last", quantity: "nats" },
    { key: "lowestValidationLoss", name: "validation loss, lowest", quantity: "nats" },
    { key: "unigramEntropy", name: "unigram entropy, the line to beat", quantity: "nats" },
    { key: "trainingLoss", name: "training loss, mean of the last 5 % of steps", quantity: "nats" },
    { key: "elapsedSeconds", name: "time used", quantity: "seconds" },
    { key: "warmupSeconds", name: "warm-up before the clock", quantity: "seconds" },
    { key: "steps", name: "steps", quantity: "steps" },
    { key: "skippedSteps", name: "steps skipped as not finite", quantity: "steps" },
    { key: "tokens", name: "tokens", quantity: "tokens" },
    { key: "flops", name: "model arithmetic", quantity: "flops" },
    { key: "tokensPerSecond", name: "throughput, median step", quantity: "tokensPerSecond" },
    { key: "interruptions", name: "times resumed", quantity: "count" },
  ];
  return { id: "runs", caption: "Runs", columns, rows: runs.map(describeRun) };
}

function describeRun(run: RunRecord): Cell[] {
  const { starts, steps, validations, skipped, reason } = run.curves;
  const count = steps.step.length;
  const tokens = steps.tokens.at(-1);
  const last = Math.floor(count * 0.95);
  const states: Readonly<Record<string, string>> = { budget: "finished", interrupted: "interrupted" };
  return [
    run.name,
    run.recipe.get("name"),
    reason === undefined ? "training, or killed" : (states[reason] ?? reason),
    starts.at(-1)?.device,
    starts[0]?.parameters,
    validations.loss.at(-1),
    validations.loss.length === 0 ? undefined : validations.loss.reduce((a, b) => Math.min(a, b)),
    starts[0]?.unigramEntropy,
    meanOf(steps.loss.subarray(last)),
    steps.elapsedSeconds.at(-1),
    starts.reduce((sum, { warmupSeconds }) => sum + warmupSeconds, 0),
    steps.step.at(-1) ?? 0,
    skipped,
    tokens,
    tokens === undefined || run.flopsPerToken === undefined ? undefined : tokens * run.flopsPerToken,
    medianOf(throughputOf(run.curves.steps)),
    Math.max(0, starts.length - 1),
  ];
}

/** Every value of the recipes; `differing` keeps those that are not the same in all. */
export function tabulateRecipes(runs: readonly RunRecord[], which: "all" | "differing"): Table {
  const paths = [...new Set(runs.flatMap(({ recipe }) => [...recipe.keys()]))];
  const rows = paths
    .map(path => [path, ...runs.map(({ recipe }) => recipe.get(path) ?? "absent")])
    .filter(([, ...values]) => which === "all" || new Set(values).size > 1);
  const columns: Column[] = [
    { key: "path", name: "value", quantity: "text" },
    ...runs.map(({ name }): Column => ({ key: name, name, quantity: "text" })),
  ];
  const caption = which === "all" ? "Recipes" : "What differs between the recipes";
  return { id: which === "all" ? "recipes" : "recipe-differences", caption, columns, rows };
}

const tenths = 10;

/** The curves in numbers: means over each tenth of the time that the run has used. */
export function tabulateTenths(run: RunRecord): Table {
  const columns: Column[] = [
    { key: "untilSeconds", name: "until", quantity: "seconds" },
    { key: "step", name: "step", quantity: "steps" },
    { key: "tokens", name: "tokens", quantity: "tokens" },
    { key: "loss", name: "training loss", quantity: "nats" },
    { key: "validationLoss", name: "last validation loss", quantity: "nats" },
    { key: "gradientNorm", name: "gradient norm", quantity: "number" },
    { key: "learningRate", name: "learning rate", quantity: "number" },
    { key: "batchSequences", name: "batch", quantity: "sequences" },
    { key: "tokensPerSecond", name: "tokens a second", quantity: "tokens" },
  ];
  const { steps, validations } = run.curves;
  const end = steps.elapsedSeconds.at(-1) ?? 0;
  const throughput = throughputOf(run.curves.steps);
  const rows: Cell[][] = [];
  let from = 0;
  for (let tenth = 1; tenth <= tenths && steps.step.length > 0; tenth++) {
    const until = tenth === tenths ? end : (end * tenth) / tenths;
    const after = steps.elapsedSeconds.findIndex((seconds, i) => i >= from && seconds > until);
    const to = after === -1 ? steps.step.length : after;
    if (to === from) continue;
    const mean = (column: Float64Array) => meanOf(column.subarray(from, to));
    rows.push([
      until,
      steps.step[to - 1],
      steps.tokens[to - 1],
      mean(steps.loss),
      validations.loss[validations.elapsedSeconds.findLastIndex(seconds => seconds <= until)],
      mean(steps.gradientNorm),
      mean(steps.learningRate),
      mean(steps.batchSequences),
      mean(throughput),
    ]);
    from = to;
  }
  return { id: "tenths", caption: `${run.name}, each tenth of its time`, columns, rows };
}

export function tabulateBudgets(runs: readonly RunRecord[]): Table {
  const columns: Column[] = [
    { key: "run", name: "run", quantity: "text" },
    { key: "budget", name: "budget", quantity: "text" },
    { key: "progress", name: "used", quantity: "share" },
    { key: "trainingSeconds", name: "training steps", quantity: "seconds" },
    { key: "validationSeconds", name: "validation", quantity: "seconds" },
    { key: "checkpointSeconds", name: "checkpoints", quantity: "seconds" },
    { key: "otherSeconds", name: "other", quantity: "seconds" },
  ];
  const rows = runs.map(({ name, recipe, curves: { steps, spent } }): Cell[] => [
    name,
    recipe.get("train.budget"),
    steps.progress.at(-1),
    spent.training,
    spent.validation,
    spent.checkpoints,
    spent.other,
  ]);
  return { id: "budgets", caption: "Budgets", columns, rows };
}

/** Documents and characters of each dataset: read, dropped by reason, kept; and the sequences made of them. */
export function tabulateData(runs: readonly RunRecord[]): Table {
  const columns: Column[] = [
    { key: "runs", name: "data of", quantity: "text" },
    { key: "stage", name: "stage", quantity: "text" },
    { key: "documents", name: "documents", quantity: "documents" },
    { key: "characters", name: "characters", quantity: "characters" },
    { key: "sequences", name: "sequences", quantity: "sequences" },
    { key: "tokens", name: "tokens", quantity: "tokens" },
  ];
  const rows = groupByDataset(runs).flatMap(({ names, data: { funnel, dataset } }): Cell[][] => {
    const stages: Cell[][] = [];
    if (funnel !== undefined) {
      const stage = (title: string, { documents, characters }: typeof funnel.read) =>
        stages.push([names, title, documents, characters, undefined, undefined]);
      stage("read", funnel.read);
      for (const [reason, dropped] of Object.entries(funnel.dropped)) stage(`dropped: ${reason}`, dropped);
      stage("kept", funnel.kept);
    }
    if (dataset !== undefined) {
      for (const [title, { sequences }] of [
        ["training", dataset.training],
        ["held out", dataset.validation],
      ] as const) {
        stages.push([names, title, undefined, undefined, sequences, sequences * dataset.sequenceLength]);
      }
    }
    return stages;
  });
  return { id: "data", caption: "Data", columns, rows };
}

/** One row a candidate. */
export function tabulateFills(runs: readonly RunRecord[]): Table {
  const columns: Column[] = [
    { key: "text", name: "text", quantity: "text" },
    { key: "run", name: "run", quantity: "text" },
    { key: "mask", name: "mask", quantity: "count" },
    { key: "token", name: "token", quantity: "text" },
    { key: "probability", name: "probability", quantity: "share" },
  ];
  const listRows = (name: string, { text, masks }: FilledText): Cell[][] =>
    masks.flatMap(({ candidates }, i) =>
      candidates.map(({ token, probability }) => [text, name, i + 1, token, probability]),
    );
  const rows = runs.flatMap(({ name, fills }) => fills.flatMap(fill => listRows(name, fill)));
  return { id: "fills", caption: "Filled masks", columns, rows };
}

/** The mean of the finite values. */
function meanOf(values: Float64Array): number | undefined {
  const finite = values.filter(Number.isFinite);
  return finite.length === 0 ? undefined : finite.reduce((sum, value) => sum + value, 0) / finite.length;
}

function medianOf(values: Float64Array): number | undefined {
  const finite = values.filter(Number.isFinite).sort();
  return finite[finite.length >> 1];
}
