// Keeps what several passes over a row load in the registers of its thread, as much as fits beside what else is there.

import { bytesPerElement } from "../../graph/tensor.ts";
import { indexKey, listVariables, variableIndex } from "../indices/index-expression.ts";
import { type Expression, type Loop, type LoopKernel, operandsOf, rewriteValue, type Statement } from "./ir.ts";

/** What a thread has for it: so many registers, and so many chunks of a row. */
export interface KeptRegisters {
  readonly count: number;
  readonly chunks: number;
}

type Chunk = Extract<Expression, { kind: "chunk" }>;

export function keepChunks(kernel: LoopKernel, registers: KeptRegisters): LoopKernel {
  const keepIn = (body: readonly Statement[]): readonly Statement[] => {
    const passes = body.filter(statement => statement.kind === "loop" && statement.form === "chunks") as Loop[];
    const inside = body.map((statement): Statement => {
      if (statement.kind === "when") return { ...statement, body: keepIn(statement.body) };
      const isAround = statement.kind === "loop" && statement.form !== "chunks";
      return isAround ? { ...statement, body: keepIn(statement.body) } : statement;
    });
    return passes.length > 1 ? keepInPasses(inside, passes, registers) : inside;
  };
  return { ...kernel, body: keepIn(kernel.body) };
}

function keepInPasses(body: readonly Statement[], passes: readonly Loop[], registers: KeptRegisters) {
  const names = new Map(chooseKept(passes, registers).map((chunk, n) => [keyOf(chunk), { name: `k${n}`, chunk }]));
  if (names.size === 0) return body;
  const set = new Set<string>();
  const declarations = [...names.values()].map(({ name, chunk: { tensor, width } }): Statement => {
    return { kind: "declare", name, type: tensor.dtype, width, count: registers.chunks };
  });
  const j = variableIndex("j", registers.chunks);
  const read = (value: Expression): Expression => {
    const kept = value.kind === "chunk" ? names.get(keyOf(value)) : undefined;
    if (kept === undefined) return value;
    return { kind: "read", type: kept.chunk.tensor.dtype, name: kept.name, at: j, width: kept.chunk.width };
  };
  const replace = (statements: readonly Statement[]): Statement[] =>
    statements.map(statement => {
      if (statement.kind === "loop" || statement.kind === "when")
        return { ...statement, body: replace(statement.body) };
      return "value" in statement ? { ...statement, value: rewriteValue(statement.value, read) } : statement;
    });
  const rewritten = body.map((statement): Statement => {
    if (!passes.includes(statement as Loop)) return statement;
    const loop = statement as Loop;
    const own = listChunks(loop.body).filter(chunk => names.has(keyOf(chunk)) && !set.has(keyOf(chunk)));
    const sets = own.map((chunk): Statement => {
      set.add(keyOf(chunk));
      return { kind: "set", name: names.get(keyOf(chunk))!.name, at: j, value: chunk };
    });
    return { ...loop, unroll: "whole", body: addBeforeElements(replace(loop.body), sets) };
  });
  return [...declarations, ...rewritten];
}

/** Chunks that more than one pass loads. What every row loads comes last: it is in the first cache. */
function chooseKept(passes: readonly Loop[], { count, chunks }: KeptRegisters): Chunk[] {
  const loads = new Map<string, { readonly chunk: Chunk; passes: number }>();
  for (const pass of passes) {
    for (const chunk of listChunks(pass.body)) {
      const load = loads.get(keyOf(chunk)) ?? { chunk, passes: 0 };
      loads.set(keyOf(chunk), load);
      load.passes++;
    }
  }
  const isOfEveryRow = ({ chunk }: { chunk: Chunk }) => listVariables(chunk.at).every(name => name === "first");
  let left = count;
  const kept: Chunk[] = [];
  for (const { chunk, passes } of [...loads.values()].sort(
    (a, b) => Number(isOfEveryRow(a)) - Number(isOfEveryRow(b)),
  )) {
    const needed = (chunks * chunk.width * bytesPerElement[chunk.tensor.dtype]) / 4;
    if (passes < 2 || needed > left) continue;
    kept.push(chunk);
    left -= needed;
  }
  return kept;
}

/** The different chunks that statements load. */
function listChunks(body: readonly Statement[]): Chunk[] {
  const chunks = new Map<string, Chunk>();
  const visitValue = (value: Expression): void => {
    for (const operand of operandsOf(value)) visitValue(operand);
    if (value.kind === "chunk" && !chunks.has(keyOf(value))) chunks.set(keyOf(value), value);
  };
  const visit = (statements: readonly Statement[]): void => {
    for (const statement of statements) {
      if ("value" in statement) visitValue(statement.value);
      if ("body" in statement) visit(statement.body);
    }
  };
  visit(body);
  return [...chunks.values()];
}

function keyOf({ tensor, at }: Chunk): string {
  return `${tensor.id} ${indexKey(at)}`;
}

/** Adds statements where `first` is known to be a column, before the loop over the elements. */
function addBeforeElements(body: readonly Statement[], added: readonly Statement[]): Statement[] {
  const when = body.find(({ kind }) => kind === "when");
  if (when?.kind === "when") {
    return body.map(statement => (statement === when ? { ...when, body: [...added, ...when.body] } : statement));
  }
  const at = body.findIndex(({ kind }) => kind !== "let");
  return [...body.slice(0, at), ...added, ...body.slice(at)];
}
