// Prints fused kernels as CUDA for thread blocks. Without reductions a thread takes a chunk of neighbouring elements; with
// reductions over rows a warp takes a short row and a thread block a long one, and what several passes over the row need stays
// in registers. No atomics and fixed trees: equal inputs give equal bits.

import { countElements } from "../../graph/tensor.ts";
import { variableIndex } from "../indices/index-expression.ts";
import type { Group } from "../kernels/group.ts";
import { isFlat } from "../kernels/levels.ts";
import type { DraftLaunch, PrintContext } from "../target.ts";
import { printColumns } from "./cuda-columns.ts";
import { printRows } from "./cuda-rows.ts";
import {
  addStore,
  chooseWidth,
  finishKernel,
  indexType,
  nameAxes,
  openCudaScope,
  type PrintedKernel,
  placeAxes,
  printElementLoop,
  widestUseful,
} from "./cuda-scope.ts";
import { PointerList, printExpression, printRowVariables } from "./print-expression.ts";

const elementThreads = 256;
/** The launch of a group of elementwise work and reductions. */
export function printCudaGroup(group: Group, context: PrintContext): DraftLaunch {
  const flops = group.stores.reduce((sum, store) => sum + countElements(store.loop), 0);
  return { name: group.kind, ...choosePrinter(group)(group, context), flops };
}

function choosePrinter(group: Group): (group: Group, context: PrintContext) => PrintedKernel {
  if (group.kind === "column") return printColumns;
  const needsRows = group.stores.some(({ reduction, scope }) => reduction !== "none" || scope === "scalar");
  return needsRows ? printRows : printElements;
}

/** One chunk of elements a thread. */
function printElements(group: Group, context: PrintContext): PrintedKernel {
  const pointers = new PointerList();
  const flat = isFlat(group);
  const rowCount = countElements(group.rows);
  const columns = flat ? rowCount * group.columns : group.columns;
  const width = chooseWidth(columns, widestUseful(group));
  const rowNames = group.rows.map((_, place) => `r${place}`);
  const axes = nameAxes(rowNames, group);
  const everywhere = variableIndex("c", columns);
  const scope = openCudaScope(pointers, context, {
    place: flat
      ? index => (index.terms.length === 0 ? index : everywhere)
      : (index, store) => placeAxes(index, store, axes),
    places: { first: 1, ...Object.fromEntries(rowNames.map(name => [name, 1])) },
    width,
  });
  let after = "";
  for (const store of group.stores) {
    const value = printExpression(store, scope);
    scope.values.set(store.target, value);
    if (!context.isExternal(store.target, group)) continue;
    const written = addStore(store, value, scope);
    if (written !== "") after += `  ${written}`;
  }
  const type = indexType(pointers.tensors, group);
  const chunks = (flat ? 1 : rowCount) * (columns / width);
  const position = flat
    ? `  const ${type} first = at * ${width};\n`
    : `  const ${type} row = at / ${columns / width}, first = at % ${columns / width} * ${width};\n${printRowVariables(group.rows, "row", "  ", type)}`;
  const body = `  const ${type} at = (${type})blockIdx.x * ${elementThreads} + threadIdx.x;
  if (at >= ${chunks}) return;
${position}${scope.take(0, "  ")}${scope.take(1, "  ")}${printElementLoop(scope, "  ", type)}${after}`;
  const shape = { blocks: chunks, grain: elementThreads, threads: elementThreads };
  return finishKernel(group, pointers, context, body, shape);
}
