// Kernels built and loaded, for all programs together: half of what a training's programs launch is the same in several of them, and the
// system's compiler spends as long on the templates that stand before as on what comes behind. So whoever asks in one turn of the event
// loop is served by one build, in two parts at a time: kernels that multiply panels, and loops. A kernel that is loaded is never
// built again, under whatever number another program knows it.

import type { LibraryHandle } from "koffi";
import { contentHash } from "../../base/files/files.ts";
import type { Kernel } from "../../compiler/program/program.ts";
import { loadBuilt } from "./build.ts";
import { readTemplate } from "./pool.ts";

const panelTemplates = [
  "runtime.c",
  "tiles.c",
  "quads.c",
  "panel.c",
  "tile-panels.c",
  "packing.c",
  "multiply.c",
  "matmul.c",
  "attention.c",
  "orthogonalise.c",
];
const loopTemplates = ["runtime.c"];
const multipliesPanels = (source: string) => /\b(multiply|attend|orthogonalise)_blocks(_backward)?\(/.test(source);

/** Held, because what nobody holds is unloaded, and its kernels with it. */
const libraries: LibraryHandle[] = [];

type Addresses = ReadonlyMap<string, number>;

/** What is asked for in this turn, source by name; one build for each signal that would end it. */
const asked = new Map<AbortSignal | undefined, { readonly sources: Map<string, string>; built: Promise<Addresses> }>();
/** By name: where kernels are, of those that are loaded or being built. */
const loaded = new Map<string, Promise<Addresses>>();

/**
 * The addresses of kernels, in their order. The flags are the pool's, the same for all of a process. The signal ends the compiler. Errors
 * as `loadBuilt`; whoever asks again after one has them built again.
 */
export async function loadKernels(
  kernels: readonly Kernel[],
  flags: readonly string[] = [],
  signal?: AbortSignal,
): Promise<number[]> {
  const named = kernels.map(nameByContent);
  for (const { name, source } of named) if (!loaded.has(name)) loaded.set(name, ask(name, source, flags, signal));
  return Promise.all(named.map(async ({ name }) => (await loaded.get(name)!).get(name)!));
}

/** A kernel's number in its program is replaced by a hash of all but that. */
function nameByContent({ name, source }: Kernel): { readonly name: string; readonly source: string } {
  const own = new RegExp(`\\b${name}(?![0-9])`, "g");
  const unnumbered = name.replace(/_\d+$/, "");
  const unique = `${unnumbered}_${contentHash(source.replace(own, unnumbered)).slice(0, 12)}`;
  return { name: unique, source: source.replace(own, unique) };
}

function ask(
  name: string,
  source: string,
  flags: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Addresses> {
  const before = asked.get(signal);
  if (before !== undefined) {
    before.sources.set(name, source);
    return before.built;
  }
  const sources = new Map([[name, source]]);
  const built = Promise.resolve().then(() => {
    asked.delete(signal);
    return build(sources, flags, signal).catch(error => {
      for (const failed of sources.keys()) loaded.delete(failed);
      throw error;
    });
  });
  asked.set(signal, { sources, built });
  return built;
}

async function build(
  sources: ReadonlyMap<string, string>,
  flags: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Addresses> {
  // Sorted, so that the cache finds them whoever asked first.
  const all = [...sources].sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = await Promise.all([
    buildPart(
      panelTemplates,
      all.filter(([, source]) => multipliesPanels(source)),
      flags,
      signal,
    ),
    buildPart(
      loopTemplates,
      all.filter(([, source]) => !multipliesPanels(source)),
      [],
      signal,
    ),
  ]);
  return new Map(parts.flat());
}

/** Builds one C file, kernels in a table that their addresses are read from. */
async function buildPart(
  templates: readonly string[],
  kernels: readonly (readonly [string, string])[],
  flags: readonly string[],
  signal: AbortSignal | undefined,
): Promise<[string, number][]> {
  if (kernels.length === 0) return [];
  const source = [
    ...templates.map(readTemplate),
    ...kernels.map(([, source]) => source),
    `uint64_t cram_kernel(int i) {\n  static void *const table[] = {${kernels.map(([name]) => name).join(", ")}};\n  return (uint64_t)(uintptr_t)table[i];\n}\n`,
  ].join("\n");
  const library = await loadBuilt(source, flags, signal);
  libraries.push(library);
  const addressOf = library.func("uint64_t cram_kernel(int i)") as (i: number) => number;
  return kernels.map(([name], i) => [name, addressOf(i)]);
}
