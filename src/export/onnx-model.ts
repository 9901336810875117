// Our encoder and its head (src/model/encoder.ts, heads.ts) as an ONNX graph. The batch and the length are decided at a run, up
// to the model's sequence length: the position tables end there. Inputs and outputs have the names that transformers.js and
// optimum look for; both outputs are in one file, so that fill-mask and feature-extraction find what they need in it.
//
// B sequences, S positions, H heads of width D, width C, vocabulary V.

import type { StoredTensor } from "../checkpoint/safetensors.ts";
import { listRotaryBases, makeTables } from "../model/inputs.ts";
import { hasAttentionNorm, type ModelShape } from "../model/shape.ts";
import { OnnxGraph, onnxTypes, type Value } from "./onnx-graph.ts";
import { type OnnxWeights, placeQuantisedWeights, placeWeights } from "./onnx-weights.ts";

/** f16: weights and arithmetic; int8: matrices, and what is multiplied with them. */
export type OnnxType = "f32" | "f16" | "int8";

/** A graph, and what its parts are made of. */
export interface Builder {
  readonly graph: OnnxGraph;
  readonly weights: OnnxWeights;
  readonly shape: ModelShape;
}

/** A graph that ends in the final hidden states. */
export interface BuiltEncoder extends Builder {
  /** (B, S) i64: 1 at a token, 0 at padding. */
  readonly attended: Value;
  /** (B, S, C) */
  readonly hidden: Value;
}

export const sequenceAxes = ["batch", "sequence"] as const;

/**
 * The bytes of model.onnx. Inputs input_ids and attention_mask (B, S) i64, and token_type_ids where the shape has segments;
 * outputs logits (B, S, V) and last_hidden_state (B, S, C) f32.
 */
export function buildOnnxModel(shape: ModelShape, parameters: readonly StoredTensor[], type: OnnxType): Uint8Array {
  const encoder = buildEncoder(shape, parameters, type);
  const { graph, hidden } = encoder;
  graph.output("logits", decode(encoder, hidden), [...sequenceAxes, shape.vocabulary]);
  graph.output("last_hidden_state", hidden, [...sequenceAxes, shape.width]);
  return graph.encode("cramming");
}

/** The graph from the inputs of buildOnnxModel to the final hidden states. */
export function buildEncoder(shape: ModelShape, parameters: readonly StoredTensor[], type: OnnxType): BuiltEncoder {
  const graph = new OnnxGraph(type === "f16" ? "f16" : "f32");
  const weights = (type === "int8" ? placeQuantisedWeights : placeWeights)(graph, parameters);
  const builder = { graph, weights, shape };
  const ids = graph.input("input_ids", sequenceAxes);
  const attended = graph.input("attention_mask", sequenceAxes);
  const segments = shape.segments ? graph.input("token_type_ids", sequenceAxes) : undefined;
  const length = graph.node("Shape", [ids], { start: 1, end: 2 }); // [S]
  const isKey = graph.node("Cast", [graph.node("Unsqueeze", [attended, graph.integers([1, 2])])], {
    to: onnxTypes.bool,
  }); // (B, 1, 1, S)
  let x = embedTokens(builder, ids, length, segments);
  const rotations = placeRotations(builder, length);
  for (let index = 0; index < shape.layers; index++) {
    x = applyLayer(builder, x, index, isKey, rotations[index % Math.max(1, rotations.length)]);
  }
  const hidden = shape.normalisation === "post" ? x : normalise(builder, x, "final.norm");
  return { ...builder, attended, hidden };
}

/** The layer norm of x's last axis by the parameters called `name`. */
export function normalise({ graph, weights, shape }: Builder, x: Value, name: string): Value {
  const operands = [x, weights.find(`${name}.weight`), weights.find(`${name}.bias`)];
  const epsilon = { float: shape.normEpsilon };
  return graph.node("LayerNormalization", operands, { axis: -1, epsilon });
}

function project({ graph, weights, shape }: Builder, x: Value, name: string): Value {
  const product = weights.multiply(x, name);
  return shape.biases ? graph.node("Add", [product, weights.find(`${name}.bias`)]) : product;
}

/** Elements `from` to `to` of an axis. */
function slice(graph: OnnxGraph, x: Value, axis: number, from: number, to: number): Value {
  return graph.node("Slice", [x, graph.integers([from]), graph.integers([to]), graph.integers([axis])]);
}

/** The first S rows of a table. */
function takeRows(graph: OnnxGraph, table: Value, length: Value): Value {
  return graph.node("Slice", [table, graph.integers([0]), length, graph.integers([0])]);
}

function embedTokens(builder: Builder, ids: Value, length: Value, segments: Value | undefined): Value {
  const { graph, weights, shape } = builder;
  let x = weights.embed(ids); // (B, S, C)
  if (shape.positions === "learned") {
    x = graph.node("Add", [x, takeRows(graph, weights.find("embedding.position"), length)]);
  } else if (shape.positions === "scaled-sinusoidal") {
    const table = graph.floats("positions", [shape.sequenceLength, shape.width], makeTables(shape).positionTable!);
    const scaled = graph.node("Mul", [takeRows(graph, table, length), weights.find("embedding.scale")]);
    x = graph.node("Add", [x, scaled]);
  }
  if (segments !== undefined) {
    x = graph.node("Add", [x, graph.node("Gather", [weights.find("embedding.segment"), segments])]);
  }
  return normalise(builder, x, "embedding.norm");
}

