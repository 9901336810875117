// Kernels built and loaded, for all programs together: half of what a training's programs launch is the same in several of them, and the
// system's compiler spends as long on the templates that stand before as on what comes behind. So whoever asks in one turn of the event
// loop is served by one build, in parts that processors compile at the same time. A kernel that is loaded is never built again,
// under whatever number another program knows it.

import { availableParallelism } from "node:os";
import { contentHash } from "../../base/files/files.ts";
import type { Kernel } from "../../compiler/program/program.ts";
import { awaitBuild, chooseMeasured, isOthersEnd, loadBuilt, type UnderWay } from "./build.ts";
import { orthogonaliseFunctions } from "./orthogonalise.ts";
import { readTemplate } from "./pool.ts";
import { operandTemplates, productTemplates, tileFlags, tileProducts } from "./products.ts";
import { declareShared, isCalled, loadShared } from "./shared-functions.ts";

const panelTemplates = [...productTemplates, "tile-matmul.c", "attention.c"];
const loopTemplates = ["runtime.c"];
const sharedFunctions = [tileProducts, ...orthogonaliseFunctions];

/**
 * What loops gain by of GCC's third level, which takes half as long again: vectors, sums of lanes unrolled, multiplications joined to
 * additions and what the second level does to registers and places.
 */
const loopFlags = [
  "-O1",
  "-ftree-vectorize",
  "-fpeel-loops",
  "-fexpensive-optimizations",
  "-fschedule-insns2",
  "-fgcse",
  "-frerun-cse-after-loop",
  "-fpeephole2",
  "-flra-remat",
  "-fcaller-saves",
  "-falign-functions",
  "-falign-loops",
  "-falign-jumps",
  "-falign-labels",
];

interface Kind {
  readonly calls: RegExp | undefined;
  /** The same for all kinds of the same flags. */
  readonly templates: readonly string[];
  readonly once: number;
  readonly each: number;
  /** Behind those that all have, of GCC on x86. */
  readonly flags?: readonly string[];
}

/**
 * Kinds of kernels in the order in which they stand, and what their templates cost the compiler beside a kernel's own text, once a part and
 * once a kernel: as many bytes of loops as take GCC 12 as long. Loops cost nothing but their text. Kinds with flags have parts of their own.
 */
const kinds: readonly Kind[] = [
  { calls: /\battend_blocks(_backward)?\(/, templates: panelTemplates, once: 8_000, each: 9_000 },
  { calls: undefined, templates: loopTemplates, once: 0, each: 0, flags: loopFlags },
  { calls: /\bmultiply_blocks\(/, templates: panelTemplates, once: 10_000, each: 3_600 },
  { calls: /\bmultiply_blocks_by_tiles\(/, templates: operandTemplates, once: 0, each: 0, flags: tileFlags },
];
const findKind = (source: string) =>
  kinds.find(({ calls }) => calls?.test(source)) ?? kinds.find(({ calls }) => calls === undefined)!;
/** Of a part, a third of a second: less is not worth the headers that each part reads. */
const leastCost = 30_000;
const mostParts = 8;

type Addresses = ReadonlyMap<string, number>;

/** What is asked for in this turn, source by name; one build for each signal that would end it. */
const asked = new Map<AbortSignal | undefined, { readonly sources: Map<string, string>; built: Promise<Addresses> }>();

/** By name: where kernels are, of those that are loaded or being built. */
const loaded = new Map<string, UnderWay<Addresses>>();

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
  const find = async (name: string, source: string): Promise<number> => {
    const known = loaded.get(name);
    const loading = known ?? { built: ask(name, source, flags, signal), signal };
    if (known === undefined) loaded.set(name, loading);
    try {
      return (await awaitBuild(loading, signal)).get(name)!;
    } catch (error) {
      if (!isOthersEnd(loading.signal, signal)) throw error;
      return find(name, source);
    }
  };
  return Promise.all(named.map(({ name, source }) => find(name, source)));
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
  const kernels = Array.from(sources, ([name, source]) => ({ name, source, kind: findKind(source) }));
  const groups = [...new Set(kernels.map(({ kind }) => kind.flags))].map(own =>
    kernels.filter(({ kind }) => kind.flags === own),
  );
  const parts = groups.flatMap(group => cutParts(group, availableParallelism()));
  return new Map((await Promise.all(parts.map(part => buildPart(part, flags, signal)))).flat());
}

interface BuiltKernel {
  readonly name: string;
  readonly source: string;
  readonly kind: Kind;
}

/** Kernels in parts that each take the compiler about as long. Sorted, so that the cache finds them whoever asked first. */
function cutParts(group: readonly BuiltKernel[], processors: number): BuiltKernel[][] {
  const kernels = group.toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || (a.name < b.name ? -1 : 1));
  const costs = kernels.map(
    ({ source, kind }, i) => source.length + kind.each + (kernels[i - 1]?.kind === kind ? 0 : kind.once),
  );
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  const count = Math.max(1, Math.min(processors, mostParts, Math.floor(total / leastCost)));
  const parts = Array.from({ length: count }, (): BuiltKernel[] => []);
  let before = 0;
  for (const [i, cost] of costs.entries()) {
    parts[Math.floor(((before + cost / 2) / total) * count)]!.push(kernels[i]!);
    before += cost;
  }
  return parts.filter(part => part.length > 0);
}

/** Builds one C file, kernels in a table that their addresses are read from. */
async function buildPart(
  kernels: readonly BuiltKernel[],
  flags: readonly string[],
  signal: AbortSignal | undefined,
): Promise<[string, number][]> {
  const { kind } = kernels[0]!;
  const texts = kernels.map(kernel => kernel.source).join("\n");
  const called = sharedFunctions.filter(each => isCalled(each, texts));
  const source = [
    ...kind.templates.map(readTemplate),
    ...called.map(declareShared),
    texts,
    `uint64_t cram_kernel(int i) {\n  static void *const table[] = {${kernels.map(({ name }) => name).join(", ")}};\n  return (uint64_t)(uintptr_t)table[i];\n}\n`,
  ].join("\n");
  const level = await chooseMeasured(kind.flags ?? []);
  const [library, ...links] = await Promise.all([
    loadBuilt(source, [...(kind.templates === loopTemplates ? [] : flags), ...level], signal),
    ...called.map(each => loadShared(each, flags, signal)),
  ]);
  for (const { link, address } of links) library.func(link)(address);
  const addressOf = library.func("uint64_t cram_kernel(int i)") as (i: number) => number;
  return kernels.map(({ name }, i) => [name, addressOf(i)]);
}
