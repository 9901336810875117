// Our graph as operators of ONNX: a row of a table an operation, and one node an operator. Integers are int64, as ONNX has sizes and
// indices, and u32 wraps where ours does. Axes that repeat are left to the operators, which repeat by themselves.

import { UserError } from "../../base/errors.ts";
import type { BinaryFunction, DType, Operation, Tensor, UnaryFunction } from "../../graph/tensor.ts";
import { type AlignedGraph, constantSize, isConstant, type Size, sizeKey } from "./aligned-graph.ts";
import { type OnnxGraph, onnxTypes, type Value } from "./onnx-graph.ts";
import { findGelu, findLayerNorm, findSoftmax, skipBroadcasts } from "./onnx-patterns.ts";
import type { OnnxWeights } from "./onnx-weights.ts";

/** Values that stand for inputs, and for the two sizes, which are lists of one int64. */
export interface GivenValues {
  readonly batch: Value;
  readonly length: Value;
  input(name: string, shape: readonly Size[]): Value;
}

const unaryOperators: Readonly<Record<Exclude<UnaryFunction, "detach" | "rsqrt">, string>> = {
  negate: "Neg",
  exp: "Exp",
  log: "Log",
  sqrt: "Sqrt",
  sin: "Sin",
  cos: "Cos",
  tanh: "Tanh",
  erf: "Erf",
};
const binaryOperators: Readonly<Record<BinaryFunction, string>> = {
  add: "Add",
  subtract: "Sub",
  multiply: "Mul",
  divide: "Div",
  maximum: "Max",
  minimum: "Min",
};

