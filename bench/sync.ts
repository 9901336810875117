// `sync`: two machines on a slow cable (network namespaces) that train for the same time, once with a sum every step and once with local
// steps, by every seed. The held-out losses at the end are compared in pairs.

import { join, resolve } from "node:path";
import { compareVariations } from "../src/sweep/comparison.ts";
import { baseName } from "../src/sweep/sweep.ts";
import type { TrialResult } from "../src/sweep/trial.ts";
import { makeTemporaryFolder } from "./folder.ts";
import { startTrainedRanks } from "./own/trained-ranks.ts";
import { openTwoMachines, type TwoMachines } from "./own/two-machines.ts";
import { formatFigure, type Reporter } from "./report.ts";

export interface SyncOptions {
  readonly data: string;
  readonly recipe: string;
  /** As `--set` has it. */
  readonly set: readonly string[];
  readonly seconds: number;
  readonly everySteps: number;
  readonly seeds: number;
  /** Of the cable, each way. */
  readonly megabits: number;
}

const main = join(import.meta.dirname, "../src/cli/main.js");
/** For what comes before and behind the budget; ranks that hang are not waited for. */
const mostSecondsMore = 120;

export async function benchSync(options: SyncOptions, reporter: Reporter): Promise<void> {
  const { seconds, everySteps, seeds, megabits } = options;
  const folder = makeTemporaryFolder();
  const machines = openTwoMachines(folder);
  machines.limit(megabits);
  const local = `every:${everySteps}`;
  const results: TrialResult[] = [];
  try {
    for (let seed = 1; seed <= seeds; seed++) {
      // The one that is first takes turns, as the machine may warm up.
      const variations = seed % 2 === 1 ? [baseName, local] : [local, baseName];
      for (const variation of variations) {
        const result = await train(options, machines, folder, variation, seed);
        results.push(result);
        reporter.record({ benchmark: "sync", megabits, seconds, ...result });
        reporter.note(`seed ${seed}, ${variation}: ${result.validationLoss?.toFixed(3)} after ${result.steps} steps`);
      }
    }
  } finally {
    machines.close();
  }
  const compared = compareVariations([baseName, local], results);
  const rows = compared.map(({ name, mean, deviation, steps, difference }) => [
    name === baseName ? "a sum every step" : name,
    ...[mean, deviation, steps, difference?.mean, difference?.low, difference?.high].map(value =>
      value === undefined ? "" : formatFigure(value),
    ),
  ]);
  reporter.heading(`${options.recipe}, two ranks at ${megabits} Mbit/s, ${seconds} s, ${seeds} seeds, held-out nats`);
  reporter.table(["", "loss", "deviation", "steps", "difference", "95 % from", "to"], rows);
}

async function train(
  { data, recipe, set, seconds }: SyncOptions,
  machines: TwoMachines,
  folder: string,
  variation: string,
  seed: number,
): Promise<TrialResult> {
  const words = ["--data", resolve(data), "--recipe", recipe, "--threads", "1", "--budget", `${seconds}s`, "--json"];
  const settings = [...set, `train.seed=${seed}`].flatMap(setting => ["--set", setting]);
  const run = [...settings, "--out", `${seed}-${variation.replace(":", "-")}`];
  const sync = variation === baseName ? [] : ["--sync", variation];
  const command = [process.execPath, main, "pretrain", ...words, ...run, ...sync];
  const mpirun = [...machines.listWords("Open MPI", 2), "-np", "2"];
  const started = startTrainedRanks([...mpirun, ...command], machines.environment, folder);
  const code = await started.waitForEnd(seconds + mostSecondsMore);
  const end = started.events.find(({ kind }) => kind === "end");
  const loss = started.events.findLast(({ kind }) => kind === "validation")?.loss;
  if (code !== 0 || end === undefined) throw new Error(started.errors.map(({ text }) => text).join("\n"));
  return {
    ...{ variation, seed, reason: "budget", validationLoss: Number(loss) },
    ...{ steps: Number(end.step), tokens: Number(end.tokens), elapsedSeconds: Number(end.elapsedSeconds) },
  } as TrialResult;
}
