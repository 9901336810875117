// The masked language model's head: the embedding matrix again, transposed, without bias. Only the positions asked for are
// decoded, which saves three quarters of the head's work when a quarter is masked.
//
// T tokens, P predictions, width C, vocabulary V.

import { gather, matmul, transpose } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { crossEntropy } from "../nn/losses.ts";
import { encode, findParameter, type Parameters } from "./encoder.ts";
import type { EncoderInputs, MaskedInputs } from "./inputs.ts";
import type { ModelShape } from "./shape.ts";

/** Logits (P, V) of hidden states (T, C) at `positions` (P) i32. */
export function decodePositions(hidden: Tensor, positions: Tensor, parameters: Parameters): Tensor {
  const rows = gather(hidden, positions); // (P, C)
  return matmul(rows, transpose(findParameter(parameters, "embedding.word")));
}

/** Logits (P, V) of the tokens at `positions`: what filling in reads. */
export function predictTokens(
  inputs: EncoderInputs & { readonly positions: Tensor },
  parameters: Parameters,
  shape: ModelShape,
): Tensor {
  return decodePositions(encode(inputs, parameters, shape), inputs.positions, parameters);
}

/** Mean cross-entropy over the masked positions, in nats, shape []. */
export function computeMaskedLoss(inputs: MaskedInputs, parameters: Parameters, shape: ModelShape): Tensor {
  return crossEntropy(predictTokens(inputs, parameters, shape), inputs.labels);
}
