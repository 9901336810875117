// From a graph to a program: simplify, fuse, order, print, plan memory. Updates are written straight into their states
// where every reader of the old value comes before; elsewhere a copy at the end does it.

import { type Attributes, createTensor, type Graph, type Operation, type Tensor } from "../graph/tensor.ts";
import { fuseGraph } from "./kernels/fusion.ts";
import { findOverwritten, orderUpdates } from "./kernels/in-place.ts";
import { listReaders, orderGroups } from "./kernels/order.ts";
import { applyPrecision } from "./passes/precision.ts";
import { simplifyGraph } from "./passes/simplify.ts";
import type { Program } from "./program/program.ts";
import { type Owner, ProgramBuilder } from "./program/program-builder.ts";
import type { CompileOptions, PrintContext, Target } from "./target.ts";

export function compileGraph(traced: Graph, target: Target, options: CompileOptions): Program {
  const hasKernel = (name: string, attributes: Attributes) =>
    options.findCompositeKernel?.(name, attributes) !== undefined;
  const simplified = simplifyGraph(traced, hasKernel, target);
  const graph = separateRoots(applyPrecision(simplified, options.precision, target));
  const fused = target.regroup(fuseGraph(graph, target));
  const owners = new Map<Tensor, Owner>();
  for (const [name, tensor] of Object.entries(graph.outputs)) owners.set(tensor, { kind: "output", name });
  const ordered = orderUpdates(fused, graph.updates);
  const copies: { name: string; from: Tensor }[] = [];
  for (const [name, tensor] of Object.entries(graph.updates)) {
    if (ordered.has(name)) owners.set(tensor, { kind: "state", name });
    else copies.push({ name, from: tensor });
  }
  const results = new Set([...owners.keys(), ...copies.map(copy => copy.from)]);
  const readers = listReaders(fused);
  const context: PrintContext = {
    options,
    inMemory: fused.inMemory,
    isExternal: (tensor, group) =>
      results.has(tensor) || [...(readers.get(tensor) ?? [])].some(reader => reader !== group),
    stateOf: tensor => {
      const { operation } = tensor;
      if (operation.kind === "state") return operation.name;
      const owner = owners.get(tensor);
      return owner?.kind === "state" ? owner.name : undefined;
    },
  };
  const order = orderGroups(fused, tensor => owners.has(tensor));
  const places = target.overwritesOperands ? findOverwritten(order, fused, tensor => results.has(tensor)) : new Map();
  const program = new ProgramBuilder(owners, places);
  for (const group of order) {
    for (const launch of target.printGroup(group, context)) program.add(launch);
  }
  // A finished value goes into a state whose old value was needed to the end.
  for (const { name, from } of copies) {
    program.add(target.printCopy(from, createTensor({ kind: "state", name }, [], from.shape, from.dtype)));
  }
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
