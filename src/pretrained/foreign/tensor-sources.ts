// Where a parameter of ours lies in another project's file: one tensor or several, turned into our layout, and back again. A
// model's key map is a table of these, used in both directions. Matrices here are (in, out); torch's Linear.weight is (out, in).

import { countElements, type Shape } from "../../graph/tensor.ts";

export interface Source {
  /** Tensors it reads; "#" stands for a layer's number, "#+1" for that of the layer after it. */
  readonly names: readonly string[];
  /** The shape that tensor `index` of `names` must have when our parameter has `shape`. */
  shapeOf(shape: Shape, index: number): Shape;
  convert(values: readonly Float32Array[], shape: Shape): Float32Array;
  /** The other way: what each tensor of `names` holds. */
  invert(values: Float32Array, shape: Shape): readonly Float32Array[];
}

/** Our names to sources; "layers.#." stands for every layer. */
export type SourceTable = Readonly<Record<string, Source>>;

/** The same values in the same shape. */
export const copy = (name: string): Source => ({
  names: [name],
  shapeOf: shape => shape,
  convert: ([values]) => values!,
  invert: values => [values],
});

/** For a bias that the other model does not have. */
export const zeros: Source = {
  names: [],
  shapeOf: shape => shape,
  convert: (_, shape) => new Float32Array(countElements(shape)),
  invert: () => [],
};

/** Which row of theirs is column `column` of ours, of `count`. */
export type RowOrder = (column: number, count: number) => number;

/**
 * A Linear's weight (out, in) as our (in, out), or its bias. Several stand side by side in our columns, as q, k and v do.
 * `rowOf` says where a column is found when they are not in our order.
 */
const linear = (names: string | readonly string[], rowOf: RowOrder = column => column): Source => {
  const list = typeof names === "string" ? [names] : names;
  const rowsEach = (shape: Shape) => shape.at(-1)! / list.length;
  /** Visits each column of ours: which tensor of theirs has it, and where its `inputs` values start there. */
  const visitColumns = (
    shape: Shape,
    visit: (column: number, tensor: number, start: number, inputs: number, columns: number) => void,
  ): void => {
    const [inputs, columns] = shape.length === 1 ? [1, shape[0]!] : (shape as [number, number]);
    const each = rowsEach(shape);
    for (let column = 0; column < columns; column++) {
      const row = rowOf(column, columns);
      visit(column, Math.floor(row / each), (row % each) * inputs, inputs, columns);
    }
  };
  return {
    names: list,
    shapeOf: shape => [rowsEach(shape), ...shape.slice(0, -1)],
    convert: (values, shape) => {
      const result = new Float32Array(countElements(shape));
      visitColumns(shape, (column, tensor, start, inputs, columns) => {
        const from = values[tensor]!;
        for (let i = 0; i < inputs; i++) result[i * columns + column] = from[start + i]!;
      });
      return result;
    },
    invert: (values, shape) => {
      const results = list.map(() => new Float32Array(countElements(shape) / list.length));
      visitColumns(shape, (column, tensor, start, inputs, columns) => {
        const to = results[tensor]!;
        for (let i = 0; i < inputs; i++) to[start + i] = values[i * columns + column]!;
      });
      return results;
    },
  };
};

/** A norm's weight and bias, as two entries of a table. */
export const norm = (ours: string, theirs: string, hasBias = true): SourceTable => ({
  [`${ours}.weight`]: copy(`${theirs}.weight`),
  [`${ours}.bias`]: hasBias ? copy(`${theirs}.bias`) : zeros,
});

/** A projection's weight and bias, as two entries of a table. */
export const projection = (
  ours: string,
  theirs: string | readonly string[],
  hasBias = true,
  rowOf?: RowOrder,
): SourceTable => {
  const list = typeof theirs === "string" ? [theirs] : theirs;
  const all = (kind: string) =>
    linear(
      list.map(name => `${name}.${kind}`),
      rowOf,
    );
  return { [ours]: all("weight"), [`${ours}.bias`]: hasBias ? all("bias") : zeros };
};

/** A linear layer of a downstream head, weight and bias, as two entries of a table. */
export const headLayer = (ours: "hidden" | "output", theirs: string): SourceTable => ({
  [`classifier.${ours}.weight`]: linear(`${theirs}.weight`),
  [`classifier.${ours}.bias`]: linear(`${theirs}.bias`),
});
