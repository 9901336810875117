// The masked language model's head: the embedding matrix again, transposed, and before it a transform where the shape has one.
// Only the positions asked for are decoded, which saves three quarters of the head's work when a quarter is masked.
//
// T tokens, P predictions, width C, vocabulary V.

import { add, gather, matmul, transpose } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { gelu } from "../nn/activation.ts";
import { crossEntropy } from "../nn/losses.ts";
import { encode, findParameter, normalise, type Parameters, project } from "./encoder.ts";
import type { EncoderInputs, MaskedInputs } from "./inputs.ts";
import type { ModelShape } from "./shape.ts";

/** Logits (P, V) of hidden states (T, C) at `positions` (P) i32. */
export function decodePositions(hidden: Tensor, positions: Tensor, parameters: Parameters, shape: ModelShape): Tensor {
  const rows = gather(hidden, positions); // (P, C)
  const decode = (x: Tensor) => matmul(x, transpose(findParameter(parameters, "embedding.word")));
  if (shape.head !== "transform") return decode(rows);
  const transformed = normalise(gelu(project(rows, "head.dense", parameters, shape)), "head.norm", parameters, shape);
  return add(decode(transformed), findParameter(parameters, "head.bias"));
}

/** Logits (P, V) of the tokens at `positions`: what filling in reads. */
export function predictTokens(
  inputs: EncoderInputs & { readonly positions: Tensor },
  parameters: Parameters,
  shape: ModelShape,
): Tensor {
  return decodePositions(encode(inputs, parameters, shape), inputs.positions, parameters, shape);
}

/** Mean cross-entropy over the masked positions, in nats, shape []. */
export function computeMaskedLoss(inputs: MaskedInputs, parameters: Parameters, shape: ModelShape): Tensor {
  return crossEntropy(predictTokens(inputs, parameters, shape), inputs.labels);
}