/** Cosines and sines (S, D/2). */
interface Rotation {
  readonly cosine: Value;
  readonly sine: Value;
}

/** One for each base; none for other positions than rotary. */
function placeRotations({ graph, shape }: Builder, length: Value): Rotation[] {
  const bases = listRotaryBases(shape);
  if (bases.length === 0) return [];
  const { sequenceLength: S, width, heads } = shape;
  const half = width / heads / 2;
  const all = makeTables(shape).positionTable!; // (K·S, D), cosines first
  return bases.map((_, k) => {
    const place = (name: string, from: number) => {
      const values = Float32Array.from({ length: S * half }, (_, i) => {
        const row = k * S + Math.floor(i / half);
        return all[row * 2 * half + from + (i % half)]!;
      });
      return takeRows(graph, graph.floats(`${name} ${k}`, [S, half], values), length);
    };
    return { cosine: place("cosines", 0), sine: place("sines", half) };
  });
}

/** x (…, S, D) turned; pairs are (d, d + D/2). */
function rotate({ graph, shape }: Builder, x: Value, { cosine, sine }: Rotation): Value {
  const D = shape.width / shape.heads;
  const first = slice(graph, x, -1, 0, D / 2);
  const second = slice(graph, x, -1, D / 2, D);
  const product = (a: Value, b: Value) => graph.node("Mul", [a, b]);
  const turned = [
    graph.node("Sub", [product(first, cosine), product(second, sine)]),
    graph.node("Add", [product(second, cosine), product(first, sine)]),
  ];
  return graph.node("Concat", turned, { axis: -1 });
}

/** Self-attention of layer `index`. */
function attend(builder: Builder, x: Value, index: number, isKey: Value, rotation: Rotation | undefined): Value {
  const { graph, shape } = builder;
  const { width: C, heads: H } = shape;
  const D = C / H;
  const qkv = project(builder, x, `layers.${index}.attention.qkv`); // (B, S, 3C)
  const split = graph.node("Reshape", [qkv, graph.integers([0, 0, 3, H, D])]);
  const parts = graph.node("Transpose", [split], { perm: [2, 0, 3, 1, 4] }); // (3, B, H, S, D)
  const both = slice(graph, parts, 0, 0, 2); // q and k
  const turned = rotation === undefined ? both : rotate(builder, both, rotation);
  const take = (from: Value, part: number) => graph.node("Gather", [from, graph.integers(part)], { axis: 0 });
  const q = graph.node("Mul", [take(turned, 0), graph.scalar(1 / Math.sqrt(D))]); // (B, H, S, D)
  const k = graph.node("Transpose", [take(turned, 1)], { perm: [0, 1, 3, 2] });
  // The lowest number of a half, so far below every score that its share is 0.
  const scores = graph.node("Where", [isKey, graph.node("MatMul", [q, k]), graph.scalar(-65504)]);
  const shares = graph.node("Softmax", [scores], { axis: -1 });
  const mixed = graph.node("MatMul", [shares, take(parts, 2)]);
  const merged = graph.node("Transpose", [mixed], { perm: [0, 2, 1, 3] }); // (B, S, H, D)
  const rows = graph.node("Reshape", [merged, graph.integers([0, 0, C])]);
  return project(builder, rows, `layers.${index}.attention.output`);
}

/** x Φ(x), in the order of operations that ONNX Runtime knows as one kernel. */
export function gelu({ graph }: Builder, x: Value): Value {
  const raised = graph.node("Add", [
    graph.node("Erf", [graph.node("Div", [x, graph.scalar(Math.SQRT2)])]),
    graph.scalar(1),
  ]);
  return graph.node("Mul", [graph.node("Mul", [x, raised]), graph.scalar(0.5)]);
}

function feedForward(builder: Builder, x: Value, index: number): Value {
  const { graph, shape } = builder;
  const hidden = project(builder, x, `layers.${index}.feedForward.in`); // (B, S, F)
  const F = shape.feedForward;
  const active =
    shape.activation === "gelu"
      ? gelu(builder, hidden)
      : graph.node("Mul", [slice(graph, hidden, -1, 0, F / 2), gelu(builder, slice(graph, hidden, -1, F / 2, F))]);
  return project(builder, active, `layers.${index}.feedForward.out`);
}

function applyLayer(builder: Builder, x: Value, index: number, isKey: Value, rotation: Rotation | undefined): Value {
  const { graph, shape } = builder;
  const isPost = shape.normalisation === "post";
  const norm = (y: Value, name: string) => normalise(builder, y, `layers.${index}.${name}.norm`);
  const read = isPost || !hasAttentionNorm(shape, index) ? x : norm(x, "attention");
  const sum = graph.node("Add", [x, attend(builder, read, index, isKey, rotation)]);
  const attended = isPost ? norm(sum, "attention") : sum;
  const fed = feedForward(builder, isPost ? attended : norm(attended, "feedForward"), index);
  const result = graph.node("Add", [attended, fed]);
  return isPost ? norm(result, "feedForward") : result;
}

function decode(builder: Builder, hidden: Value): Value {
  const { graph, weights, shape } = builder;
  if (shape.head !== "transform") return weights.decode(hidden);
  const transformed = normalise(builder, gelu(builder, project(builder, hidden, "head.dense")), "head.norm");
  return graph.node("Add", [weights.decode(transformed), weights.find("head.bias")]);
}
