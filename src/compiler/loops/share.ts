// Gives every operation and load a name, once, so that equal values of several stores are computed once; lookups become names, too.
// Hoisted, it stands in the outermost block of statements that knows what it depends on. Of C only loads are hoisted, and else each of its
// loops is for itself: its compiler moves values out of loops after it has chosen which products and sums to do as one, and chooses by where
// they stand. Loads it moves back into the loops where it cannot tell that no store changes them, and makes no vectors of those then.

import { operationKey } from "../../graph/tensor.ts";
import {
  constantIndex,
  type Index,
  indexKey,
  listVariables,
  substituteVariables,
  variableIndex,
} from "../indices/index-expression.ts";
import { type Expression, type LoopKernel, operandsOf, type Statement } from "./ir.ts";

/** Statements that are being written: those of a loop, of a `when`, or of the kernel itself. */
interface Block {
  readonly statements: Statement[];
  /** Names of values, by number. */
  readonly known: Map<number, Expression>;
}

/** The same kernel with flat statements: an operand is a constant, a position or a register. */
export function shareValues(kernel: LoopKernel, hoists: boolean): LoopKernel {
  const values = new ValueNumbers();
  /** What stands for a name that the lowering gave a value. */
  const renamed = new Map<string, Expression>();
  const blocks: Block[] = [];
  /** How deep the block is that knows a variable or register; what is not here, every block knows. */
  const depths = new Map<string, number>();
  /** How deep the open block is in which a register last changed. */
  const changed = new Map<string, number>();
  let count = 0;

  const depthOf = (value: Expression): number =>
    Math.max(
      0,
      "at" in value && value.at !== undefined ? depthOfIndex(value.at) : 0,
      value.kind === "read" ? Math.max(depths.get(value.name) ?? 0, changed.get(value.name) ?? 0) : 0,
      ...operandsOf(value).map(depthOf),
    );
  const depthOfIndex = (index: Index) => Math.max(0, ...listVariables(index).map(name => depths.get(name) ?? 0));

  const isHoisted = ({ kind }: Expression) => hoists || kind === "load";
  const bind = (value: Expression): Expression => {
    const depth = isHoisted(value) ? depthOf(value) : blocks.length - 1;
    const block = blocks[depth]!;
    const name = `${value.kind === "chunk" ? "t" : "v"}${count++}`;
    block.statements.push({ kind: "let", name, value });
    depths.set(name, depth);
    const read: Expression =
      value.kind === "chunk"
        ? { kind: "read", type: value.tensor.dtype, name, width: value.width }
        : { kind: "read", type: value.type, name };
    return read;
  };
  const place = (value: Expression): Expression => {
    if (value.kind === "constant") return value;
    if (value.kind === "position") return { ...value, at: placeIndex(value.at) };
    if (value.kind === "read") {
      return value.at === undefined ? (renamed.get(value.name) ?? value) : { ...value, at: placeIndex(value.at) };
    }
    const number = values.numberOf(value);
    for (const { known } of isHoisted(value) ? blocks : blocks.slice(-1))
      if (known.has(number)) return known.get(number)!;
    const read = bind(placeOperands(value));
    blocks[depths.get((read as { name: string }).name)!]!.known.set(number, read);
    return read;
  };
  const placeOperands = (value: Exclude<Expression, { kind: "constant" | "position" | "read" }>): Expression => {
    switch (value.kind) {
      case "load":
      case "chunk":
        return { ...value, at: placeIndex(value.at) };
      case "element":
        return { ...value, chunk: place(value.chunk), at: placeIndex(value.at) };
      case "apply":
        return { ...value, operands: value.operands.map(place) };
      case "choose":
        return { ...value, at: placeIndex(value.at), operands: value.operands.map(place) };
    }
  };
  const placeIndex = (index: Index): Index => {
    if (!listVariables(index).some(name => kernel.lookups.has(name))) return index;
    return substituteVariables(index, (name, size) => {
      const lookup = kernel.lookups.get(name);
      return lookup === undefined ? variableIndex(name, size) : placeLookup(lookup, size);
    });
  };
  const placeLookup = (lookup: Expression, size: number): Index => {
    const value = place(lookup);
    if (value.kind === "constant") return constantIndex(value.value);
    if (value.kind === "position") return value.at;
    const read = value.kind === "read" && value.at === undefined ? value : bind(value);
    return variableIndex((read as { name: string }).name, size);
  };

  /** `knows` are the variables that only this block has, or that only here stand for places in memory. */
  const writeBlock = (statements: readonly Statement[], knows: readonly string[]): readonly Statement[] => {
    const before = knows.map(name => [name, depths.get(name)] as const);
    for (const name of knows) depths.set(name, blocks.length);
    const block: Block = { statements: [], known: new Map() };
    blocks.push(block);
    for (const statement of statements) {
      const written = write(statement);
      if (written !== undefined) block.statements.push(written);
    }
    blocks.pop();
    for (const [name, depth] of changed) if (depth >= blocks.length) changed.set(name, blocks.length - 1);
    for (const [name, old] of before) depths.set(name, old ?? 0);
    return block.statements;
  };
  const write = (statement: Statement): Statement | undefined => {
    const depth = blocks.length - 1;
    switch (statement.kind) {
      case "loop":
        return { ...statement, body: writeBlock(statement.body, [statement.variable]) };
      case "when":
        // What depends on the condition stays behind it.
        return { ...statement, body: writeBlock(statement.body, listVariables(statement.index)) };
      case "let": {
        const { name, value } = statement;
        if (value.kind !== "chunk" && value.type === "index") {
          depths.set(name, depth);
          return statement;
        }
        values.rename(name, value);
        renamed.set(name, place(value));
        return undefined;
      }
      case "store":
        return { ...statement, at: placeIndex(statement.at), value: place(statement.value) };
      case "set":
      case "accumulate": {
        const value = place(statement.value);
        changed.set(statement.name, depth);
        return { ...statement, value };
      }
      case "declare":
        depths.set(statement.name, depth);
        return statement;
      default:
        return statement;
    }
  };
  return { ...kernel, body: writeBlock(kernel.body, []), lookups: new Map() };
}

