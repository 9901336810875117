// The matrices of a model in an ONNX graph, and what is done with them: as they are, or as bytes with a scale a column. Bytes are
// multiplied with activations that are quantised while the graph runs, a scale a tensor; the sums are exact.

import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import { type OnnxGraph, onnxTypes, type Value } from "./onnx-graph.ts";
import { quantise, zeroByte } from "./quantise.ts";

export interface OnnxWeights {
  /** A parameter as it is: norms, biases, small tables. */
  find(name: string): Value;
  /** x (…, in) · W (in, out). */
  multiply(x: Value, name: string): Value;
  /** x (…, in) · Wᵀ, W (out, in). */
  multiplyTransposed(x: Value, name: string): Value;
  /** Rows (N, C) of a table by ids (N). */
  takeRows(ids: Value, name: string): Value;
}

/** Tables of fewer rows, as that of segments, stay as they are. */
const leastRows = 8;

export function placeWeights(graph: OnnxGraph, parameters: readonly StoredTensor[]): OnnxWeights {
  const stored = new Map(parameters.map(parameter => [parameter.name, parameter] as const));
  const placed = new Map<string, Value>();
  const find = (name: string): Value => {
    const known = placed.get(name);
    if (known !== undefined) return known;
    const parameter = stored.get(name);
    if (parameter === undefined) throw new Error(`the model has no parameter ${name}`);
    placed.set(name, graph.floats(name, parameter.shape, parameter.read()));
    return name;
  };
  return {
    find,
    multiply: (x, name) => graph.node("MatMul", [x, find(name)]),
    multiplyTransposed: (x, name) => graph.node("MatMul", [x, graph.node("Transpose", [find(name)], { perm: [1, 0] })]),
    takeRows: (ids, name) => graph.node("Gather", [find(name), ids]),
  };
}

/** As placeWeights, matrices and long tables as bytes. The graph's type is f32. */
export function placeQuantisedWeights(graph: OnnxGraph, parameters: readonly StoredTensor[]): OnnxWeights {
  const whole = placeWeights(graph, parameters);
  const placed = new Map<string, { readonly bytes: Value; readonly scales: Value }>();
  const placeBytes = (name: string, along: "rows" | "columns") => {
    const known = placed.get(`${name} ${along}`);
    if (known !== undefined) return known;
    const parameter = parameters.find(candidate => candidate.name === name)!;
    const shape = parameter.shape as [number, number];
    const { bytes, scales } = quantise(parameter.read(), shape, along);
    const made = {
      bytes: graph.bytes(`${name}.bytes of ${along}`, shape, bytes),
      scales: graph.floats(`${name}.scales of ${along}`, [scales.length], scales),
    };
    placed.set(`${name} ${along}`, made);
    return made;
  };
  const zero = graph.bytes("zero byte", [], Uint8Array.of(zeroByte));
  const multiplyBytes = (x: Value, bytes: Value, scales: Value): Value => {
    const [quantised, scale, offset] = graph.nodeOfMany("DynamicQuantizeLinear", [x], 3) as [Value, Value, Value];
    const sums = graph.node("MatMulInteger", [quantised, bytes, offset, zero]);
    const scaled = graph.node("Mul", [scale, scales]);
    return graph.node("Mul", [graph.node("Cast", [sums], { to: onnxTypes.f32 }), scaled]);
  };
  return {
    find: whole.find,
    multiply: (x, name) => {
      const { bytes, scales } = placeBytes(name, "columns");
      return multiplyBytes(x, bytes, scales);
    },
    takeRows: (ids, name) => {
      if (parameters.find(candidate => candidate.name === name)!.shape[0]! < leastRows)
        return whole.takeRows(ids, name);
      const embedding = placeBytes(name, "rows");
      const rows = graph.node("Cast", [graph.node("Gather", [embedding.bytes, ids])], { to: onnxTypes.f32 });
      const centred = graph.node("Sub", [rows, graph.scalar(zeroByte)]);
      const scales = graph.node("Gather", [embedding.scales, ids]);
      return graph.node("Mul", [centred, graph.node("Unsqueeze", [scales, graph.integers([-1])])]);
    },
    multiplyTransposed: (x, name) => {
      const { bytes, scales } = placeBytes(name, "rows");
      return multiplyBytes(x, graph.node("Transpose", [bytes], { perm: [1, 0] }), scales);
    },
  };
}
