// From a graph to a program: simplify, fuse, order, print, plan memory. Updates are written straight into their states
// where every reader of the old value comes before; elsewhere a copy at the end does it.

import {
  type Attributes,
  bytesPerElement,
  countElements,
  createTensor,
  type Graph,
  type Operation,
  type Tensor,
} from "../graph/tensor.ts";
import { PointerList, type PrintedKernel, printEpilogue, printGroup } from "./c-dialect.ts";
import { stridedView } from "./expression.ts";
import {
  baseOf,
  canonical,
  delayLargeResults,
  type FusedGraph,
  fuseGraph,
  type Group,
  reaches,
  sortGroups,
} from "./fusion.ts";
import { indexKey } from "./index-expression.ts";
import { batchStrides } from "./materialise.ts";
import { planArena } from "./memory.ts";
import { applyPrecision } from "./precision.ts";
import { hashProgram, type Kernel, type Launch, type Program, type ProgramBuffer } from "./program.ts";
import { simplifyGraph } from "./simplify.ts";

export interface CompileOptions {
  /** Threads that share the blocks of a launch. */
  readonly threads: number;
  readonly precision: "f32" | "bf16";
  /** The backend's own kernels for composites; without one, or where it gives none, a composite is its decomposition. */
  readonly findCompositeKernel?: (name: string, attributes: Attributes) => CompositeKernel | undefined;
}

/** A template of the backend that computes a composite. */
export interface CompositeKernel {
  readonly name: string;
  readonly blocks: number;
  readonly grain: number;
  readonly flops: number;
  /** On a GPU: threads of one thread block, and its dynamic shared memory. */
  readonly threads?: number;
  readonly sharedBytes?: number;
  /**
   * The statement that runs blocks begin to end; p holds the addresses of the inputs, then of the result. On a GPU the statement
   * runs the thread block blockIdx.x; a0, a1, … are the inputs, then the result.
   */
  printCall(inputs: readonly Tensor[], result: Tensor): string;
}

/**
 * The most rows and columns of one block of a matrix product, and the depth up to which it is packed at once: as in matmul.c.
 * Deeper ones keep their sums between passes, which leaves less of the second cache to b.
 */
const largestBlock = { rows: 384, columns: 512, deepColumns: 256, bytesOfDepth: 1024 };
/** Blocks are not made smaller than this to occupy more threads: packing would cost more than it wins. */
const smallestBlock = { rows: 48, columns: 64 };

/** Cuts a product into blocks that keep all threads busy to the end. The result of a product does not depend on it. */
function splitProduct(
  batches: number,
  [m, n, bytesOfDepth]: readonly [number, number, number],
  threads: number,
): { down: number; across: number } {
  const isDeep = bytesOfDepth > largestBlock.bytesOfDepth;
  let down = Math.ceil(m / largestBlock.rows);
  let across = Math.ceil(n / (isDeep ? largestBlock.deepColumns : largestBlock.columns));
  const count = () => batches * down * across;
  const isUneven = () => count() < 2 * threads || (count() < 4 * threads && count() % threads !== 0);
  while (isUneven()) {
    const canRows = m / (down + 1) >= smallestBlock.rows;
    const canColumns = n / (across + 1) >= smallestBlock.columns;
    if (canRows && (m / down >= n / across || !canColumns)) down++;
    else if (canColumns) across++;
    else break;
  }
  return { down, across };
}

export function compileGraph(traced: Graph, options: CompileOptions): Program {
  const hasKernel = (name: string, attributes: Attributes) =>
    options.findCompositeKernel?.(name, attributes) !== undefined;
  const graph = separateRoots(applyPrecision(simplifyGraph(traced, hasKernel), options.precision));
  const fused = fuseGraph(graph);
  const owners = new Map<Tensor, { kind: "state" | "output"; name: string }>();
  for (const [name, tensor] of Object.entries(graph.outputs)) owners.set(tensor, { kind: "output", name });
  const copies: { name: string; from: Tensor }[] = [];
  for (const [name, tensor] of Object.entries(graph.updates)) {
    if (orderUpdate(fused, name, tensor)) owners.set(tensor, { kind: "state", name });
    else copies.push({ name, from: tensor });
  }
  const copied = new Set(copies.map(copy => copy.from));
  const program = new ProgramBuilder(fused, owners, copied, options);
  for (const group of delayLargeResults(sortGroups(fused.groups), fused.inMemory)) program.addGroup(group);
  for (const { name, from } of copies) program.addCopy(name, from);
  return program.finish();
}

