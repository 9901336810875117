// DistilBERT as Hugging Face saves it, with its head or without: BERT's layers under other names, without segments and pooler.

import { z } from "zod";
import { listParameters } from "../../model/parameters.ts";
import type { ShapeSettings } from "../../model/shape.ts";
import { holdsAny } from "./bert.ts";
import { checkForeignShape, type ForeignModel, layerCount, parseConfig, size } from "./foreign-model.ts";
import { finetunedHeads, importParameters, nameForeignTensors } from "./foreign-tensors.ts";
import { readTensorFiles } from "./tensor-files.ts";
import { copy, norm, projection, type SourceTable } from "./tensor-sources.ts";

const distilBertConfig = z.looseObject({
  vocab_size: size,
  dim: size,
  n_layers: layerCount,
  n_heads: size,
  hidden_dim: size,
  max_position_embeddings: size,
  activation: z.literal("gelu").default("gelu"),
  tie_word_embeddings: z.literal(true).default(true),
});

const embeddings = "distilbert.embeddings";
const layer = "distilbert.transformer.layer.#";

const table: SourceTable = {
  "embedding.word": copy(`${embeddings}.word_embeddings.weight`),
  // Learned or computed, the table is saved.
  "embedding.position": copy(`${embeddings}.position_embeddings.weight`),
  ...norm("embedding.norm", `${embeddings}.LayerNorm`),
  ...projection(
    "layers.#.attention.qkv",
    ["q_lin", "k_lin", "v_lin"].map(part => `${layer}.attention.${part}`),
  ),
  ...projection("layers.#.attention.output", `${layer}.attention.out_lin`),
  ...norm("layers.#.attention.norm", `${layer}.sa_layer_norm`),
  ...projection("layers.#.feedForward.in", `${layer}.ffn.lin1`),
  ...projection("layers.#.feedForward.out", `${layer}.ffn.lin2`),
  ...norm("layers.#.feedForward.norm", `${layer}.output_layer_norm`),
  ...projection("head.dense", "vocab_transform"),
  ...norm("head.norm", "vocab_layer_norm"),
  "head.bias": copy("vocab_projector.bias"),
};

/** Reads a DistilBertModel, a DistilBertForMaskedLM or a finetuned one of a parsed config.json and its weights. */
export function readDistilBert(json: unknown, configPath: string, folder: string): ForeignModel {
  const config = parseConfig(distilBertConfig, json, configPath);
  const tensors = nameForeignTensors(readTensorFiles(folder), {
    encoder: "distilbert",
    renamed: [],
    tied: { "vocab_projector.weight": `${embeddings}.word_embeddings.weight` },
    ignored: [[/\.embeddings\.position_ids$/, ""], ...finetunedHeads],
  });
  const predictsTokens = holdsAny(tensors, /^vocab_/);
  const shape: ShapeSettings = {
    width: config.dim,
    layers: config.n_layers,
    heads: config.n_heads,
    feedForward: config.hidden_dim,
    vocabulary: config.vocab_size,
    sequenceLength: config.max_position_embeddings,
    positions: "learned",
    normalisation: "post",
    biases: true,
    activation: "gelu",
    ...(predictsTokens && { head: "transform" }),
  };
  const checked = checkForeignShape(shape, configPath);
  const parameters = importParameters(tensors, listParameters(checked), table);
  return { shape: checked, parameters, predictsTokens, notes: tensors.notes };
}
