// ModernBERT as Hugging Face saves it, with its head or without: pre-norm, rotary, gated, the first attention without a norm. Its local
// layers see local_attention / 2 tokens to each side and ours see all, which is the same up to that distance: so no sequence is longer. Two
// things of ours it lacks, and modern-bert-export.ts writes exactly: a norm before the first attention, by a layer in front that adds
// nothing; and a head that is the embedding alone, by a head that undoes the final norm and applies it again.

import { z } from "zod";
import type { Shape } from "../../graph/tensor.ts";
import { listParameters } from "../../model/parameters.ts";
import type { ShapeSettings } from "../../model/shape.ts";
import { holdsAny } from "./bert.ts";
import { checkForeignShape, type ForeignModel, layerCount, parseConfig, size } from "./foreign-model.ts";
import { type DerivedTensor, importParameters, nameForeignTensors } from "./foreign-tensors.ts";
import { readTensorFiles } from "./tensor-files.ts";
import { copy, norm, projection, type RowOrder, type SourceTable, zeros } from "./tensor-sources.ts";

const base = z.number().gt(1).max(1e12);
const rotary = z.looseObject({ rope_type: z.literal("default").default("default"), rope_theta: base });

const fields = z.looseObject({
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: layerCount,
  num_attention_heads: size,
  /** Of each half; Wi has twice as many rows. */
  intermediate_size: size,
  max_position_embeddings: size,
  hidden_activation: z.literal("gelu").default("gelu"),
  /** Of the head; linear is only read as cram export writes it. */
  classifier_activation: z.enum(["gelu", "linear"]).default("gelu"),
  tie_word_embeddings: z.literal(true).default(true),
  norm_eps: z.number().positive().default(1e-5),
  norm_bias: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  classifier_bias: z.boolean().default(false),
  decoder_bias: z.boolean().default(true),
  local_attention: size.default(128),
  layer_types: z.array(z.enum(["full_attention", "sliding_attention"])).nullish(),
  /** Before layer_types: every so manieth layer is global. */
  global_attn_every_n_layers: size.default(3),
  rope_parameters: z.looseObject({ full_attention: rotary.nullish(), sliding_attention: rotary.nullish() }).nullish(),
  rope_scaling: z.null().default(null),
  /** Before rope_parameters. */
  global_rope_theta: base.default(160_000),
  local_rope_theta: base.nullable().default(10_000),
  /** Written by cram export alone: layers in front that add nothing. */
  leading_identity_layers: z.union([z.literal(0), z.literal(1)]).default(0),
});
export const modernBertConfig = fields
  .refine(
    config =>
      config.classifier_activation === "gelu" || (config.norm_bias && config.classifier_bias && !config.decoder_bias),
    { path: ["classifier_activation"], message: "a head without GELU is only read as cram export writes it" },
  )
  .refine(({ layer_types: types, num_hidden_layers: layers }) => !types || types.length === layers, {
    path: ["layer_types"],
    message: "it must name a type for each of num_hidden_layers",
  })
  .refine(({ leading_identity_layers: identities, num_hidden_layers: layers }) => identities < layers, {
    path: ["leading_identity_layers"],
    message: "there are no layers behind it",
  });

export type ModernBertConfig = z.infer<typeof modernBertConfig>;

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

function readShape(config: ModernBertConfig, hasHead: boolean): ShapeSettings {
  const identities = config.leading_identity_layers;
  const isGlobal = listGlobal(config).slice(identities);
  const isTied = config.classifier_activation === "linear";
  const { rope_parameters, global_rope_theta, local_rope_theta, attention_bias, mlp_bias, classifier_bias } = config;
  const globalBase = rope_parameters?.full_attention?.rope_theta ?? global_rope_theta;
  const localBase = rope_parameters?.sliding_attention?.rope_theta ?? local_rope_theta ?? globalBase;
  const exact = isGlobal.every(Boolean) ? Number.POSITIVE_INFINITY : 1 + Math.floor(config.local_attention / 2);
  return {
    width: config.hidden_size,
    layers: config.num_hidden_layers - identities,
    heads: config.num_attention_heads,
    feedForward: 2 * config.intermediate_size,
    vocabulary: config.vocab_size,
    sequenceLength: Math.min(config.max_position_embeddings, exact),
    positions: "rotary",
    normEpsilon: config.norm_eps,
    firstAttentionNorm: identities === 1,
    ...((attention_bias || mlp_bias || (classifier_bias && hasHead && !isTied)) && { biases: true }),
    rotaryBases: shortestPeriod(isGlobal.map(global => (global ? globalBase : localBase))),
    head: isTied || !hasHead ? "tied" : "transform",
  };
}

