// The numbers of a report as tables: how each run stands, what differs between recipes, each tenth of a run, budgets, data,
// filled masks.

import { throughputOf } from "../charts/charts.ts";
import { groupByDataset, type RunRecord } from "../runs/run-record.ts";
import { type Cell, type Column, type Field, type Table, tabulate } from "./table.ts";

/** "diverged": training gives up after so many steps in a row that were not finite. */
export function describeDivergence({ curves, recipe }: Pick<RunRecord, "curves" | "recipe">): string | undefined {
  const allowed = recipe.get("train.badStepsAllowed");
  if (curves.reason !== undefined || typeof allowed !== "number" || curves.skippedLast < Math.max(1, allowed))
    return undefined;
  return `diverged: its last ${curves.skippedLast} steps were not finite`;
}

const states: Readonly<Record<string, string>> = { budget: "finished", interrupted: "interrupted" };

/** One row a run. */
const runFields: readonly Field<RunRecord>[] = [
  { key: "run", name: "run", quantity: "text", of: run => run.name },
  { key: "recipe", name: "recipe", quantity: "text", of: run => run.recipe.get("name") },
  {
    ...{ key: "state", name: "state", quantity: "text" },
    of: run => {
      const { reason } = run.curves;
      if (reason === undefined) return describeDivergence(run) ?? "training, or killed";
      return Object.hasOwn(states, reason) ? states[reason] : reason;
    },
  },
  { key: "device", name: "device", quantity: "text", of: ({ curves }) => curves.starts.at(-1)?.device },
  { key: "parameters", name: "parameters", quantity: "count", of: ({ curves }) => curves.starts[0]?.parameters },
  {
    ...{ key: "validationLoss", name: "validation loss, last", quantity: "nats", isLowestBest: true },
    of: ({ curves }) => curves.validations.loss.at(-1),
  },
  {
    ...{ key: "lowestValidationLoss", name: "validation loss, lowest", quantity: "nats", isLowestBest: true },
    of: ({ curves: { validations } }) =>
      validations.loss.length === 0 ? undefined : validations.loss.reduce((a, b) => Math.min(a, b)),
  },
  {
    ...{ key: "unigramEntropy", name: "unigram entropy, the line to beat", quantity: "nats" },
    of: ({ curves }) => curves.starts[0]?.unigramEntropy,
  },
  {
    ...{ key: "trainingLoss", name: "training loss, mean of the last 5 % of steps", quantity: "nats" },
    of: ({ curves: { steps } }) => meanOf(steps.loss.subarray(Math.floor(steps.step.length * 0.95))),
  },
  {
    ...{ key: "elapsedSeconds", name: "time used", quantity: "seconds" },
    of: ({ curves }) => curves.steps.elapsedSeconds.at(-1),
  },
  {
    ...{ key: "warmupSeconds", name: "warm-up before the clock", quantity: "seconds" },
    of: ({ curves }) => curves.starts.reduce((sum, { warmupSeconds }) => sum + warmupSeconds, 0),
  },
  { key: "steps", name: "steps", quantity: "steps", of: ({ curves }) => curves.steps.step.at(-1) ?? 0 },
  { key: "skippedSteps", name: "steps skipped as not finite", quantity: "steps", of: ({ curves }) => curves.skipped },
  { key: "tokens", name: "tokens", quantity: "tokens", of: ({ curves }) => curves.steps.tokens.at(-1) },
  {
    ...{ key: "flops", name: "model arithmetic", quantity: "flops" },
    of: ({ curves, flopsPerToken }) => {
      const tokens = curves.steps.tokens.at(-1);
      return tokens === undefined || flopsPerToken === undefined ? undefined : tokens * flopsPerToken;
    },
  },
  {
    ...{ key: "tokensPerSecond", name: "throughput, median step", quantity: "tokensPerSecond" },
    of: ({ curves }) => medianOf(throughputOf(curves.steps)),
  },
  {
    ...{ key: "interruptions", name: "times resumed", quantity: "count" },
    of: ({ curves }) => Math.max(0, curves.starts.length - 1),
  },
];

