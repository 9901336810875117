// Finetuning as the paper scores its models (Geiping & Goldstein, arXiv 2212.14034, GLUE_sane): one set of values for every task.
// MRPC has 3,668 pairs: 229 batches of 16 an epoch (the last, incomplete one is dropped), 1,145 steps in five epochs, the first
// 114 of them warm-up. MNLI's 392,702 pairs are 122,715 steps. The median of five seeds is reported.

import type { FinetuneRecipe } from "../src/evaluate/finetuning/finetune-recipe.ts";

export const glue: FinetuneRecipe = {
  name: "glue",
  learningRate: 4e-5,
  batchSequences: 16,
  epochs: 5,
  schedule: "cosine",
  warmup: 0.1,
  maxLength: 128,
  dropout: 0.1,
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-6,
  weightDecay: 0,
  clip: 0,
  pooler: "cls",
  head: "tanh",
  headWidth: 1024,
  longTexts: "truncate",
  precision: "auto",
};
