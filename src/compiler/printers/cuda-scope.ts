// What every printed CUDA kernel is made of: its pointers, statements at the outermost place where what they need is known, and
// loads and stores of several neighbouring elements at once where a position is plain and aligned.
//
// Three places: 0 once a thread, 1 once a chunk of neighbouring columns (`first` on), 2 once an element (c = first + e).

import { countElements, type DType, type Tensor } from "../../graph/tensor.ts";
import { type Index, indexKey, strideOf, substituteVariables, variableIndex } from "../indices/index-expression.ts";
import type { Group, Store } from "../kernels/group.ts";
import type { DraftLaunch, PrintContext } from "../target.ts";
import { type PointerList, printIndex, printStored, printTarget, type Scope, valueTypes } from "./print-expression.ts";

const storageTypes: Readonly<Record<DType, string>> = {
  f32: "float",
  bf16: "bf16",
  i32: "int32_t",
  u32: "uint32_t",
  bool: "uint8_t",
};

type Place = 0 | 1 | 2;

/** A load of a whole chunk. */
export interface ChunkLoad {
  readonly dtype: DType;
  /** The passes that do it. */
  readonly passes: Set<number>;
  /** Whether every row loads the same. */
  readonly isShared: boolean;
}

export interface CudaScope extends Scope {
  /** Neighbouring columns of one chunk: 1, 2, 4 or 8. */
  readonly width: number;
  /** Loads at a column's place, by key, with the passes that do them. */
  readonly loads: Map<string, ChunkLoad>;
  /** Names of kept loads, by key. */
  readonly kept: Map<string, string>;
  pass: number;
  /** An index over the variables of a store's loop as one over the variables of the kernel's text. */
  place: PlaceIndex;
  /** A new name, known from `place` on. */
  name(prefix: string, place: Place): string;
  /** Adds a statement. */
  state(place: Place, statement: string): void;
  /** The statements of a place since they were last taken. */
  take(place: Place, indent: string): string;
}

type PlaceIndex = (index: Index, store: Store) => Index;

export interface CudaVariables {
  readonly place: PlaceIndex;
  /** Where the variables of the text are known; others everywhere. */
  readonly places: Readonly<Record<string, Place>>;
  readonly width: number;
  /** Keys of loads that stay in registers between passes. */
  readonly keep?: ReadonlySet<string>;
}

export function openCudaScope(pointers: PointerList, context: PrintContext, variables: CudaVariables): CudaScope {
  const { place, width, keep = new Set() } = variables;
  const places = new Map<string, Place>([...Object.entries(variables.places), ["c", 2], ["e", 2]]);
  const bound = [0, 1, 2].map(() => new Map<string, string>());
  const lines: string[][] = [[], [], []];
  let count = 0;
  const placeOf = (text: string): Place =>
    Math.max(0, ...[...text.matchAll(/\b[a-z]\w*/g)].map(([name]) => places.get(name) ?? 0)) as Place;
  const bindAt = (place: Place, prefix: string, type: string, expression: string): string => {
    const known = bound[place]!.get(expression);
    if (known !== undefined) return known;
    const name = scope.name(prefix, place);
    bound[place]!.set(expression, name);
    lines[place]!.push(`const ${type} ${name} = ${expression};`);
    return name;
  };
  const scope: CudaScope = {
    pointers,
    width,
    inMemory: tensor => context.inMemory.has(tensor),
    place,
    position: (index, store, texts) => printIndex(place(index, store), key => texts.get(key)!),
    values: new Map(),
    loads: new Map(),
    kept: new Map(),
    pass: 0,
    name: (prefix, place) => {
      const name = `${prefix}${count++}`;
      places.set(name, place);
      return name;
    },
    state: (place, statement) => lines[place]!.push(statement),
    take: (place, indent) => {
      if (place > 0) bound[place]!.clear();
      return lines[place]!.splice(0)
        .map(line => `${indent}${line}\n`)
        .join("");
    },
    bind: (dtype, expression) => bindAt(placeOf(expression), "v", valueTypes[dtype], expression),
    load: (tensor, flat, store, print) => {
      const text = print();
      const address = pointers.nameOf(tensor);
      if (placeOf(text) < 2) return `${address}[${text}]`;
      const at = place(flat, store);
      if (!isChunk(at, width)) return `${address}[${text}]`;
      const key = `${tensor.id} ${indexKey(at)}`;
      const seen = scope.loads.get(key) ?? {
        dtype: tensor.dtype,
        passes: new Set(),
        isShared: at.terms.every(({ key: name }) => name === "c"),
      };
      seen.passes.add(scope.pass);
      scope.loads.set(key, seen);
      const type = chunkType(tensor.dtype, width);
      const chunk = chunkAt(type, address, text, width);
      if (!keep.has(key)) return elementOf(bindAt(placeOf(chunk), "t", type, chunk), width);
      if (!scope.kept.has(key)) {
        scope.kept.set(key, scope.name("k", 1));
        lines[1]!.push(`${scope.kept.get(key)}[j] = ${chunk};`);
      }
      return elementOf(`${scope.kept.get(key)}[j]`, width);
    },
  };
  return scope;
}

export function chunkType(dtype: DType, width: number): string {
  return width === 1 ? storageTypes[dtype] : `${storageTypes[dtype]}_x${width}`;
}

function elementOf(chunk: string, width: number): string {
  return width === 1 ? chunk : `${chunk}.v[e]`;
}

