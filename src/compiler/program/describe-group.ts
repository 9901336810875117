// What a group computes, apart from which tensors it computes it of: layers share code, so groups of equal descriptions are lowered and
// emitted once. Tensors get numbers in the order they are met.

import { operationKey, type Tensor } from "../../graph/tensor.ts";
import { indexKey } from "../indices/index-expression.ts";
import type { Group } from "../kernels/group.ts";
import type { EmitContext } from "../target.ts";

export interface GroupDescription {
  /** Equal for groups that have one text, with the tensors of the one in place of the other's. */
  readonly key: string;
  /** By number. */
  readonly tensors: readonly Tensor[];
}

export function describeGroup(group: Group, { inMemory, isExternal, stateOf }: EmitContext): GroupDescription {
  const { kind, rows, columns, template, stores } = group;
  const numbers = new Map<Tensor, number>();
  const states: (string | undefined)[] = [];
  const parts: unknown[] = [kind, rows, columns];
  const describe = ({ operation, inputs }: Tensor): string => `${operationKey(operation)}(${inputs.map(visit)})`;
  const visit = (tensor: Tensor): number => {
    const known = numbers.get(tensor);
    if (known !== undefined) return known;
    const number = numbers.size;
    numbers.set(tensor, number);
    // Two tensors may be the old and the new value of one state.
    const state = stateOf(tensor);
    const same = state === undefined ? "" : states.indexOf(state);
    states.push(state);
    const what = inMemory.has(tensor) ? `${tensor.operation.kind} ${same}` : describe(tensor);
    parts.push(`${number}=${what} ${tensor.shape} ${tensor.dtype}`);
    return number;
  };
  if (template !== undefined) parts.push(visit(template), describe(template));
  for (const { target, value, reduction, loop, position, rows: placedBy, scope } of stores) {
    const at = placedBy === undefined ? indexKey(position) : `rows ${visit(placedBy)}`;
    const what = value === target ? describe(value) : visit(value);
    parts.push([visit(target), isExternal(target, group), what, reduction, loop, at, scope].join(" "));
  }
  return { key: parts.join("\n"), tensors: [...numbers.keys()] };
}
