// A trained run opened on a backend: its model, its tokenizer, and its newest parameters as states. What fill-mask and embed
// stand on.

import { join } from "node:path";
import type { Backend, DeviceBuffer } from "../backends/backend.ts";
import { readSafetensors, type StoredTensor } from "../checkpoint/safetensors.ts";
import { findParameters } from "../checkpoint/state.ts";
import { listParameters, type ModelShape } from "../model/shape.ts";
import { readTokenizer } from "../tokenizer/read-tokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { readRunRecipe } from "../train/run-folder.ts";

export interface TrainedModel {
  readonly shape: ModelShape;
  readonly tokenizer: Tokenizer;
  readonly parameters: readonly StoredTensor[];
}

/** Errors: those of reading a recipe, a tokenizer and a checkpoint; E_NO_CHECKPOINT where nothing was saved yet. */
export function readTrainedModel(run: string): TrainedModel {
  const shape = readRunRecipe(run).model;
  const tokenizer = readTokenizer(join(run, "tokenizer.json"));
  const shapes = new Map(listParameters(shape).map(parameter => [parameter.name, parameter.shape] as const));
  return { shape, tokenizer, parameters: [...readSafetensors(findParameters(run), shapes).values()] };
}

/** Puts parameters on the backend, by name. */
export function placeParameters(backend: Backend, parameters: readonly StoredTensor[]): Map<string, DeviceBuffer> {
  return new Map(
    parameters.map(({ name, shape, read }) => {
      const buffer = backend.allocate(shape, "f32");
      backend.write(buffer, read());
      return [name, buffer] as const;
    }),
  );
}
