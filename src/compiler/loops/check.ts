// What must hold of a kernel after every pass. Tests run it on every kernel they compile; a fault is the compiler's, and names the
// statement.

import { type Index, indexKey, listVariables } from "../indices/index-expression.ts";
import { type Expression, type LoopKernel, operandsOf, type Stage, type Statement, visitStatements } from "./ir.ts";

/** Variables that every kernel has, beside its own: where a thread is, and what a product gives to its write-out. */
const given = ["thread", "row", "first", "last", "tile"];

/**
 * Throws where a kernel reads a name that nothing gave a value, names two things alike, writes an element twice, reads a sum before
 * all of it is there, or lets threads wait that others pass by. Once values are shared, also where an operand is itself to be
 * computed, where a value is computed twice, and (`hoisted`) where it stands in a loop that does not change it.
 */
export function checkKernel({ block, body, lookups }: LoopKernel, stage: Stage): void {
  const names = new Set([block, ...given]);
  /** Sums of the loops that are open. */
  const unfinished = new Set<string>();
  /** Sums that are lanes until they are reduced. */
  const lanes = new Set<string>();
  visitStatements(body, statement => {
    if (statement.kind === "reduce" && statement.across === "lanes") lanes.add(statement.name);
  });
  /** Registers and arrays that begin with nothing, until something is set. */
  const empty = new Set<string>();
  const stored = new Set<string>();
  /** Of each open loop, the names that are known in it alone, and the values. */
  const scopes: { readonly names: Set<string>; readonly values: Set<string> }[] = [];

  const fail = (fault: string, statement: Statement): never => {
    const { kind, ...rest } = statement;
    const text = JSON.stringify(rest, (key, value) => (key === "tensor" ? value.id : key === "body" ? "…" : value));
    throw new Error(`${fault}, in ${kind} ${text}`);
  };
  const checkIndex = (index: Index | undefined, statement: Statement): void => {
    for (const name of index === undefined ? [] : listVariables(index)) {
      const lookup = lookups.get(name);
      if (lookup !== undefined) checkValue(lookup, statement);
      else if (!names.has(name)) fail(`nothing defines ${name}`, statement);
    }
  };
  const checkValue = (value: Expression, statement: Statement): void => {
    if ("at" in value) checkIndex(value.at, statement);
    if (value.kind === "read" && !names.has(value.name)) fail(`nothing defines ${value.name}`, statement);
    if (value.kind === "read" && empty.has(value.name)) fail(`nothing has set ${value.name} yet`, statement);
    if (value.kind === "read" && unfinished.has(value.name)) fail(`${value.name} is not whole yet`, statement);
    for (const operand of operandsOf(value)) {
      if (stage !== "lowered" && !isLeaf(operand)) fail("an operand has no name", statement);
      checkValue(operand, statement);
    }
  };
  const define = (name: string, statement: Statement): void => {
    if (names.has(name) && !given.includes(name)) fail(`${name} is defined twice`, statement);
    names.add(name);
    scopes.at(-1)!.names.add(name);
  };
  const checkShared = (statement: Extract<Statement, { kind: "let" }>): void => {
    const { value } = statement;
    if (stage === "lowered" || isLeaf(value)) return;
    const key = keyOf(value);
    const near = stage === "hoisted" ? scopes : scopes.slice(-1);
    if (near.some(({ values }) => values.has(key))) fail("a value is computed twice", statement);
    scopes.at(-1)!.values.add(key);
    const depends = namesOf(value).some(name => scopes.at(-1)!.names.has(name));
    if (stage === "hoisted" && scopes.length > 1 && !depends) fail("the loop does not change it", statement);
  };
  const markStored = (statement: Extract<Statement, { kind: "store" | "round" }>): void => {
    const key = `${statement.tensor.id} ${indexKey(statement.at)}`;
    if (stored.has(key)) fail("an element is written twice", statement);
    stored.add(key);
  };
  const checkBody = (statements: readonly Statement[], knows: readonly string[]): void => {
    scopes.push({ names: new Set(knows), values: new Set() });
    for (const statement of statements) check(statement);
    for (const name of scopes.pop()!.names) if (!knows.includes(name)) names.delete(name);
  };
  const check = (statement: Statement): void => {
    if ("value" in statement) {
      checkValue(statement.value, statement);
      if (stage !== "lowered" && statement.kind !== "let" && !isLeaf(statement.value))
        fail("a value has no name", statement);
    }
    if ("at" in statement) checkIndex(statement.at, statement);
    switch (statement.kind) {
      case "let":
        checkShared(statement);
        define(statement.name, statement);
        return;
      case "declare":
        define(statement.name, statement);
        if (statement.begin === undefined) empty.add(statement.name);
        return;
      case "loop": {
        checkIndex(statement.from, statement);
        checkIndex(statement.to, statement);
        const sums = listSums(statement.body).filter(name => names.has(name) && !unfinished.has(name));
        for (const name of sums) unfinished.add(name);
        define(statement.variable, statement);
        checkBody(statement.body, [statement.variable]);
        names.delete(statement.variable);
        // Where threads share a row, each has only its own part of the sum.
        if (statement.form !== "chunks") for (const name of sums) unfinished.delete(name);
        return;
      }
      case "when":
        checkIndex(statement.index, statement);
        checkBody(statement.body, listVariables(statement.index));
        return;
      case "store":
        markStored(statement);
        return;
      case "round":
        if (!names.has(statement.name)) fail(`nothing declares ${statement.name}`, statement);
        if (empty.has(statement.name)) fail(`nothing has set ${statement.name} yet`, statement);
        markStored(statement);
        return;
      case "set":
      case "accumulate":
        if (!names.has(statement.name)) fail(`nothing declares ${statement.name}`, statement);
        empty.delete(statement.name);
        if (lanes.has(statement.name)) unfinished.add(statement.name);
        return;
      case "reduce":
        if (!names.has(statement.name)) fail(`nothing declares ${statement.name}`, statement);
        unfinished.delete(statement.name);
        if (statement.across === "block" && scopes.length > 1)
          fail("not every thread of the block comes here", statement);
        return;
      case "barrier":
        if (scopes.length > 1) fail("not every thread of the block comes here", statement);
    }
  };
  checkBody(body, []);
}

function isLeaf({ kind }: Expression): boolean {
  return kind === "constant" || kind === "position" || kind === "read";
}

/** Single registers that statements accumulate. */
function listSums(body: readonly Statement[]): string[] {
  return body.flatMap(statement => {
    if (statement.kind === "accumulate" && statement.at === undefined) return [statement.name];
    return statement.kind === "loop" || statement.kind === "when" ? listSums(statement.body) : [];
  });
}

function namesOf(value: Expression): string[] {
  const own = value.kind === "read" ? [value.name] : [];
  const at = "at" in value && value.at !== undefined ? listVariables(value.at) : [];
  return [...own, ...at, ...operandsOf(value).flatMap(namesOf)];
}

/** Equal for equal values whose operands have names. */
function keyOf(value: Expression): string {
  return JSON.stringify(value, (key, part) => {
    if (key === "tensor") return part.id;
    return key === "at" ? indexKey(part) : typeof part === "number" ? String(part) : part;
  });
}
