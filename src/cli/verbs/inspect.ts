// cram inspect: the program of one micro-batch of a recipe, as the backend runs it.

import type { Command } from "commander";
import { describeProgram, type Program } from "../../compiler/program/program.ts";
import { type InspectedProgram, inspectRecipe, type Peaks } from "../../verbs/inspect.ts";
import {
  addBackendOptions,
  addRecipeOptions,
  type BackendOptions,
  chooseBackend,
  type RecipeOptions,
} from "../choose.ts";
import { print } from "../terminal/output.ts";

export function addInspect(command: Command): void {
  addBackendOptions(addRecipeOptions(command, "quickstart"))
    .option("--source", "print the kernels' source too")
    .option("--time", "run the micro-batch and the update, and print where the time goes, kernel by kernel")
    .option("--json", "print one JSON object and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  cram inspect --recipe crammed-bert --set train.microBatchSequences=8
  cram inspect --recipe crammed-bert-small --time

Next: cram plan --recipe crammed-bert-small`,
    )
    .action(inspect);
}

interface InspectFlags extends RecipeOptions, BackendOptions {
  readonly source?: boolean;
  readonly time?: boolean;
  readonly json?: boolean;
}

async function inspect({ source = false, time = false, json = false, ...flags }: InspectFlags): Promise<void> {
  const { backend: _, threads: __, device: ___, ...recipeChoice } = flags;
  const inspected = await inspectRecipe({ ...recipeChoice, ...chooseBackend(flags), time });
  const { recipe, parameters, flopsPerToken, peaks } = inspected;
  if (json) {
    const programs = inspected.programs.map(program => listLaunches(program, source));
    print(JSON.stringify({ recipe: recipe.name, parameters, flopsPerToken, ...peaks, programs }));
    return;
  }
  for (const { name, program, seconds } of inspected.programs) {
    print(`${name}:`);
    if (seconds === undefined || peaks === undefined) print(describeProgram(program));
    else for (const line of describeTimes(program, seconds, peaks)) print(line);
    if (source) for (const kernel of program.kernels) print(`\n${kernel.source}`);
  }
  const tokens = recipe.train.microBatchSequences * recipe.model.sequenceLength;
  print(
    `${recipe.name}: ${parameters.toLocaleString("en-US")} parameters, ` +
      `${((flopsPerToken * tokens) / 1e9).toFixed(3)} GFLOP of model arithmetic for ${tokens} tokens`,
  );
}

/** The program for a machine to read: launches with the kernels' names in place of numbers. */
function listLaunches({ name, program, seconds }: InspectedProgram, withSource: boolean) {
  const launches = program.launches.map(({ kernel, blocks, flops, bytesMoved }, i) => ({
    kernel: program.kernels[kernel]!.name,
    ...{ blocks, flops, bytesMoved, seconds: seconds?.[i] },
  }));
  const kernels = withSource ? program.kernels : undefined;
  return { name, hash: program.hash, arenaBytes: program.arenaBytes, launches, kernels };
}

/** A line a kernel, the one that takes most time first: time, launches, FLOP/s and GB/s with their shares of the peaks. */
function describeTimes(
  program: Program,
  seconds: readonly number[],
  { peakFlops, copyBytesPerSecond }: Peaks,
): string[] {
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
      const reach = (amount: number, unit: string, peak: number) =>
        `${(amount / own / 1e9).toFixed(1).padStart(7)} ${unit} ${((100 * amount) / own / peak).toFixed(0).padStart(3)} %`;
      const work = `${reach(flops, "GFLOP/s", peakFlops)} ${reach(bytes, "GB/s", copyBytesPerSecond)}`;
      return `${name.padEnd(28)} ${String(launches).padStart(4)} × ${(1e3 * own).toFixed(3).padStart(9)} ms ${share} ${work}`;
    });
  const flops = rows.reduce((sum, row) => sum + row.flops, 0);
  return [
    ...lines,
    `${(1e3 * total).toFixed(1)} ms in ${program.launches.length} launches, ${(flops / total / 1e9).toFixed(1)} GFLOP/s; ` +
      `peak ${(peakFlops / 1e9).toFixed(1)} GFLOP/s, a large copy ${(copyBytesPerSecond / 1e9).toFixed(1)} GB/s; ${(program.arenaBytes / 2 ** 20).toFixed(1)} MiB arena`,
  ];
}
