// Emits the statements of a kernel whose values are shared. What a language writes its own way is a field of `Language`; the rest is
// common to C, CUDA and WGSL.

import { bytesPerElement, type DType, isNarrow, type Tensor } from "../../graph/tensor.ts";
import { emitIndex, type Index } from "../indices/index-expression.ts";
import type { Across, Declaration, Expression, Loop, Reduction, Statement, Type } from "../loops/ir.ts";

/** How a language writes what languages differ in. */
export interface Language {
  constant(value: number, type: Type): string;
  convert(type: Type, value: string): string;
  choose(condition: string, yes: string, no: string): string;
  /** An element of memory as a register has it. */
  unpack(dtype: DType, element: string): string;
  /** A register of a type as an element of memory. */
  pack(dtype: DType, type: Type, value: string): string;
  /** Neighbouring elements of memory. */
  chunk(dtype: DType, width: number, address: string, at: string, access: "load" | "store"): string;
  define(name: string, type: Type, width: number | undefined, value: string): string;
  declare(declaration: Declaration): readonly string[];
  /** What stands before a loop, if anything, and its head. */
  loop(loop: Loop): readonly string[];
  reduce(name: string, fn: Reduction, across: Across): string;
  /** Writes an array of so many f32 to memory as bf16. */
  round?(address: string, name: string, count: number): string;
  /** Asks for what lies behind so many bytes. */
  fetch?(address: string, bytes: number): string;
  readonly barrier: string;
}

/** The lines of a body. `tensors` are the kernel's pointers a0, a1, …. */
export function emitBody(
  body: readonly Statement[],
  tensors: readonly Tensor[],
  language: Language,
  indent: string,
): string {
  const declared = new Map<string, Declaration>();
  const addressOf = (tensor: Tensor) => `a${tensors.indexOf(tensor)}`;
  const emit = (value: Expression) => emitValue(value, addressOf, language);
  const linesOf = (statement: Statement): readonly string[] => {
    switch (statement.kind) {
      case "let": {
        const { name, value } = statement;
        const text = emit(value);
        if (value.kind === "chunk") return [language.define(name, value.tensor.dtype, value.width, text)];
        return [language.define(name, value.type, undefined, text)];
      }
      case "declare":
        declared.set(statement.name, statement);
        return language.declare(statement);
      case "loop":
        return [...language.loop(statement), ...inside(statement.body), "}"];
      case "when":
        return [`if (${emitIndex(statement.index)} < ${statement.below}) {`, ...inside(statement.body), "}"];
      case "store": {
        const { tensor, at, value } = statement;
        const address = addressOf(tensor);
        if (value.kind === "read" && value.width !== undefined)
          return [`${language.chunk(tensor.dtype, value.width, address, emitIndex(at), "store")} = ${emit(value)};`];
        return [`${address}[${emitIndex(at)}] = ${language.pack(tensor.dtype, (value as Typed).type, emit(value))};`];
      }
      case "set": {
        const { name, at, value } = statement;
        const { width, count, type } = declared.get(name) ?? {};
        if (width === undefined || count !== undefined) return [`${nameAt(name, at)} = ${emit(value)};`];
        return [`${name}.v[${emitIndex(at!)}] = ${language.pack(type as DType, (value as Typed).type, emit(value))};`];
      }
      case "accumulate": {
        const name = nameAt(statement.name, statement.at);
        const value = emit(statement.value);
        if (statement.fn === "sum") return [`${name} += ${value};`];
        return [`${name} = ${language.choose(`${value} > ${name}`, value, name)};`];
      }
      case "reduce":
        return [language.reduce(statement.name, statement.fn, statement.across)];
      case "round": {
        const { tensor, at, name, count } = statement;
        return [language.round!(`${addressOf(tensor)} + ${emitIndex(at)}`, name, count)];
      }
      case "fetch": {
        const { tensor, at, count } = statement;
        return [language.fetch!(`${addressOf(tensor)} + ${emitIndex(at)}`, count * bytesPerElement[tensor.dtype])];
      }
      case "barrier":
        return [language.barrier];
    }
  };
  const inside = (statements: readonly Statement[]) =>
    statements.flatMap(linesOf).map(line => (line.startsWith("#") ? line : `  ${line}`));
  return body
    .flatMap(linesOf)
    .map(line => (line.startsWith("#") ? `${line}\n` : `${indent}${line}\n`))
    .join("");
}

/** An expression that is no chunk. */
type Typed = Exclude<Expression, { kind: "chunk" }>;

function nameAt(name: string, at: Index | undefined): string {
  return at === undefined ? name : `${name}[${emitIndex(at)}]`;
}

function emitValue(value: Expression, addressOf: (tensor: Tensor) => string, language: Language): string {
  const emit = (operand: Expression) => emitValue(operand, addressOf, language);
  switch (value.kind) {
    case "constant":
      return language.constant(value.value, value.type);
    case "position":
      return value.type === "index" ? emitIndex(value.at) : language.convert(value.type, emitIndex(value.at));
    case "load":
      return language.unpack(value.tensor.dtype, nameAt(addressOf(value.tensor), value.at));
    case "chunk":
      return language.chunk(value.tensor.dtype, value.width, addressOf(value.tensor), emitIndex(value.at), "load");
    case "element": {
      const { width } = value.chunk as { readonly width: number };
      const chunk = emit(value.chunk);
      return language.unpack(value.type as DType, width === 1 ? chunk : `${chunk}.v[${emitIndex(value.at)}]`);
    }
    case "read":
      return nameAt(value.name, value.at);
    case "apply":
      return emitOperation(value, value.operands.map(emit), language);
    case "choose": {
      const parts = value.operands.map(emit);
      const at = emitIndex(value.at);
      return parts.reduceRight((rest, part, i) => language.choose(`${at} < ${value.ends[i]}`, part, rest));
    }
  }
}

const signs = { add: "+", subtract: "-", multiply: "*", divide: "/" } as const;

function emitOperation(
  { operation, type }: Extract<Expression, { kind: "apply" }>,
  [a, b, c]: readonly string[],
  language: Language,
): string {
  switch (operation.kind) {
    case "unary":
      return operation.fn === "negate" ? `-${a}` : `${operation.fn}_f32(${a})`;
    case "binary":
      if (operation.fn === "maximum") return language.choose(`${a} > ${b}`, a!, b!);
      if (operation.fn === "minimum") return language.choose(`${a} < ${b}`, a!, b!);
      return `${a} ${signs[operation.fn]} ${b}`;
    case "compare":
      return `${a} ${operation.fn === "less" ? "<" : "=="} ${b}`;
    case "select":
      return language.choose(a!, b!, c!);
    case "cast":
      if (isNarrow(type)) return language.unpack(type, language.pack(type, "f32", a!));
      return type === "bool" ? `(${a} != ${language.constant(0, "i32")})` : language.convert(type, a!);
    case "random":
      return `random_bits(${a}, ${language.constant(operation.stream, "u32")}, ${b})`;
  }
}
