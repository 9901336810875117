// The words a model expects behind [MASK].

import { type OptionKinds, readOptions, requireList, requireModelFolder } from "../given-values.ts";
import type { FilledText } from "./fill-masks.ts";
import { type ModelOptions, modelOptionKinds, openModel } from "./open-model.ts";

export interface FillOptions extends Omit<ModelOptions, "task" | "batchTexts"> {
  /** How many tokens for each mask. Default 5. */
  readonly top?: number | undefined;
}

const { task: _, batchTexts: __, ...ofModels } = modelOptionKinds;
const optionKinds: OptionKinds<FillOptions> = { ...ofModels, top: "number" };

/**
 * Fills [MASK] in texts with the likeliest tokens of a model: a run's newest checkpoint, its export, or a masked language model in a folder
 * of Hugging Face's. Rows of the model that no token stands for, and special tokens, are no candidates; probabilities are shares of all
 * rows.
 *
 * ```ts
 * const [filled] = await fill("runs/mine", ["the red [MASK] sleeps in its den."], { top: 3 });
 * for (const { token, probability } of filled!.masks[0]!.candidates) console.log(token, probability.toFixed(3));
 * ```
 *
 * Errors are `UserError`s, among them E_NO_MASK, E_TEXT_LENGTH, E_TEXT_LOST, and E_NO_HEAD for an encoder that predicts no tokens.
 */
export async function fill(folder: string, texts: readonly string[], options: FillOptions = {}): Promise<FilledText[]> {
  const { top, ...choice } = readOptions("fill", options, optionKinds);
  requireModelFolder("fill", folder);
  requireList(texts, "text");
  const model = await openModel(folder, choice);
  try {
    return await model.fill(texts, { top });
  } finally {
    await model.close();
  }
}
