// What the compiler must know of the machine it compiles for: data on which the passes depend, and the printing of kernels. A
// target is a plain value; c-kernels.ts has the cpu's, cuda-kernels.ts the GPU's.

import type { Tensor } from "../graph/tensor.ts";
import type { CompileOptions } from "./compile.ts";
import type { FusedGraph, Group } from "./fusion.ts";
import type { Kernel } from "./program.ts";

export interface Target {
  readonly products: ProductAbilities;
  /** A result may stand where an operand stood that no later kernel reads; else two tensors of a kernel never share memory. */
  readonly overwritesOperands: boolean;
  /** How many blocks of rows a sum of columns is cut into at most, each summed apart; 1 leaves it whole. */
  columnBlocks(rows: number, columns: number): number;
  /** The groups as they are to be printed. */
  regroup(fused: FusedGraph): FusedGraph;
  printGroup(group: Group, context: PrintContext): DraftLaunch;
  /** Copies `from` to `to`, two tensors of one shape and type. */
  printCopy(from: Tensor, to: Tensor): DraftLaunch;
}

/** What matrix products take and give without a kernel before or after them. */
export interface ProductAbilities {
  /** A product rounds an f32 parameter while it packs it; elsewhere the rounded parameter stands in memory. */
  readonly packRounded: boolean;
  /** Operands are taken at any strides, with two of batches; elsewhere with one of batches, and rows or columns contiguous. */
  readonly takeAnyStrides: boolean;
  /** Any elementwise work is done in the write-out; elsewhere a product is rounded or added to a tensor there, and no more. */
  readonly writeAnything: boolean;
}

/** The rest of the program, as printing one group needs to know it. */
export interface PrintContext {
  readonly options: CompileOptions;
  readonly inMemory: ReadonlySet<Tensor>;
  /** Whether something outside the group reads the tensor, or it is a result. */
  isExternal(tensor: Tensor, group: Group): boolean;
  /** The state that a tensor is the old or the new value of. */
  stateOf(tensor: Tensor): string | undefined;
}

/** A launch whose buffers have no numbers yet. In `source` KERNEL stands for the name the kernel will get. */
export interface DraftLaunch extends Omit<Kernel, "name"> {
  /** What the kernel does: the beginning of its name. */
  readonly name: string;
  /** Tensors whose addresses the kernel takes, in order. */
  readonly pointers: readonly Tensor[];
  readonly blocks: number;
  readonly grain: number;
  readonly flops: number;
}
