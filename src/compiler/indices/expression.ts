// Reads a value of the graph at one position of a loop: views turn into index arithmetic, elementwise operations are
// applied, and the walk ends at tensors that stand in memory. Emitting and analysis are two handlers of the same walk,
// so what the analysis saw is what is emitted.

import { isNarrow, rowMajorStrides, type Shape, type Tensor } from "../../graph/tensor.ts";
import {
  combineIndices,
  divideIndex,
  type Index,
  indexKey,
  loadIndex,
  remainderIndex,
  shiftIndex,
  variableIndex,
  zeroIndex,
} from "./index-expression.ts";

export interface Handler<T> {
  /** Values of this walk by tensor, each with its position, so that shared subexpressions are visited once. */
  readonly seen: Map<Tensor, { readonly position: readonly Index[]; readonly value: T }[]>;
  /** A tensor in memory, at a flat position. */
  load(tensor: Tensor, flat: Index): T;
  constant(value: number, node: Tensor): T;
  /** The position itself, as a number. */
  index(index: Index, node: Tensor): T;
  apply(node: Tensor, operands: readonly T[]): T;
  /** parts[i] where position < ends[i], the last otherwise; position is along the joined axis. */
  choose(node: Tensor, position: Index, ends: readonly number[], parts: readonly T[]): T;
  /** A position along an axis of this size that is itself a value: read from memory at what the key says. */
  lookUp(key: string, value: T, size: number): Index;
}

/** One loop variable an axis, named i0, i1, …; axes of size 1 stand still. */
export function loopPosition(shape: Shape): Index[] {
  return shape.map((size, axis) => variableIndex(`i${axis}`, size));
}

export function flattenPosition(position: readonly Index[], shape: Shape): Index {
  const strides = rowMajorStrides(shape);
  return combineIndices(position.map((index, axis) => ({ index, factor: strides[axis]! })));
}

/** What a row is looked up by: the indices, and where in them it stands. */
export const lookUpKey = (indices: Tensor, at: Index): string => `${indices.id}@${indexKey(at)}`;

/** Walks the expression of `tensor` at `position`; tensors for which `inMemory` holds are loaded. */
export function walkValue<T>(
  tensor: Tensor,
  position: readonly Index[],
  inMemory: (tensor: Tensor) => boolean,
  handler: Handler<T>,
): T {
  const visits = handler.seen.get(tensor) ?? [];
  const visit = visits.find(known => isSamePosition(known.position, position));
  if (visit !== undefined) return visit.value;
  const value = inMemory(tensor)
    ? handler.load(tensor, flattenPosition(position, tensor.shape))
    : walkOperation(tensor, position, inMemory, handler);
  visits.push({ position, value });
  handler.seen.set(tensor, visits);
  return value;
}

function isSamePosition(a: readonly Index[], b: readonly Index[]): boolean {
  return a === b || a.every((index, axis) => index === b[axis] || indexKey(index) === indexKey(b[axis]!));
}

