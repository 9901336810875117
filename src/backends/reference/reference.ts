// The backend that defines the others: evaluates a graph node by node in float64. What is kept from one run of a graph to the next
// is rounded to float32, as every backend keeps it. It expands every composite into its
// decomposition, so a fused kernel elsewhere is always compared with the definition.

import { setImmediate as passOn } from "node:timers/promises";
import { type Graph, isFloat, listRoots, sortTopologically, type Tensor } from "../../graph/tensor.ts";
import type { Backend, DeviceBuffer, HostArray, LoadedGraph } from "../backend.ts";
import { findState, readHostInput, refuseUnwritten } from "../bind-program.ts";
import { refuseOverlap } from "../single-run.ts";
import { allocateValues, evaluateNode } from "./evaluate.ts";

interface ReferenceBuffer extends DeviceBuffer {
  values: HostArray;
}

export function openReference(): Backend {
  const alone = refuseOverlap();
  return {
    name: "reference",
    device: "plain TypeScript, float64, one thread",
    processors: 1,
    allocate: (shape, dtype) => ({ shape, dtype, values: allocateValues({ shape, dtype }) }) as ReferenceBuffer,
    write: (buffer, values) => (buffer as ReferenceBuffer).values.set(values),
    read: buffer => (buffer as ReferenceBuffer).values.slice(),
    load: async (graph, states) => loadGraph(graph, states as ReadonlyMap<string, ReferenceBuffer>, alone),
    close: async () => {},
  };
}

function loadGraph(
  graph: Graph,
  states: ReadonlyMap<string, ReferenceBuffer>,
  alone: ReturnType<typeof refuseOverlap>,
): LoadedGraph {
  const inputs = new Map<string, HostArray>();
  let steps: readonly Step[] | undefined;
  return {
    program: undefined,
    run: given =>
      alone(async () => {
        // Nothing here waits for anything, and signals have their turn only where something does.
        await passOn();
        for (const [name, values] of Object.entries(given)) inputs.set(name, readHostInput(values).slice());
        steps ??= planSteps(listRoots(graph));
        const values = evaluate(steps, inputs, states);
        const outputs = Object.entries(graph.outputs).map(
          ([name, tensor]) => [name, values.get(tensor)!.slice()] as const,
        );
        for (const [name, tensor] of Object.entries(graph.updates)) {
          findState(states, name).values.set(roundState(values.get(tensor)!));
        }
        return Object.fromEntries(outputs);
      }),
  };
}

/** As it is kept in a file, so that a training that is resumed from one goes on with the same bits. */
const roundState = (values: HostArray): HostArray =>
  values instanceof Float64Array ? Float32Array.from(values) : values;

/** A tensor to be evaluated; a composite takes the value of its decomposition. */
interface Step {
  readonly tensor: Tensor;
  readonly body?: Tensor;
}

/** The roots and everything under them, each behind what it reads. */
function planSteps(roots: readonly Tensor[]): Step[] {
  const steps: Step[] = [];
  const planned = new Set<Tensor>();
  const visit = (tensors: readonly Tensor[]) => {
    for (const tensor of sortTopologically(tensors, planned)) {
      if (planned.has(tensor)) continue;
      const { operation, inputs } = tensor;
      if (operation.kind === "composite") {
        const body = operation.definition.decompose(inputs, operation.attributes);
        visitBody(body);
        steps.push({ tensor, body });
      } else steps.push({ tensor });
      planned.add(tensor);
    }
  };
  const visitBody = (body: Tensor) => visit([body]);
  visit(roots);
  return steps;
}

function evaluate(
  steps: readonly Step[],
  inputs: ReadonlyMap<string, HostArray>,
  states: ReadonlyMap<string, ReferenceBuffer>,
): Map<Tensor, HostArray> {
  const values = new Map<Tensor, HostArray>();
  const evaluateOne = (tensor: Tensor): HostArray => {
    const { operation } = tensor;
    if (operation.kind === "state") return findState(states, operation.name).values.slice();
    if (operation.kind === "input") {
      const given = inputs.get(operation.name) ?? refuseUnwritten(operation.name);
      const own = allocateValues(tensor);
      if (own.length !== given.length) {
        throw new Error(`input ${operation.name} has ${given.length} elements, the graph's has ${own.length}`);
      }
      own.set(isFloat(tensor.dtype) ? given : given.map(Math.trunc));
      return own;
    }
    return evaluateNode(
      tensor,
      tensor.inputs.map(operand => values.get(operand)!),
    );
  };
  for (const { tensor, body } of steps)
    values.set(tensor, body === undefined ? evaluateOne(tensor) : values.get(body)!);
  return values;
}
