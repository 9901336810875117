// The encoder. As crammed BERT (Geiping & Goldstein 2022) has it: pre-norm transformer layers without biases, gated
// feed-forward, norms after the embedding and at the end. Other shapes make BERT's and ModernBERT's of it.
//
// B sequences, S positions each, T = B·S, width C, F of the feed-forward.

import { add, broadcast, gather, matmul, multiply, reshape, slice } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { geglu, gelu } from "../nn/activation.ts";
import { attention, type HeadLayout } from "../nn/attention.ts";
import { applyDropout, type Dropout } from "../nn/dropout.ts";
import { layerNorm } from "../nn/norm.ts";
import { applyRotary } from "../nn/rotary.ts";
import { type EncoderInputs, listRotaryBases } from "./inputs.ts";
import { hasAttentionNorm, type ModelShape } from "./shape.ts";

/** Parameters of a model by the names of listParameters. */
export type Parameters = ReadonlyMap<string, Tensor>;

export function findParameter(parameters: Parameters, name: string): Tensor {
  const found = parameters.get(name);
  if (found === undefined) throw new Error(`the model has no parameter ${name}`);
  return found;
}

/** The norm called `name` over C. */
export function normalise(x: Tensor, name: string, parameters: Parameters, shape: ModelShape): Tensor {
  const weight = findParameter(parameters, `${name}.weight`);
  return layerNorm(x, weight, findParameter(parameters, `${name}.bias`), shape.normEpsilon);
}

/** x · W, and its bias where the shape has biases. */
export function project(x: Tensor, name: string, parameters: Parameters, shape: ModelShape): Tensor {
  const product = matmul(x, findParameter(parameters, name));
  return shape.biases ? add(product, findParameter(parameters, `${name}.bias`)) : product;
}

/** One pass through the model. */
interface Pass {
  readonly inputs: EncoderInputs;
  readonly parameters: Parameters;
  readonly shape: ModelShape;
  readonly dropout: Dropout | undefined;
  readonly rows: EncodedRows;
}

/** Whose hidden states are asked for: every token's, or the first one's of each sequence. */
export type EncodedRows = "all" | "first";

/** norm(E[tokens] + positions + segments) (T, C), of which rotary models have no positions and most no segments. */
function embedTokens({ inputs, parameters, shape }: Pass): Tensor {
  const { tokens, length, positionTable, segments } = inputs;
  const find = (name: string) => findParameter(parameters, `embedding.${name}`);
  let x = gather(find("word"), tokens);
  const [T, C] = x.shape as [number, number];
  const addPositions = (table: Tensor): Tensor => {
    const repeated = broadcast(reshape(table, [1, length, C]), [T / length, length, C]);
    return add(x, reshape(repeated, [T, C]));
  };
  if (shape.positions === "scaled-sinusoidal") {
    x = addPositions(multiply(positionTable!, reshape(find("scale"), [1, 1])));
  } else if (shape.positions === "learned") x = addPositions(slice(find("position"), 0, 0, length));
  if (shape.segments) {
    const table = find("segment");
    x = add(x, segments === undefined ? slice(table, 0, 0, 1) : gather(table, segments));
  }
  return normalise(x, "embedding.norm", parameters, shape);
}

/** Self-attention (T, C) of layer `index`. */
function attend(x: Tensor, index: number, pass: Pass): Tensor {
  const { inputs, parameters, shape } = pass;
  const { length, lengths, positionTable } = inputs;
  const layout: HeadLayout = {
    batch: x.shape[0]! / length,
    length,
    heads: shape.heads,
    headWidth: shape.width / shape.heads,
  };
  let qkv = project(x, `layers.${index}.attention.qkv`, parameters, shape); // (T, 3C)
  if (shape.positions === "rotary") {
    const table = index % listRotaryBases(shape).length;
    qkv = applyRotary(qkv, slice(positionTable!, 0, table * length, (table + 1) * length), layout);
  }
  const mixed = keepRows(attention(qkv, layout, lengths), index, pass);
  return project(mixed, `layers.${index}.attention.output`, parameters, shape);
}

/** Behind the last attention only the rows that are asked for are worked on: (B, C) of (T, C) for the first ones. */
function keepRows(x: Tensor, index: number, { inputs, shape, rows }: Pass): Tensor {
  if (rows === "all" || index < shape.layers - 1) return x;
  const [T, C] = x.shape as [number, number];
  const sequences = reshape(x, [T / inputs.length, inputs.length, C]);
  return reshape(slice(sequences, 1, 0, 1), [T / inputs.length, C]);
}

/** The feed-forward (T, C) of layer `index`. */
function feedForward(x: Tensor, index: number, { parameters, shape }: Pass): Tensor {
  const hidden = project(x, `layers.${index}.feedForward.in`, parameters, shape); // (T, F)
  const active = shape.activation === "gelu" ? gelu(hidden) : geglu(hidden);
  return project(active, `layers.${index}.feedForward.out`, parameters, shape);
}

/** x + attention(norm(x)), then + feed-forward(norm(x)); post: norm(x + attention(x)), then likewise. (T, C) to (T, C). */
function applyLayer(x: Tensor, index: number, pass: Pass): Tensor {
  const { parameters, shape, dropout } = pass;
  const isPost = shape.normalisation === "post";
  const norm = (y: Tensor, name: string) => normalise(y, `layers.${index}.${name}.norm`, parameters, shape);
  const mixed = attend(isPost || !hasAttentionNorm(shape, index) ? x : norm(x, "attention"), index, pass);
  const sum = add(keepRows(x, index, pass), applyDropout(mixed, dropout, 1 + 2 * index));
  const attended = isPost ? norm(sum, "attention") : sum;
  const fed = feedForward(isPost ? attended : norm(attended, "feedForward"), index, pass);
  const result = add(attended, applyDropout(fed, dropout, 2 + 2 * index));
  return isPost ? norm(result, "feedForward") : result;
}

/** Applications of dropout in `encode`; a head on top of it numbers its own from here. */
export const countDropouts = ({ layers }: ModelShape): number => 1 + 2 * layers;

/**
 * Final hidden states, normalised: (T, C), or (B, C) of the first tokens. Dropout falls on the embedding and on what each half of
 * a layer adds.
 */
export function encode(
  inputs: EncoderInputs,
  parameters: Parameters,
  shape: ModelShape,
  dropout?: Dropout,
  rows: EncodedRows = "all",
): Tensor {
  const pass = { inputs, parameters, shape, dropout, rows };
  let x = applyDropout(embedTokens(pass), dropout, 0);
  for (let index = 0; index < shape.layers; index++) x = applyLayer(x, index, pass);
  return shape.normalisation === "post" ? x : normalise(x, "final.norm", parameters, shape);
}
