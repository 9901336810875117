// A finetuned model as an ONNX graph: the encoder of onnx-model.ts and the head of src/model/classifier.ts. Its output is called
// logits, as transformers.js and optimum look for it; what becomes of them (softmax, or a number) the config says.
//
// B sequences, S positions, width C, head width H, L outputs.

import type { StoredTensor } from "../checkpoint/safetensors.ts";
import type { ClassifierShape } from "../model/classifier.ts";
import type { ModelShape } from "../model/shape.ts";
import { onnxTypes, type Value } from "./onnx-graph.ts";
import { type BuiltEncoder, buildEncoder, gelu, normalise, type OnnxType, sequenceAxes } from "./onnx-model.ts";

/** Inputs as buildOnnxModel's; the output logits (B, L), for tokens (B, S, L), f32. */
export function buildOnnxClassifier(
  shape: ModelShape,
  { kind, pooler, head, outputs }: ClassifierShape,
  parameters: readonly StoredTensor[],
  type: OnnxType,
): Uint8Array {
  const encoder = buildEncoder(shape, parameters, type);
  const { graph, weights, hidden } = encoder;
  const apply = (x: Value, name: "hidden" | "output") => {
    const product = weights.multiply(x, `classifier.${name}.weight`);
    return graph.node("Add", [product, weights.find(`classifier.${name}.bias`)]);
  };
  const isTokens = kind === "tokens";
  const wide = apply(isTokens ? hidden : poolSequences(encoder, pooler), "hidden"); // (B, H)
  const active =
    head === "tanh" ? graph.node("Tanh", [wide]) : normalise(encoder, gelu(encoder, wide), "classifier.norm");
  graph.output("logits", apply(active, "output"), isTokens ? [...sequenceAxes, outputs] : ["batch", outputs]);
  return graph.encode("cramming");
}

/** Below every hidden state, and a number of a half. */
const excluded = -65504;

/** One row a sequence (B, C) of its real tokens. */
function poolSequences({ graph, hidden, attended }: BuiltEncoder, pooler: ClassifierShape["pooler"]): Value {
  if (pooler === "cls") return graph.node("Gather", [hidden, graph.integers(0)], { axis: 1 });
  const marks = graph.node("Unsqueeze", [attended, graph.integers([2])]); // (B, S, 1)
  const isReal = graph.node("Cast", [marks], { to: onnxTypes.bool });
  const positions = graph.integers([1]);
  const sum = (x: Value) => graph.node("ReduceSum", [x, positions], { keepdims: 0 });
  if (pooler === "mean") {
    const counts = sum(graph.node("Cast", [marks], { to: onnxTypes[graph.float] })); // (B, 1)
    return graph.node("Div", [sum(graph.node("Where", [isReal, hidden, graph.scalar(0)])), counts]);
  }
  const real = graph.node("Where", [isReal, hidden, graph.scalar(excluded)]);
  const largest = (keepdims: 0 | 1) => graph.node("ReduceMax", [real], { axes: [1], keepdims });
  if (pooler === "max") return largest(0);
  // log Σ exp, the largest taken out first; what is excluded adds exp of something far below 0.
  const raised = graph.node("Exp", [graph.node("Sub", [real, largest(1)])]);
  return graph.node("Add", [graph.node("Log", [sum(raised)]), largest(0)]);
}
