// The cpu as a target: groups as C functions of (pointers, first block, end block); products and composites as calls of the
// templates in backends/cpu. A product packs its operands, so it takes any strides and rounds parameters on the way.

import { bytesPerElement, countElements, type Operation, type Tensor } from "../../graph/tensor.ts";
import { stridedView } from "../indices/expression.ts";
import { baseOf, type Group } from "../kernels/group.ts";
import { splitProduct } from "../kernels/product-blocks.ts";
import { batchStrides } from "../passes/materialise.ts";
import type { DraftLaunch, PrintContext, Target } from "../target.ts";
import { declarePointers, printEpilogue, printGroup } from "./c-dialect.ts";
import { PointerList } from "./print-expression.ts";

/** Blocks of rows that a sum of columns is cut into, so that threads share the work; few rows are summed at once. */
const columnBlocks = 32;

export const cTarget: Target = {
  products: { packRounded: true, takeAnyStrides: true, writeAnything: true },
  overwritesOperands: true,
  columnBlocks: rows => (rows <= 2 * columnBlocks ? 1 : columnBlocks),
  regroup: fused => fused,
  printGroup: (group, context) => {
    switch (group.kind) {
      case "matmul":
        return printProduct(group, context);
      case "scatterAdd":
        return printScatter(group.template!, context);
      case "composite":
        return printComposite(group.template!, context);
      default:
        return printFused(group, context);
    }
  },
  printCopy: (from, to) => ({
    name: "copy",
    source: `static void KERNEL(char *const *p, long begin, long end) { memcpy(p[1] + begin, p[0] + begin, (size_t)(end - begin)); }\n`,
    pointers: [from, to],
    blocks: countElements(from.shape) * bytesPerElement[from.dtype],
    grain: 1 << 20,
    flops: 0,
  }),
};

function printFused(group: Group, context: PrintContext): DraftLaunch {
  const { body, ...printed } = printGroup(
    group,
    tensor => context.inMemory.has(tensor),
    tensor => context.isExternal(tensor, group),
  );
  const source = `static void KERNEL(char *const *p, long begin, long end) {\n${body}}\n`;
  const flops = group.stores.reduce((sum, store) => sum + countElements(store.loop), 0);
  return { name: group.kind, source, ...printed, flops };
}

function printProduct(group: Group, { inMemory, options }: PrintContext): DraftLaunch {
  const product = group.template!;
  const [a, b] = product.inputs as [Tensor, Tensor];
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape[a.shape.length - 1]!;
  const isInMemory = (tensor: Tensor) => inMemory.has(tensor);
  const views = [a, b].map(operand => productView(operand, isInMemory));
  const pointers = new PointerList();
  // Operands may be one tensor twice, so their addresses come first whatever their names.
  pointers.tensors.push(views[0]!.base, views[1]!.base);
  const batches = countElements(a.shape.slice(0, -2));
  const { down, across } = splitProduct(batches, [m, n, k * bytesPerElement[a.dtype]], options.threads);
  let source = "";
  if (group.stores.length > 0) {
    const outside = new PointerList();
    const body = printEpilogue(group, isInMemory, outside);
    const declarations = declarePointers(outside).replace(/p\[(\d+)\]/g, (_, at) => `p[${Number(at) + 2}]`);
    pointers.tensors.push(...outside.tensors);
    source += `static void KERNEL_epilogue(char *const *p, long row, long first, long last, float *tile) {\n${declarations}${body}}\n`;
  } else pointers.tensors.push(product);
  const isBf16 = a.dtype === "bf16" ? 1 : 0;
  const printView = ({ base, offset, outer, inner, innerCount, row, column }: ReturnType<typeof productView>) => {
    const elements = isBf16 === 0 ? "F32" : base.dtype === "bf16" ? "BF16" : "ROUNDED";
    return `{${elements}, ${offset}, ${outer}, ${inner}, ${innerCount}, ${row}, ${column}}`;
  };
  source += `static void KERNEL(char *const *p, long begin, long end) {
  static const struct matrix a = ${printView(views[0]!)}, b = ${printView(views[1]!)};
  multiply_blocks(p, begin, end, ${m}, ${n}, ${k}, ${down}, ${across}, ${isBf16}, &a, &b, ${group.stores.length > 0 ? "KERNEL_epilogue" : "NULL"});
}
`;
  return {
    name: `matmul_${m}x${n}x${k}`,
    source,
    pointers: pointers.tensors,
    blocks: batches * down * across,
    grain: 1,
    flops: 2 * batches * m * n * k,
  };
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

function printComposite(node: Tensor, { inMemory, options }: PrintContext): DraftLaunch {
  const { definition, attributes } = node.operation as Extract<Operation, { kind: "composite" }>;
  const { name, blocks, grain, flops, printCall } = options.findCompositeKernel!(definition.name, attributes)!;
  const operands = node.inputs.map(operand => baseOf(operand, inMemory));
  const source = `static void KERNEL(char *const *p, long begin, long end) {\n  ${printCall(operands, node)}\n}\n`;
  return { name, source, pointers: [...operands, node], blocks, grain, flops };
}

function printScatter(node: Tensor, { inMemory }: PrintContext): DraftLaunch {
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
  return {
    name: "scatter_add",
    source,
    pointers: [...[values, indices].map(operand => baseOf(operand, inMemory)), node],
    blocks: rows,
    grain: Math.max(1, Math.ceil(rows / 16)),
    flops: countElements(values.shape),
  };
}
