// A run of ours as a model: its shape, its tokenizer, and its newest parameters.

import { join } from "node:path";
import { readSafetensors, type StoredTensor } from "../checkpoint/safetensors.ts";
import { findParameters } from "../checkpoint/state.ts";
import { listParameters, type ModelShape } from "../model/shape.ts";
import { readTokenizer } from "../tokenizer/read-tokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { readRunRecipe } from "../train/run-folder.ts";

export interface TrainedModel {
  readonly shape: ModelShape;
  readonly tokenizer: Tokenizer;
  /** Values stay in the file until they are read. */
  readonly parameters: readonly StoredTensor[];
}

/** Errors: those of reading a recipe, a tokenizer and a checkpoint; E_NO_CHECKPOINT where nothing was saved yet. */
export function readTrainedModel(run: string): TrainedModel {
  const shape = readRunRecipe(run).model;
  const tokenizer = readTokenizer(join(run, "tokenizer.json"));
  const shapes = new Map(listParameters(shape).map(parameter => [parameter.name, parameter.shape] as const));
  return { shape, tokenizer, parameters: [...readSafetensors(findParameters(run), shapes).values()] };
}