/** What lowers a tensor of the graph to a value of its whole shape; each once. */
export function lowerGraph(
  { shapeOf, numbersOf }: AlignedGraph,
  graph: OnnxGraph,
  weights: OnnxWeights,
  given: GivenValues,
): { lower(tensor: Tensor): Value; reshape(x: Value, shape: readonly Size[]): Value } {
  const lowered = new Map<Tensor, Value>();
  const lower = (tensor: Tensor): Value => {
    const known = lowered.get(tensor);
    if (known !== undefined) return known;
    const value = lowerPattern(tensor) ?? lowerOperation(tensor);
    lowered.set(tensor, value);
    return value;
  };

  /** A size as a list of one. */
  const sizeValue = (size: Size): Value => {
    const parts: Value[] = [];
    const addTerm = (factor: number, value: Value) => {
      if (factor !== 0) parts.push(factor === 1 ? value : graph.node("Mul", [value, graph.integers([factor])]));
    };
    addTerm(size.batch, given.batch);
    addTerm(size.length, given.length);
    if (size.both !== 0) addTerm(size.both, graph.node("Mul", [given.batch, given.length]));
    if (size.constant !== 0 || parts.length === 0) parts.push(graph.integers([size.constant]));
    return parts.reduce((sum, part) => graph.node("Add", [sum, part]));
  };
  const scalarSize = (size: Size) =>
    isConstant(size) ? graph.integers(size.constant) : graph.node("Squeeze", [sizeValue(size)]);
  /** Sizes as one list; `placeholder` stands for the last one that is not constant. */
  const sizeList = (sizes: readonly Size[], placeholder?: number): Value => {
    const last = placeholder === undefined ? -1 : sizes.findLastIndex(size => !isConstant(size));
    const numbers = sizes.map((size, axis) => (axis === last ? placeholder! : isConstant(size) ? size.constant : size));
    if (numbers.every(size => typeof size === "number")) return graph.integers(numbers as number[]);
    const pieces: Value[] = [];
    for (let axis = 0; axis < numbers.length; ) {
      const size = numbers[axis]!;
      let end = axis + 1;
      while (typeof size === "number" && typeof numbers[end] === "number") end++;
      pieces.push(typeof size === "number" ? graph.integers(numbers.slice(axis, end) as number[]) : sizeValue(size));
      axis = end;
    }
    return pieces.length === 1 ? pieces[0]! : graph.node("Concat", pieces, { axis: 0 });
  };
  const reshape = (x: Value, shape: readonly Size[]) => graph.node("Reshape", [x, sizeList(shape, -1)]);

  const lowerPattern = (tensor: Tensor): Value | undefined => {
    const { operation } = tensor;
    if (operation.kind !== "binary") return undefined;
    const norm = findLayerNorm(tensor);
    if (norm !== undefined) {
      const columns = norm.x.shape.at(-1)!;
      const gain = norm.gain === undefined ? graph.ones(columns) : lower(norm.gain);
      const operands = [lower(norm.x), gain, ...(norm.bias === undefined ? [] : [lower(norm.bias)])];
      return graph.node("LayerNormalization", operands, { axis: -1, epsilon: { float: norm.epsilon } });
    }
    const scores = findSoftmax(tensor);
    if (scores !== undefined) return graph.node("Softmax", [lower(scores)], { axis: -1 });
    const x = findGelu(tensor);
    if (x === undefined) return undefined;
    // In the order of operations that ONNX Runtime knows as one kernel.
    const value = lower(x);
    const error = graph.node("Erf", [graph.node("Div", [value, graph.scalar(Math.SQRT2)])]);
    const raised = graph.node("Add", [error, graph.scalar(1)]);
    return graph.node("Mul", [graph.node("Mul", [value, raised]), graph.scalar(0.5)]);
  };

  /** A node of operands that repeat by themselves, repeated to the whole shape where none of them has it. */
  const lowerElementwise = (tensor: Tensor, make: (operands: readonly Value[]) => Value): Value => {
    const operands = tensor.inputs.map(skipBroadcasts);
    const value = make(operands.map(lower));
    const isWhole = tensor.shape.every((size, axis) =>
      operands.some(({ shape }) => (shape[axis - tensor.shape.length + shape.length] ?? 1) === size),
    );
    return isWhole ? value : expand(value, tensor);
  };
  const expand = (value: Value, tensor: Tensor) => graph.node("Expand", [value, sizeList(shapeOf(tensor))]);

  const wrap = (value: Value, dtype: DType) =>
    dtype === "u32" ? graph.node("Mod", [value, graph.integers(2 ** 32)]) : value;

  const lowerProduct = ({ inputs }: Tensor): Value => {
    const [a, b] = inputs as [Tensor, Tensor];
    if (b.operation.kind === "state") return weights.multiply(lower(a), b.operation.name);
    const [source] = b.inputs;
    if (b.operation.kind === "permute" && b.shape.length === 2 && source!.operation.kind === "state") {
      return weights.multiplyTransposed(lower(a), source!.operation.name);
    }
    // The product repeats one of them itself.
    const [left, right] = [skipRepeatedBatch(a), skipRepeatedBatch(b)];
    return graph.node("MatMul", [lower(right === b ? left : a), lower(right)]);
  };

  const lowerSlice = (tensor: Tensor): Value => {
    const [x] = tensor.inputs as [Tensor];
    const [starts, sizes, whole] = [numbersOf(tensor), shapeOf(tensor), shapeOf(x)];
    const axes = sizes.flatMap((size, axis) => (sizeKey(size) === sizeKey(whole[axis]!) ? [] : [axis]));
    const ends = axes.map(axis => addSizes(starts[axis]!, sizes[axis]!));
    const from = sizeList(axes.map(axis => starts[axis]!));
    return graph.node("Slice", [lower(x), from, sizeList(ends), graph.integers(axes)]);
  };

  const lowerOperation = (tensor: Tensor): Value => {
    const { operation, inputs, dtype } = tensor;
    const [x, y] = inputs as [Tensor, Tensor];
    switch (operation.kind) {
      case "input":
        return given.input(operation.name, shapeOf(tensor));
      case "state":
        return weights.find(operation.name);
      case "constant":
        if (dtype === "f32") return graph.scalar(operation.value);
        return scalarSize(numbersOf(tensor)[0]!);
      case "iota": {
        const end = scalarSize(shapeOf(tensor)[0]!);
        return graph.node("Range", [graph.integers(0), end, graph.integers(1)]);
      }
      case "unary":
        if (operation.fn === "detach") return lower(x);
        if (operation.fn === "rsqrt") return graph.node("Reciprocal", [graph.node("Sqrt", [lower(x)])]);
        return graph.node(unaryOperators[operation.fn], [lower(x)]);
      case "binary":
        return lowerElementwise(tensor, operands => wrap(graph.node(binaryOperators[operation.fn], operands), dtype));
      case "compare":
        return lowerElementwise(tensor, operands => graph.node(operation.fn === "less" ? "Less" : "Equal", operands));
      case "select":
        return lowerElementwise(tensor, operands => graph.node("Where", operands));
      case "cast":
        if (isInteger(x.dtype) && isInteger(dtype)) return wrap(lower(x), dtype);
        return graph.node("Cast", [lower(x)], { to: onnxTypes[typeOf(dtype, graph)] });
      case "reduce":
        if (operation.fn === "sum") return graph.node("ReduceSum", [lower(x), graph.integers(operation.axes)]);
        return graph.node("ReduceMax", [lower(x)], { axes: operation.axes });
      case "reshape": {
        let source = x;
        while (source.operation.kind === "reshape") source = source.inputs[0]!;
        return reshape(lower(source), shapeOf(tensor));
      }
      case "permute": {
        let [source, order] = [x, operation.order];
        while (source.operation.kind === "permute") {
          const inner = source.operation.order;
          [source, order] = [source.inputs[0]!, order.map(axis => inner[axis]!)];
        }
        const isSame = order.every((axis, i) => axis === i);
        return isSame ? lower(source) : graph.node("Transpose", [lower(source)], { perm: order });
      }
      case "broadcast":
        return expand(lower(x), tensor);
      case "slice":
        return lowerSlice(tensor);
      case "concat":
        return graph.node("Concat", inputs.map(lower), { axis: operation.axis });
      case "matmul":
        return lowerProduct(tensor);
      case "gather":
        // All rows in their order.
        if (y.operation.kind === "iota" && y.shape[0] === x.shape[0]) return lower(x);
        if (x.operation.kind === "state") return weights.takeRows(lower(y), x.operation.name);
        return graph.node("Gather", [lower(x), lower(y)]);
      default:
        return refuseOperation(operation);
    }
  };
  return { lower, reshape };
}

/** The matrices that a tensor repeats for each of a batch; the tensor itself where it repeats none. */
function skipRepeatedBatch(tensor: Tensor): Tensor {
  const [x] = tensor.inputs;
  const isRepeated =
    tensor.operation.kind === "broadcast" && x!.shape.slice(-2).join() === tensor.shape.slice(-2).join();
  return isRepeated ? x! : tensor;
}

function refuseOperation({ kind }: Operation): never {
  throw new UserError(
    "E_EXPORT_FORMAT",
    `the model's graph has the operation ${kind}, which no operator of ONNX is`,
    "cram fill, embed and evaluate read the run itself.",
  );
}

const isInteger = (dtype: DType): boolean => dtype === "i32" || dtype === "u32";

function typeOf(dtype: DType, { float }: OnnxGraph): keyof typeof onnxTypes {
  if (isInteger(dtype)) return "i64";
  return dtype === "bool" ? "bool" : float;
}

function addSizes(a: Size, b: Size): Size {
  const { constant, batch, length, both } = a;
  return {
    ...constantSize(constant + b.constant),
    ...{ batch: batch + b.batch, length: length + b.length, both: both + b.both },
  };
}
