// Functions that kernels call and that are the same whatever a program's sizes are, each a library of its own: it can be built before any
// program is there, while a processor is idle, and kernels are told its address.

import { buildLibrary, chooseMeasured, loadLibrary } from "./build.ts";
import { readTemplate } from "./pool.ts";

export interface SharedFunction {
  /** As kernels call it. */
  readonly name: string;
  readonly parameters: string;
  /** The files of its library in their order, and what stands behind them. */
  readonly templates: readonly string[];
  readonly more?: string;
  /** Behind those that all have, of GCC on x86. */
  readonly flags?: readonly string[];
}

/** The path of its library. Errors as `loadBuilt`. */
export async function buildShared(
  { name, templates, more = "", flags = [] }: SharedFunction,
  poolFlags: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const entry = `uint64_t cram_address(void) { return (uint64_t)(uintptr_t)${name}; }\n`;
  const source = [...templates.map(readTemplate), more, entry].join("\n");
  return buildLibrary(source, [...poolFlags, ...(await chooseMeasured(flags))], signal);
}

export const isCalled = ({ name }: SharedFunction, kernels: string): boolean =>
  new RegExp(`\\b${name}\\(`).test(kernels);

/** What stands before kernels that call it: whoever loads them says where it is. */
export const declareShared = ({
  name,
  parameters,
}: SharedFunction): string => `static void (*linked_${name})(${parameters});
#define ${name} (*linked_${name})
void cram_link_${name}(uint64_t address) { linked_${name} = (void *)(uintptr_t)address; }
`;

/** Its library built and loaded, and how kernels are told. Errors as `loadBuilt`. */
export async function loadShared(
  shared: SharedFunction,
  poolFlags: readonly string[],
  signal?: AbortSignal,
): Promise<{ readonly link: string; readonly address: number }> {
  const library = loadLibrary(await buildShared(shared, poolFlags, signal));
  const address = library.func("uint64_t cram_address()")() as number;
  return { link: `void cram_link_${shared.name}(uint64_t address)`, address };
}
