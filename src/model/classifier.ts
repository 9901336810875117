// The head of a downstream task on top of the encoder, as the reference's: pool the sequence, a wide layer with tanh, dropout,
// a linear layer; or ModernBERT's, which has GELU and a norm in tanh's place. Poolers look at real tokens alone, so padding
// changes nothing (the reference averages over padding too).
//
// B sequences, S positions each, T = B·S, width C, head width H, L outputs.

import {
  add,
  cast,
  detach,
  divide,
  exp,
  iota,
  less,
  log,
  matmul,
  max,
  multiply,
  reshape,
  select,
  slice,
  subtract,
  sum,
  tanh,
} from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { gelu } from "../nn/activation.ts";
import { applyDropout, type Dropout } from "../nn/dropout.ts";
import { crossEntropy, crossEntropyOfRows, meanSquaredError } from "../nn/losses.ts";
import { layerNorm } from "../nn/norm.ts";
import { countDropouts, encode } from "./encoder.ts";
import type { EncoderInputs } from "./inputs.ts";
import { findParameter, type Parameters } from "./layer-parts.ts";
import type { Parameter } from "./parameter.ts";
import type { ModelShape } from "./shape.ts";

/** cls: the first token; mean, max and lse (log Σ exp): over the real tokens, each column on its own. */
export const poolers = ["cls", "mean", "max", "lse"] as const;
export type Pooler = (typeof poolers)[number];

/** What follows the wide layer. tanh: the reference's, and BERT's; gelu-norm: GELU and a layer norm, ModernBERT's. */
export const classifierHeads = ["tanh", "gelu-norm"] as const;
export type ClassifierHead = (typeof classifierHeads)[number];

export interface ClassifierShape {
  /** classification: L classes a sequence; regression: one number a sequence; tokens: L classes a token, no pooling. */
  readonly kind: "classification" | "regression" | "tokens";
  readonly outputs: number;
  readonly pooler: Pooler;
  readonly head: ClassifierHead;
  readonly headWidth: number;
}

export type PaddedInputs = EncoderInputs & { readonly lengths: Tensor };

/** Below every value that is pooled. */
const excluded = -1e30;

/** The head's parameters, in order; they follow the encoder's in files and in the initialisation's random numbers. */
export function listClassifierParameters(
  { width }: ModelShape,
  { head, headWidth, outputs }: ClassifierShape,
): Parameter[] {
  const vector = (name: string, length: number, value: number): Parameter => ({
    name,
    shape: [length],
    role: "norm",
    parts: 1,
    initial: { kind: "constant", value },
  });
  const linear = (name: string, rows: number, columns: number): Parameter[] => [
    {
      name: `${name}.weight`,
      shape: [rows, columns],
      role: "matrix",
      parts: 1,
      initial: { kind: "normal", deviation: 0.02 },
    },
    vector(`${name}.bias`, columns, 0),
  ];
  const norm = [vector("classifier.norm.weight", headWidth, 1), vector("classifier.norm.bias", headWidth, 0)];
  return [
    ...linear("classifier.hidden", width, headWidth),
    ...(head === "gelu-norm" ? norm : []),
    ...linear("classifier.output", headWidth, outputs),
  ];
}

/** One row a sequence, (B, C), of hidden states (T, C) whose first lengths[b] rows of each sequence are real. */
export function poolSequences(hidden: Tensor, lengths: Tensor, pooler: Pooler): Tensor {
  const B = lengths.shape[0]!;
  const [T, C] = hidden.shape as [number, number];
  const S = T / B;
  const rows = reshape(hidden, [B, S, C]);
  if (pooler === "cls") return reshape(slice(rows, 1, 0, 1), [B, C]);
  const isReal = less(reshape(iota(S), [1, S, 1]), reshape(lengths, [B, 1, 1])); // (B, S, 1)
  if (pooler === "mean") {
    const total = reshape(sum(select(isReal, rows, 0), [1]), [B, C]);
    return divide(total, reshape(cast(lengths, "f32"), [B, 1]));
  }
  const real = select(isReal, rows, excluded); // (B, S, C)
  const largest = max(real, [1]); // (B, 1, C)
  if (pooler === "max") return reshape(largest, [B, C]);
  const peak = detach(largest);
  return reshape(add(log(sum(exp(subtract(real, peak)), [1])), peak), [B, C]);
}

/** Logits (B, L), for tokens (T, L), of a padded batch of texts. */
export function classify(
  inputs: PaddedInputs,
  parameters: Parameters,
  shape: ModelShape,
  classifier: ClassifierShape,
  dropout?: Dropout,
): Tensor {
  const readsFirst = classifier.kind !== "tokens" && classifier.pooler === "cls";
  const hidden = encode(inputs, parameters, shape, { dropout, rows: readsFirst ? "first" : "all" });
  return applyClassifier(hidden, inputs.lengths, parameters, shape, classifier, x =>
    applyDropout(x, dropout, countDropouts(shape)),
  );
}

/**
 * The head alone, on hidden states (T, C); for pooler cls those of the first tokens (B, C) will do. `drop` is what happens before its last
 * layer.
 */
export function applyClassifier(
  hidden: Tensor,
  lengths: Tensor,
  parameters: Parameters,
  shape: ModelShape,
  { kind, pooler, head }: ClassifierShape,
  drop: (x: Tensor) => Tensor = x => x,
): Tensor {
  const read = kind === "tokens" ? hidden : poolSequences(hidden, lengths, pooler);
  const wide = linear(read, parameters, "hidden"); // (B, H)
  const active = head === "tanh" ? tanh(wide) : normaliseHead(gelu(wide), parameters, shape);
  return linear(drop(active), parameters, "output");
}

/**
 * Mean loss, shape []: cross-entropy in nats of targets (B) i32; for tokens over those with a target (T) i32 that is not
 * negative; for a regression the squared error of targets (B) f32.
 */
export function computeClassifierLoss(logits: Tensor, targets: Tensor, kind: ClassifierShape["kind"]): Tensor {
  const rows = logits.shape[0]!;
  if (kind === "regression") return meanSquaredError(logits, reshape(targets, [rows, 1]));
  if (kind === "classification") return crossEntropy(logits, targets);
  const counts = reshape(cast(less(-1, targets), "f32"), [rows, 1]);
  const total = sum(multiply(crossEntropyOfRows(logits, targets), counts), [0]);
  return reshape(divide(total, sum(counts, [0])), []);
}

/** ModernBERT's head has a layer norm, whatever the encoder's norms are. */
function normaliseHead(x: Tensor, parameters: Parameters, { normEpsilon }: ModelShape): Tensor {
  const find = (name: string) => findParameter(parameters, `classifier.norm.${name}`);
  return layerNorm(x, find("weight"), find("bias"), normEpsilon);
}

/** x · W + b of the head. */
function linear(x: Tensor, parameters: Parameters, name: "hidden" | "output"): Tensor {
  const weight = findParameter(parameters, `classifier.${name}.weight`);
  return add(matmul(x, weight), findParameter(parameters, `classifier.${name}.bias`));
}
