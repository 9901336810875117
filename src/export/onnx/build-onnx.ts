// A model as the bytes of an ONNX file, made of the graph that cram itself computes. Batch and length are decided at a run, up to the
// model's sequence length: its tables of positions end there. Inputs and outputs have the names that transformers.js and optimum look
// for; both outputs of a language model are in one file, so that fill-mask and feature-extraction find what they need in it.
//
// B sequences, S positions, T = B·S, width C, vocabulary V, L outputs of a head.

import { UserError } from "../../base/errors.ts";
import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import { state } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { type ClassifierShape, classify, type PaddedInputs } from "../../model/classifier.ts";
import { encode } from "../../model/encoder.ts";
import { decodeRows } from "../../model/heads.ts";
import { declareEncoderInputs, type EncoderInputs, makeTables } from "../../model/inputs.ts";
import type { Parameters } from "../../model/layer-parts.ts";
import type { ModelShape } from "../../model/shape.ts";
import { alignGraphs, constantSize, isConstant, type Size } from "./aligned-graph.ts";
import { lowerGraph } from "./lower-graph.ts";
import { OnnxGraph, type Value } from "./onnx-graph.ts";
import { placeQuantisedWeights, placeWeights } from "./onnx-weights.ts";

/** f16: weights and arithmetic; int8: matrices, and what is multiplied with them. */
export type OnnxType = "f32" | "f16" | "int8";

/**
 * The bytes of model.onnx. Inputs input_ids and attention_mask (B, S) i64, and token_type_ids where the shape has segments; a sequence
 * is the first tokens of its row, as many as the mask has ones. Outputs logits (B, S, V), none of an encoder alone, and last_hidden_state
 * (B, S, C) f32.
 */
export function buildOnnxModel(shape: ModelShape, parameters: readonly StoredTensor[], type: OnnxType): Uint8Array {
  const build = (inputs: PaddedInputs, tensors: Parameters) => {
    const hidden = encode(inputs, tensors, shape);
    const logits = shape.isEncoder ? {} : { logits: decodeRows(hidden, tensors, shape) };
    return { ...logits, last_hidden_state: hidden };
  };
  return buildOnnx(shape, parameters, type, build);
}

/** Inputs as buildOnnxModel's; the output logits (B, L), for tokens (B, S, L), f32. What becomes of them the config says. */
export function buildOnnxClassifier(
  shape: ModelShape,
  classifier: ClassifierShape,
  parameters: readonly StoredTensor[],
  type: OnnxType,
): Uint8Array {
  const build = (inputs: PaddedInputs, tensors: Parameters) => ({
    logits: classify(inputs, tensors, shape, classifier),
  });
  return buildOnnx(shape, parameters, type, build);
}

type BuildOutputs = (inputs: PaddedInputs, parameters: Parameters) => Readonly<Record<string, Tensor>>;

const size = (part: Partial<Size>): Size => ({ ...constantSize(0), ...part });
const batchSize = size({ batch: 1 });
const sequenceAxes = ["batch", "sequence"] as const;

