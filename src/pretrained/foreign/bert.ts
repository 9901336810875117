// BERT and RoBERTa as Hugging Face saves them, with their head or without. Both are post-norm with biases and learned positions;
// RoBERTa counts positions from its padding's id + 1 and has one segment, whose row is added to every position's.

import { z } from "zod";
import { listParameters } from "../../model/parameters.ts";
import type { ShapeSettings } from "../../model/shape.ts";
import { checkForeignShape, type ForeignModel, layerCount, parseConfig, size } from "./foreign-model.ts";
import {
  type ForeignTensors,
  finetunedHeads,
  importParameters,
  type Naming,
  nameForeignTensors,
} from "./foreign-tensors.ts";
import { readTensorFiles } from "./tensor-files.ts";
import { copy, norm, projection, type Source, type SourceTable } from "./tensor-sources.ts";

export const bertConfig = z.looseObject({
  model_type: z.enum(["bert", "roberta"]),
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: layerCount,
  num_attention_heads: size,
  intermediate_size: size,
  max_position_embeddings: size,
  type_vocab_size: z.union([z.literal(1), z.literal(2)]).default(2),
  layer_norm_eps: z.number().positive().default(1e-12),
  hidden_act: z.literal("gelu").default("gelu"),
  position_embedding_type: z.literal("absolute").default("absolute"),
  is_decoder: z.literal(false).default(false),
  tie_word_embeddings: z.literal(true).default(true),
  pad_token_id: z
    .int()
    .nonnegative()
    .max(1 << 24)
    .nullish(),
});

type BertConfig = z.infer<typeof bertConfig>;

/** Positions that RoBERTa's table has before the first token's. */
const countSkipped = (config: BertConfig) => (config.model_type === "roberta" ? (config.pad_token_id ?? 1) + 1 : 0);

function readShape(config: BertConfig, hasHead: boolean): ShapeSettings {
  return {
    width: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    feedForward: config.intermediate_size,
    vocabulary: config.vocab_size,
    sequenceLength: config.max_position_embeddings - countSkipped(config),
    positions: "learned",
    normalisation: "post",
    normEpsilon: config.layer_norm_eps,
    biases: true,
    activation: "gelu",
    ...(config.type_vocab_size === 2 && { segments: true }),
    ...(hasHead && { head: "transform" }),
  };
}

/** Rows of the position table after the first `skipped`, plus the row of the only segment where it has no place of its own. */
function positionsFrom(skipped: number, table: string, onlySegment: string | undefined): Source {
  return {
    names: onlySegment === undefined ? [table] : [table, onlySegment],
    shapeOf: ([rows, width], index) => [index === 0 ? rows! + skipped : 1, width!],
    convert: ([values, segment], [, width]) =>
      values!.slice(skipped * width!).map((value, i) => value + (segment?.[i % width!] ?? 0)),
    invert: (values, [, width]) => {
      const table = new Float32Array(skipped * width! + values.length);
      table.set(values, skipped * width!);
      return onlySegment === undefined ? [table] : [table, new Float32Array(width!)];
    },
  };
}

/** Where the parameters of an encoder lie whose names begin with `model`. */
export function tableOfLayers(model: string): SourceTable {
  const layer = `${model}.encoder.layer.#`;
  const embeddings = `${model}.embeddings`;
  return {
    "embedding.word": copy(`${embeddings}.word_embeddings.weight`),
    "embedding.position": copy(`${embeddings}.position_embeddings.weight`),
    "embedding.segment": copy(`${embeddings}.token_type_embeddings.weight`),
    ...norm("embedding.norm", `${embeddings}.LayerNorm`),
    ...projection(
      "layers.#.attention.qkv",
      ["query", "key", "value"].map(part => `${layer}.attention.self.${part}`),
    ),
    ...projection("layers.#.attention.output", `${layer}.attention.output.dense`),
    ...norm("layers.#.attention.norm", `${layer}.attention.output.LayerNorm`),
    ...projection("layers.#.feedForward.in", `${layer}.intermediate.dense`),
    ...projection("layers.#.feedForward.out", `${layer}.output.dense`),
    ...norm("layers.#.feedForward.norm", `${layer}.output.LayerNorm`),
  };
}

/** Where our parameters lie in a checkpoint of this config. */
export function tableOf(config: BertConfig): SourceTable {
  const model = config.model_type;
  const head = model === "bert" ? "cls.predictions.transform." : "lm_head.";
  const embeddings = `${model}.embeddings`;
  const positions = `${embeddings}.position_embeddings.weight`;
  const onlySegment = config.type_vocab_size === 1 ? `${embeddings}.token_type_embeddings.weight` : undefined;
  return {
    ...tableOfLayers(model),
    "embedding.position": positionsFrom(countSkipped(config), positions, onlySegment),
    ...projection("head.dense", `${head}dense`),
    ...norm("head.norm", model === "bert" ? `${head}LayerNorm` : `${head}layer_norm`),
    "head.bias": copy(model === "bert" ? "cls.predictions.bias" : "lm_head.bias"),
  };
}

function namingOf(model: BertConfig["model_type"]): Naming {
  const word = `${model}.embeddings.word_embeddings.weight`;
  return {
    encoder: model,
    renamed: [
      // As TensorFlow names them, and so the oldest checkpoints.
      [/LayerNorm\.gamma$/, "LayerNorm.weight"],
      [/LayerNorm\.beta$/, "LayerNorm.bias"],
    ],
    tied:
      model === "bert"
        ? { "cls.predictions.decoder.weight": word, "cls.predictions.decoder.bias": "cls.predictions.bias" }
        : { "lm_head.decoder.weight": word, "lm_head.decoder.bias": "lm_head.bias" },
    ignored: [
      [/\.embeddings\.(position_ids|token_type_ids)$/, ""],
      [/\.pooler\./, "the pooler"],
      [/^cls\.seq_relationship\./, "the head of next-sentence prediction"],
      ...finetunedHeads,
    ],
  };
}

/** Reads a BertModel, BertForMaskedLM, BertForPreTraining or a RoBERTa's equal of a parsed config.json and its weights. */
export function readBert(json: unknown, configPath: string, folder: string): ForeignModel {
  const config = parseConfig(bertConfig, json, configPath);
  const tensors = nameForeignTensors(readTensorFiles(folder), namingOf(config.model_type));
  const predictsTokens = holdsAny(tensors, /^(cls\.predictions|lm_head)\./);
  const shape = checkForeignShape(readShape(config, predictsTokens), configPath);
  const parameters = importParameters(tensors, listParameters(shape), tableOf(config));
  return { shape, parameters, predictsTokens, notes: tensors.notes };
}

/** Whether a tensor has such a name: a head that is there in part is to be complained of, not passed over. */
export const holdsAny = ({ tensors }: ForeignTensors, name: RegExp) =>
  [...tensors.keys()].some(each => name.test(each));
