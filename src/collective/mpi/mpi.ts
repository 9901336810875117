// A collective by MPI. Its calls wait for other ranks, so they are made off the event loop, one after another: signals and timers have
// their turn meanwhile.

import { UserError } from "../../base/errors.ts";
import type { Collective, NamedArray } from "../collective.ts";
import type { RankPlace } from "../rank-place.ts";
import { type MpiAbi, type MpiName, openMpiLibrary } from "./mpi-library.ts";

type Argument = number | bigint | NodeJS.TypedArray | null;

/** MPI_THREAD_SERIALIZED: calls come from several threads, never two at once. */
const serialized = 2;
/** Arrays up to this are sent together. */
const packedElements = 16_384;

type MpiLauncher = Exclude<RankPlace["launcher"], "torchrun">;

/** Which libraries a launcher's ranks may be connected by. */
const librariesOf: Readonly<Record<MpiLauncher, readonly MpiName[]>> = {
  "Open MPI": ["Open MPI"],
  MPICH: ["MPICH"],
  srun: ["Open MPI", "MPICH"],
};

let begun = false;

/** Connects this process to the others, once in its life. UserErrors E_MPI_ABSENT and E_RANKS. */
export function openMpi({ launcher, size }: Pick<RankPlace, "size"> & { readonly launcher: MpiLauncher }): Collective {
  if (begun) throw new Error("MPI was opened before");
  const abi = openMpiLibrary(librariesOf[launcher]);
  const { world, byte, sum, inPlace } = abi;
  const call = declareFunctions(abi);
  begun = true;
  call.now("MPI_Init_thread", null, null, serialized, new Int32Array(1));
  const ask = (name: "MPI_Comm_rank" | "MPI_Comm_size") => {
    const answer = new Int32Array(1);
    call.now(name, world, answer);
    return answer[0]!;
  };
  const rank = ask("MPI_Comm_rank");
  const seen = ask("MPI_Comm_size");
  if (seen !== size) {
    throw new UserError(
      "E_RANKS",
      `the launcher started ${size} ranks, and ${abi.name} connects ${seen}: they are of different makes`,
      "Start the ranks by the mpirun of that library, or set CRAM_MPI_LIBRARY to the launcher's.",
    );
  }
  const typeOf = (values: NamedArray["values"] | Uint8Array) =>
    values instanceof Float64Array ? abi.double : values instanceof Uint8Array ? byte : abi.float;
  const sumOne = ({ values }: NamedArray) =>
    call.later("MPI_Allreduce", inPlace, pointTo(values), countOf(values), typeOf(values), sum, world);
  return {
    engine: abi.name,
    ...{ rank, size },
    sum: async arrays => {
      const [small, large] = splitSmall(arrays);
      const pack = new Float32Array(small.reduce((total, { length }) => total + length, 0));
      let at = 0;
      for (const values of small) {
        pack.set(values, at);
        at += values.length;
      }
      if (pack.length > 0) await sumOne({ name: "small arrays", values: pack });
      at = 0;
      for (const values of small) {
        values.set(pack.subarray(at, at + values.length));
        at += values.length;
      }
      for (const array of large) await sumOne(array);
    },
    broadcast: (values, root) => call.later("MPI_Bcast", pointTo(values), countOf(values), typeOf(values), root, world),
    gather: async ({ values }, root) => {
      const count = countOf(values);
      const all = rank === root ? new Float32Array(count * size) : undefined;
      const own = values instanceof Float64Array ? Float32Array.from(values) : values;
      const { float } = abi;
      await call.later("MPI_Gather", pointTo(own), count, float, all ?? null, count, float, root, world);
      return all;
    },
    barrier: () => call.later("MPI_Barrier", world),
    abort: exitCode => call.now("MPI_Abort", world, exitCode),
    close: async () => {
      // Who ends first is taken for one that was lost.
      await call.later("MPI_Barrier", world);
      call.now("MPI_Finalize");
    },
  };
}

const pointTo = (values: NamedArray["values"] | Uint8Array): Argument =>
  "address" in values ? BigInt(values.address) : values;
const countOf = (values: NamedArray["values"] | Uint8Array): number =>
  "address" in values ? values.elements : values.length;

/** Short arrays of JavaScript's memory, and the others. */
function splitSmall(arrays: readonly NamedArray[]): [Float32Array[], NamedArray[]] {
  const isSmall = ({ values }: NamedArray) => values instanceof Float32Array && values.length <= packedElements;
  const small = arrays.filter(isSmall).map(({ values }) => values as Float32Array);
  return [small, arrays.filter(array => !isSmall(array))];
}

/** Signatures, as MPI's standard has them; `handle` stands for communicators, types and operations. */
const signatures = {
  MPI_Init_thread: "void *count, void *values, int required, void *provided",
  MPI_Comm_rank: "handle world, void *rank",
  MPI_Comm_size: "handle world, void *size",
  MPI_Allreduce: "uint64_t from, void *to, int count, handle type, handle operation, handle world",
  MPI_Bcast: "void *values, int count, handle type, int root, handle world",
  MPI_Gather:
    "void *values, int count, handle type, void *all, int countOfEach, handle typeOfEach, int root, handle world",
  MPI_Barrier: "handle world",
  MPI_Abort: "handle world, int code",
  MPI_Finalize: "",
} as const;
type FunctionName = keyof typeof signatures;

/** Calls that throw an error where MPI does not end the process by itself. */
function declareFunctions({ library, handle }: MpiAbi) {
  const functions = new Map(
    Object.entries(signatures).map(
      ([name, values]) => [name, library.func(`int ${name}(${values.replaceAll("handle ", `${handle} `)})`)] as const,
    ),
  );
  const check = (name: FunctionName, status: number) => {
    if (status !== 0) throw new Error(`${name}: status ${status}`);
  };
  let last: Promise<void> = Promise.resolve();
  return {
    now: (name: FunctionName, ...values: Argument[]): void => check(name, functions.get(name)!(...values) as number),
    /** Off the event loop, when the calls before have ended. */
    later: (name: FunctionName, ...values: Argument[]): Promise<void> => {
      const start = () =>
        new Promise<void>((resolve, reject) => {
          functions.get(name)!.async(...values, (error: unknown, status: number) => {
            if (error) reject(error);
            else if (status !== 0) reject(new Error(`${name}: status ${status}`));
            else resolve();
          });
        });
      last = last.then(start);
      return last;
    },
  };
}
