// A model of ours as the ModernBERT that Hugging Face loads: its config, and its tensors by the table that reads them back.

import { listRotaryBases } from "../../model/inputs.ts";
import { hasAttentionNorm, type ModelShape } from "../../model/shape.ts";
import { deriveTensorsOf, modernBertConfig, tableOf } from "../../pretrained/foreign/modern-bert.ts";
import { headLayer, norm } from "../../pretrained/foreign/tensor-sources.ts";
import type { SpecialIds } from "../../tokenizer/tokenizer.ts";
import type { HuggingFaceFamily } from "./hugging-face-family.ts";

/** Below this a weight of the final norm cannot be divided by without losing digits. */
const leastNormWeight = 1e-3;

export const modernBertFamily: HuggingFaceFamily = {
  name: "ModernBERT",
  modelType: "modernbert",
  classNames: { tokens: "ModernBertForMaskedLM", discriminator: undefined, encoder: "ModernBertModel" },
  expressed: { positions: "rotary", normalisation: "pre", activation: "geglu", segments: false },
  findObstacle: (shape, parameters) => {
    const bases = new Set(listRotaryBases(shape));
    if (bases.size > 2) return `model.rotaryBases are ${bases.size}, and ModernBERT has two`;
    if (shape.head === "transform" || shape.isEncoder) return undefined;
    const weights = parameters.find(({ name }) => name === "final.norm.weight")!.read();
    if (weights.every(weight => Math.abs(weight) >= leastNormWeight)) return undefined;
    return "a weight of the final norm is 0, and ModernBERT's head would divide by it";
  },
  encodeConfig,
  tablesOf: config => {
    const parsed = modernBertConfig.parse(config);
    return { table: tableOf(parsed), derived: deriveTensorsOf(parsed) };
  },
  listNotes: shape =>
    hasAttentionNorm(shape, 0)
      ? [
          "ModernBERT's first attention has no norm and this model's has one: a layer that adds nothing stands in front of it, which " +
            "changes no value; --set model.firstAttentionNorm=false trains a model that needs none",
        ]
      : [],
  head: {
    classNames: {
      classification: "ModernBertForSequenceClassification",
      regression: "ModernBertForSequenceClassification",
      tokens: "ModernBertForTokenClassification",
    },
    settings: ({ width }, { kind, pooler }) => ({
      head: "gelu-norm",
      headWidth: width,
      ...(kind !== "tokens" && { pooler: pooler === "mean" ? "mean" : "cls" }),
    }),
    encodeConfig: ({ pooler }) => ({ classifier_pooling: pooler === "mean" ? "mean" : "cls", classifier_bias: true }),
    table: {
      ...headLayer("hidden", "head.dense"),
      ...norm("classifier.norm", "head.norm"),
      ...headLayer("output", "classifier"),
    },
  },
};

function encodeConfig(shape: ModelShape, specials: SpecialIds): Readonly<Record<string, unknown>> {
  const { sequenceLength, biases, head, normEpsilon } = shape;
  const decodesFinalNorm = head === "tied" && !shape.isEncoder;
  const identities = hasAttentionNorm(shape, 0) ? 1 : 0;
  const bases = listRotaryBases(shape);
  const [full, sliding = full] = [...new Set(bases)];
  const types = Array.from({ length: shape.layers }, (_, layer) =>
    bases[layer % bases.length] === full ? "full_attention" : "sliding_attention",
  );
  return {
    vocab_size: shape.vocabulary,
    hidden_size: shape.width,
    num_hidden_layers: shape.layers + identities,
    num_attention_heads: shape.heads,
    intermediate_size: shape.feedForward / 2,
    max_position_embeddings: sequenceLength,
    hidden_activation: "gelu",
    classifier_activation: decodesFinalNorm ? "linear" : "gelu",
    classifier_pooling: "mean",
    norm_eps: normEpsilon,
    norm_bias: true,
    attention_bias: biases,
    mlp_bias: biases,
    classifier_bias: biases || decodesFinalNorm,
    decoder_bias: head === "transform",
    // Local layers see the whole of every sequence.
    local_attention: Math.max(2, 2 * (sequenceLength - 1)),
    layer_types: [...new Array<string>(identities).fill("full_attention"), ...types],
    rope_parameters: {
      full_attention: { rope_type: "default", rope_theta: full },
      sliding_attention: { rope_type: "default", rope_theta: sliding },
    },
    // For transformers before version 5.
    ...(full === sliding && { global_attn_every_n_layers: 1, global_rope_theta: full, local_rope_theta: sliding }),
    leading_identity_layers: identities,
    attention_dropout: 0,
    embedding_dropout: 0,
    mlp_dropout: 0,
    pad_token_id: specials.pad,
    cls_token_id: specials.classify,
    sep_token_id: specials.separator,
    bos_token_id: specials.classify,
    eos_token_id: specials.separator,
  };
}
