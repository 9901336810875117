// A model of ours in BERT's shape, as one that began as a BERT has it, as the BERT that Hugging Face loads.

import type { ModelShape } from "../../model/shape.ts";
import { bertConfig, tableOf } from "../../pretrained/foreign/bert.ts";
import { headLayer } from "../../pretrained/foreign/tensor-sources.ts";
import type { HuggingFaceFamily } from "./hugging-face-family.ts";

/** What a shape has that is BERT's. */
export const bertShape: Partial<ModelShape> = {
  positions: "learned",
  normalisation: "post",
  activation: "gelu",
  biases: true,
  segments: true,
  head: "transform",
};

/** What BERT's config.json has, and those of models with its layers. */
export const encodeBertConfig: HuggingFaceFamily["encodeConfig"] = (shape, specials) => ({
  vocab_size: shape.vocabulary,
  hidden_size: shape.width,
  num_hidden_layers: shape.layers,
  num_attention_heads: shape.heads,
  intermediate_size: shape.feedForward,
  max_position_embeddings: shape.sequenceLength,
  type_vocab_size: 2,
  layer_norm_eps: shape.normEpsilon,
  hidden_act: "gelu",
  position_embedding_type: "absolute",
  pad_token_id: specials.pad,
});

export const bertFamily: HuggingFaceFamily = {
  name: "BERT",
  modelType: "bert",
  classNames: { tokens: "BertForMaskedLM", discriminator: undefined, encoder: undefined },
  expressed: bertShape,
  findObstacle: () => undefined,
  encodeConfig: encodeBertConfig,
  tablesOf: config => ({ table: tableOf(bertConfig.parse(config)), derived: [] }),
  listNotes: () => [],
  head: {
    classNames: {
      classification: "BertForSequenceClassification",
      regression: "BertForSequenceClassification",
      // A linear layer alone.
      tokens: undefined,
    },
    settings: ({ width }) => ({ head: "tanh", headWidth: width, pooler: "cls" }),
    encodeConfig: () => ({}),
    table: { ...headLayer("hidden", "bert.pooler.dense"), ...headLayer("output", "classifier") },
  },
};
