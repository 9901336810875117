// Collects launches in order into a program: equal kernels become one, tensors become buffers, and temporaries get places in
// one arena by the launches they live through.

import { bytesPerElement, countElements, type Tensor } from "../../graph/tensor.ts";
import type { DraftLaunch } from "../target.ts";
import { planArena } from "./memory.ts";
import { hashProgram, type Kernel, type Launch, type Program, type ProgramBuffer } from "./program.ts";

/** The name under which a tensor leaves the program: a state's new value, or an output. */
export interface Owner {
  readonly kind: "state" | "output";
  readonly name: string;
}

type Draft = Omit<ProgramBuffer, "arenaOffset"> & { first: number; last: number };

export class ProgramBuilder {
  private readonly buffers: Draft[] = [];
  private readonly bufferOf = new Map<Tensor, number>();
  private readonly named = new Map<string, number>();
  private readonly kernels: Kernel[] = [];
  private readonly kernelOf = new Map<string, number>();
  private readonly launches: Launch[] = [];
  private readonly owners: ReadonlyMap<Tensor, Owner>;
  private readonly places: ReadonlyMap<Tensor, Tensor>;

  /** `places` has the tensor in whose place another is written, for those that have no place of their own. */
  constructor(owners: ReadonlyMap<Tensor, Owner>, places: ReadonlyMap<Tensor, Tensor>) {
    this.owners = owners;
    this.places = places;
  }

  add({ name, pointers, blocks, grain, flops, ...kernel }: DraftLaunch): void {
    const at = this.launches.length;
    const buffers = pointers.map(tensor => this.touch(tensor, at));
    // By tensor: a state's old value and its new one are two, though they share a buffer.
    const bytesMoved = [...new Set(pointers)].reduce(
      (total, { shape, dtype }) => total + countElements(shape) * bytesPerElement[dtype],
      0,
    );
    this.launches.push({ kernel: this.findKernel(name, kernel), buffers, blocks, grain, flops, bytesMoved });
  }

  private findKernel(name: string, kernel: Omit<Kernel, "name">): number {
    const key = JSON.stringify(kernel);
    const known = this.kernelOf.get(key);
    if (known !== undefined) return known;
    const unique = `${name}_${this.kernels.length}`;
    this.kernelOf.set(key, this.kernels.length);
    return this.kernels.push({ name: unique, ...kernel, source: kernel.source.replaceAll("KERNEL", unique) }) - 1;
  }

  /** The buffer of a tensor, which lives at least until this launch. */
  private touch(tensor: Tensor, launch: number): number {
    const { operation } = tensor;
    const owner =
      operation.kind === "input" || operation.kind === "state"
        ? { kind: operation.kind, name: operation.name }
        : this.owners.get(tensor);
    const key = owner === undefined ? undefined : `${owner.kind} ${owner.name}`;
    const place = this.places.get(tensor) ?? tensor;
    let at = key === undefined ? this.bufferOf.get(place) : this.named.get(key);
    if (at === undefined) {
      at = this.buffers.length;
      const bytes = countElements(tensor.shape) * bytesPerElement[tensor.dtype];
      const { shape, dtype } = tensor;
      this.buffers.push({
        kind: owner?.kind ?? "temporary",
        name: owner?.name ?? "",
        shape,
        dtype,
        bytes,
        first: launch,
        last: launch,
      });
      if (key === undefined) this.bufferOf.set(place, at);
      else this.named.set(key, at);
    }
    this.buffers[at]!.last = launch;
    return at;
  }

  finish(): Program {
    const temporaries = this.buffers.filter(buffer => buffer.kind === "temporary");
    const lifetimes = temporaries.map(({ bytes, first, last }) => ({ bytes, firstLaunch: first, lastLaunch: last }));
    const { offsets, arenaBytes } = planArena(lifetimes);
    const buffers = this.buffers.map(buffer => {
      const { first: _first, last: _last, ...kept } = buffer;
      const place = temporaries.indexOf(buffer);
      return { ...kept, arenaOffset: place < 0 ? -1 : offsets[place]! };
    });
    const program = { buffers, kernels: this.kernels, launches: this.launches, arenaBytes };
    return { ...program, hash: hashProgram(program) };
  }
}