export function tabulateRuns(runs: readonly RunRecord[]): Table {
  return tabulate({ id: "runs", caption: "Runs" }, runs, runFields);
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

/** Steps [from, to) of a run, which ended by `until`. */
interface Stretch {
  readonly untilSeconds: number;
  readonly from: number;
  readonly to: number;
}

/** The curves in numbers: means over each tenth of the time that the run has used. */
export function tabulateTenths(run: RunRecord): Table {
  const { steps, validations } = run.curves;
  const throughput = throughputOf(steps);
  const mean =
    (column: Float64Array) =>
    ({ from, to }: Stretch): Cell =>
      meanOf(column.subarray(from, to));
  const last =
    (column: Float64Array) =>
    ({ to }: Stretch): Cell =>
      column[to - 1];
  const lossBy = (until: number): Cell =>
    validations.loss[validations.elapsedSeconds.findLastIndex(seconds => seconds <= until)];
  const fields: readonly Field<Stretch>[] = [
    { key: "untilSeconds", name: "until", quantity: "seconds", of: ({ untilSeconds }) => untilSeconds },
    { key: "step", name: "step", quantity: "steps", of: last(steps.step) },
    { key: "tokens", name: "tokens", quantity: "tokens", of: last(steps.tokens) },
    { key: "loss", name: "training loss", quantity: "nats", of: mean(steps.loss) },
    {
      ...{ key: "validationLoss", name: "last validation loss", quantity: "nats" },
      of: ({ untilSeconds }) => lossBy(untilSeconds),
    },
    { key: "gradientNorm", name: "gradient norm", quantity: "number", of: mean(steps.gradientNorm) },
    { key: "learningRate", name: "learning rate", quantity: "number", of: mean(steps.learningRate) },
    { key: "batchSequences", name: "batch", quantity: "sequences", of: mean(steps.batchSequences) },
    { key: "tokensPerSecond", name: "tokens a second", quantity: "tokens", of: mean(throughput) },
  ];
  return tabulate({ id: "tenths", caption: `${run.name}, each tenth of its time` }, listTenths(run), fields);
}

/** Tenths of the time used in which a step ended. */
function listTenths({ curves: { steps } }: RunRecord): Stretch[] {
  const end = steps.elapsedSeconds.at(-1) ?? 0;
  const stretches: Stretch[] = [];
  let from = 0;
  for (let tenth = 1; tenth <= tenths && steps.step.length > 0; tenth++) {
    const untilSeconds = tenth === tenths ? end : (end * tenth) / tenths;
    const after = steps.elapsedSeconds.findIndex((seconds, i) => i >= from && seconds > untilSeconds);
    const to = after === -1 ? steps.step.length : after;
    if (to > from) stretches.push({ untilSeconds, from, to });
    from = to;
  }
  return stretches;
}

/** What the run may use, and where that was extended what in all. */
function describeBudget({ recipe, curves }: RunRecord): string | number | undefined {
  const own = recipe.get("train.budget");
  const extended = curves.starts.findLast(({ budget }) => budget !== undefined)?.budget;
  return extended === undefined ? own : `${own}, extended to ${extended}`;
}

const budgetFields: readonly Field<RunRecord>[] = [
  { key: "run", name: "run", quantity: "text", of: run => run.name },
  { key: "budget", name: "budget", quantity: "text", of: describeBudget },
  { key: "progress", name: "used", quantity: "share", of: ({ curves }) => curves.steps.progress.at(-1) },
  { key: "trainingSeconds", name: "training steps", quantity: "seconds", of: ({ curves }) => curves.spent.training },
  { key: "validationSeconds", name: "validation", quantity: "seconds", of: ({ curves }) => curves.spent.validation },
  { key: "checkpointSeconds", name: "checkpoints", quantity: "seconds", of: ({ curves }) => curves.spent.checkpoints },
  { key: "otherSeconds", name: "other", quantity: "seconds", of: ({ curves }) => curves.spent.other },
];

export function tabulateBudgets(runs: readonly RunRecord[]): Table {
  return tabulate({ id: "budgets", caption: "Budgets" }, runs, budgetFields);
}

/** What a stage of the preparation counted. */
interface Stage {
  readonly runs: string;
  readonly stage: string;
  readonly documents?: number;
  readonly characters?: number;
  readonly sequences?: number;
  readonly tokens?: number;
}

const stageFields: readonly Field<Stage>[] = [
  { key: "runs", name: "data of", quantity: "text", of: ({ runs }) => runs },
  { key: "stage", name: "stage", quantity: "text", of: ({ stage }) => stage },
  { key: "documents", name: "documents", quantity: "documents", of: ({ documents }) => documents },
  { key: "characters", name: "characters", quantity: "characters", of: ({ characters }) => characters },
  { key: "sequences", name: "sequences", quantity: "sequences", of: ({ sequences }) => sequences },
  { key: "tokens", name: "tokens", quantity: "tokens", of: ({ tokens }) => tokens },
];

/** Documents and characters of each dataset: read, dropped by the reasons that met any, kept; and the sequences made of them. */
export function tabulateData(runs: readonly RunRecord[]): Table {
  const stages = groupByDataset(runs).flatMap(({ names, data: { funnel, dataset } }): Stage[] => {
    const counted = funnel && [
      { stage: "read", ...funnel.read },
      ...Object.entries(funnel.dropped)
        .filter(([, { documents }]) => documents > 0)
        .map(([reason, dropped]) => ({ stage: `dropped: ${reason}`, ...dropped })),
      ...(funnel.cut === undefined || funnel.cut.documents === 0 ? [] : [{ stage: "cut: repeated", ...funnel.cut }]),
      { stage: "kept", ...funnel.kept },
      ...(funnel.mixture === undefined ? [] : [{ stage: "mixed", ...sumAmounts(funnel.mixture) }]),
    ];
    const packed =
      dataset &&
      (["training", "validation"] as const).map(part => {
        const { sequences } = dataset[part];
        const stage = part === "training" ? "training" : "held out";
        return { stage, sequences, tokens: sequences * dataset.sequenceLength };
      });
    return [...(counted ?? []), ...(packed ?? [])].map(stage => ({ runs: names, ...stage }));
  });
  return tabulate({ id: "data", caption: "Data" }, stages, stageFields);
}

const sumAmounts = (amounts: readonly { readonly documents: number; readonly characters: number }[]) => ({
  documents: amounts.reduce((sum, { documents }) => sum + documents, 0),
  characters: amounts.reduce((sum, { characters }) => sum + characters, 0),
});

interface Candidate {
  readonly text: string;
  readonly run: string;
  readonly mask: number;
  readonly token: string;
  readonly probability: number;
}

const candidateFields: readonly Field<Candidate>[] = [
  { key: "text", name: "text", quantity: "text", of: ({ text }) => text },
  { key: "run", name: "run", quantity: "text", of: ({ run }) => run },
  { key: "mask", name: "mask", quantity: "count", of: ({ mask }) => mask },
  { key: "token", name: "token", quantity: "text", of: ({ token }) => token },
  { key: "probability", name: "probability", quantity: "share", of: ({ probability }) => probability },
];

/** One row a candidate. */
export function tabulateFills(runs: readonly RunRecord[]): Table {
  const candidates = runs.flatMap(({ name: run, fills }) =>
    fills.flatMap(({ text, masks }) =>
      masks.flatMap((mask, i) => mask.candidates.map(candidate => ({ text, run, mask: i + 1, ...candidate }))),
    ),
  );
  return tabulate({ id: "fills", caption: "Filled masks" }, candidates, candidateFields);
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