/** As walkValue, but computes `tensor` itself even when it stands in memory. */
export function walkOperation<T>(
  tensor: Tensor,
  position: readonly Index[],
  inMemory: (tensor: Tensor) => boolean,
  handler: Handler<T>,
): T {
  const { operation, inputs, shape } = tensor;
  const x = inputs[0]!;
  const walk = (operand: Tensor, at: readonly Index[]) => walkValue(operand, at, inMemory, handler);
  switch (operation.kind) {
    case "constant":
      return handler.constant(operation.value, tensor);
    case "iota":
      return handler.index(position[0]!, tensor);
    case "random":
      return handler.apply(tensor, [
        walk(
          x,
          x.shape.map(() => zeroIndex),
        ),
        handler.index(flattenPosition(position, shape), tensor),
      ]);
    case "unary":
    case "binary":
    case "compare":
    case "select":
    case "cast":
      return handler.apply(
        tensor,
        inputs.map(operand => walk(operand, position)),
      );
    case "reshape":
      return walk(x, unflattenPosition(flattenPosition(position, shape), x.shape));
    case "permute": {
      const source = new Array<Index>(position.length);
      operation.order.forEach((axis, i) => {
        source[axis] = position[i]!;
      });
      return walk(x, source);
    }
    case "broadcast":
      return walk(
        x,
        position.map((index, axis) => (x.shape[axis] === 1 ? zeroIndex : index)),
      );
    case "slice":
      return walk(
        x,
        position.map((index, axis) => shiftIndex(index, operation.starts[axis]!)),
      );
    case "concat": {
      let start = 0;
      const ends: number[] = [];
      const parts = inputs.map(part => {
        const shifted = position.map((index, axis) => (axis === operation.axis ? shiftIndex(index, -start) : index));
        start += part.shape[operation.axis]!;
        ends.push(start);
        return walk(part, shifted);
      });
      return handler.choose(tensor, position[operation.axis]!, ends, parts);
    }
    case "gather": {
      const [table, indices] = inputs as [Tensor, Tensor];
      const row = handler.lookUp(lookUpKey(indices, position[0]!), walk(indices, [position[0]!]), table.shape[0]!);
      return walk(table, [row, position[1]!]);
    }
    default:
      throw new Error(`${operation.kind} cannot be computed inside a loop; it must stand in memory`);
  }
}

/** The position along each axis of `shape`, of a row-major position. */
export function unflattenPosition(flat: Index, shape: Shape): Index[] {
  const strides = rowMajorStrides(shape);
  return shape.map((size, axis) => {
    if (size === 1) return zeroIndex;
    const outer = shape.slice(0, axis).every(before => before === 1);
    const quotient = divideIndex(flat, strides[axis]!);
    return outer ? quotient : remainderIndex(quotient, size);
  });
}

/** Every load of an expression, and every use of a position as a number, under the node that uses it. */
export function listLoads(
  tensor: Tensor,
  position: readonly Index[],
  inMemory: (tensor: Tensor) => boolean,
): { readonly tensor: Tensor; readonly flat: Index }[] {
  const loads: { tensor: Tensor; flat: Index }[] = [];
  const handler: Handler<void> = {
    seen: new Map(),
    load: (source, flat) => {
      loads.push({ tensor: source, flat });
    },
    constant: () => {},
    index: (flat, node) => {
      loads.push({ tensor: node, flat });
    },
    apply: () => {},
    choose: () => {},
    lookUp: (key, _value, size) => loadIndex(key, size),
  };
  // A reduction's own expression is that of its operand, at the position inside the reduced axes.
  const subject = tensor.operation.kind === "reduce" ? tensor.inputs[0]! : tensor;
  if (subject === tensor) walkOperation(subject, position, inMemory, handler);
  else walkValue(subject, position, inMemory, handler);
  return loads;
}

/**
 * A view of one tensor in memory as strides: what matrix products and fused kernels take. Undefined if it is not one. A product
 * rounds a state while it packs it, so the view of a rounded state is one of the state.
 */
export function stridedView(
  tensor: Tensor,
  inMemory: (tensor: Tensor) => boolean,
): { readonly base: Tensor; readonly offset: number; readonly strides: readonly number[] } | undefined {
  let view = tensor;
  while (!inMemory(view)) {
    if (!["reshape", "permute", "broadcast", "slice"].includes(view.operation.kind) && !isRoundedState(view))
      return undefined;
    view = view.inputs[0]!;
  }
  const load = inMemory(tensor)
    ? { tensor, flat: flattenPosition(loopPosition(tensor.shape), tensor.shape) }
    : listLoads(tensor, loopPosition(tensor.shape), inMemory)[0]!;
  const strides = new Array<number>(tensor.shape.length).fill(0);
  for (const { atom, factor } of load.flat.terms) {
    if (atom.kind !== "variable") return undefined;
    strides[Number(atom.name.slice(1))] = factor;
  }
  return { base: load.tensor, offset: load.flat.offset, strides };
}

/** A parameter rounded: what the precision policy makes of a product's operand. */
export function isRoundedState({ operation, inputs, dtype }: Tensor): boolean {
  return operation.kind === "cast" && isNarrow(dtype) && inputs[0]!.operation.kind === "state";
}
