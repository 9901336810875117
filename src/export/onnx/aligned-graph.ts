// One graph for every batch and length. A model's graph is built for several of them; the graphs are the same but for numbers that are
// sizes, and each size is a polynomial in batch and length that all builds agree on. What is none is refused, so an axis that got
// its name here has it at every size.

import { UserError } from "../../base/errors.ts";
import { createTensor, operationKey, sortTopologically, type Tensor } from "../../graph/tensor.ts";

/** constant + batch · B + length · S + both · B · S. */
export interface Size {
  readonly constant: number;
  readonly batch: number;
  readonly length: number;
  readonly both: number;
}

export const constantSize = (constant: number): Size => ({ constant, batch: 0, length: 0, both: 0 });
export const isConstant = ({ batch, length, both }: Size): boolean => batch === 0 && length === 0 && both === 0;
export const sizeKey = ({ constant, batch, length, both }: Size): string => `${constant} ${batch} ${length} ${both}`;

export interface AlignedGraph {
  readonly outputs: Readonly<Record<string, Tensor>>;
  shapeOf(tensor: Tensor): readonly Size[];
  /** Where a slice starts on each axis; the value of a constant that is an integer. */
  numbersOf(tensor: Tensor): readonly Size[];
}

/** Of four a size is computed, and the last must agree. No two have a number in common with one another. */
const samplesOf = (longest: number): readonly (readonly [batch: number, length: number])[] => {
  const [first, second, last] = longest < 11 ? [2, 3, 4] : [5, 7, 11];
  return [
    [2, first],
    [3, first],
    [2, second],
    [3, second],
    [5, last],
  ];
};

/** `build` gives the outputs for a batch and a length up to `longest`, at least 4. UserError E_EXPORT_FORMAT for what has no names. */
export function alignGraphs(
  build: (batch: number, length: number) => Readonly<Record<string, Tensor>>,
  longest: number,
): AlignedGraph {
  const samples = samplesOf(longest);
  const built = samples.map(([batch, length]) => expandComposites(build(batch, length)));
  const nodes = built.map(outputs => sortTopologically(Object.values(outputs)));
  const [first] = nodes as [Tensor[]];
  const places = nodes.map(list => new Map(list.map((node, place) => [node, place] as const)));
  if (nodes.some(list => list.length !== first.length)) refuse("other operations at another length");
  const shapes = new Map<Tensor, readonly Size[]>();
  const numbers = new Map<Tensor, readonly Size[]>();
  const fit = (rows: readonly (readonly number[])[], node: Tensor) =>
    rows[0]!.map((_, axis) => {
      const size = fitSize(
        rows.map(row => row[axis]!),
        samples,
      );
      return size ?? refuse(`a size that batch and length do not give (of ${node.operation.kind})`);
    });
  for (const [place, node] of first.entries()) {
    const all = nodes.map(list => list[place]!);
    const describe = (each: Tensor, sample: number) => {
      const operands = each.inputs.map(operand => places[sample]!.get(operand));
      return `${describeOperation(each)} ${operands} ${each.shape.length} ${each.dtype}`;
    };
    if (all.some((each, sample) => describe(each, sample) !== describe(node, 0))) {
      refuse(`another ${node.operation.kind} at another length`);
    }
    shapes.set(
      node,
      fit(
        all.map(({ shape }) => shape),
        node,
      ),
    );
    if (listNumbers(node) !== undefined)
      numbers.set(
        node,
        fit(
          all.map(each => listNumbers(each)!),
          node,
        ),
      );
  }
  return { outputs: built[0]!, shapeOf: tensor => shapes.get(tensor)!, numbersOf: tensor => numbers.get(tensor)! };
}

function refuse(what: string): never {
  throw new UserError(
    "E_EXPORT_FORMAT",
    `the model's graph has ${what}, and an ONNX file is one graph for all of them`,
    "cram fill, embed and evaluate read the run itself.",
  );
}

/** What may be a size, of a slice or a constant. */
function listNumbers({ operation, dtype }: Tensor): readonly number[] | undefined {
  if (operation.kind === "slice") return operation.starts;
  return operation.kind === "constant" && dtype !== "f32" ? [operation.value] : undefined;
}

/** All but what may be a size. */
function describeOperation(tensor: Tensor): string {
  return listNumbers(tensor) === undefined ? operationKey(tensor.operation) : tensor.operation.kind;
}

function fitSize(values: readonly number[], samples: readonly (readonly [number, number])[]): Size | undefined {
  const [[b0, s0], [b1], [, s1]] = samples as [[number, number], [number, number], [number, number]];
  const [v00, v10, v01, v11] = values as [number, number, number, number];
  const both = (v11 - v10 - v01 + v00) / ((b1 - b0) * (s1 - s0));
  const batch = (v10 - v00) / (b1 - b0) - both * s0;
  const length = (v01 - v00) / (s1 - s0) - both * b0;
  const size = { constant: v00 - batch * b0 - length * s0 - both * b0 * s0, batch, length, both };
  const isWhole = Object.values(size).every(Number.isInteger);
  return isWhole && samples.every(([b, s], i) => evaluate(size, b, s) === values[i]) ? size : undefined;
}

function evaluate({ constant, batch, length, both }: Size, b: number, s: number): number {
  return constant + batch * b + length * s + both * b * s;
}

/** The same outputs in primitives alone. */
function expandComposites(outputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const expanded = new Map<Tensor, Tensor>();
  const visit = (root: Tensor): Tensor => {
    for (const node of sortTopologically([root])) if (!expanded.has(node)) expanded.set(node, expand(node));
    return expanded.get(root)!;
  };
  const expand = (node: Tensor): Tensor => {
    const { operation, shape, dtype } = node;
    const inputs = node.inputs.map(operand => expanded.get(operand)!);
    for (const operand of inputs) expanded.set(operand, operand);
    if (operation.kind === "composite") return visit(operation.definition.decompose(inputs, operation.attributes));
    return inputs.every((operand, i) => operand === node.inputs[i])
      ? node
      : createTensor(operation, inputs, shape, dtype);
  };
  return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, visit(tensor)]));
}