/** Every output and update its own elementwise tensor, so that each can be written to a place of its own. */
function separateRoots(graph: Graph): Graph {
  const taken = new Set<Tensor>();
  const separate = (tensor: Tensor): Tensor => {
    const writable = ["unary", "binary", "select", "cast", "matmul", "scatterAdd", "reduce", "composite"];
    if (!taken.has(tensor) && writable.includes(tensor.operation.kind)) {
      taken.add(tensor);
      return tensor;
    }
    const operation: Operation = { kind: "cast" };
    const copy = createTensor(operation, [tensor], tensor.shape, tensor.dtype);
    taken.add(copy);
    return copy;
  };
  const map = (tensors: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, separate(tensor)]));
  return { outputs: map(graph.outputs), updates: map(graph.updates) };
}

/** Makes the writer of a state's new value wait for every reader of the old one. False when that cannot be. */
function orderUpdate(fused: FusedGraph, name: string, value: Tensor): boolean {
  const writer = fused.groups.find(
    group => group.template === value || group.stores.some(store => store.target === value),
  )!;
  const isState = (tensor: Tensor) => tensor.operation.kind === "state" && tensor.operation.name === name;
  const readers = fused.groups.filter(group => readsOf(group, fused).some(isState));
  const before = readers.filter(group => group !== writer);
  if (readers.includes(writer)) {
    if (writer.template?.inputs.some(operand => isState(baseOf(operand, fused.inMemory)))) return false;
    const store = writer.stores.find(candidate => candidate.target === value);
    if (store === undefined || store.reduction !== "none") return false;
    // In one pass over the columns every value is read before it is written; after a row reduction comes another pass.
    const onePass = writer.stores.every(candidate => candidate.reduction === "none");
    const own = indexKey(canonical(store.position, store.loop));
    const inPlace = writer.stores.every(candidate =>
      candidate.loads.every(
        load =>
          !isState(load.tensor) ||
          ((onePass || candidate === store) && indexKey(canonical(load.flat, candidate.loop)) === own),
      ),
    );
    if (!inPlace) return false;
  }
  if (before.some(reader => reaches(reader, writer))) return false;
  for (const reader of before) writer.dependencies.add(reader);
  return true;
}

function readsOf(group: Group, fused: FusedGraph): Tensor[] {
  const operands = group.template?.inputs.map(operand => baseOf(operand, fused.inMemory)) ?? [];
  return [...operands, ...group.stores.flatMap(store => store.loads.map(load => load.tensor))];
}

type Owner = { readonly kind: "state" | "output"; readonly name: string };
type Draft = Omit<ProgramBuffer, "arenaOffset"> & { first: number; last: number };

/** Collects buffers, kernels and launches in order. */
class ProgramBuilder {
  private readonly buffers: Draft[] = [];
  private readonly bufferOf = new Map<Tensor, number>();
  private readonly named = new Map<string, number>();
  private readonly kernels: Kernel[] = [];
  private readonly kernelOf = new Map<string, number>();
  private readonly launches: Launch[] = [];
  private readonly fused: FusedGraph;
  private readonly owners: ReadonlyMap<Tensor, Owner>;
  private readonly copied: ReadonlySet<Tensor>;
  private readonly readers = new Map<Tensor, Set<Group>>();
  private readonly inMemory: (tensor: Tensor) => boolean;
  private readonly options: CompileOptions;

  constructor(
    fused: FusedGraph,
    owners: ReadonlyMap<Tensor, Owner>,
    copied: ReadonlySet<Tensor>,
    options: CompileOptions,
  ) {
    this.options = options;
    this.fused = fused;
    this.copied = copied;
    this.owners = owners;
    this.inMemory = tensor => fused.inMemory.has(tensor);
    for (const group of fused.groups) {
      for (const tensor of readsOf(group, fused)) {
        this.readers.set(tensor, (this.readers.get(tensor) ?? new Set()).add(group));
      }
    }
  }