/** The chunk that begins at the position of its first column. */
function chunkAt(type: string, address: string, position: string, width: number): string {
  const start = position.replace(/\bc\b/g, "first");
  return width === 1 ? `${address}[${start}]` : `*(const ${type} *)(${address} + ${start})`;
}

/** Whether a chunk of columns is neighbouring elements that begin at a multiple of its width. */
function isChunk(index: Index, width: number): boolean {
  if (width === 1) return true;
  if (strideOf(index, "c") !== 1 || index.offset % width !== 0) return false;
  return index.terms.every(({ key, factor }) => key === "c" || factor % width === 0);
}

/** Adds the statements that write a value where its store says: with the whole chunk, or element by element. */
export function addStore(store: Store, value: string, scope: CudaScope): string {
  const { width } = scope;
  const element = printTarget(store, scope);
  const stored = printStored(store, value);
  if (width === 1 || !isChunk(scope.place(store.position, store), width)) {
    scope.state(2, `${element} = ${stored};`);
    return "";
  }
  const type = chunkType(store.target.dtype, width);
  const chunk = scope.name("o", 1);
  scope.state(1, `${type} ${chunk};`);
  scope.state(2, `${chunk}.v[e] = ${stored};`);
  const start = scope.position(store.position, store, new Map()).replace(/\bc\b/g, "first");
  return `*(${type} *)(${scope.pointers.nameOf(store.target)} + ${start}) = ${chunk};\n`;
}

/** Places a loop's moving axes at the given indices, in their order. */
export function placeAxes(index: Index, { loop }: Store, axes: readonly Index[]): Index {
  const moving = loop.flatMap((size, axis) => (size === 1 ? [] : [`i${axis}`]));
  return substituteVariables(index, name => axes[moving.indexOf(name)]!);
}

/** Variables of the text for the rows of a group, and c for its columns. */
export function nameAxes(rowNames: readonly string[], { rows, columns }: Group): Index[] {
  return [...rowNames.map((name, place) => variableIndex(name, rows[place]!)), variableIndex("c", columns)];
}

/** The loop over the elements of one chunk. */
export function printElementLoop(scope: CudaScope, indent: string, type: string): string {
  const { width } = scope;
  const statements = scope.take(2, `${indent}${width === 1 ? "" : "  "}`);
  if (width === 1) return `${indent}const ${type} c = first;\n${statements}`;
  return `#pragma unroll
${indent}for (int e = 0; e < ${width}; e++) {
${indent}  const ${type} c = first + e;
${statements}${indent}}
`;
}

/** The largest width up to `most` that divides the columns. */
export function chooseWidth(columns: number, most: number): number {
  return [8, 4, 2, 1].find(width => width <= most && columns % width === 0)!;
}

/** 16 bytes a load for the narrowest tensor of which whole rows are read or written. */
export function widestUseful(group: Group): number {
  const size = countElements(group.rows) * group.columns;
  const tensors = group.stores.flatMap(({ target, loads }) => [target, ...loads.map(load => load.tensor)]);
  const large = tensors.filter(tensor => countElements(tensor.shape) >= size);
  return large.some(({ dtype }) => dtype === "bf16" || dtype === "bool") ? 8 : 4;
}

/** int, unless a tensor of the kernel or its loop has 2³¹ elements or more. */
export function indexType(tensors: readonly Tensor[], group?: Group): string {
  const counts = [...tensors.map(({ shape }) => shape), ...(group?.stores ?? []).map(({ loop }) => loop)];
  return counts.some(shape => countElements(shape) >= 2 ** 31) ? "long long" : "int";
}

/**
 * The head of a kernel. Pointers are restricted, but for the two of a state that is read and written in place: they are one
 * address.
 */
export function printHead(
  tensors: readonly Tensor[],
  written: (tensor: Tensor) => boolean,
  threads: number,
  stateOf: PrintContext["stateOf"],
  residentBlocks?: number,
): string {
  const states = tensors.map(stateOf);
  const parameters = tensors.map((tensor, i) => {
    const isTwice = states[i] !== undefined && states.indexOf(states[i]) !== states.lastIndexOf(states[i]);
    const type = `${written(tensor) ? "" : "const "}${storageTypes[tensor.dtype]}`;
    return `${type} *${isTwice ? "" : "__restrict__ "}a${i}`;
  });
  const bounds = residentBlocks === undefined ? threads : `${threads}, ${residentBlocks}`;
  return `extern "C" __global__ void __launch_bounds__(${bounds}) KERNEL(${parameters.join(", ")})`;
}

export type PrintedKernel = Omit<DraftLaunch, "name" | "flops">;

interface KernelShape {
  readonly blocks: number;
  readonly grain: number;
  readonly threads: number;
  /** Thread blocks for which a multiprocessor must have registers at the same time. */
  readonly residentBlocks?: number;
}

/** A kernel of a group from its body. */
export function finishKernel(
  group: Group,
  { tensors }: PointerList,
  { stateOf }: PrintContext,
  body: string,
  { residentBlocks, ...shape }: KernelShape,
): PrintedKernel {
  const isWritten = (tensor: Tensor) => group.stores.some(store => store.target === tensor);
  const head = printHead(tensors, isWritten, shape.threads, stateOf, residentBlocks);
  return { source: `${head} {\n${body}}\n`, pointers: tensors, ...shape };
}
