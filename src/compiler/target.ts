// What the compiler must know of the machine it compiles for: data on which the passes depend, and the emitting of kernels. A
// target is a plain value; targets/ has the cpu's and the GPU's.

import type { Attributes, Precision, Tensor } from "../graph/tensor.ts";
import type { GroupStage } from "./kernels/check-groups.ts";
import type { FusedGraph, Group } from "./kernels/group.ts";
import type { LoopKernel, Stage } from "./loops/ir.ts";
import type { Kernel } from "./program/program.ts";

export interface Target {
  readonly products: ProductAbilities;
  /** A result may stand where an operand stood that no later kernel reads; else two tensors of a kernel never share memory. */
  readonly overwritesOperands: boolean;
  /** A scatterAdd takes several pairs of values and rows, and adds one after the other. */
  readonly scattersSeveral: boolean;
  /** How many launches may run at once that do not wait for each other. */
  readonly launchesAtOnce: number;
  /** Temporaries begin at multiples of so many bytes. */
  readonly alignmentBytes: number;
  /** Tensors that one kernel may read and write: groups are cut to that, as far as they can be. */
  readonly mostTensors: number;
  /** How many blocks of rows a sum of columns is cut into at most, each summed apart; 1 leaves it whole. */
  columnBlocks(rows: number, columns: number): number;
  /** The groups as they are to be emitted. */
  regroup(fused: FusedGraph, options: CompileOptions): FusedGraph;
  readonly emitters: Emitters;
  /** Copies `from` to `to`, two tensors of one shape and type. */
  emitCopy(from: Tensor, to: Tensor): DraftLaunch;
}

/** The launch of a group, or several in their order. */
type Emit = (group: Group, context: EmitContext) => DraftLaunch | readonly DraftLaunch[];
/** By what the group is. */
export type Emitters = Readonly<Record<"fused" | "matmul" | "scatterAdd" | "composite", Emit>>;

export interface CompileOptions {
  /** Threads that share the blocks of a launch. */
  readonly threads: number;
  readonly precision: Precision;
  /** Whether tiles multiply bf16 on this cpu. */
  readonly hasTiles?: boolean;
  /** The backend's own kernels for composites; without one, or where it gives none, a composite is its decomposition. */
  readonly findCompositeKernel?: (name: string, attributes: Attributes) => CompositeKernel | undefined;
  /** Sees the groups after every pass over them. */
  readonly inspectGroups?: (fused: FusedGraph, stage: GroupStage) => void;
  /** Sees every kernel after every pass over it. */
  readonly inspectKernel?: (kernel: LoopKernel, stage: Stage) => void;
}

/** A template of the backend that computes a composite. */
export interface CompositeKernel {
  readonly name: string;
  readonly blocks: number;
  readonly grain: number;
  readonly flops: number;
  /** On a GPU: threads of one thread block, and its dynamic shared memory. */
  readonly threads?: number;
  readonly sharedBytes?: number;
  /** On a GPU: thread blocks whose registers must fit on one multiprocessor at once. */
  readonly residentBlocks?: number;
  /** On a cpu: what stands before the kernel, once where several have it: its text sees to that. */
  emitShared?(inputs: readonly Tensor[], result: Tensor): string;
  /**
   * The statement that runs blocks begin to end; p holds the addresses of the inputs, then of the result. On a GPU the statement
   * runs the thread block blockIdx.x; a0, a1, … are the inputs, then the result.
   */
  emitCall(inputs: readonly Tensor[], result: Tensor): string;
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

/** The rest of the program, as emitting one group needs to know it. */
export interface EmitContext {
  readonly options: CompileOptions;
  readonly inMemory: ReadonlySet<Tensor>;
  /** Whether something outside the group reads the tensor, or it is a result. */
  isExternal(tensor: Tensor, group: Group): boolean;
  /** Whether the program is this group alone, beside which nothing runs. */
  readonly isAlone: boolean;
  /** The state that a tensor is the old or the new value of. */
  stateOf(tensor: Tensor): string | undefined;
}

/** A launch whose buffers have no numbers yet. In `source` KERNEL stands for the name the kernel will get. */
export interface DraftLaunch extends Omit<Kernel, "name"> {
  /** What the kernel does: the beginning of its name. */
  readonly name: string;
  /** Tensors whose addresses the kernel takes, in order. */
  readonly pointers: readonly Tensor[];
  /** Bytes that it must move at least; without it every tensor once, whole. */
  readonly bytesMoved?: number;
  readonly blocks: number;
  readonly grain: number;
  readonly flops: number;
}
