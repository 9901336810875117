// What a recipe's programs need, read from the programs themselves: compiled as the backend would run them, but neither built
// nor loaded, so a model that does not fit here can be planned here.

import type { Program } from "../compiler/program/program.ts";
import { countBytes, type Graph } from "../graph/tensor.ts";
import { defineTraining } from "../train/definition.ts";
import type { UpdateShare } from "../train/ranks/share-update.ts";
import type { Recipe } from "../train/recipe.ts";
import { listGradients } from "../train/step/states.ts";
import { buildStepGraphs } from "../train/step/step-graphs.ts";

/** Bytes by kind. */
export interface MemoryNeeds {
  readonly parameters: number;
  readonly gradients: number;
  readonly moments: number;
  /** Temporaries, activations among them: the largest program's, for the programs share one arena. */
  readonly arena: number;
  /** Batches, tables and results of all programs. */
  readonly inputsAndOutputs: number;
  readonly total: number;
}

export interface ProgramNeeds {
  readonly memory: MemoryNeeds;
  /** Of one update. */
  readonly update: { readonly flops: number; readonly bytesMoved: number };
}

/** With a share, of a rank that takes this one of the update. */
export function measurePrograms(recipe: Recipe, compile: (graph: Graph) => Program, share?: UpdateShare): ProgramNeeds {
  const definition = defineTraining(recipe, undefined, share);
  const { update, ...others } = buildStepGraphs(definition);
  const updateProgram = compile(update);
  const programs = [updateProgram, ...Object.values(others).map(compile)];
  const parameters = sum([...definition.parameters.values()].map(shape => countBytes({ shape, dtype: "f32" })));
  const moments = sum([...definition.moments.values()].map(countBytes));
  const arena = Math.max(...programs.map(({ arenaBytes }) => arenaBytes));
  const inputsAndOutputs = sum(
    programs.flatMap(({ buffers }) =>
      buffers.filter(({ kind }) => kind === "input" || kind === "output").map(({ bytes }) => bytes),
    ),
  );
  const ofLoss = sum([...listGradients(definition).values()].map(shape => countBytes({ shape, dtype: "f32" })));
  const gradients = ofLoss + (definition.probe === undefined ? 0 : parameters);
  const total = parameters + gradients + moments + arena + inputsAndOutputs;
  return {
    memory: { parameters, gradients, moments, arena, inputsAndOutputs, total },
    update: {
      flops: sum(updateProgram.launches.map(({ flops }) => flops)),
      bytesMoved: sum(updateProgram.launches.map(({ bytesMoved }) => bytesMoved)),
    },
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
