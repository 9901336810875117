// A model to evaluate, wherever it comes from: one of our runs, a checkpoint of the reference, a folder of Hugging Face's. What
// it holds is the same for all three, so nothing above knows which it was.

import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { UserError } from "../base/errors.ts";
import { contentHash } from "../base/files.ts";
import type { StoredTensor } from "../checkpoint/safetensors.ts";
import { isForeignModel, openForeignModel } from "../exchange/open-foreign-model.ts";
import { openTextReader, readTextWith, type TextReader, type TokenizerJson } from "../exchange/text-reader.ts";
import type { ModelShape } from "../model/shape.ts";
import type { SpecialIds } from "../tokenizer/tokenizer.ts";
import { readTrainedModel } from "./trained-model.ts";

export interface PretrainedModel {
  /** The folder's own name. */
  readonly name: string;
  readonly shape: ModelShape;
  /** Every parameter of listParameters(shape), in that order. */
  readonly parameters: readonly StoredTensor[];
  /** The ids of a text, without special tokens around it. */
  readonly encodeText: (text: string) => ArrayLike<number>;
  readonly specials: SpecialIds;
  readonly tokenOf: (id: number) => string;
  readonly describeTokenizer: () => TokenizerJson;
  /** Names shape, parameters and tokenizer by their content. */
  readonly hash: string;
  /** What a person should know of a model from elsewhere, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Opens a folder: the newest checkpoint of a run, or a model that another program saved. Reads every parameter once, for the
 * hash. Errors: those of reading the files, E_FOREIGN_CONFIG, E_FOREIGN_TENSOR, E_TOKENIZER_UNSUPPORTED, E_TOKENIZER_OTHER.
 */
export async function openPretrainedModel(path: string): Promise<PretrainedModel> {
  const { shape, parameters, notes, reader } = isForeignModel(path)
    ? { ...openForeignModel(path), reader: await openTextReader(path) }
    : openRun(path);
  if (reader.vocabulary > shape.vocabulary) {
    throw new UserError(
      "E_TOKENIZER_OTHER",
      `${path}: the tokenizer has ${reader.vocabulary} tokens and the model ${shape.vocabulary}`,
      "Put the tokenizer there that the model was trained with.",
    );
  }
  const { encodeText, specials, tokenOf, describeTokenizer } = reader;
  const hash = hashModel(shape, parameters, reader);
  const name = basename(resolve(path));
  return { name, shape, parameters, encodeText, specials, tokenOf, describeTokenizer, hash, notes };
}

function openRun(run: string) {
  if (!existsSync(join(run, "recipe.json"))) {
    throw new UserError(
      "E_FILE_MISSING",
      `${run}: no model here`,
      "Give a run, its export, or a folder with config.json, model.safetensors and a tokenizer that another program saved.",
    );
  }
  const { shape, tokenizer, parameters } = readTrainedModel(run);
  // Held, for every seed asks for them again: a run that still trains removes its older checkpoints.
  return { shape, parameters: parameters.map(holdValues), notes: [], reader: readTextWith(tokenizer) };
}

function holdValues(tensor: StoredTensor): StoredTensor {
  const values = tensor.read();
  return { ...tensor, read: () => values };
}

function hashModel(shape: ModelShape, parameters: readonly StoredTensor[], reader: TextReader): string {
  const values = parameters.map(({ name, read }) => {
    const { buffer, byteOffset, byteLength } = read();
    return `${name} ${contentHash(new Uint8Array(buffer, byteOffset, byteLength))}`;
  });
  return contentHash(JSON.stringify([shape, values, reader.hash]));
}
