// Collects launches in their order into a program: equal kernels become one, tensors become buffers, and temporaries get places in
// one arena by the launches they live through.

import { bytesPerElement, countElements, type Tensor } from "../../graph/tensor.ts";
import type { Results } from "../kernels/group.ts";
import type { CompileOptions, Target } from "../target.ts";
import type { LaunchedGroup } from "./emit-launches.ts";
import { findEnds, findWaits, type Touched } from "./find-waits.ts";
import { planArena } from "./memory.ts";
import { hashProgram, type Kernel, type Launch, type Program, type ProgramBuffer } from "./program.ts";

/**
 * What an arena may be so that launches wait for no place in it, as a share of what else the program reads and writes, as an update's is;
 * and what it may grow by so that fewer of them do: a larger one is found in no cache.
 */
const most = { ofAll: 1 / 4, growth: 1 / 32 };

type DraftBuffer = Omit<ProgramBuffer, "arenaOffset"> & { readonly first: number; last: number };

/** `places` has the tensor in whose place another is written, for those that have no place of their own. */
export function buildProgram(
  launched: readonly LaunchedGroup[],
  { owners }: Pick<Results, "owners">,
  places: ReadonlyMap<Tensor, Tensor>,
  { alignmentBytes, launchesAtOnce }: Pick<Target, "alignmentBytes" | "launchesAtOnce">,
  { threads }: Pick<CompileOptions, "threads">,
): Program {
  const kernels: Kernel[] = [];
  const kernelOf = new Map<string, number>();
  const findKernel = (name: string, kernel: Omit<Kernel, "name">): number => {
    const key = JSON.stringify(kernel);
    const known = kernelOf.get(key);
    if (known !== undefined) return known;
    const unique = `${name}_${kernels.length}`;
    kernelOf.set(key, kernels.length);
    return kernels.push({ name: unique, ...kernel, source: kernel.source.replaceAll("KERNEL", unique) }) - 1;
  };

  const drafted: DraftBuffer[] = [];
  const bufferOf = new Map<Tensor | string, number>();
  /** The buffer of a tensor, which lives at least until this launch. */
  const touch = (tensor: Tensor, launch: number): number => {
    const { operation, shape, dtype } = tensor;
    const isSource = operation.kind === "input" || operation.kind === "state";
    const { kind, name } = isSource ? operation : (owners.get(tensor) ?? { kind: "temporary", name: "" });
    const key = kind === "temporary" ? (places.get(tensor) ?? tensor) : `${kind} ${name}`;
    const known = bufferOf.get(key);
    if (known !== undefined) {
      drafted[known]!.last = launch;
      return known;
    }
    bufferOf.set(key, drafted.length);
    const bytes = countElements(shape) * bytesPerElement[dtype];
    return drafted.push({ kind, name, shape, dtype, bytes, first: launch, last: launch }) - 1;
  };

  const drafts = launched.flatMap(({ launches, reads, writes }) => {
    const isWritten = (tensor: Tensor) => writes.includes(tensor) || !reads.includes(tensor);
    return launches.map(draft => ({ ...draft, written: draft.pointers.filter(isWritten) }));
  });
  const touched: Touched[] = [];
  const launches = drafts.map(
    ({ name, pointers, written, blocks, grain, flops, bytesMoved, ...kernel }, at): Launch => {
      const buffers = pointers.map(tensor => touch(tensor, at));
      touched.push({ all: [...new Set(buffers)], written: new Set(written.map(tensor => touch(tensor, at))) });
      // By tensor: a state's old value and its new one are two, though they share a buffer.
      const wholeBytes = [...new Set(pointers)].reduce(
        (total, { shape, dtype }) => total + countElements(shape) * bytesPerElement[dtype],
        0,
      );
      const kernelAt = findKernel(name, kernel);
      return { kernel: kernelAt, buffers, blocks, grain, flops, bytesMoved: bytesMoved ?? wholeBytes };
    },
  );

  const temporaries = drafted.filter(({ kind }) => kind === "temporary");
  /** Each in its place for so many launches more. */
  const plan = (longer = 0) => {
    const lifetimes = temporaries.map(({ bytes, first, last }) => {
      return { bytes, firstLaunch: first, lastLaunch: last + longer };
    });
    return planArena(lifetimes, alignmentBytes);
  };
  // One thread takes launches in their order. Of several, some run beside others, which wait for no place where it costs little.
  const runsBeside = launchesAtOnce > 1 && threads > 1;
  let chosen = plan();
  if (runsBeside) {
    const least = chosen;
    const others = drafted.reduce((total, { kind, bytes }) => total + (kind === "temporary" ? 0 : bytes), 0);
    chosen = plan(launchesAtOnce);
    if (chosen.arenaBytes > most.ofAll * others) {
      for (const [at, end] of findEnds(touched).entries()) {
        for (const buffer of touched[at]!.all) drafted[buffer]!.last = Math.max(drafted[buffer]!.last, end);
      }
      chosen = plan();
      if (chosen.arenaBytes > (1 + most.growth) * least.arenaBytes) chosen = least;
    }
  }
  const { offsets, arenaBytes } = chosen;
  const arena = offsets.values();
  const buffers = drafted.map(({ first: _first, last: _last, ...buffer }): ProgramBuffer => {
    return { ...buffer, arenaOffset: buffer.kind === "temporary" ? arena.next().value! : -1 };
  });
  const waits = runsBeside ? findWaits(touched, buffers, launchesAtOnce) : undefined;
  const waiting = launches.map(
    (launch, at): Launch => (waits === undefined ? launch : { ...launch, after: waits[at]! }),
  );
  const program = { buffers, kernels, launches: waiting, arenaBytes };
  return { ...program, hash: hashProgram(program) };
}
