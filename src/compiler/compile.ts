// The compiler is the list of its passes, from a graph to a program. Each is a file of its own, and takes what the passes before made;
// what must hold between them stands in kernels/check-groups.ts and loops/check.ts.

import type { Graph } from "../graph/tensor.ts";
import { fuseGraph } from "./kernels/fusion.ts";
import { findOverwritten, placeResults } from "./kernels/in-place.ts";
import { orderGroups } from "./kernels/order.ts";
import { splitWideGroups } from "./kernels/split-wide.ts";
import { chooseMaterialised } from "./passes/materialise.ts";
import { applyPrecision } from "./passes/precision.ts";
import { separateRoots } from "./passes/separate-roots.ts";
import { simplifyGraph } from "./passes/simplify.ts";
import { buildProgram } from "./program/build-program.ts";
import { emitLaunches } from "./program/emit-launches.ts";
import type { Program } from "./program/program.ts";
import { recomputeGroups } from "./program/recompute.ts";
import type { CompileOptions, Target } from "./target.ts";

export function compileGraph(traced: Graph, target: Target, options: CompileOptions): Program {
  const { inspectGroups: inspect } = options;
  const simplified = simplifyGraph(traced, target, options);
  const rounded = applyPrecision(simplified, target, options);
  const graph = separateRoots(rounded);
  const inMemory = chooseMaterialised(graph, target);
  const fused = fuseGraph(graph, inMemory, target);
  inspect?.(fused, "fused");
  const split = splitWideGroups(fused, target);
  inspect?.(split, "split");
  const regrouped = target.regroup(split, options);
  inspect?.(regrouped, "regrouped");
  const { placed, results } = placeResults(regrouped, graph);
  const ordered = orderGroups(placed, results);
  inspect?.(ordered, "ordered");
  const overwritten = findOverwritten(ordered, results, target);
  const emitted = emitLaunches(ordered, results, target, options);
  const { launched, places } = recomputeGroups(emitted, overwritten, results, traced, target);
  return buildProgram(launched, results, places, target, options);
}
