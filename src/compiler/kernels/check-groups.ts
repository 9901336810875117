// What must hold of the groups after every pass. Tests run it on every graph they compile; a fault is the compiler's.

import type { Tensor } from "../../graph/tensor.ts";
import { baseOf, type FusedGraph, type Group, reaches } from "./group.ts";

/** Which pass made the groups. After "regrouped" they are in no order. */
export type GroupStage = "fused" | "split" | "regrouped" | "ordered";

/**
 * Throws where a tensor that stands in memory is read and written by nobody, where two kernels write one, where a kernel does not wait
 * for what it reads, needs itself, reads of its own what it makes later, or comes before a kernel that it waits for.
 */
export function checkGroups({ groups, inMemory }: FusedGraph, stage: GroupStage): void {
  const fail = (fault: string, group: Group): never => {
    const targets = group.stores.map(({ target }) => `${target.operation.kind} ${target.id}`);
    throw new Error(`${stage}: ${fault}, in a ${group.kind} group of ${targets.join(", ")}`);
  };
  const writers = new Map<Tensor, Group[]>();
  for (const group of groups) {
    const targets = new Set(group.stores.map(({ target }) => target));
    if (group.template !== undefined && targets.size === 0) targets.add(group.template);
    for (const target of targets) writers.set(target, [...(writers.get(target) ?? []), group]);
  }
  const done = new Set<Group>();
  for (const group of groups) {
    const wait = (tensor: Tensor) => {
      const { kind } = tensor.operation;
      // A position is read as a number: nothing writes it.
      if (kind === "input" || kind === "state" || !inMemory.has(tensor)) return;
      const own = writers.get(tensor) ?? fail(`nothing writes ${kind} ${tensor.id}`, group);
      if (own.length > 1 && kind !== "concat") fail(`two kernels write ${kind} ${tensor.id}`, group);
      for (const writer of own) if (!reaches(group, writer)) fail(`it does not wait for ${kind} ${tensor.id}`, group);
    };
    for (const operand of group.template?.inputs ?? []) wait(baseOf(operand, inMemory));
    const made = new Set<Tensor>([...(group.template === undefined ? [] : [group.template])]);
    for (const { target, loads } of group.stores) {
      for (const { tensor } of loads) {
        if (tensor === group.template) continue;
        wait(tensor);
        const isOwn = group.stores.some(store => store.target === tensor);
        if (isOwn && !made.has(tensor) && tensor !== target) fail(`it reads ${tensor.id} before it is made`, group);
      }
      made.add(target);
    }
    for (const dependency of group.dependencies) {
      if (!groups.includes(dependency)) fail("it waits for a kernel that is gone", group);
      if (reaches(dependency, group)) fail("it needs itself", group);
      if (stage !== "regrouped" && !done.has(dependency)) fail("it comes before a kernel that it waits for", group);
    }
    done.add(group);
  }
}
