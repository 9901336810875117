// The encoder of crammed BERT (Geiping & Goldstein 2022): pre-norm transformer layers without biases, gated feed-forward, and
// norms after the embedding and at the end. With rotary positions the sinusoid and its scale do not exist.
//
// B sequences, S positions each, T = B·S, width C, F of the feed-forward.

import { add, broadcast, gather, matmul, multiply, reshape } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { geglu } from "../nn/activation.ts";
import { attention, type HeadLayout } from "../nn/attention.ts";
import { layerNorm } from "../nn/norm.ts";
import { applyRotary } from "../nn/rotary.ts";
import type { EncoderInputs } from "./inputs.ts";
import { type ModelShape, normEpsilon } from "./shape.ts";

/** Parameters of a model by the names of listParameters. */
export type Parameters = ReadonlyMap<string, Tensor>;

export function findParameter(parameters: Parameters, name: string): Tensor {
  const found = parameters.get(name);
  if (found === undefined) throw new Error(`the model has no parameter ${name}`);
  return found;
}

function normalise(x: Tensor, parameters: Parameters, name: string): Tensor {
  const weight = findParameter(parameters, `${name}.weight`);
  return layerNorm(x, weight, findParameter(parameters, `${name}.bias`), normEpsilon);
}

/** x = norm(E[tokens] + scale · sinusoid); rotary: norm(E[tokens]). */
function embedTokens(inputs: EncoderInputs, parameters: Parameters, shape: ModelShape): Tensor {
  const words = gather(findParameter(parameters, "embedding.word"), inputs.tokens); // (T, C)
  if (shape.positions === "rotary") return normalise(words, parameters, "embedding.norm");
  const [T, C] = words.shape as [number, number];
  const scaled = multiply(inputs.positionTable, reshape(findParameter(parameters, "embedding.scale"), [1, 1])); // (S, C)
  const repeated = broadcast(reshape(scaled, [1, inputs.length, C]), [T / inputs.length, inputs.length, C]);
  return normalise(add(words, reshape(repeated, [T, C])), parameters, "embedding.norm");
}

/** x + attention(norm(x)), then + feed-forward(norm(x)): (T, C) to (T, C). */
function applyLayer(
  x: Tensor,
  index: number,
  inputs: EncoderInputs,
  parameters: Parameters,
  shape: ModelShape,
): Tensor {
  const weight = (name: string) => findParameter(parameters, `layers.${index}.${name}`);
  const layout: HeadLayout = {
    batch: x.shape[0]! / inputs.length,
    length: inputs.length,
    heads: shape.heads,
    headWidth: shape.width / shape.heads,
  };
  const projected = matmul(normalise(x, parameters, `layers.${index}.attention.norm`), weight("attention.qkv")); // (T, 3C)
  const qkv = shape.positions === "rotary" ? applyRotary(projected, inputs.positionTable, layout) : projected;
  const attended = add(x, matmul(attention(qkv, layout), weight("attention.output"))); // (T, C)
  const hidden = matmul(normalise(attended, parameters, `layers.${index}.feedForward.norm`), weight("feedForward.in")); // (T, F)
  return add(attended, matmul(geglu(hidden), weight("feedForward.out")));
}

/** Final hidden states (T, C), after the last norm. */
export function encode(inputs: EncoderInputs, parameters: Parameters, shape: ModelShape): Tensor {
  let x = embedTokens(inputs, parameters, shape);
  for (let index = 0; index < shape.layers; index++) x = applyLayer(x, index, inputs, parameters, shape);
  return normalise(x, parameters, "final.norm");
}
