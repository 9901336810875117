// cram inspect: the program of one micro-batch of a recipe, as the backend runs it.

import type { Command } from "commander";
import { UserError } from "../base/errors.ts";
import { RandomSequence, streams } from "../base/random.ts";
import { describeProgram, type Program } from "../compiler/program.ts";
import { makePositionInput } from "../model/inputs.ts";
import { countParameters, countTrainingFlops } from "../model/shape.ts";
import { countMasked, defineTraining } from "../train/definition.ts";
import type { Recipe } from "../train/recipe.ts";
import { allocateStates, buildStepGraphs, type Inputs, type TrainingDefinition } from "../train/step.ts";
import {
  addBackendOptions,
  addRecipeOptions,
  type BackendOptions,
  chooseRecipe,
  openBackend,
  type RecipeOptions,
} from "./choose.ts";
import { print } from "./output.ts";

export function addInspect(program: Command): void {
  const command = program.command("inspect").description("print the program of a recipe's micro-batch");
  addBackendOptions(addRecipeOptions(command, "quickstart"))
    .option("--source", "print the kernels' source too")
    .option("--time", "run the micro-batch and the update, and print where the time goes, kernel by kernel")
    .addHelpText(
      "after",
      `
Examples:
  cram inspect --recipe crammed-bert --set train.microBatchSequences=8
  cram inspect --recipe crammed-bert-small --time`,
    )
    .action(inspect);
}

async function inspect(options: RecipeOptions & BackendOptions & { source?: boolean; time?: boolean }): Promise<void> {
  const recipe = chooseRecipe(options);
  const backend = await openBackend(options, recipe.train.precision);
  try {
    const definition = defineTraining(recipe);
    const states = allocateStates(backend, definition);
    const graphs = buildStepGraphs(definition);
    const inputs = { "micro-batch": drawBatch(recipe), update: drawSchedule(definition) };
    const peakFlops = options.time === true ? await backend.measurePeak?.() : undefined;
    for (const [name, graph] of [["micro-batch", graphs.first] as const, ["update", graphs.update] as const]) {
      const loaded = await backend.load(graph, states);
      const { program } = loaded;
      if (program === undefined || loaded.timeLaunches === undefined) {
        throw new UserError("E_NO_PROGRAM", `${backend.name} has no programs`, "Inspect with --backend cpu.");
      }
      print(`${name}:`);
      if (peakFlops === undefined) print(describeProgram(program));
      else {
        await loaded.run(inputs[name]);
        const runs = await loaded.timeLaunches(inputs[name], timedRuns);
        for (const line of describeTimes(program, runs, peakFlops)) print(line);
      }
      if (options.source === true) for (const kernel of program.kernels) print(`\n${kernel.source}`);
    }
    const tokens = recipe.train.microBatchSequences * recipe.model.sequenceLength;
    const flops = countTrainingFlops(recipe.model, recipe.data.maskFraction);
    print(
      `${recipe.name}: ${countParameters(recipe.model).toLocaleString("en-US")} parameters, ` +
        `${((flops * tokens) / 1e9).toFixed(3)} GFLOP of model arithmetic for ${tokens} tokens`,
    );
  } finally {
    await backend.close();
  }
}

const timedRuns = 5;

/** A micro-batch of random tokens. */
function drawBatch(recipe: Recipe): Inputs {
  const { model, train } = recipe;
  const random = new RandomSequence(0, streams.sampling, 0);
  const draw = (length: number, limit: number) => Int32Array.from({ length }, () => random.below(limit));
  const tokens = train.microBatchSequences * model.sequenceLength;
  const predictions = train.microBatchSequences * countMasked(recipe);
  return {
    tokens: draw(tokens, model.vocabulary),
    positions: draw(predictions, tokens),
    labels: draw(predictions, model.vocabulary),
    ...makePositionInput(model),
  };
}

const drawSchedule = (definition: TrainingDefinition): Inputs => ({
  ...definition.scheduleInputs({ step: 1, rateScale: 0 }),
  gradientScale: Float32Array.of(1),
});

/** A line a kernel, the one that takes most time first: time, share, launches, FLOP/s and share of peak, GB/s. */
function describeTimes(program: Program, runs: readonly Float64Array[], peakFlops: number): string[] {
  const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
  const seconds = program.launches.map((_, i) => median(runs.map(run => run[i]!)));
  const total = seconds.reduce((sum, value) => sum + value, 0);
  const rows = program.kernels.map((kernel, at) => {
    const row = { name: kernel.name, launches: 0, seconds: 0, flops: 0, bytes: 0 };
    program.launches.forEach((launch, i) => {
      if (launch.kernel !== at) return;
      row.launches++;
      row.seconds += seconds[i]!;
      row.flops += launch.flops;
      row.bytes += launch.bytesMoved;
    });
    return row;
  });
  const lines = rows
    .sort((a, b) => b.seconds - a.seconds)
    .map(({ name, launches, seconds: own, flops, bytes }) => {
      const share = `${((100 * own) / total).toFixed(1).padStart(5)} %`;
      const work = `${(flops / own / 1e9).toFixed(1).padStart(7)} GFLOP/s ${((100 * flops) / own / peakFlops).toFixed(0).padStart(3)} %`;
      return `${name.padEnd(28)} ${String(launches).padStart(4)} × ${(1e3 * own).toFixed(3).padStart(9)} ms ${share} ${work} ${(bytes / own / 1e9).toFixed(1).padStart(6)} GB/s`;
    });
  const flops = rows.reduce((sum, row) => sum + row.flops, 0);
  return [
    ...lines,
    `${(1e3 * total).toFixed(1)} ms in ${program.launches.length} launches, ${(flops / total / 1e9).toFixed(1)} GFLOP/s; ` +
      `peak ${(peakFlops / 1e9).toFixed(1)} GFLOP/s; ${(program.arenaBytes / 2 ** 20).toFixed(1)} MiB arena`,
  ];
}
