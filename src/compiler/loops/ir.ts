// The loop language: what a kernel does, as plain data. A group is lowered to it, passes rewrite it, and an emitter writes it in
// the language of a machine. Positions are indices over named variables, so a pass can ask what they depend on; an index that is
// itself read from memory is a variable too, and its value stands in the kernel's lookups.

import type { DType, Operation, Tensor } from "../../graph/tensor.ts";
import type { Index } from "../indices/index-expression.ts";

/** The type of a register. One of bf16 or f16 is an f32 that holds such a number; "index" is what positions are counted in. */
export type Type = DType | "index";

/** Operations on elements; all others are loops, or positions. */
export type ElementOperation = Extract<
  Operation,
  { readonly kind: "unary" | "binary" | "compare" | "select" | "cast" | "random" }
>;

export type Expression =
  | { readonly kind: "constant"; readonly type: Type; readonly value: number }
  /** A position as a number. */
  | { readonly kind: "position"; readonly type: Type; readonly at: Index }
  /** An element in memory, as it was before the kernel. */
  | { readonly kind: "load"; readonly type: Type; readonly tensor: Tensor; readonly at: Index }
  /** Neighbouring elements in memory, loaded at once. */
  | { readonly kind: "chunk"; readonly tensor: Tensor; readonly at: Index; readonly width: number }
  /** An element of a chunk. */
  | { readonly kind: "element"; readonly type: Type; readonly chunk: Expression; readonly at: Index }
  /** A register, or an element of an array of them. */
  | { readonly kind: "read"; readonly type: Type; readonly name: string; readonly at?: Index; readonly width?: number }
  | {
      readonly kind: "apply";
      readonly type: Type;
      readonly operation: ElementOperation;
      readonly operands: readonly Expression[];
    }
  /** operands[i] where at < ends[i], the last otherwise. */
  | {
      readonly kind: "choose";
      readonly type: Type;
      readonly at: Index;
      readonly ends: readonly number[];
      readonly operands: readonly Expression[];
    };

export type Reduction = "sum" | "max";
export type Across = "warp" | "block" | "lanes";

/** A register or an array of registers that changes, or an array that the threads of a block share. */
export interface Declaration {
  readonly kind: "declare";
  readonly name: string;
  readonly type: Type;
  /** Elements of an array; a single register otherwise. */
  readonly count?: number;
  /** Elements are chunks of so many. */
  readonly width?: number;
  /** What a reduction begins with. */
  readonly begin?: Reduction;
  readonly shared?: boolean;
}

export interface Loop {
  readonly kind: "loop";
  readonly variable: string;
  readonly from: Index;
  /** The first value that the variable does not take. */
  readonly to: Index;
  readonly step: number;
  /**
   * "vector": turns are independent but for what they accumulate. "chunks": each turn is a chunk of neighbouring columns.
   * "elements": the elements of one chunk.
   */
  readonly form?: "vector" | "chunks" | "elements";
  /** How many turns are written out. */
  readonly unroll?: number | "whole";
  readonly body: readonly Statement[];
}

export type Statement =
  /** Names a value, which does not change. */
  | { readonly kind: "let"; readonly name: string; readonly value: Expression }
  | Declaration
  | Loop
  /** The body where index < below. */
  | { readonly kind: "when"; readonly index: Index; readonly below: number; readonly body: readonly Statement[] }
  /** Writes an element of memory, or the neighbouring ones of a chunk. */
  | { readonly kind: "store"; readonly tensor: Tensor; readonly at: Index; readonly value: Expression }
  /** Writes a register, an element of an array, or an element of a register that is a chunk. */
  | { readonly kind: "set"; readonly name: string; readonly at?: Index; readonly value: Expression }
  | {
      readonly kind: "accumulate";
      readonly name: string;
      readonly at?: Index;
      readonly fn: Reduction;
      readonly value: Expression;
    }
  /**
   * Accumulates a register over the threads that share a row, of a warp or of the thread block: all of them get the result. Or an array
   * over its lanes: its first element gets it.
   */
  | { readonly kind: "reduce"; readonly name: string; readonly fn: Reduction; readonly across: Across }
  /** Writes neighbouring elements of memory, as many as the array of f32 has, rounded to bf16. */
  | {
      readonly kind: "round";
      readonly tensor: Tensor;
      readonly at: Index;
      readonly name: string;
      readonly count: number;
    }
  /** Asks memory for what lies some way behind so many neighbouring elements, before it is loaded. */
  | { readonly kind: "fetch"; readonly tensor: Tensor; readonly at: Index; readonly count: number }
  /** No thread of the block goes on before all are here. */
  | { readonly kind: "barrier" };

/** What one block of a launch does. */
export interface LoopKernel {
  /** The variable that has the number of the block. */
  readonly block: string;
  readonly body: readonly Statement[];
  /** Indices that are read from memory, by the variables that positions have for them. */
  readonly lookups: ReadonlyMap<string, Expression>;
  /** How many blocks there are, and how many a thread (on a GPU: a thread block) takes at a time. */
  readonly blocks: number;
  readonly grain: number;
  /** Threads of one thread block (GPU only). */
  readonly threads?: number;
  /** Thread blocks for which a multiprocessor must have registers at the same time (GPU only). */
  readonly residentBlocks?: number;
}

/** How far a kernel has come: as it was lowered, or with names for its values, where they are used or as far out as can be. */
export type Stage = "lowered" | "shared" | "hoisted";

/** The tensors that a kernel takes the addresses of, in order of their first use. */
export function listTensors(body: readonly Statement[]): Tensor[] {
  const tensors = new Set<Tensor>();
  const seen = new Set<Expression>();
  const visitValue = (value: Expression): void => {
    if (seen.has(value)) return;
    seen.add(value);
    for (const operand of operandsOf(value)) visitValue(operand);
    if (value.kind === "load" || value.kind === "chunk") tensors.add(value.tensor);
  };
  visitStatements(body, statement => {
    if ("value" in statement) visitValue(statement.value);
    if (statement.kind === "store" || statement.kind === "round") tensors.add(statement.tensor);
  });
  return [...tensors];
}

/** Visits every statement before those inside it. */
export function visitStatements(body: readonly Statement[], visit: (statement: Statement) => void): void {
  for (const statement of body) {
    visit(statement);
    if (statement.kind === "loop" || statement.kind === "when") visitStatements(statement.body, visit);
  }
}

export function operandsOf(value: Expression): readonly Expression[] {
  if (value.kind === "element") return [value.chunk];
  return value.kind === "apply" || value.kind === "choose" ? value.operands : [];
}

/** The value with every part of it, operands first, replaced by what `change` makes of it. */
export function rewriteValue(value: Expression, change: (value: Expression) => Expression): Expression {
  const rewrite = (operand: Expression) => rewriteValue(operand, change);
  if (value.kind === "element") return change({ ...value, chunk: rewrite(value.chunk) });
  if (value.kind === "apply" || value.kind === "choose") {
    return change({ ...value, operands: value.operands.map(rewrite) });
  }
  return change(value);
}
