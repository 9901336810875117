// A graph as a text that is equal for graphs which compile to the same program: nodes in the order of their ids, which passes keep to, and
// composites by their definition written out, not by their name alone.

import {
  type CompositeDefinition,
  createTensor,
  type Graph,
  listRoots,
  operationKey,
  sortTopologically,
  type Tensor,
} from "./tensor.ts";

/** Definitions written out, by what they are applied to. */
type Definitions = Map<CompositeDefinition, Map<string, string>>;

export function describeGraph(graph: Graph): string {
  const definitions: Definitions = new Map();
  const nodes = describeNodes(listRoots(graph), definitions);
  const names = JSON.stringify([Object.keys(graph.outputs), Object.keys(graph.updates), graph.recomputes === true]);
  const written = [...definitions.values()].flatMap(each => [...each.entries()].flat());
  return [names, nodes, ...written].join("\n");
}

function describeNodes(roots: readonly Tensor[], definitions: Definitions): string {
  const nodes = sortTopologically(roots);
  const places = new Map(nodes.map((node, at) => [node, at]));
  const lines = nodes.map(({ operation, inputs, shape, dtype }) => {
    if (operation.kind === "composite") {
      const key = `${operationKey(operation)} ${inputs.map(each => `${each.dtype}[${each.shape}]`).join(" ")}`;
      const known = definitions.get(operation.definition) ?? new Map<string, string>();
      definitions.set(operation.definition, known);
      if (!known.has(key)) {
        // Held before it is written: what it is made of may be of the same kind.
        known.set(key, "");
        const given = inputs.map((each, i) =>
          createTensor({ kind: "input", name: `${i}` }, [], each.shape, each.dtype),
        );
        const result = operation.definition.decompose(given, operation.attributes);
        known.set(key, describeNodes([result], definitions));
      }
    }
    return `${operationKey(operation)} ${inputs.map(each => places.get(each)!)} ${dtype}[${shape}]`;
  });
  return [...lines, roots.map(root => places.get(root)!).join(" ")].join("\n");
}
