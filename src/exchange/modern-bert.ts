// ModernBERT as Hugging Face saves it: pre-norm, rotary, gated, the first attention without a norm. Its local layers see
// local_attention / 2 tokens to each side and ours see all, which is the same up to that distance: so no sequence is longer.

import { z } from "zod";
import type { ModelShape } from "../model/shape.ts";
import { type ForeignModel, parseConfig } from "./foreign-model.ts";
import { importParameters, openForeignTensors } from "./foreign-tensors.ts";
import { copy, norm, projection, type RowOrder, type SourceTable, zeros } from "./tensor-sources.ts";

const count = z.number().int().positive();
const rotary = z.looseObject({ rope_type: z.literal("default").default("default"), rope_theta: z.number().gt(1) });

const configSchema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  /** Of each half; Wi has twice as many rows. */
  intermediate_size: count,
  max_position_embeddings: count,
  hidden_activation: z.literal("gelu").default("gelu"),
  classifier_activation: z.literal("gelu").default("gelu"),
  tie_word_embeddings: z.literal(true).default(true),
  norm_eps: z.number().positive().default(1e-5),
  norm_bias: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  classifier_bias: z.boolean().default(false),
  decoder_bias: z.boolean().default(true),
  local_attention: count.default(128),
  layer_types: z.array(z.enum(["full_attention", "sliding_attention"])).nullish(),
  /** Before layer_types: every so manieth layer is global. */
  global_attn_every_n_layers: count.default(3),
  rope_parameters: z.looseObject({ full_attention: rotary.nullish(), sliding_attention: rotary.nullish() }).nullish(),
  rope_scaling: z.null().default(null),
  /** Before rope_parameters. */
  global_rope_theta: z.number().gt(1).default(160_000),
  local_rope_theta: z.number().gt(1).nullable().default(10_000),
});

type ModernBertConfig = z.infer<typeof configSchema>;

/** Which layers see all tokens. */
function listGlobal({ layer_types, num_hidden_layers, global_attn_every_n_layers }: ModernBertConfig): boolean[] {
  if (layer_types) return layer_types.map(type => type === "full_attention");
  return Array.from({ length: num_hidden_layers }, (_, layer) => layer % global_attn_every_n_layers === 0);
}

/** The shortest list that gives `values` when it is counted round. */
function shortestPeriod<T>(values: readonly T[]): readonly T[] {
  const length = values.findIndex(
    (_, period) => period > 0 && values.every((value, i) => value === values[i % period]),
  );
  return length < 0 ? values : values.slice(0, length);
}

function readShape(config: ModernBertConfig): ModelShape {
  const isGlobal = listGlobal(config);
  const { rope_parameters, global_rope_theta, local_rope_theta, attention_bias, mlp_bias, classifier_bias } = config;
  const globalBase = rope_parameters?.full_attention?.rope_theta ?? global_rope_theta;
  const localBase = rope_parameters?.sliding_attention?.rope_theta ?? local_rope_theta ?? globalBase;
  const exact = isGlobal.every(Boolean) ? Number.POSITIVE_INFINITY : 1 + Math.floor(config.local_attention / 2);
  return {
    width: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    feedForward: 2 * config.intermediate_size,
    vocabulary: config.vocab_size,
    sequenceLength: Math.min(config.max_position_embeddings, exact),
    positions: "rotary",
    normEpsilon: config.norm_eps,
    firstAttentionNorm: false,
    ...((attention_bias || mlp_bias || classifier_bias) && { biases: true }),
    rotaryBases: shortestPeriod(isGlobal.map(global => (global ? globalBase : localBase))),
    head: "transform",
  };
}

/** Theirs has the activated half first, ours last. */
const swapHalves: RowOrder = (column, columns) => (column + columns / 2) % columns;

function tableOf({
  norm_bias,
  attention_bias,
  mlp_bias,
  classifier_bias,
  decoder_bias,
}: ModernBertConfig): SourceTable {
  const layer = "model.layers.#";
  return {
    "embedding.word": copy("model.embeddings.tok_embeddings.weight"),
    ...norm("embedding.norm", "model.embeddings.norm", norm_bias),
    ...norm("layers.#.attention.norm", `${layer}.attn_norm`, norm_bias),
    ...projection("layers.#.attention.qkv", `${layer}.attn.Wqkv`, attention_bias),
    ...projection("layers.#.attention.output", `${layer}.attn.Wo`, attention_bias),
    ...norm("layers.#.feedForward.norm", `${layer}.mlp_norm`, norm_bias),
    ...projection("layers.#.feedForward.in", `${layer}.mlp.Wi`, mlp_bias, swapHalves),
    ...projection("layers.#.feedForward.out", `${layer}.mlp.Wo`, mlp_bias),
    ...norm("final.norm", "model.final_norm", norm_bias),
    ...projection("head.dense", "head.dense", classifier_bias),
    ...norm("head.norm", "head.norm", norm_bias),
    "head.bias": decoder_bias ? copy("decoder.bias") : zeros,
  };
}

/** Reads a ModernBertForMaskedLM of a parsed config.json and its safetensors. */
export function readModernBert(json: unknown, configPath: string, tensorsPath: string): ForeignModel {
  const config = parseConfig(configSchema, json, configPath);
  const tied = { "decoder.weight": "model.embeddings.tok_embeddings.weight" };
  const tensors = openForeignTensors(tensorsPath, { renamed: [], tied, ignored: [] });
  const shape = readShape(config);
  const notes = [...tensors.notes];
  if (shape.sequenceLength < config.max_position_embeddings) {
    notes.push(
      `texts longer than ${shape.sequenceLength} tokens are refused: its local attention is all attention only up to there`,
    );
  }
  return { shape, parameters: importParameters(tensors, shape, tableOf(config)), notes };
}
