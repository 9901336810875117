// cram inspect: the program of one micro-batch of a recipe, as the backend runs it.

import type { Command } from "commander";
import { UserError } from "../base/errors.ts";
import { describeProgram } from "../compiler/program.ts";
import { differentiate } from "../graph/gradient.ts";
import { state } from "../graph/operations.ts";
import { maskedLoss } from "../model/encoder.ts";
import { countParameters, listParameters, trainingFlopsPerToken } from "../model/shape.ts";
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
    .addHelpText("after", "\nExample:\n  cram inspect --recipe crammed-bert --set train.microBatchSequences=8")
    .action(inspect);
}

async function inspect(options: RecipeOptions & BackendOptions & { source?: boolean }): Promise<void> {
  const recipe = chooseRecipe(options);
  const backend = await openBackend(options);
  try {
    const specs = listParameters(recipe.model);
    const parameters = new Map(specs.map(({ name, shape }) => [name, state(name, shape)] as const));
    const sequences = recipe.train.microBatchSequences;
    const masked = Math.round(recipe.data.maskFraction * recipe.model.sequenceLength) * sequences;
    const loss = maskedLoss(recipe.model, parameters, sequences, masked);
    const gradients = differentiate(loss, [...parameters.values()]);
    const states = new Map(specs.map(({ name, shape }) => [name, backend.allocate(shape, "f32")] as const));
    for (const { name, shape } of specs) states.set(`gradient.${name}`, backend.allocate(shape, "f32"));
    const updates = Object.fromEntries(specs.map(({ name }, i) => [`gradient.${name}`, gradients[i]!]));
    const { program } = await backend.load({ outputs: { loss }, updates }, states);
    if (program === undefined) {
      throw new UserError("E_NO_PROGRAM", `the ${backend.name} backend has no program`, "Inspect with --backend cpu.");
    }
    print(describeProgram(program));
    if (options.source === true) for (const kernel of program.kernels) print(`\n${kernel.source}`);
    const tokens = sequences * recipe.model.sequenceLength;
    const flops = trainingFlopsPerToken(recipe.model, recipe.data.maskFraction);
    print(
      `${recipe.name}: ${countParameters(recipe.model).toLocaleString("en-US")} parameters, ` +
        `${((flops * tokens) / 1e9).toFixed(3)} GFLOP of model arithmetic for ${tokens} tokens`,
    );
  } finally {
    await backend.close();
  }
}
