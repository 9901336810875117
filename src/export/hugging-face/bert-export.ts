// A model of ours in BERT's shape, as one that began as a BERT has it, as the BERT that Hugging Face loads.

import { bertConfig, tableOf } from "../../pretrained/foreign/bert.ts";
import { headLayer } from "../../pretrained/foreign/tensor-sources.ts";
import type { HuggingFaceFamily } from "./hugging-face-family.ts";

export const bertFamily: HuggingFaceFamily = {
  name: "BERT",
  modelType: "bert",
  className: "BertForMaskedLM",
  expressed: {
    positions: "learned",
    normalisation: "post",
    activation: "gelu",
    biases: true,
    segments: true,
    head: "transform",
  },
  findObstacle: () => undefined,
  encodeConfig: (shape, specials) => ({
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
  }),
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
