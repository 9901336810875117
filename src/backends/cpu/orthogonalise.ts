// Newton–Schulz: the same whatever matrices a program has. One function for each type that products read: GCC then leaves out what the other
// needs.

import { type Graph, listRoots, type Precision, sortTopologically } from "../../graph/tensor.ts";
import { findCompositeKernel } from "./composites.ts";
import { productTemplates } from "./products.ts";
import { buildShared, type SharedFunction } from "./shared-functions.ts";

export const orthogonaliseTemplates = [...productTemplates, "orthogonalise.c", "tile-orthogonalise.c"];

function shareOrthogonalise(precision: "bf16" | "f32"): SharedFunction {
  const name = `orthogonalise_${precision}`;
  const parameters =
    "char *const *p, long begin, long end, long rows, long columns, long parts, float margin, float least, int result_is_bf16, long count, const float (*coefficients)[3]";
  const isBf16 = precision === "bf16" ? 1 : 0;
  const more = `static void ${name}(${parameters}) {
  orthogonalise_blocks(p, begin, end, rows, columns, parts, margin, least, ${isBf16}, result_is_bf16, count, coefficients);
}`;
  return { name, parameters, templates: orthogonaliseTemplates, more };
}

const ofBf16 = shareOrthogonalise("bf16");
const ofF32 = shareOrthogonalise("f32");
export const orthogonaliseFunctions: readonly SharedFunction[] = [ofBf16, ofF32];

/** Begins to build what kernels of these graphs will call. Who loads them waits for it, and is told what failed. */
export function foreseeOrthogonalise(
  graphs: Iterable<Graph>,
  { threads, precision }: { readonly threads: number; readonly precision: Precision },
  flags: readonly string[],
  signal?: AbortSignal,
): void {
  const roots = [...graphs].flatMap(listRoots);
  const isCalled = sortTopologically(roots).some(
    ({ operation }) =>
      operation.kind === "composite" &&
      operation.definition.name === "orthogonalise" &&
      findCompositeKernel(operation.definition.name, operation.attributes, threads) !== undefined,
  );
  if (isCalled) buildShared(precision === "bf16" ? ofBf16 : ofF32, flags, signal).catch(() => undefined);
}