/** Numbers values so that equal ones have one number. */
class ValueNumbers {
  private readonly known = new Map<Expression, number>();
  private readonly numbers = new Map<string, number>();
  private readonly named = new Map<string, number>();

  numberOf(value: Expression): number {
    let number = this.known.get(value);
    if (number === undefined) {
      const named = value.kind === "read" && value.at === undefined ? this.named.get(value.name) : undefined;
      number = named ?? this.numberOfKey(this.keyOf(value));
      this.known.set(value, number);
    }
    return number;
  }

  /** From here on the name is the value. */
  rename(name: string, value: Expression): void {
    this.named.set(name, this.numberOf(value));
  }

  private numberOfKey(key: string): number {
    const number = this.numbers.get(key) ?? this.numbers.size;
    this.numbers.set(key, number);
    return number;
  }

  /** What is the same for equal values, with numbers for operands. */
  private keyOf(value: Expression): string {
    const operands = operandsOf(value).map(operand => this.numberOf(operand));
    switch (value.kind) {
      case "constant":
        return `${value.type} ${Object.is(value.value, -0) ? "-0" : value.value}`;
      case "position":
        return `position ${value.type} ${indexKey(value.at)}`;
      case "load":
        return `load ${value.tensor.id} ${indexKey(value.at)}`;
      case "chunk":
        return `chunk ${value.tensor.id} ${indexKey(value.at)} ${value.width}`;
      case "element":
        return `element ${operands} ${indexKey(value.at)}`;
      case "read":
        return `read ${value.name} ${value.at === undefined ? "" : indexKey(value.at)} ${value.width}`;
      case "apply":
        return `${value.type} ${operationKey(value.operation)} ${operands}`;
      case "choose":
        return `choose ${value.type} ${indexKey(value.at)} ${value.ends} of ${operands}`;
    }
  }
}