  addGroup(group: Group): void {
    switch (group.kind) {
      case "matmul":
        this.addProduct(group);
        break;
      case "scatterAdd":
        this.addScatter(group.template!);
        break;
      case "composite":
        this.addComposite(group.template!);
        break;
      default: {
        const external = (tensor: Tensor) =>
          this.owners.has(tensor) ||
          this.copied.has(tensor) ||
          [...(this.readers.get(tensor) ?? [])].some(reader => reader !== group);
        const printed = printGroup(group, this.inMemory, external);
        const source = `static void KERNEL(char *const *p, long begin, long end) {\n${printed.body}}\n`;
        const elements = group.stores.reduce((sum, store) => sum + countElements(store.loop), 0);
        this.launch(group.kind, source, printed, elements);
      }
    }
  }

  /** Copies a finished value into a state whose old value was needed to the end. */
  addCopy(name: string, from: Tensor): void {
    const bytes = countElements(from.shape) * bytesPerElement[from.dtype];
    const source = `static void KERNEL(char *const *p, long begin, long end) { memcpy(p[1] + begin, p[0] + begin, (size_t)(end - begin)); }\n`;
    const state = createTensor({ kind: "state", name }, [], from.shape, from.dtype);
    this.launch("copy", source, { pointers: [from, state], blocks: bytes, grain: 1 << 20 }, 0);
  }

  private addProduct(group: Group): void {
    const product = group.template!;
    const [a, b] = product.inputs as [Tensor, Tensor];
    const rank = a.shape.length;
    const [m, k] = a.shape.slice(-2) as [number, number];
    const n = b.shape[rank - 1]!;
    const views = [a, b].map(operand => this.productView(operand));
    const pointers = new PointerList();
    // Operands may be one tensor twice, so their addresses come first whatever their names.
    pointers.tensors.push(views[0]!.base, views[1]!.base);
    const batches = countElements(a.shape.slice(0, -2));
    const { down, across } = splitProduct(batches, [m, n, k * bytesPerElement[a.dtype]], this.options.threads);
    let source = "";
    if (group.stores.length > 0) {
      const outside = new PointerList();
      const body = printEpilogue(group, this.inMemory, outside);
      const declarations = outside.declare().replace(/p\[(\d+)\]/g, (_, at) => `p[${Number(at) + 2}]`);
      pointers.tensors.push(...outside.tensors);
      source += `static void KERNEL_epilogue(char *const *p, long row, long first, long last, float *tile) {\n${declarations}${body}}\n`;
    } else pointers.tensors.push(product);
    const isBf16 = a.dtype === "bf16" ? 1 : 0;
    const printView = ({
      base,
      offset,
      outer,
      inner,
      innerCount,
      row,
      column,
    }: ReturnType<typeof this.productView>) => {
      const elements = isBf16 === 0 ? "F32" : base.dtype === "bf16" ? "BF16" : "ROUNDED";
      return `{${elements}, ${offset}, ${outer}, ${inner}, ${innerCount}, ${row}, ${column}}`;
    };
    source += `static void KERNEL(char *const *p, long begin, long end) {
  static const struct matrix a = ${printView(views[0]!)}, b = ${printView(views[1]!)};
  multiply_blocks(p, begin, end, ${m}, ${n}, ${k}, ${down}, ${across}, ${isBf16}, &a, &b, ${group.stores.length > 0 ? "KERNEL_epilogue" : "NULL"});
}
`;
    const blocks = batches * down * across;
    this.launch(
      `matmul_${m}x${n}x${k}`,
      source,
      { pointers: pointers.tensors, blocks, grain: 1 },
      2 * batches * m * n * k,
    );
  }

  private productView(operand: Tensor) {
    const view = stridedView(operand, this.inMemory)!;
    const rank = operand.shape.length;
    return {
      base: view.base,
      offset: view.offset,
      ...batchStrides(operand, view.strides)!,
      row: view.strides[rank - 2]!,
      column: view.strides[rank - 1]!,
    };
  }

