// Initial parameters: a function of (seed, the parameter's number in the list) and nothing else, drawn on the host, so that
// every backend starts from the same bits.

import { NormalDrawer } from "../base/normal-drawer.ts";
import { streams } from "../base/random.ts";
import { countElements } from "../graph/tensor.ts";
import type { Parameter } from "./parameter.ts";
import { listParameters } from "./parameters.ts";
import type { ModelShape } from "./shape.ts";

/** Values of one parameter, in place of what is in `values`; `index` is its place in listParameters. Whatever draws them, they are the same. */
export function initialiseParameter(
  parameter: Parameter,
  index: number,
  seed: number,
  values: Float32Array = new Float32Array(countElements(parameter.shape)),
  drawer = new NormalDrawer(1),
): Float32Array {
  const { initial } = parameter;
  if (initial.kind === "constant") return values.fill(initial.value);
  const deviation = initial.kind === "orthogonal" ? 1 : initial.deviation;
  drawer.fill(values, { seed, stream: streams.initialisation, index, deviation });
  if (initial.kind === "orthogonal") orthonormalise(values, parameter);
  else if (initial.lastDeviation !== undefined) scaleLastPart(values, parameter, initial.lastDeviation / deviation);
  return values;
}

function scaleLastPart(values: Float32Array, { shape, parts }: Parameter, factor: number): void {
  const columns = shape[1]!;
  for (let i = 0; i < values.length; i++) {
    if (i % columns >= columns - columns / parts) values[i] = values[i]! * factor;
  }
}

/** Makes the shorter side of each part orthonormal by Gram and Schmidt, twice for the digits' sake, times √(columns / rows). */
function orthonormalise(values: Float32Array, { shape, parts }: Parameter): void {
  const [rows, columns] = shape as [number, number];
  const width = columns / parts;
  const [count, length] = rows < width ? [rows, width] : [width, rows];
  for (let part = 0; part < parts; part++) {
    const at = (vector: number, i: number) =>
      part * width + (rows < width ? vector * columns + i : i * columns + vector);
    const vectors: Float64Array[] = [];
    for (let number = 0; number < count; number++) {
      const vector = Float64Array.from({ length }, (_, i) => values[at(number, i)]!);
      for (const before of [...vectors, ...vectors]) {
        let product = 0;
        for (let i = 0; i < length; i++) product += before[i]! * vector[i]!;
        for (let i = 0; i < length; i++) vector[i]! -= product * before[i]!;
      }
      const norm = Math.hypot(...vector);
      vectors.push(vector.map(value => value / norm));
    }
    const scale = Math.sqrt(width / rows);
    vectors.forEach((vector, number) => {
      for (let i = 0; i < length; i++) values[at(number, i)] = scale * vector[i]!;
    });
  }
}

/** All initial parameters by name. */
export function initialiseParameters(shape: ModelShape, seed: number): Map<string, Float32Array> {
  return new Map(
    listParameters(shape).map((parameter, i) => [parameter.name, initialiseParameter(parameter, i, seed)] as const),
  );
}
