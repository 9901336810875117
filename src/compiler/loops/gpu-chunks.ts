// Chunks of neighbouring elements, which a thread of a GPU loads and stores at once: how wide they are, and the loop over one. The
// loop is lowered element by element; `widenLoops` gives it chunks where a position is plain and aligned.

import { bytesPerElement, countElements, type Tensor } from "../../graph/tensor.ts";
import {
  combineIndices,
  constantIndex,
  type Index,
  listVariables,
  strideOf,
  substituteVariables,
  variableIndex,
  zeroIndex,
} from "../indices/index-expression.ts";
import type { Group } from "../kernels/group.ts";
import type { GpuDevice } from "../targets/gpu-device.ts";
import { type Expression, type Loop, type LoopKernel, rewriteValue, type Statement } from "./ir.ts";
import type { GroupContext } from "./lower-value.ts";

/** What lowering a group for a GPU needs to know beside the group. */
export interface GpuContext extends GroupContext {
  readonly gpu: GpuDevice;
}

/** The number of a thread in its block; no block has more. */
export const thread: Index = variableIndex("thread", 1024);

export function nameIndex(name: string, at: Index): Statement {
  return { kind: "let", name, value: { kind: "position", type: "index", at } };
}

/** The largest width up to `most` that divides the columns. */
export function chooseWidth(columns: number, most: number): number {
  return [8, 4, 2, 1].find(width => width <= most && columns % width === 0)!;
}

/**
 * 16 bytes a load for the narrowest tensor of which whole rows are read or written. But no store is wider than 16 bytes: it would be two,
 * and each of them half of every sector of the cache. And no chunk is wider than the device's.
 */
export function widestUseful(group: Group, { isExternal, gpu }: Pick<GpuContext, "isExternal" | "gpu">): number {
  const size = countElements(group.rows) * group.columns;
  const isLarge = (tensor: Tensor) => countElements(tensor.shape) >= size;
  const written = group.stores.map(({ target }) => target).filter(target => isLarge(target) && isExternal(target));
  if (written.some(({ dtype }) => bytesPerElement[dtype] === 4)) return Math.min(gpu.mostChunk, 4);
  const read = group.stores.flatMap(({ loads }) => loads.map(({ tensor }) => tensor)).filter(isLarge);
  const isNarrow = [...written, ...read].some(({ dtype }) => bytesPerElement[dtype] < 4);
  return Math.min(gpu.mostChunk, isNarrow ? 8 : 4);
}

/** The loop over the elements c of the chunk that begins at `first`. */
export function elementLoop(width: number, columns: number, body: readonly Statement[]): Loop {
  const c = combineIndices([
    { index: variableIndex("first", columns), factor: 1 },
    { index: variableIndex("e", width), factor: 1 },
  ]);
  return {
    kind: "loop",
    variable: "e",
    from: zeroIndex,
    to: constantIndex(width),
    step: 1,
    form: "elements",
    unroll: "whole",
    body: [nameIndex("c", c), ...body],
  };
}

/** The same kernel with whole chunks loaded and stored where their elements are neighbours in memory. */
export function widenLoops(kernel: LoopKernel): LoopKernel {
  let count = 0;
  const widen = (statement: Statement): Statement[] => {
    if (statement.kind === "when") return [{ ...statement, body: statement.body.flatMap(widen) }];
    if (statement.kind !== "loop") return [statement];
    if (statement.form !== "elements") return [{ ...statement, body: statement.body.flatMap(widen) }];
    return widenElements(statement, () => `o${count++}`);
  };
  return { ...kernel, body: kernel.body.flatMap(widen) };
}

function widenElements(loop: Loop, newName: () => string): Statement[] {
  const width = loop.to.offset;
  const e = variableIndex(loop.variable, width);
  const atFirst = (index: Index) =>
    substituteVariables(index, (name, size) => variableIndex(name === "c" ? "first" : name, size));
  const before: Statement[] = [];
  const after: Statement[] = [];
  const widenLoad = (value: Expression): Expression => {
    if (value.kind !== "load" || !isChunk(value.at, width)) return value;
    const { tensor, at, type } = value;
    return { kind: "element", type, chunk: { kind: "chunk", tensor, at: atFirst(at), width }, at: e };
  };
  const body = loop.body.map((statement): Statement => {
    if (!("value" in statement)) return statement;
    const value = rewriteValue(statement.value, widenLoad);
    if (statement.kind !== "store" || width === 1 || !isChunk(statement.at, width)) return { ...statement, value };
    const { tensor, at } = statement;
    const name = newName();
    before.push({ kind: "declare", name, type: tensor.dtype, width });
    after.push({ kind: "store", tensor, at: atFirst(at), value: { kind: "read", type: tensor.dtype, name, width } });
    return { kind: "set", name, at: e, value };
  });
  return [...before, { ...loop, body }, ...after];
}

/** Whether a chunk of columns is neighbouring elements that begin at a multiple of its width. */
function isChunk(index: Index, width: number): boolean {
  if (!listVariables(index).includes("c")) return false;
  if (width === 1) return true;
  if (strideOf(index, "c") !== 1 || index.offset % width !== 0) return false;
  return index.terms.every(({ key, factor }) => key === "c" || factor % width === 0);
}