  private addComposite(node: Tensor): void {
    const { definition, attributes } = node.operation as Extract<Operation, { kind: "composite" }>;
    const kernel = this.options.findCompositeKernel!(definition.name, attributes)!;
    const operands = node.inputs.map(operand => baseOf(operand, this.fused.inMemory));
    const source = `static void KERNEL(char *const *p, long begin, long end) {\n  ${kernel.printCall(operands, node)}\n}\n`;
    this.launch(kernel.name, source, { ...kernel, pointers: [...operands, node] }, kernel.flops);
  }

  private addScatter(node: Tensor): void {
    const [values, indices] = node.inputs as [Tensor, Tensor];
    const [rows, columns] = node.shape as [number, number];
    const source = `static void KERNEL(char *const *p, long begin, long end) {
  const float *restrict values = (void *)p[0];
  const int32_t *restrict rows = (void *)p[1];
  float *restrict out = (void *)p[2];
  memset(out + begin * ${columns}, 0, (size_t)(end - begin) * ${columns * 4});
  for (long n = 0; n < ${values.shape[0]}; n++) {
    const long row = rows[n];
    if (row < begin || row >= end) continue;
    for (long c = 0; c < ${columns}; c++) out[row * ${columns} + c] += values[n * ${columns} + c];
  }
}
`;
    const pointers = [values, indices].map(operand => baseOf(operand, this.fused.inMemory));
    const grain = Math.max(1, Math.ceil(rows / 16));
    this.launch(
      "scatter_add",
      source,
      { pointers: [...pointers, node], blocks: rows, grain },
      countElements(values.shape),
    );
  }

  private launch(
    name: string,
    source: string,
    printed: Pick<PrintedKernel, "pointers" | "blocks" | "grain">,
    flops: number,
  ): void {
    const at = this.launches.length;
    const buffers = printed.pointers.map(tensor => this.touch(tensor, at));
    // By tensor: a state's old value and its new one are two, though they share a buffer.
    const bytesMoved = [...new Set(printed.pointers)].reduce(
      (total, { shape, dtype }) => total + countElements(shape) * bytesPerElement[dtype],
      0,
    );
    let kernel = this.kernelOf.get(source);
    if (kernel === undefined) {
      kernel = this.kernels.length;
      const unique = `${name}_${kernel}`;
      this.kernels.push({ name: unique, source: source.replaceAll("KERNEL", unique) });
      this.kernelOf.set(source, kernel);
    }
    this.launches.push({ kernel, buffers, blocks: printed.blocks, grain: printed.grain, flops, bytesMoved });
  }

  /** The buffer of a tensor, which lives at least until this launch. */
  private touch(tensor: Tensor, launch: number): number {
    const { operation } = tensor;
    const owner =
      operation.kind === "input" || operation.kind === "state"
        ? { kind: operation.kind, name: operation.name }
        : this.owners.get(tensor);
    const key = owner === undefined ? undefined : `${owner.kind} ${owner.name}`;
    let at = key === undefined ? this.bufferOf.get(tensor) : this.named.get(key);
    if (at === undefined) {
      at = this.buffers.length;
      const bytes = countElements(tensor.shape) * bytesPerElement[tensor.dtype];
      const { shape, dtype } = tensor;
      this.buffers.push({
        kind: owner?.kind ?? "temporary",
        name: owner?.name ?? "",
        shape,
        dtype,
        bytes,
        first: launch,
        last: launch,
      });
      if (key === undefined) this.bufferOf.set(tensor, at);
      else this.named.set(key, at);
    }
    this.buffers[at]!.last = launch;
    return at;
  }

  finish(): Program {
    const temporaries = this.buffers.filter(buffer => buffer.kind === "temporary");
    const lifetimes = temporaries.map(({ bytes, first, last }) => ({ bytes, firstLaunch: first, lastLaunch: last }));
    const { offsets, arenaBytes } = planArena(lifetimes);
    const buffers = this.buffers.map(buffer => {
      const { first: _first, last: _last, ...kept } = buffer;
      const place = temporaries.indexOf(buffer);
      return { ...kept, arenaOffset: place < 0 ? -1 : offsets[place]! };
    });
    const program = { buffers, kernels: this.kernels, launches: this.launches, arenaBytes };
    return { ...program, hash: hashProgram(program) };
  }
}
