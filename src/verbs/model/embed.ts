// Texts as vectors: the mean of a text's final hidden states, normalised as the model's last norm leaves them. Texts of about
// the same length share a batch; padding is left out of attention and of the mean, so it changes nothing.

import type { Backend, LoadedGraph } from "../../backends/backend.ts";
import { placeParameters } from "../../backends/placed-parameters.ts";
import { UserError } from "../../base/errors.ts";
import { planEvaluationBatches } from "../../evaluate/finetuning/length-buckets.ts";
import { state } from "../../graph/operations.ts";
import { type PaddedInputs, poolSequences } from "../../model/classifier.ts";
import { encode } from "../../model/encoder.ts";
import { declareEncoderInputs, makeTables } from "../../model/inputs.ts";
import { requireFiniteAnswers } from "../../pretrained/finite-answers.ts";
import { openPretrainedModel, type PretrainedModel } from "../../pretrained/pretrained-model.ts";
import { type BackendChoice, withBackend } from "../backend.ts";

export interface EmbedOptions extends BackendChoice {
  /** Texts of one pass through the model. Default 16. */
  readonly batchTexts?: number | undefined;
  /** true: cuts texts that are longer than the model's sequences; else they are an error. Default false. */
  readonly truncate?: boolean | undefined;
  /** Told where the tokenizer loses a part of the texts; more than half of them is an error. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

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
  const { batchTexts = 16, truncate = false } = options;
  const model = await openPretrainedModel(folder);
  for (const loss of model.describeLoss?.(texts, "the texts") ?? []) options.onWarning?.(loss);
  const encoded = texts.map(text => encodeWhole(text, model, truncate));
  return withBackend(options, model.precision, backend =>
    embedTokens(backend, model, encoded, Math.max(1, Math.min(batchTexts, texts.length))),
  );
}

/** The ids of a text as the tokenizer's template puts them; the last id, a separator, survives a cut. */
function encodeWhole(text: string, { encodeForModel, shape }: PretrainedModel, truncate: boolean): Uint32Array {
  const ids = Uint32Array.from(encodeForModel(text));
  const { sequenceLength } = shape;
  if (ids.length <= sequenceLength) return ids;
  if (!truncate) {
    throw new UserError(
      "E_TEXT_LENGTH",
      `"${text.slice(0, 40)}…" has ${ids.length} tokens and the model was trained on ${sequenceLength}`,
      "Shorten the text, or set truncate.",
    );
  }
  return Uint32Array.of(...ids.subarray(0, sequenceLength - 1), ids.at(-1)!);
}

/** The batches' last rows may be empty: they are one padding token long, for attention needs something to look at. */
async function embedTokens(
  backend: Backend,
  { shape, specials, parameters }: PretrainedModel,
  encoded: readonly Uint32Array[],
  B: number,
): Promise<Float32Array[]> {
  const states = placeParameters(backend, parameters);
  const tensors = new Map(parameters.map(parameter => [parameter.name, state(parameter.name, parameter.shape)]));
  const loaded = new Map<number, LoadedGraph>();
  const load = async (length: number): Promise<LoadedGraph> => {
    const inputs = declareEncoderInputs(shape, B, length, "padded") as PaddedInputs;
    const vectors = poolSequences(encode(inputs, tensors, shape), inputs.lengths, "mean");
    return backend.load({ outputs: { vectors }, updates: {} }, states);
  };
  const vectors = new Array<Float32Array>(encoded.length);
  const batches = planEvaluationBatches(
    encoded.map(({ length }) => length),
    { batchSequences: B, maxLength: shape.sequenceLength },
  );
  for (const { length, members } of batches) {
    const known = loaded.get(length);
    const graph = known ?? (await load(length));
    loaded.set(length, graph);
    const table = known === undefined ? makeTables(shape, length) : {};
    const tokens = new Int32Array(B * length).fill(specials.pad);
    const lengths = new Int32Array(B).fill(1);
    members.forEach((member, row) => {
      tokens.set(encoded[member]!, row * length);
      lengths[row] = encoded[member]!.length;
    });
    const segments = shape.segments ? { segments: new Int32Array(B * length) } : {};
    const outputs = await graph.run({ tokens, lengths, ...segments, ...table });
    requireFiniteAnswers(outputs.vectors!);
    members.forEach((member, row) => {
      const start = row * shape.width;
      vectors[member] = Float32Array.from(outputs.vectors!.subarray(start, start + shape.width));
    });
  }
  return vectors;
}
