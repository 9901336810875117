// The page of a ladder: the paper's two figures (all sizes against tokens and against FLOPs; all sizes at equal budgets), the law, and
// what the smaller sizes had said of the largest.

import { systemClock } from "../../base/clock.ts";
import { writeFileAtomically } from "../../base/files/files.ts";
import type { LineChart } from "../../report/charts/line-chart.ts";
import type { Series } from "../../report/charts/series.ts";
import { renderScalePage } from "../../report/page/scale-page.ts";
import { tabulate } from "../../report/tables/table.ts";
import type { LawFile } from "../../scaling/law-file.ts";
import { predictLoss } from "../../scaling/scaling-law.ts";
import { describeHeldOut, describeLaw, listBestSizes } from "./describe-law.ts";
import type { Curve } from "./read-curves.ts";

const width = 760;
const loss = { name: "validation loss", quantity: "nats", kind: "linear" } as const;

export function writeScalePage(path: string, law: LawFile, curves: readonly Curve[]): void {
  const budgets = [...new Set(law.trainings.map(({ budget }) => budget))];
  const best = listBestSizes(law);
  const page = renderScalePage({
    title: `A ladder of ${law.sizes.length} sizes: ${String(law.recipe.name)}`,
    date: systemClock.date().toISOString().slice(0, 16).replace("T", " "),
    findings: describeLaw(law),
    sections: [
      {
        id: "courses",
        heading: "All sizes against tokens and FLOPs",
        charts: [drawCourses(law, curves, "tokens"), drawCourses(law, curves, "flops", best)],
        tables: [],
        notes: [
          "The line best by the law is the least loss that it has for so many FLOPs, whatever the size; its last tenfold is beyond what was trained.",
        ],
      },
      {
        id: "budgets",
        heading: "All sizes at equal budgets",
        charts: [drawBudgets(law, budgets)],
        tables: [tabulateTrainings(law)],
        notes: ["Dots were trained, lines are the law at the tokens that each size read."],
      },
      {
        id: "held-out",
        heading: "The largest, from the others",
        charts: [],
        tables: [],
        notes: law.heldOut === undefined ? ["Not all of the ladder is trained yet."] : describeHeldOut(law),
      },
      {
        id: "best",
        heading: "The best size for so many FLOPs",
        charts: [],
        tables: [
          tabulate(
            { id: "best", caption: "By the law; the last tenfold is beyond what was trained" },
            best.filter((_, i) => i % 4 === 0),
            [
              { key: "flops", name: "FLOPs", quantity: "flops", of: ({ flops }) => flops },
              {
                key: "parameters",
                name: "parameters",
                quantity: "count",
                of: ({ parameters }) => Math.round(parameters),
              },
              { key: "tokens", name: "tokens", quantity: "tokens", of: ({ tokens }) => tokens },
              { key: "loss", name: "loss", quantity: "nats", of: each => each.loss },
            ],
          ),
        ],
        notes: [],
      },
    ],
  });
  writeFileAtomically(path, page);
}

function drawCourses(
  law: LawFile,
  curves: readonly Curve[],
  against: "tokens" | "flops",
  best: ReturnType<typeof listBestSizes> = [],
): LineChart {
  const series = curves.map(({ size, budget, tokens, losses }): Series => {
    const run = law.sizes.findIndex(({ name }) => name === size);
    const scale = against === "tokens" ? 1 : law.sizes[run]!.flopsPerToken;
    return { name: size, run, style: "line", kind: budget, x: tokens.map(each => each * scale), y: losses };
  });
  const frontier: Series = {
    ...{ name: "best by the law", run: law.sizes.length, style: "line" },
    x: best.map(({ flops }) => flops),
    y: best.map(each => each.loss),
  };
  return {
    ...{ width, id: `loss-${against}`, y: loss },
    title: `Loss against ${against === "tokens" ? "tokens" : "FLOPs"}`,
    description: `Validation losses of every training of the ladder, against ${against}.`,
    x: { name: against, quantity: against, kind: "log" },
    series: best.length === 0 ? series : [...series, frontier],
  };
}

function drawBudgets(law: LawFile, budgets: readonly string[]): LineChart {
  const parametersOf = (size: string) => law.sizes.find(({ name }) => name === size)!.parameters;
  const series = budgets.flatMap((budget, run): Series[] => {
    const own = law.trainings
      .filter(each => each.budget === budget)
      .sort((a, b) => parametersOf(a.size) - parametersOf(b.size));
    const x = own.map(({ size }) => parametersOf(size));
    const fitted = own.map(({ size, tokens }) => predictLoss(law.law, { parameters: parametersOf(size), tokens }));
    return [
      { name: budget, run, style: "dots", kind: "trained", x, y: own.map(each => each.loss) },
      { name: budget, run, style: "line", kind: "the law", x, y: fitted },
    ];
  });
  return {
    ...{ width, id: "loss-parameters", y: loss, series },
    title: "Loss at equal budgets",
    description: "Validation losses at the end of each budget, against parameters.",
    x: { name: "parameters", quantity: "number", kind: "log" },
  };
}

function tabulateTrainings(law: LawFile) {
  const sizeOf = (name: string) => law.sizes.find(size => size.name === name)!;
  return tabulate({ id: "trainings", caption: "Every training" }, law.trainings, [
    { key: "size", name: "size", quantity: "text", of: ({ size }) => size },
    { key: "budget", name: "budget", quantity: "text", of: ({ budget }) => budget },
    { key: "seed", name: "seed", quantity: "count", of: ({ seed }) => seed },
    { key: "parameters", name: "parameters", quantity: "count", of: ({ size }) => sizeOf(size).parameters },
    { key: "tokens", name: "tokens", quantity: "tokens", of: ({ tokens }) => tokens },
    { key: "flops", name: "FLOPs", quantity: "flops", of: ({ size, tokens }) => tokens * sizeOf(size).flopsPerToken },
    { key: "elapsedSeconds", name: "time", quantity: "seconds", of: ({ elapsedSeconds }) => elapsedSeconds },
    { key: "loss", name: "loss", quantity: "nats", of: each => each.loss },
    {
      ...{ key: "fitted", name: "the law's", quantity: "nats" },
      of: ({ size, tokens }) => predictLoss(law.law, { parameters: sizeOf(size).parameters, tokens }),
    },
  ]);
}
