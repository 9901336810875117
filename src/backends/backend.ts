// The interface every backend implements, and all that the rooms above know of one. A backend keeps named states on its
// device, takes whole graphs, and runs them.

import type { Program } from "../compiler/program/program.ts";
import type { DType, Graph, Shape } from "../graph/tensor.ts";

/** Host memory by element type: f32, bf16 and f16 are Float32Array (the reference gives Float64Array), u8 and bool are Uint8Array. */
export type HostArray = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

/** Values of a graph's inputs by name; a number stands for one element. */
export type HostInputs = Readonly<Record<string, HostArray | number>>;

/** Memory on the device. Only the backend that made it can read it. */
export interface DeviceBuffer {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** f32 states of several ranks, each with a device, that are added up beside the run that computes them. */
export interface StateExchange {
  readonly names: ReadonlySet<string>;
  /** What states exchanged together have at least, but for the last of them. */
  readonly bucketBytes: number;
  /** Rank 0's buckets of names on every rank, instead of this rank's own. */
  agreeOn(buckets: readonly (readonly string[])[]): Promise<readonly (readonly string[])[]>;
  /** Whether it is so on every rank. */
  isSoOnAll(isSo: boolean): Promise<boolean>;
  /** Asks for the sums over all ranks in place of these, on this stream of the device; may be recorded in a graph. */
  sum(places: readonly { readonly address: bigint; readonly elements: number }[], stream: bigint): void;
}

export interface LoadedGraph {
  /** The compiled program, for inspection; the reference evaluates the graph itself and has none. */
  readonly program: Program | undefined;
  /**
   * Writes the inputs, runs, applies the updates to the states, and returns the outputs. Inputs missing from
   * `inputs` keep the values of the run before. Runs of one backend do not overlap: await one before the next, which is refused
   * otherwise.
   */
  run(inputs: HostInputs): Promise<Record<string, HostArray>>;
  /**
   * Runs, and exchanges states while it computes others: what is asked of the device behind it finds the sums. Every rank calls it, with the
   * same exchange each time. Only a device with a stream has it.
   */
  runExchanging?(inputs: HostInputs, exchange: StateExchange): Promise<Record<string, HostArray>>;
  /**
   * As `run`, and then the next graph's with inputs of its own, whose outputs it returns: what this one has is not read. Only a backend
   * has it whose devices would wait for the host between the two.
   */
  runBefore?(inputs: HostInputs, next: LoadedGraph, nextInputs: HostInputs): Promise<Record<string, HostArray>>;
  /** Runs `runs` times and gives the seconds of each launch of each run. States change as in `run`. */
  timeLaunches?(inputs: HostInputs, runs: number): Promise<readonly Float64Array[]>;
}

export interface Backend {
  readonly name: "reference" | "cpu" | "cuda";
  /** The device in words, for people: "AMD EPYC, 2 threads, AVX-512". */
  readonly device: string;
  /** How many of this machine's processors compute at once; absent where a device of its own does. */
  readonly processors?: number;
  /** Whether products read f16, whose range gradients leave: a loss must be scaled before it is differentiated. */
  readonly scalesLoss?: boolean;
  /** Zero-filled memory for a state. */
  allocate(shape: Shape, dtype: DType): DeviceBuffer;
  write(buffer: DeviceBuffer, values: HostArray): void;
  /** An f32 state's memory itself, where the host reaches it: for values that are made there. Not to be kept. */
  view?(buffer: DeviceBuffer): Float32Array;
  /** A copy, at once or later. */
  read(buffer: DeviceBuffer): HostArray | Promise<HostArray>;
  /** Where an f32 state stands, in memory of this process or, where there is a stream, of the device: for libraries that connect ranks. */
  locate?(buffer: DeviceBuffer): number | bigint;
  /** The device's stream, on which all runs one after another: CUDA's CUstream. */
  readonly stream?: bigint | undefined;
  /** Begins to build what graphs will need whatever their sizes, before they are loaded. */
  foresee?(graphs: Iterable<Graph>): void;
  /** Prepares a graph to run against these states, which it reads and updates by name. */
  load(graph: Graph, states: ReadonlyMap<string, DeviceBuffer>): Promise<LoadedGraph>;
  /**
   * FLOP/s of multiply-adds on registers alone in the precision of its products, measured now, or when what is given has come, and what
   * is needed for it is built meanwhile; what shares of peak refer to.
   */
  measurePeak?(behind?: Promise<unknown>): Promise<number>;
  /** The program that `load` would run, for planning; nothing is built. */
  compile?(graph: Graph): Program;
  /** Bytes of memory that a run could still have. */
  availableBytes?(): number;
  /** Joules that the device has used since some moment; undefined where it does not say. Without this, the processor's are meant. */
  readJoules?(): number | undefined;
  /** Waits until the device has done all that was asked of it, for measuring; without this, a run ends when its work has. */
  synchronise?(): Promise<void>;
  /** Frees everything the backend holds: buffers, loaded graphs, threads. */
  close(): Promise<void>;
}
