// The MPI libraries: where they are, and in what they differ. MPI fixes the functions and not their binary form: a communicator, a type
// and an operation are addresses of structures in Open MPI, and numbers in MPICH and what descends from it (MVAPICH, Intel MPI).

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { LibraryHandle } from "koffi";
import { koffi } from "../../backends/foreign-functions.ts";
import { UserError } from "../../base/errors.ts";

export type MpiName = "Open MPI" | "MPICH";

/** The numbers and addresses of mpi.h that are used. */
export interface MpiAbi {
  readonly name: MpiName;
  readonly library: LibraryHandle;
  /** C type of a communicator, a data type and an operation. */
  readonly handle: "uint64_t" | "int";
  readonly world: bigint | number;
  readonly float: bigint | number;
  readonly double: bigint | number;
  readonly byte: bigint | number;
  readonly sum: bigint | number;
  /** MPI_IN_PLACE. */
  readonly inPlace: bigint;
}

const files: Readonly<Record<MpiName, readonly string[]>> = {
  "Open MPI": ["libmpi.so.40", "libmpi.40.dylib", "libmpi.so.80"],
  MPICH: ["libmpich.so.12", "libmpi.so.12", "libmpi.12.dylib"],
};

const packages: Readonly<Record<MpiName, string>> = {
  "Open MPI": "apt-get install libopenmpi3 openmpi-bin",
  MPICH: "apt-get install libmpich12 mpich",
};

/**
 * MPICH's UCX, as it is loaded, writes into libc's code to hear of memory that is unmapped, and tries that out by moving the end of the
 * heap there and back: what another thread, of which Node has several, was given meanwhile is gone. One start in fifty came apart by it. A
 * cache of memory that is registered with InfiniBand is lost with it; whoever needs that sets the variable.
 */
function leaveMemoryAlone(): void {
  process.env.UCX_MEM_EVENTS ??= "n";
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The first of these libraries that loads: of the folder or file that CRAM_MPI_LIBRARY names, then as the system finds it. UserError
 * E_MPI_ABSENT says what was looked for and how to install it.
 */
export function openMpiLibrary(names: readonly MpiName[], environment: Environment = process.env): MpiAbi {
  leaveMemoryAlone();
  for (const name of names) {
    for (const path of listPaths(name, environment)) {
      const library = tryLoad(path);
      if (library !== undefined) return name === "MPICH" ? describeMpich(library) : describeOpenMpi(library);
    }
  }
  throw new UserError(
    "E_MPI_ABSENT",
    `the library of ${names.join(" or ")} does not load: ${names.flatMap(name => files[name]).join(", ")}`,
    `${packages[names[0]!]}, or set CRAM_MPI_LIBRARY to the folder that has it.`,
  );
}

function listPaths(name: MpiName, { CRAM_MPI_LIBRARY: named }: Environment): string[] {
  const inFolders = (named ?? "")
    .split(delimiter)
    .flatMap(folder => files[name].map(file => join(folder, file)))
    .filter(existsSync);
  return [...inFolders, ...files[name]];
}

/**
 * With its symbols for all: Open MPI's plugins look for them there. It stays to the end of the process: threads that called it end behind
 * koffi's handle, and run what its TCP left for a thread's end.
 */
function tryLoad(path: string): LibraryHandle | undefined {
  try {
    const library = koffi.load(path, { global: true });
    const lazily = 1;
    koffi.load(null).func("void *dlopen(const char *path, int how)")(path, lazily);
    return library;
  } catch {
    return undefined;
  }
}

function describeOpenMpi(library: LibraryHandle): MpiAbi {
  const find = (symbol: string): bigint => koffi.address(library.symbol(symbol));
  return {
    ...{ name: "Open MPI", library, handle: "uint64_t" },
    world: find("ompi_mpi_comm_world"),
    float: find("ompi_mpi_float"),
    double: find("ompi_mpi_double"),
    byte: find("ompi_mpi_byte"),
    sum: find("ompi_mpi_op_sum"),
    inPlace: 1n,
  };
}

/** As mpi.h of MPICH has them, which its ABI initiative fixed for all that descend from it. */
const describeMpich = (library: LibraryHandle): MpiAbi => ({
  ...{ name: "MPICH", library, handle: "int" },
  ...{ world: 0x44000000, float: 0x4c00040a, double: 0x4c00080b, byte: 0x4c00010d, sum: 0x58000003 },
  inPlace: 2n ** 64n - 1n,
});
