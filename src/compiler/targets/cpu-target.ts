// The cpu as a target: groups as C functions of (pointers, first block, end block); products and composites as calls of the
// templates in backends/cpu. A product packs its operands, so it takes any strides and rounds parameters on the way.

import { bytesPerElement, countElements, type Operation, type Tensor } from "../../graph/tensor.ts";
import { declarePointers, type EmittedC, emitCBody, emitCKernel } from "../emitters/emit-c.ts";
import { stridedView } from "../indices/expression.ts";
import { emitIndex } from "../indices/index-expression.ts";
import { baseOf, type FusedGraph, type Group, movingSizes } from "../kernels/group.ts";
import { isPartialSum, sharesRows, startJoining } from "../kernels/join.ts";
import { splitProduct } from "../kernels/product-blocks.ts";
import { type LoopKernel, listTensors } from "../loops/ir.ts";
import { lowerForCpu, lowerWriteOut } from "../loops/lower-cpu.ts";
import { shareValues } from "../loops/share.ts";
import { batchStrides } from "../passes/materialise.ts";
import type { CompileOptions, DraftLaunch, EmitContext, Target } from "../target.ts";

/** Blocks of rows that a sum of columns is cut into, so that threads share the work; few rows are summed at once. */
const columnBlocks = 32;

export const cpuTarget: Target = {
  products: { packRounded: true, takeAnyStrides: true, writeAnything: true },
  overwritesOperands: true,
  scattersSeveral: true,
  launchesAtOnce: 16,
  alignmentBytes: 64,
  mostTensors: Number.POSITIVE_INFINITY,
  columnBlocks: rows => (rows <= 2 * columnBlocks ? 1 : columnBlocks),
  regroup: joinSums,
  emitters: { matmul: emitProduct, scatterAdd: emitScatter, composite: emitComposite, fused: emitFused },
  emitCopy: (from, to) => ({
    name: "copy",
    source: `static void KERNEL(char *const *p, long begin, long end) { memcpy(p[1] + begin, p[0] + begin, (size_t)(end - begin)); }\n`,
    pointers: [from, to],
    blocks: countElements(from.shape) * bytesPerElement[from.dtype],
    grain: 1 << 20,
    flops: 0,
  }),
};

/** Sums of a norm's gradients join the kernel that reads the same rows, while each thread still has several blocks of them. */
function joinSums({ groups, inMemory }: FusedGraph, { threads }: CompileOptions): FusedGraph {
  if (2 * threads > columnBlocks) return { groups, inMemory };
  const { left, join } = startJoining(groups);
  join(isPartialSum, sharesRows);
  return { groups: left, inMemory };
}

function emitFused(group: Group, context: EmitContext): DraftLaunch {
  const flops = group.stores.reduce((sum, store) => sum + countElements(store.loop), 0);
  const lower = (part: Group) =>
    lowerForCpu(part, { inMemory: context.inMemory, isExternal: tensor => context.isExternal(tensor, group) });
  const sums = group.stores.filter(({ reduction }) => reduction === "column");
  if (group.kind === "column" || sums.length === 0) {
    const lowered = lower(group);
    const { blocks, grain } = lowered;
    return { name: group.kind, ...emitCKernel(share(lowered, context)), blocks, grain, flops };
  }
  // Block by block of rows: its sums, and its rows, which are in the second cache then.
  const [blocks, rows] = movingSizes(sums[0]!.loop) as [number, number];
  const lowered = lower({ ...group, kind: "column", rows: [blocks, rows], stores: sums });
  const tiles = lowered.blocks / blocks;
  const ofSums = emitCKernel(share(lowered, context));
  const others = group.stores.filter(store => !sums.includes(store));
  const ofRows = emitCKernel(share(lower({ ...group, stores: others }), context));
  const source = `${ofSums.source.replace("KERNEL", "KERNEL_sums")}${ofRows.source.replace("KERNEL", "KERNEL_rows")}static void KERNEL(char *const *p, long begin, long end) {
  for (long block = begin; block < end; block++) {
    KERNEL_rows(p + ${ofSums.pointers.length}, block * ${rows}, (block + 1) * ${rows});
    KERNEL_sums(p, block * ${tiles}, (block + 1) * ${tiles});
  }
}
`;
  const pointers = [...ofSums.pointers, ...ofRows.pointers];
  return { name: "row_sums", source, pointers, blocks, grain: 1, flops };
}

function share(lowered: LoopKernel, { options: { inspectKernel } }: EmitContext): LoopKernel {
  inspectKernel?.(lowered, "lowered");
  const shared = shareValues(lowered, false);
  inspectKernel?.(shared, "shared");
  return shared;
}

