// Collects launches in their order into a program: equal kernels become one, tensors become buffers, and temporaries get places in
// one arena by the launches they live through.

import { bytesPerElement, countElements, type Tensor } from "../../graph/tensor.ts";
import type { Results } from "../kernels/group.ts";
import type { Target } from "../target.ts";
import type { LaunchedGroup } from "./emit-launches.ts";
import { planArena } from "./memory.ts";
import { hashProgram, type Kernel, type Launch, type Program, type ProgramBuffer } from "./program.ts";

type DraftBuffer = Omit<ProgramBuffer, "arenaOffset"> & { readonly first: number; last: number };

/** `places` has the tensor in whose place another is written, for those that have no place of their own. */
export function buildProgram(
  launched: readonly LaunchedGroup[],
  { owners }: Pick<Results, "owners">,
  places: ReadonlyMap<Tensor, Tensor>,
  { alignmentBytes }: Pick<Target, "alignmentBytes">,
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

  const drafts = launched.flatMap(({ launches }) => launches);
  const launches = drafts.map(({ name, pointers, blocks, grain, flops, bytesMoved, ...kernel }, at): Launch => {
    const buffers = pointers.map(tensor => touch(tensor, at));
    // By tensor: a state's old value and its new one are two, though they share a buffer.
    const wholeBytes = [...new Set(pointers)].reduce(
      (total, { shape, dtype }) => total + countElements(shape) * bytesPerElement[dtype],
      0,
    );
    const kernelAt = findKernel(name, kernel);
    return { kernel: kernelAt, buffers, blocks, grain, flops, bytesMoved: bytesMoved ?? wholeBytes };
  });

  const temporaries = drafted.filter(({ kind }) => kind === "temporary");
  const lifetimes = temporaries.map(({ bytes, first, last }) => ({ bytes, firstLaunch: first, lastLaunch: last }));
  const { offsets, arenaBytes } = planArena(lifetimes, alignmentBytes);
  const arena = offsets.values();
  const buffers = drafted.map(({ first: _first, last: _last, ...buffer }): ProgramBuffer => {
    return { ...buffer, arenaOffset: buffer.kind === "temporary" ? arena.next().value! : -1 };
  });
  const program = { buffers, kernels, launches, arenaBytes };
  return { ...program, hash: hashProgram(program) };
}
