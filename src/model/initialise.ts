// Initial parameters: a function of (seed, the parameter's number in the list) and nothing else, drawn on the host, so that
// every backend starts from the same bits.

import { RandomSequence, streams } from "../base/random.ts";
import { countElements } from "../graph/tensor.ts";
import { listParameters, type Parameter } from "./parameters.ts";
import type { ModelShape } from "./shape.ts";

/** Values of one parameter; `index` is its place in listParameters. */
export function initialiseParameter(parameter: Parameter, index: number, seed: number): Float32Array {
  const values = new Float32Array(countElements(parameter.shape));
  const { initial } = parameter;
  if (initial.kind === "constant") return values.fill(initial.value);
  const random = new RandomSequence(seed, streams.initialisation, index);
  for (let i = 0; i < values.length; i += 2) {
    const [first, second] = random.normalPair();
    values[i] = initial.deviation * first;
    if (i + 1 < values.length) values[i + 1] = initial.deviation * second;
  }
  return values;
}

/** All initial parameters by name. */
export function initialiseParameters(shape: ModelShape, seed: number): Map<string, Float32Array> {
  return new Map(
    listParameters(shape).map((parameter, i) => [parameter.name, initialiseParameter(parameter, i, seed)] as const),
  );
}