function emitProduct(group: Group, context: EmitContext): DraftLaunch {
  const { inMemory, options } = context;
  const product = group.template!;
  const [a, b] = product.inputs as [Tensor, Tensor];
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape[a.shape.length - 1]!;
  const isInMemory = (tensor: Tensor) => inMemory.has(tensor);
  const views = [a, b].map(operand => productView(operand, isInMemory));
  const batches = countElements(a.shape.slice(0, -2));
  const byTiles = options.hasTiles === true && a.dtype === "bf16";
  const results = group.stores.length > 0 ? group.stores.map(({ target }) => target) : [product];
  const isAwaited = context.isAlone || results.some(result => context.stateOf(result) === undefined);
  const sizes = [m, n, k * bytesPerElement[a.dtype]] as const;
  const { down, across } = splitProduct(batches, sizes, options.threads, { byTiles, isAwaited });
  // Operands may be one tensor twice, so their addresses come first whatever their names.
  const operands = [views[0]!.base, views[1]!.base];
  const writeOut = group.stores.length > 0 ? emitWriteOut(group, context, operands.length) : undefined;
  const isBf16 = a.dtype === "bf16" ? 1 : 0;
  const [call, chosen] = byTiles ? ["multiply_blocks_by_tiles", ""] : ["multiply_blocks", `${isBf16}, `];
  const emitView = ({ base, offset, outer, inner, innerCount, row, column }: ReturnType<typeof productView>) => {
    const elements = isBf16 === 0 ? "F32" : base.dtype === "bf16" ? "BF16" : "ROUNDED";
    return `{${elements}, ${offset}, ${outer}, ${inner}, ${innerCount}, ${row}, ${column}}`;
  };
  const source = `${writeOut?.source ?? ""}static void KERNEL(char *const *p, long begin, long end) {
  static const struct matrix a = ${emitView(views[0]!)}, b = ${emitView(views[1]!)};
  ${call}(p, begin, end, ${m}, ${n}, ${k}, ${down}, ${across}, ${chosen}&a, &b, ${writeOut === undefined ? "NULL" : "KERNEL_epilogue"});
}
`;
  return {
    name: `matmul_${m}x${n}x${k}`,
    source,
    pointers: [...operands, ...(writeOut?.pointers ?? [product])],
    blocks: batches * down * across,
    grain: 1,
    flops: 2 * batches * m * n * k,
  };
}

/** The function that a product calls with the sums of a row's columns; its own pointers come after `before` others. */
function emitWriteOut(group: Group, context: EmitContext, before: number): EmittedC {
  const lowered = lowerWriteOut(group, context.inMemory);
  const { body } = share({ block: "row", blocks: 0, grain: 0, ...lowered }, context);
  const { rounds } = lowered;
  const pointers = listTensors(body);
  if (rounds !== undefined) pointers.push(rounds.tensor);
  const text = `${declarePointers(pointers, before)}${emitCBody(body, pointers, "  ")}`;
  const round =
    rounds === undefined ? "" : `  round_row(a${pointers.length - 1} + ${emitIndex(rounds.at)}, tile, last - first);\n`;
  const source = `static void KERNEL_epilogue(char *const *p, long row, long first, long last, float *tile) {\n${text}${round}}\n`;
  return { source, pointers };
}

function productView(operand: Tensor, inMemory: (tensor: Tensor) => boolean) {
  const view = stridedView(operand, inMemory)!;
  const rank = operand.shape.length;
  return {
    base: view.base,
    offset: view.offset,
    ...batchStrides(operand, view.strides)!,
    row: view.strides[rank - 2]!,
    column: view.strides[rank - 1]!,
  };
}

function emitComposite(group: Group, { inMemory, options }: EmitContext): DraftLaunch {
  const node = group.template!;
  const { definition, attributes } = node.operation as Extract<Operation, { kind: "composite" }>;
  const { name, blocks, grain, flops, emitShared, emitCall } = options.findCompositeKernel!(
    definition.name,
    attributes,
  )!;
  const operands = node.inputs.map(operand => baseOf(operand, inMemory));
  const own = `static void KERNEL(char *const *p, long begin, long end) {\n  ${emitCall(operands, node)}\n}\n`;
  const source = `${emitShared?.(operands, node) ?? ""}${own}`;
  return { name, source, pointers: [...operands, node], blocks, grain, flops };
}

/** Adds rows of one or several values, each behind the ones before it. */
function emitScatter(group: Group, { inMemory }: EmitContext): DraftLaunch {
  const node = group.template!;
  const [rows, columns] = node.shape as [number, number];
  const values = node.inputs.filter((_, i) => i % 2 === 0);
  const adds = values.map(
    ({ shape: [count] }, i) =>
      `  add_rows((void *)p[${node.inputs.length}], (void *)p[${2 * i}], (void *)p[${2 * i + 1}], ${count}, ${columns}, begin, end);\n`,
  );
  const source = `static void KERNEL(char *const *p, long begin, long end) {
  memset((float *)p[${node.inputs.length}] + begin * ${columns}, 0, (size_t)(end - begin) * ${columns * 4});
${adds.join("")}}
`;
  return {
    name: "scatter_add",
    source,
    pointers: [...node.inputs.map(operand => baseOf(operand, inMemory)), node],
    blocks: rows,
    grain: Math.max(1, Math.ceil(rows / 16)),
    flops: values.reduce((sum, { shape }) => sum + countElements(shape), 0),
  };
}
