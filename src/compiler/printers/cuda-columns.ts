// Column reductions as CUDA: a thread block takes a tile of columns and all the rows of its block of rows. 32 threads stand
// across the tile, so that a warp reads neighbouring elements, and eight or more below each other take the rows in turn; their sums meet
// in shared memory, in a fixed order.

import { countElements } from "../../graph/tensor.ts";
import type { Index } from "../indices/index-expression.ts";
import type { Group, Store } from "../kernels/group.ts";
import type { PrintContext } from "../target.ts";
import {
  chooseWidth,
  finishKernel,
  indexType,
  nameAxes,
  openCudaScope,
  type PrintedKernel,
  placeAxes,
  printElementLoop,
} from "./cuda-scope.ts";
import {
  isSum,
  PointerList,
  printExpression,
  printRowVariables,
  printStored,
  printTarget,
} from "./print-expression.ts";

const across = 32;
const widest = 4;
/** Fewer thread blocks than this leave multiprocessors idle: then tiles are as narrow and blocks as tall as they can be. */
const fewBlocks = 128;

/** Columns of one thread block. */
export function columnTile(columns: number): number {
  return across * chooseWidth(columns, widest);
}

/** The launch of a group of column reductions. */
export function printColumns(group: Group, context: PrintContext): PrintedKernel {
  const { rows, columns } = group;
  const outer = rows.slice(0, -1);
  const inner = rows[rows.length - 1]!;
  const isFew = countElements(outer) * Math.ceil(columns / columnTile(columns)) < fewBlocks;
  const width = isFew ? 1 : chooseWidth(columns, widest);
  const down = isFew ? 32 : 8;
  const tile = across * width;
  const tiles = Math.ceil(columns / tile);
  const pointers = new PointerList();
  const axes = nameAxes([...outer.map((_, place) => `r${place}`), "inner"], group);
  const scope = openCudaScope(pointers, context, {
    place: (index, store) => placeAxes(index, store, axes),
    places: { inner: 1 },
    width,
  });
  let initial = "";
  const sums = group.stores
    .filter(({ reduction }) => reduction === "column")
    .map((store, n) => {
      const value = printExpression(store, scope);
      const name = scope.name("s", 2);
      const sum = width === 1 ? name : `${name}[e]`;
      const begin = isSum(store) ? "0" : "-INFINITY";
      initial +=
        width === 1
          ? `  float ${name} = ${begin};\n`
          : `  float ${name}[${width}] = {${Array.from({ length: width }, () => begin).join(", ")}};\n`;
      scope.state(2, isSum(store) ? `${sum} += ${value};` : `${sum} = ${value} > ${sum} ? ${value} : ${sum};`);
      return { store, sum, total: `total${n}` };
    });
  const once = scope.take(0, "    ");
  const chunk = scope.take(1, "      ");
  const elements = printElementLoop(scope, "      ", "int");
  const totals = sums
    .map(({ store, sum, total }) => {
      const next = isSum(store)
        ? `${total} += part[y][t];`
        : `${total} = part[y][t] > ${total} ? part[y][t] : ${total};`;
      return `  __syncthreads();
  ${width === 1 ? `part[y][x] = ${sum};` : `for (int e = 0; e < ${width}; e++) part[y][x * ${width} + e] = ${sum};`}
  __syncthreads();
  float ${total} = part[0][t];
  if (threadIdx.x < ${tile}) for (int y = 1; y < ${down}; y++) ${next}
`;
    })
    .join("");
  const results = printResults(group, context, pointers, axes, new Map(sums.map(({ store, total }) => [store, total])));
  const type = indexType(pointers.tensors, group);
  const body = `  __shared__ float part[${down}][${tile}];
  const ${type} outer = blockIdx.x / ${tiles};
  const int tile = blockIdx.x % ${tiles} * ${tile}, x = threadIdx.x % ${across}, y = threadIdx.x / ${across}, first = tile + x * ${width};
${printRowVariables(outer, "outer", "  ", type)}${initial}  if (first < ${columns}) {
${once}#pragma unroll ${group.stores.length > 1 ? 2 : 4}
    for (${type} inner = y; inner < ${inner}; inner += ${down}) {
${chunk}${elements}    }
  }
  const int t = threadIdx.x % ${tile}, c = tile + t;
${totals}  if (threadIdx.x >= ${tile} || c >= ${columns}) return;
${results}`;
  const shape = { blocks: countElements(outer) * tiles, grain: 1, threads: across * down };
  return finishKernel(group, pointers, context, body, shape);
}

/** What a thread does with the totals of column c: writes them, and what else the group makes of them. */
function printResults(
  group: Group,
  context: PrintContext,
  pointers: PointerList,
  axes: readonly Index[],
  totals: ReadonlyMap<Store, string>,
): string {
  const [column] = axes.slice(-1);
  const scope = openCudaScope(pointers, context, {
    // What is made of totals has no rows.
    place: (index, store) => placeAxes(index, store, totals.has(store) ? axes : [column!]),
    places: {},
    width: 1,
  });
  for (const store of group.stores) {
    const value = totals.get(store) ?? printExpression(store, scope);
    scope.values.set(store.target, value);
    if (context.isExternal(store.target, group))
      scope.state(2, `${printTarget(store, scope)} = ${printStored(store, value)};`);
  }
  const statements = ([0, 1, 2] as const).map(place => scope.take(place, "    ")).join("");
  return `  {\n    const int first = c;\n${statements}  }\n`;
}
