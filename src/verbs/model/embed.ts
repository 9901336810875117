// Texts as vectors: the mean of a text's final hidden states, normalised as the model's last norm leaves them.

import { type OptionKinds, readOptions, requireList, requireModelFolder } from "../given-values.ts";
import {
  type EmbeddingOptions,
  embeddingOptionKinds,
  type ModelOptions,
  modelOptionKinds,
  openModel,
} from "./open-model.ts";

export interface EmbedOptions extends Omit<ModelOptions, "task">, EmbeddingOptions {}

const { task: _, ...ofModels } = modelOptionKinds;
const optionKinds: OptionKinds<EmbedOptions> = { ...ofModels, ...embeddingOptionKinds };

/**
 * One vector a text, as long as the model is wide, from a run's newest checkpoint, or of any other model that cram evaluate opens.
 * Divide a vector by its length where only directions are to be compared, as in a cosine.
 *
 * ```ts
 * const [fox, wolf] = await embed("runs/mine", ["the red fox sleeps.", "the grey wolf sleeps."]);
 * const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
 * console.log("cosine", dot(fox!, wolf!) / Math.sqrt(dot(fox!, fox!) * dot(wolf!, wolf!)));
 * ```
 *
 * Errors are `UserError`s, among them E_TEXT_LENGTH for a text that is longer than the model's sequences, and E_TEXT_LOST.
 */
export async function embed(
  folder: string,
  texts: readonly string[],
  options: EmbedOptions = {},
): Promise<Float32Array[]> {
  const { truncate, origins, ...choice } = readOptions("embed", options, optionKinds);
  requireModelFolder("embed", folder);
  requireList(texts, "text");
  const model = await openModel(folder, choice);
  try {
    return await model.embed(texts, { truncate, origins });
  } finally {
    await model.close();
  }
}
