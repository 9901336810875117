// Lowers the value of a store at a loop position: the walk of indices/expression.ts, with the loop language as its result. What the
// kernel made itself is read from where it stands.

import { type DType, isNarrow, type Tensor } from "../../graph/tensor.ts";
import { flattenPosition, type Handler, lookUpKey, walkOperation, walkValue } from "../indices/expression.ts";
import { type Index, substituteVariables, variableIndex, zeroIndex } from "../indices/index-expression.ts";
import type { Store } from "../kernels/group.ts";
import type { ElementOperation, Expression, Statement, Type } from "./ir.ts";

/** What lowering a group needs to know of the rest of the program. */
export interface GroupContext {
  readonly inMemory: ReadonlySet<Tensor>;
  isExternal(tensor: Tensor): boolean;
}

/** What a kernel has so far. */
export interface Lowering {
  readonly inMemory: ReadonlySet<Tensor>;
  /** Results of the kernel that need no load, by tensor. */
  readonly values: Map<Tensor, Expression>;
  readonly lookups: Map<string, Expression>;
  /** The variables of lookups by what is looked up, and where. */
  readonly lookupNames: Map<string, string>;
  count: number;
}

export function startLowering(inMemory: ReadonlySet<Tensor>): Lowering {
  return { inMemory, values: new Map(), lookups: new Map(), lookupNames: new Map(), count: 0 };
}

/** A name that the kernel has not used. */
export function newName(lowering: Lowering, prefix: string): string {
  return `${prefix}${lowering.count++}`;
}

/** What a store writes, or reduces, where the moving axes of its loop stand at `axes`. */
export function lowerValue(store: Store, axes: readonly Index[], lowering: Lowering): Expression {
  const { value, target, reduction } = store;
  const at = placeLoop(store, axes);
  const isInMemory = (tensor: Tensor) => lowering.inMemory.has(tensor);
  const handler = writeExpressions(lowering);
  if (reduction !== "none") return walkValue(value.inputs[0]!, at, isInMemory, handler);
  return value === target ? walkOperation(value, at, isInMemory, handler) : walkValue(value, at, isInMemory, handler);
}

function writeExpressions(lowering: Lowering): Handler<Expression> {
  return {
    seen: new Map(),
    load: (tensor, flat) => lowering.values.get(tensor) ?? { kind: "load", type: tensor.dtype, tensor, at: flat },
    constant: (number, node) => ({ kind: "constant", type: registerType(node.dtype), value: number }),
    index: (index, node) => ({ kind: "position", type: node.dtype, at: index }),
    apply: applyOperation,
    choose: (node, index, ends, operands) => ({
      kind: "choose",
      type: registerType(node.dtype),
      at: index,
      ends,
      operands,
    }),
    lookUp: (key, row, size) => {
      const name = lowering.lookupNames.get(key) ?? newName(lowering, "row");
      lowering.lookupNames.set(key, name);
      lowering.lookups.set(name, row);
      return variableIndex(name, size);
    },
  };
}

/** The same with a name of its own, which a statement added to `body` gives it: what later stores of the kernel read. */
export function nameValue(store: Store, axes: readonly Index[], lowering: Lowering, body: Statement[]): Expression {
  const value = lowerValue(store, axes, lowering);
  const name = newName(lowering, "u");
  body.push({ kind: "let", name, value });
  return { kind: "read", type: typeOf(value), name };
}

/** The statement that writes a value where its store says. */
export function lowerStore(
  store: Store,
  axes: readonly Index[],
  value: Expression,
  lowering: Lowering,
): Extract<Statement, { kind: "store" }> {
  const at = placeLoop(store, axes);
  const position =
    store.rows === undefined
      ? substituteVariables(store.position, name => at[Number(name.slice(1))]!)
      : placeRow(store.rows, store.target, at, lowering);
  return { kind: "store", tensor: store.target, at: position, value };
}

/** The position in a table of the row that the indices have for row at[0]. */
function placeRow(rows: Tensor, table: Tensor, [row, column]: readonly Index[], lowering: Lowering): Index {
  const handler = writeExpressions(lowering);
  const number = walkValue(rows, [row!], tensor => lowering.inMemory.has(tensor), handler);
  const found = handler.lookUp(lookUpKey(rows, row!), number, table.shape[0]!);
  return flattenPosition([found, column!], table.shape);
}

/** The position of a store's loop; axes of size 1 stand still. */
function placeLoop({ loop }: Store, axes: readonly Index[]): Index[] {
  const moving = axes.values();
  return loop.map(size => (size === 1 ? zeroIndex : moving.next().value!));
}

function applyOperation(node: Tensor, operands: readonly Expression[]): Expression {
  const operation = node.operation as ElementOperation;
  if (operation.kind === "unary" && operation.fn === "detach") return operands[0]!;
  const isChoice = operation.kind === "select" && operands.slice(1).every(each => typeOf(each) === node.dtype);
  const type = operation.kind === "cast" || isChoice ? node.dtype : registerType(node.dtype);
  return { kind: "apply", type, operation, operands };
}

function typeOf(value: Expression): Type {
  if (value.kind === "chunk") throw new Error("a chunk is no value of one element");
  return value.type;
}

/** Only a cast gives a narrow number, and a choice among such; other arithmetic on them is f32's. */
function registerType(dtype: DType): DType {
  return isNarrow(dtype) ? "f32" : dtype;
}
