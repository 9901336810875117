// Cuts a group that has gathered many independent tensors (all norms of a model in an update) into launches: first by levels of
// reductions, then into stores that need each other. On a cpu one loop over all of them is as good; on a GPU it would be one
// warp, and a kernel whose values fit in no register file. The parts of equal tensors print the same text.

import type { Tensor } from "../graph/tensor.ts";
import type { Group, Store } from "./fusion.ts";
import { assignLevels } from "./print-expression.ts";
import type { PrintContext } from "./target.ts";

/** Tensors that one kernel may read and write. */
const mostTensors = 32;

/** The groups to print for a group, in order, each with what is outside it. */
export function splitGroup(
  group: Group,
  context: PrintContext,
): { readonly group: Group; readonly context: PrintContext }[] {
  const tensors = new Set(group.stores.flatMap(({ target, loads }) => [target, ...loads.map(load => load.tensor)]));
  if (tensors.size <= mostTensors) return [{ group, context }];
  return listParts(group, context).map(stores => {
    const elsewhere = new Set(group.stores.filter(store => !stores.includes(store)).flatMap(listRead));
    const isExternal = (tensor: Tensor) => elsewhere.has(tensor) || context.isExternal(tensor, group);
    return { group: { ...group, stores }, context: { ...context, isExternal } };
  });
}

const listRead = (store: Store): Tensor[] => store.loads.map(({ tensor }) => tensor);

function listParts(group: Group, context: PrintContext): Store[][] {
  const levels = assignLevels(group);
  // What there is one of a row comes before what is made of it in the same level.
  const stageOf = (store: Store) => 2 * levels.get(store)! + (store.scope === "scalar" ? 0 : 1);
  const parts: Store[][] = [];
  for (const store of [...group.stores].sort((a, b) => stageOf(a) - stageOf(b))) {
    const joined = parts.filter(
      part => stageOf(part[0]!) === stageOf(store) && part.some(other => need(store, other, context)),
    );
    for (const part of joined) parts.splice(parts.indexOf(part), 1);
    parts.push([...joined.flat(), store]);
  }
  return parts;
}

/** One reads what the other makes, or the old value of a state that the other writes. */
function need(a: Store, b: Store, { stateOf }: PrintContext): boolean {
  const reads = (reader: Store, writer: Store) => {
    const written = stateOf(writer.target);
    return listRead(reader).some(
      tensor => tensor === writer.target || (written !== undefined && stateOf(tensor) === written),
    );
  };
  return reads(a, b) || reads(b, a);
}
