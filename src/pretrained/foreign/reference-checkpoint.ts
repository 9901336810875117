// Checkpoints of the reference (github.com/JonasGeiping/cramming) as it saves them, or as they are on the Hub: crammed BERT,
// which is our default shape. Its query, key and value stand head by head in one matrix; ours stand part by part.

import { z } from "zod";
import { listParameters } from "../../model/parameters.ts";
import type { ModelShape, ShapeSettings } from "../../model/shape.ts";
import { checkForeignShape, type ForeignModel, layerCount, parseConfig, size } from "./foreign-model.ts";
import { importParameters, nameForeignTensors } from "./foreign-tensors.ts";
import { readTensorFiles } from "./tensor-files.ts";
import { copy, norm, projection, type RowOrder, type SourceTable } from "./tensor-sources.ts";

/** The `arch` section: in model_config.json it is the whole file, in the Hub's config.json a field. */
const archSchema = z.looseObject({
  num_transformer_layers: layerCount,
  hidden_size: size,
  intermed_size: size,
  norm: z.literal("LayerNorm"),
  norm_eps: z.number().positive(),
  norm_scheme: z.literal("pre").default("pre"),
  nonlin: z.literal("GELUglu"),
  tie_weights: z.literal(true),
  decoder_bias: z.literal(false),
  use_bias: z.literal(false),
  final_norm: z.literal(true),
  skip_head_transform: z.literal(true),
  ffn_layer_frequency: z.literal(1).default(1),
  embedding: z.looseObject({
    vocab_size: size,
    pos_embedding: z.literal("scaled-sinusoidal"),
    max_seq_length: size,
    normalization: z.literal(true),
  }),
  attention: z.looseObject({
    type: z.literal("self-attention"),
    num_attention_heads: size,
    causal_attention: z.literal(false),
    skip_output_projection: z.literal(false),
    qkv_bias: z.literal(false),
    rotary_embedding: z.literal(false),
    sequence_op: z.literal("torch-softmax"),
  }),
});

type Arch = z.infer<typeof archSchema>;

function readShape({ embedding, attention, ...arch }: Arch): ShapeSettings {
  return {
    width: arch.hidden_size,
    layers: arch.num_transformer_layers,
    heads: attention.num_attention_heads,
    feedForward: arch.intermed_size,
    vocabulary: embedding.vocab_size,
    sequenceLength: embedding.max_seq_length,
    positions: "scaled-sinusoidal",
    ...(arch.norm_eps !== 1e-12 && { normEpsilon: arch.norm_eps }),
  };
}

/** Our column part · C + head · D + d is their row head · 3D + part · D + d. */
const headByHead =
  ({ width, heads }: ModelShape): RowOrder =>
  column => {
    const D = width / heads;
    const part = Math.floor(column / width);
    const head = Math.floor((column % width) / D);
    return head * 3 * D + part * D + (column % D);
  };

function tableOf(shape: ModelShape): SourceTable {
  const layer = "encoder.layers.#";
  return {
    "embedding.word": copy("encoder.embedding.word_embedding.weight"),
    "embedding.scale": copy("encoder.embedding.pos_embedding.scale_factor"),
    ...norm("embedding.norm", "encoder.embedding.norm"),
    ...norm("layers.#.attention.norm", `${layer}.norm1`),
    ...projection("layers.#.attention.qkv", `${layer}.attn.self_attention.query_key_value`, false, headByHead(shape)),
    ...projection("layers.#.attention.output", `${layer}.attn.dense`, false),
    ...norm("layers.#.feedForward.norm", `${layer}.norm2`),
    ...projection("layers.#.feedForward.in", `${layer}.ffn.dense_in`, false),
    ...projection("layers.#.feedForward.out", `${layer}.ffn.dense_out`, false),
    ...norm("final.norm", "encoder.final_norm"),
  };
}

/** Reads a ScriptableLMForPreTraining of its parsed config and its weights. */
export function readReferenceCheckpoint(json: unknown, configPath: string, folder: string): ForeignModel {
  const shape = checkForeignShape(readShape(parseConfig(archSchema, json, configPath)), configPath);
  const tensors = nameForeignTensors(readTensorFiles(folder), {
    renamed: [],
    tied: { "decoder.weight": "encoder.embedding.word_embedding.weight" },
    ignored: [
      [/\.norm_factor$/, ""],
      [/\.pos_embedding\.pe$/, ""],
    ],
  });
  const parameters = importParameters(tensors, listParameters(shape), tableOf(shape));
  return { shape, parameters, predictsTokens: true, notes: tensors.notes };
}