function buildOnnx(shape: ModelShape, parameters: readonly StoredTensor[], type: OnnxType, build: BuildOutputs) {
  const tensors = new Map(parameters.map(({ name, shape: own }) => [name, state(name, own)] as const));
  // A funnel's sequences are filled to a multiple of its widest stride, so what a size is counted in is that stride.
  const unit = Math.max(1, ...shape.strides);
  if (shape.positions === "learned" && unit > 1 && shape.sequenceLength < 4 * unit) {
    throw new UserError(
      "E_EXPORT_FORMAT",
      `model.strides of ${unit} leave ${shape.sequenceLength / unit} lengths to see what an ONNX file's sizes are, and learned positions have no more`,
      "cram fill, embed and evaluate read the run itself.",
    );
  }
  const aligned = alignGraphs((batch, units) => {
    const inputs = declareEncoderInputs(shape, batch, units * unit, "padded") as EncoderInputs & PaddedInputs;
    return build(inputs, tensors);
  }, shape.sequenceLength / unit);

  const graph = new OnnxGraph(type === "f16" ? "f16" : "f32");
  const weights = (type === "int8" ? placeQuantisedWeights : placeWeights)(graph, parameters);
  const ids = graph.input("input_ids", sequenceAxes);
  const attended = graph.input("attention_mask", sequenceAxes);
  const segments = shape.segments ? graph.input("token_type_ids", sequenceAxes) : undefined;
  const length = graph.node("Shape", [ids], { start: 1, end: 2 });
  const { fill, units, filled } = fillSequences(graph, length, unit);
  const flatten = (value: Value) => graph.node("Reshape", [fill(value), graph.integers([-1])]);
  const given: Readonly<Record<string, () => Value>> = {
    tokens: () => flatten(ids),
    lengths: () => graph.node("ReduceSum", [attended, graph.integers([1])], { keepdims: 0 }),
    segments: () => flatten(segments!),
  };
  const { lower, reshape } = lowerGraph(aligned, graph, weights, {
    batch: graph.node("Shape", [ids], { start: 0, end: 1 }),
    length: units,
    input: (name, sizes) => given[name]?.() ?? placeTable(graph, shape, name, sizes, filled),
  });
  for (const [name, tensor] of Object.entries(aligned.outputs)) {
    const [rows, columns] = aligned.shapeOf(tensor) as [Size, Size];
    const isOfTokens = rows.both === unit;
    const value = lower(tensor);
    let whole = isOfTokens ? reshape(value, [batchSize, size({ length: unit }), columns]) : value;
    if (isOfTokens && unit > 1) whole = graph.node("Slice", [whole, graph.integers([0]), length, graph.integers([1])]);
    graph.output(name, whole, [...(isOfTokens ? sequenceAxes : ["batch"]), columns.constant]);
  }
  return graph.encode("cramming");
}

/** What fills (B, S) with zeros up to a multiple of `unit`, that length, and how many units it is. */
function fillSequences(graph: OnnxGraph, length: Value, unit: number) {
  if (unit === 1) return { fill: (value: Value) => value, units: length, filled: length };
  const missing = graph.node("Mod", [graph.node("Neg", [length]), graph.integers([unit])]);
  const pads = graph.node("Concat", [graph.integers([0, 0, 0]), missing], { axis: 0 });
  const filled = graph.node("Add", [length, missing]);
  return {
    fill: (value: Value) => graph.node("Pad", [value, pads]),
    units: graph.node("Div", [filled, graph.integers([unit])]),
    filled,
  };
}

/** A table that the model reads: of the first S positions, where it has a row for each, K of them behind one another. */
function placeTable(graph: OnnxGraph, shape: ModelShape, name: string, sizes: readonly Size[], length: Value): Value {
  const longest = shape.sequenceLength;
  const values = makeTables(shape)[name]!;
  const [rows, ...others] = sizes as [Size, ...Size[]];
  const columns = others.map(({ constant }) => constant);
  if (isConstant(rows)) return graph.floats(name, [rows.constant, ...columns], values);
  const isOfPositions = others.every(isConstant) && rows.constant === 0 && rows.batch === 0 && rows.both === 0;
  const count = rows.length / Math.max(1, ...shape.strides);
  if (!isOfPositions || !isPrefix(shape, name, count)) throw new Error(`the table ${name} has no rows of positions`);
  const table = graph.floats(name, [count, longest, ...columns], values);
  const first = graph.node("Slice", [table, graph.integers([0]), length, graph.integers([1])]);
  return graph.node("Reshape", [first, graph.integers([-1, ...columns])]);
}

/** Whether the tables of a shorter length are the first rows of those of the longest. */
function isPrefix(shape: ModelShape, name: string, count: number): boolean {
  const longest = shape.sequenceLength;
  const [whole, part] = [makeTables(shape)[name]!, makeTables(shape, longest - 1)[name]!];
  const [wide, short] = [whole.length / count, part.length / count];
  return part.every((value, i) => value === whole[Math.floor(i / short) * wide + (i % short)]);
}
