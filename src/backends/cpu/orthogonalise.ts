// Newton–Schulz as a library of its own: it is the same whatever matrices a program has, so it is built before any program is there, while
// graphs are made, and kernels call it by its address. One for each type that products read: GCC then leaves out what the other needs.

import { type Graph, listRoots, type Precision, sortTopologically } from "../../graph/tensor.ts";
import { buildLibrary, loadLibrary } from "./build.ts";
import { findCompositeKernel } from "./composites.ts";
import { readTemplate } from "./pool.ts";

/** What multiplies, and what it stands on: before whatever multiplies. */
export const productTemplates = [
  "runtime.c",
  "instructions.c",
  "tiles.c",
  "quads.c",
  "panel.c",
  "tile-panels.c",
  "packing.c",
  "multiply.c",
  "matmul.c",
];
export const orthogonaliseTemplates = [...productTemplates, "orthogonalise.c", "tile-orthogonalise.c"];

const precisions = ["bf16", "f32"] as const;
type Read = (typeof precisions)[number];

/** Its function's name in the text of kernels. */
const nameOf = (precision: Read) => `orthogonalise_${precision}`;

const parameters =
  "char *const *p, long begin, long end, long rows, long columns, long parts, float margin, float least, int result_is_bf16, long count, const float (*coefficients)[3]";

function build(precision: Read, flags: readonly string[], signal: AbortSignal | undefined): Promise<string> {
  const isBf16 = precision === "bf16" ? 1 : 0;
  const entry = `static void ${nameOf(precision)}(${parameters}) {
  orthogonalise_blocks(p, begin, end, rows, columns, parts, margin, least, ${isBf16}, result_is_bf16, count, coefficients);
}
uint64_t cram_orthogonalise(void) { return (uint64_t)(uintptr_t)${nameOf(precision)}; }
`;
  return buildLibrary([...orthogonaliseTemplates.map(readTemplate), entry].join("\n"), flags, signal);
}

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
  if (isCalled) build(precision === "bf16" ? "bf16" : "f32", flags, signal).catch(() => undefined);
}

/** What stands before kernels that call it: whoever loads them says where it is. Nothing where they do not. */
export const declareOrthogonalise = (kernels: string): string =>
  precisions
    .filter(precision => calls(kernels, precision))
    .map(
      precision => `static void (*${nameOf(precision)})(${parameters});
void cram_link_${precision}(uint64_t address) { ${nameOf(precision)} = (void *)(uintptr_t)address; }
`,
    )
    .join("");

const calls = (kernels: string, precision: Read) => new RegExp(`\\b${nameOf(precision)}\\(`).test(kernels);

/** The functions that kernels call and where they are, built and loaded. Errors as `loadBuilt`. */
export async function loadOrthogonalise(
  kernels: string,
  flags: readonly string[],
  signal?: AbortSignal,
): Promise<{ readonly link: string; readonly address: number }[]> {
  const called = precisions.filter(precision => calls(kernels, precision));
  return Promise.all(
    called.map(async precision => {
      const library = loadLibrary(await build(precision, flags, signal));
      const address = library.func("uint64_t cram_orthogonalise()")() as number;
      return { link: `void cram_link_${precision}(uint64_t address)`, address };
    }),
  );
}
