// What ranks do together: processes that train one model, each with its own part of every step. Engines that the field runs carry the
// values, MPI between processors and NCCL between GPUs; every rank makes the same calls in the same order.

/** Values that stand outside of JavaScript's memory: f32, at an address of this process or of its device. */
export interface PlacedValues {
  readonly address: number | bigint;
  readonly elements: number;
}

/** Values of a rank, of the same name, type and length on every rank. */
export interface NamedArray {
  readonly name: string;
  readonly values: Float32Array | Float64Array | PlacedValues;
}

export interface Collective {
  /** Who carries the values, for people: "Open MPI", "MPICH", "NCCL", "one process". */
  readonly engine: string;
  readonly rank: number;
  /** How many ranks there are. */
  readonly size: number;
  /**
   * The stream of this rank's GPU where placed values stand there: what is done with them is asked for behind what was asked of it, and nobody
   * waits. Without one placed values stand in this process's memory.
   */
  readonly stream?: bigint | undefined;
  /** UserError E_RANKS where the engine carries no placed values of processors' memory; absent where it does. */
  refusePlaced?(): void;
  /** Puts the sums over all ranks in place of the arrays' values, the same bits on every rank. */
  sum(arrays: readonly NamedArray[]): Promise<void>;
  /**
   * Asks for the sums of placed values on another stream of the device than `stream`, where it may be recorded in a graph; absent where the
   * engine cannot.
   */
  sumBeside?(places: readonly PlacedValues[], stream: bigint): void;
  /** Puts the values of the rank `root` in place of the others'. */
  broadcast(values: NamedArray["values"] | Uint8Array, root: number): Promise<void>;
  /** Hands the rank `root` these values of every rank, one rank's behind the other's; elsewhere nothing. */
  gather(array: NamedArray, root: number): Promise<Float32Array | undefined>;
  /** Waits until every rank is here. */
  barrier(): Promise<void>;
  /**
   * Ends every rank at once, this one included, with this exit code: nobody waits for a rank that is lost. What was seen of it is told
   * before.
   */
  abort(exitCode: number, seen?: string): void;
  /** Says goodbye; every rank does, when nothing is under way. */
  close(): Promise<void>;
}

/** The collective of a process that trains alone: nothing moves. */
export const singleProcess: Collective = {
  engine: "one process",
  rank: 0,
  size: 1,
  sum: async () => {},
  broadcast: async () => {},
  gather: async ({ values }) => ("address" in values ? undefined : Float32Array.from(values)),
  barrier: async () => {},
  abort: () => {},
  close: async () => {},
};

/** A value that JSON can hold, of rank 0, on every rank. The others' is passed over. */
export async function broadcastJson<T>(collective: Collective, value: T): Promise<T> {
  const own = collective.rank === 0 ? new TextEncoder().encode(JSON.stringify(value)) : new Uint8Array(0);
  const length = Float64Array.of(own.length);
  await collective.broadcast(length, 0);
  const bytes = collective.rank === 0 ? own : new Uint8Array(length[0]!);
  await collective.broadcast(bytes, 0);
  return JSON.parse(new TextDecoder().decode(bytes)) as T;
}
