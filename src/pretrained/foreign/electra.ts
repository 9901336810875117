// ELECTRA as Hugging Face saves it: the discriminator, the generator, or an encoder alone. Its layers are BERT's, and its embedding may be
// narrower than they are. Without a pooler it is also what an encoder in BERT's shape is written as.

import { z } from "zod";
import { listDiscriminator, listParameters } from "../../model/parameters.ts";
import type { ModelShape } from "../../model/shape.ts";
import { withoutHead } from "../../model/shape.ts";
import { holdsAny, tableOfLayers } from "./bert.ts";
import { checkForeignShape, type ForeignModel, layerCount, parseConfig, size } from "./foreign-model.ts";
import { finetunedHeads, importParameters, nameForeignTensors } from "./foreign-tensors.ts";
import { readTensorFiles } from "./tensor-files.ts";
import { copy, norm, projection, type SourceTable } from "./tensor-sources.ts";

const electraConfig = z.looseObject({
  vocab_size: size,
  embedding_size: size.default(128),
  hidden_size: size,
  num_hidden_layers: layerCount,
  num_attention_heads: size,
  intermediate_size: size,
  max_position_embeddings: size,
  type_vocab_size: z.literal(2).default(2),
  layer_norm_eps: z.number().positive().default(1e-12),
  hidden_act: z.literal("gelu").default("gelu"),
  position_embedding_type: z.literal("absolute").default("absolute"),
  is_decoder: z.literal(false).default(false),
  tie_word_embeddings: z.literal(true).default(true),
});

/** Where our parameters lie in a checkpoint. */
export const electraTable: SourceTable = {
  ...tableOfLayers("electra"),
  ...projection("embedding.projection", "electra.embeddings_project"),
  ...projection("head.dense", "generator_predictions.dense"),
  ...norm("head.norm", "generator_predictions.LayerNorm"),
  "head.bias": copy("generator_lm_head.bias"),
  ...projection("discriminator.dense", "discriminator_predictions.dense"),
  ...projection("discriminator.output", "discriminator_predictions.dense_prediction"),
};

/** Reads an ElectraForPreTraining, ElectraForMaskedLM, ElectraModel or a finetuned one of a parsed config.json and its weights. */
export function readElectra(json: unknown, configPath: string, folder: string): ForeignModel {
  const config = parseConfig(electraConfig, json, configPath);
  const tensors = nameForeignTensors(readTensorFiles(folder), {
    encoder: "electra",
    renamed: [],
    tied: { "generator_lm_head.weight": "electra.embeddings.word_embeddings.weight" },
    ignored: [[/\.embeddings\.(position_ids|token_type_ids)$/, ""], ...finetunedHeads],
  });
  const predictsTokens = holdsAny(tensors, /^generator_/);
  const whole = checkForeignShape(
    {
      width: config.hidden_size,
      layers: config.num_hidden_layers,
      heads: config.num_attention_heads,
      feedForward: config.intermediate_size,
      vocabulary: config.vocab_size,
      sequenceLength: config.max_position_embeddings,
      positions: "learned",
      normalisation: "post",
      normEpsilon: config.layer_norm_eps,
      biases: true,
      activation: "gelu",
      segments: true,
      embedding: { width: config.embedding_size === config.hidden_size ? 0 : config.embedding_size },
      ...(predictsTokens && { head: "transform" }),
    },
    configPath,
  );
  const shape: ModelShape = predictsTokens ? whole : withoutHead(whole);
  const listed = listParameters(shape);
  const discriminator = holdsAny(tensors, /^discriminator_/) ? listDiscriminator(shape) : [];
  const parameters = importParameters(tensors, [...listed, ...discriminator], electraTable);
  return {
    ...{ shape, parameters: parameters.slice(0, listed.length), predictsTokens, notes: tensors.notes },
    ...(discriminator.length > 0 && { discriminator: parameters.slice(listed.length) }),
  };
}
