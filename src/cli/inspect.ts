// cram inspect: the program of one micro-batch of a recipe, as the backend runs it.

import type { Command } from "commander";
import type { DeviceBuffer } from "../backends/backend.ts";
import { UserError } from "../base/errors.ts";
import { describeProgram } from "../compiler/program.ts";
import { differentiate } from "../graph/gradient.ts";
import { state } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { countParameters, countTrainingFlops } from "../model/shape.ts";
import { defineTraining } from "../train/definition.ts";
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
    const definition = defineTraining(recipe);
    const parameters = new Map([...definition.parameters].map(([name, shape]) => [name, state(name, shape)] as const));
    const loss = definition.loss(parameters);
    const gradients = differentiate(loss, [...parameters.values()]);
    const states = new Map<string, DeviceBuffer>();
    const updates: Record<string, Tensor> = {};
    [...definition.parameters].forEach(([name, shape], i) => {
      states.set(name, backend.allocate(shape, "f32"));
      states.set(`gradient.${name}`, backend.allocate(shape, "f32"));
      updates[`gradient.${name}`] = gradients[i]!;
    });
    const { program } = await backend.load({ outputs: { loss }, updates }, states);
    if (program === undefined) {
      throw new UserError("E_NO_PROGRAM", `the ${backend.name} backend has no program`, "Inspect with --backend cpu.");
    }
    print(describeProgram(program));
    if (options.source === true) for (const kernel of program.kernels) print(`\n${kernel.source}`);
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