/** Theirs has the activated half first, ours last. */
const swapHalves: RowOrder = (column, columns) => (column + columns / 2) % columns;

/** Where our parameters lie in a checkpoint of this config. */
export function tableOf(config: ModernBertConfig): SourceTable {
  const { norm_bias, attention_bias, mlp_bias, classifier_bias, decoder_bias } = config;
  const layer = config.leading_identity_layers === 1 ? "model.layers.#+1" : "model.layers.#";
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

/** What such a checkpoint holds besides: the layer that adds nothing, and the head of a model that has none. */
export function deriveTensorsOf(config: ModernBertConfig): DerivedTensor[] {
  const { hidden_size: C, intermediate_size: F, norm_bias, attention_bias, mlp_bias } = config;
  const filled = (name: string, shape: Shape, value = 0): DerivedTensor => ({
    name,
    shape,
    from: [],
    compute: () => new Float32Array(shape.reduce((a, b) => a * b)).fill(value),
  });
  const linear = (name: string, rows: number, columns: number, hasBias: boolean) => [
    filled(`${name}.weight`, [rows, columns]),
    ...(hasBias ? [filled(`${name}.bias`, [rows])] : []),
  ];
  const finalNorm = ["final.norm.weight", "final.norm.bias"];
  const head = (name: string, shape: Shape, compute: DerivedTensor["compute"]): DerivedTensor => ({
    ...{ name: `head.${name}`, shape, compute },
    from: finalNorm,
  });
  const identity = "model.layers.0";
  return [
    ...(config.leading_identity_layers === 1
      ? [
          ...linear(`${identity}.attn.Wqkv`, 3 * C, C, attention_bias),
          ...linear(`${identity}.attn.Wo`, C, C, attention_bias),
          filled(`${identity}.mlp_norm.weight`, [C], 1),
          ...(norm_bias ? [filled(`${identity}.mlp_norm.bias`, [C])] : []),
          ...linear(`${identity}.mlp.Wi`, 2 * F, C, mlp_bias),
          ...linear(`${identity}.mlp.Wo`, C, F, mlp_bias),
        ]
      : []),
    // y = w n + b is undone by y / w - b / w, and the norm of n, which is normalised, is y again.
    ...(config.classifier_activation === "linear"
      ? [
          head("dense.weight", [C, C], ([weight]) => {
            const diagonal = new Float32Array(C * C);
            for (let i = 0; i < C; i++) diagonal[i * C + i] = 1 / weight![i]!;
            return diagonal;
          }),
          head("dense.bias", [C], ([weight, bias]) => weight!.map((w, i) => -bias![i]! / w)),
          head("norm.weight", [C], ([weight]) => weight!),
          head("norm.bias", [C], ([, bias]) => bias!),
        ]
      : []),
  ];
}

/** Reads a ModernBertModel, a ModernBertForMaskedLM or a finetuned one of a parsed config.json and its weights. */
export function readModernBert(json: unknown, configPath: string, folder: string): ForeignModel {
  const config = parseConfig(modernBertConfig, json, configPath);
  const named = nameForeignTensors(readTensorFiles(folder), {
    encoder: "model",
    renamed: [],
    tied: { "decoder.weight": "model.embeddings.tok_embeddings.weight" },
    ignored: [],
  });
  // A classifier stands on the same layers as the head of the masked language model, trained to another end.
  const isClassifier = holdsAny(named, /^classifier\./);
  const predictsTokens = !isClassifier && holdsAny(named, /^(head|decoder)\./);
  const kept = [...named.tensors].filter(([name]) => !isClassifier || !/^(head|classifier)\./.test(name));
  const tensors = { ...named, tensors: new Map(kept) };
  const shape = checkForeignShape(readShape(config, predictsTokens), configPath);
  const notes = [...named.notes, ...(isClassifier ? ["the classifier is left out; our model has none"] : [])];
  if (shape.sequenceLength < config.max_position_embeddings) {
    notes.push(
      `texts longer than ${shape.sequenceLength} tokens are refused: its local attention is all attention only up to there`,
    );
  }
  const derived = deriveTensorsOf(config).filter(({ from }) => predictsTokens || from.length === 0);
  const parameters = importParameters(tensors, listParameters(shape), tableOf(config), derived);
  return { shape, parameters, predictsTokens, notes };
}
