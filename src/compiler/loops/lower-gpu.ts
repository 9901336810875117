// Groups as loops for the thread blocks of a GPU. Elementwise work is here: a thread takes a chunk of neighbouring elements.

import { countElements } from "../../graph/tensor.ts";
import { unflattenPosition } from "../indices/expression.ts";
import { combineIndices, divideIndex, type Index, remainderIndex, variableIndex } from "../indices/index-expression.ts";
import { type Group, movingSizes } from "../kernels/group.ts";
import { isFlat } from "../kernels/levels.ts";
import {
  chooseWidth,
  elementLoop,
  type GpuContext,
  nameIndex,
  thread,
  widenLoops,
  widestUseful,
} from "./gpu-chunks.ts";
import type { LoopKernel, Stage, Statement } from "./ir.ts";
import { keepChunks } from "./keep.ts";
import { lowerColumns } from "./lower-gpu-columns.ts";
import { type GpuKernel, lowerRows } from "./lower-gpu-rows.ts";
import { nameRows } from "./lower-passes.ts";
import { lowerStore, nameValue, startLowering } from "./lower-value.ts";
import { shareValues } from "./share.ts";

const elementThreads = 256;

/** The kernel of a group, its values shared. `inspect` sees it after every pass. */
export function lowerForGpu(
  group: Group,
  context: GpuContext,
  inspect: (kernel: LoopKernel, stage: Stage) => void,
): LoopKernel {
  const { kernel: lowered, kept } = lower(group, context);
  inspect(lowered, "lowered");
  const widened = widenLoops(lowered);
  inspect(widened, "lowered");
  const keeping = kept === undefined ? widened : keepChunks(widened, kept);
  inspect(keeping, "lowered");
  const hoisted = shareValues(keeping, true);
  inspect(hoisted, "hoisted");
  return hoisted;
}

function lower(group: Group, context: GpuContext): GpuKernel {
  if (group.kind === "column") return { kernel: lowerColumns(group, context) };
  const needsRows = group.stores.some(({ reduction, scope }) => reduction !== "none" || scope === "scalar");
  return needsRows ? lowerRows(group, context) : { kernel: lowerElements(group, context) };
}

/** One chunk of elements a thread. */
function lowerElements(group: Group, context: GpuContext): LoopKernel {
  const { inMemory, isExternal } = context;
  const lowering = startLowering(inMemory);
  const flat = isFlat(group);
  const rowCount = countElements(group.rows);
  const columns = flat ? rowCount * group.columns : group.columns;
  const width = chooseWidth(columns, widestUseful(group, context));
  const chunks = (flat ? 1 : rowCount) * (columns / width);
  const threadBlocks = Math.ceil(chunks / elementThreads);
  // The last thread block may have more threads than there are chunks.
  const at = variableIndex("at", threadBlocks * elementThreads);
  const column = variableIndex("c", columns);
  const rows = nameRows(group.rows, variableIndex("row", rowCount));
  const scale = (index: Index) => combineIndices([{ index, factor: width }]);
  const position = flat
    ? [nameIndex("first", scale(at))]
    : [
        nameIndex("row", divideIndex(at, columns / width)),
        nameIndex("first", scale(remainderIndex(at, columns / width))),
        ...rows.lets,
      ];
  const values: Statement[] = [];
  const stores: Statement[] = [];
  for (const store of group.stores) {
    const axes = flat ? unflattenPosition(column, movingSizes(store.loop)) : [...rows.axes, column];
    const value = nameValue(store, axes, lowering, values);
    lowering.values.set(store.target, value);
    if (isExternal(store.target)) stores.push(lowerStore(store, axes, value, lowering));
  }
  const elements = elementLoop(width, columns, [...values, ...stores]);
  const own = combineIndices([
    { index: variableIndex("block", threadBlocks), factor: elementThreads },
    { index: thread, factor: 1 },
  ]);
  return {
    block: "block",
    body: [nameIndex("at", own), { kind: "when", index: at, below: chunks, body: [...position, elements] }],
    lookups: lowering.lookups,
    blocks: chunks,
    grain: elementThreads,
    threads: elementThreads,
  };
}
