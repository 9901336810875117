// Prints a value of the graph as an expression of CUDA. Names are numbered in order
// of first use, so equal kernels of different layers print the same text and become one.

import type { DType, Shape, Tensor } from "../../graph/tensor.ts";
import { type Handler, loopPosition, walkOperation, walkValue } from "../indices/expression.ts";
import { type Atom, type Index, loadIndex } from "../indices/index-expression.ts";
import type { Store } from "../kernels/group.ts";

/** The type of a value in a register. */
export const valueTypes: Readonly<Record<DType, string>> = {
  f32: "float",
  bf16: "float",
  i32: "int32_t",
  u32: "uint32_t",
  bool: "int",
};

/** The pointers of one kernel under construction. */
export class PointerList {
  readonly tensors: Tensor[] = [];
  /** The C name of a tensor's address. */
  nameOf(tensor: Tensor): string {
    const at = this.tensors.indexOf(tensor);
    return `a${at >= 0 ? at : this.tensors.push(tensor) - 1}`;
  }
}

/** What a dialect gives to the printing of expressions. */
export interface Scope {
  readonly pointers: PointerList;
  readonly inMemory: (tensor: Tensor) => boolean;
  /** The text of an index over the variables of a store's loop; `loads` has that of indices read from memory. */
  position(index: Index, store: Store, loads: ReadonlyMap<string, string>): string;
  /** Values of this kernel that need no load, by tensor. */
  readonly values: Map<Tensor, string>;
  /** The name of a variable that holds the expression: a statement of the loop's body, or one that stands there already. */
  bind(dtype: DType, expression: string): string;
  /** An element in memory as its storage type; `print` gives the text of `flat`. */
  load(tensor: Tensor, flat: Index, store: Store, print: () => string): string;
}

/** The value of a store at a loop position. */
export function printExpression(store: Store, scope: Scope): string {
  const indexLoads = new Map<string, string>();
  const print = (index: Index) => scope.position(index, store, indexLoads);
  const handler: Handler<string> = {
    seen: new Map(),
    load: (tensor, flat) => {
      const own = scope.values.get(tensor);
      if (own !== undefined) return own;
      const element = scope.load(tensor, flat, store, () => print(flat));
      return scope.bind(tensor.dtype, tensor.dtype === "bf16" ? `bf16_to_f32(${element})` : element);
    },
    constant: (value, node) => printConstant(value, node.dtype),
    index: (index, node) => `(${valueTypes[node.dtype]})(${print(index)})`,
    apply: (node, operands) => scope.bind(node.dtype, printOperation(node, operands)),
    choose: (_node, position, ends, parts) =>
      parts.reduceRight((rest, part, i) => `(${print(position)} < ${ends[i]} ? ${part} : ${rest})`),
    lookUp: (key, value, size) => {
      indexLoads.set(key, value);
      return loadIndex(key, size);
    },
  };
  const at = loopPosition(store.loop);
  const { value, target } = store;
  if (store.reduction !== "none") return walkValue(value.inputs[0]!, at, scope.inMemory, handler);
  if (value === target) return walkOperation(value, at, scope.inMemory, handler);
  return walkValue(value, at, scope.inMemory, handler);
}

function printConstant(value: number, dtype: DType): string {
  if (dtype === "bool" || dtype === "i32") return String(Math.trunc(value));
  if (dtype === "u32") return `${Math.trunc(value)}u`;
  if (Number.isNaN(value)) return "NAN";
  if (!Number.isFinite(value)) return value > 0 ? "INFINITY" : "(-INFINITY)";
  const text = Math.fround(value).toPrecision(9);
  return `(${/[.e]/.test(text) ? text : `${text}.0`}f)`;
}

function printOperation(node: Tensor, [a, b, c]: readonly string[]): string {
  const { operation } = node;
  switch (operation.kind) {
    case "unary":
      if (operation.fn === "negate") return `-${a}`;
      return operation.fn === "detach" ? a! : `${operation.fn}_f32(${a})`;
    case "binary":
      if (operation.fn === "maximum") return `(${a} > ${b} ? ${a} : ${b})`;
      if (operation.fn === "minimum") return `(${a} < ${b} ? ${a} : ${b})`;
      return `${a} ${{ add: "+", subtract: "-", multiply: "*", divide: "/" }[operation.fn]} ${b}`;
    case "compare":
      return `${a} ${operation.fn === "less" ? "<" : "=="} ${b}`;
    case "select":
      return `${a} ? ${b} : ${c}`;
    case "cast":
      if (node.dtype === "bf16") return `bf16_to_f32(f32_to_bf16(${a}))`;
      return node.dtype === "bool" ? `(${a} != 0)` : `(${valueTypes[node.dtype]})${a}`;
    case "random":
      return `random_bits(${a}, ${operation.stream}u, (uint32_t)${b})`;
    default:
      throw new Error(`no C for ${operation.kind}`);
  }
}

/** A value of a register as the storage type of the store's target. */
export function printStored({ reduction, target, value: { operation } }: Store, value: string): string {
  if (target.dtype !== "bf16") return value;
  // What a cast gave is a bf16 number already, in an f32 register.
  const isRounded = reduction === "none" && operation.kind === "cast";
  return `${isRounded ? "high_half" : "f32_to_bf16"}(${value})`;
}

/** The element that a store writes. */
export function printTarget(store: Store, scope: Scope): string {
  return `${scope.pointers.nameOf(store.target)}[${scope.position(store.position, store, new Map())}]`;
}

/** What a reduction begins with. */
export function isSum(store: Store): boolean {
  return (store.value.operation as { fn: string }).fn === "sum";
}

/** r0, r1, … from one running row number. */
export function printRowVariables(sizes: Shape, running: string, indent: string, type = "long"): string {
  let inner = 1;
  const lines: string[] = [];
  for (let place = sizes.length - 1; place >= 0; place--) {
    const quotient = inner === 1 ? running : `${running} / ${inner}`;
    lines.unshift(
      `${indent}const ${type} r${place} = ${place === 0 ? quotient : `(${quotient}) % ${sizes[place]}`};\n`,
    );
    inner *= sizes[place]!;
  }
  return lines.join("");
}

/** As C source. `printLoad` gives the text of an index read from memory. */
export function printIndex(index: Index, printLoad: (key: string) => string): string {
  const printAtom = (atom: Atom): string => {
    if (atom.kind === "variable") return atom.name;
    if (atom.kind === "load") return printLoad(atom.key);
    return `(${printIndex(atom.of, printLoad)}) ${atom.kind === "quotient" ? "/" : "%"} ${atom.by}`;
  };
  const terms = index.terms.map(({ atom, factor }) =>
    factor === 1 ? `(${printAtom(atom)})` : `(${printAtom(atom)}) * ${factor}`,
  );
  if (index.offset !== 0 || terms.length === 0) terms.push(String(index.offset));
  return terms.join(" + ");
}
