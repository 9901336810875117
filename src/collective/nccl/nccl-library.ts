// The functions of NCCL that are called, as nccl.h of 2.x declares them, and the numbers that go with them. The library is found as NVIDIA's
// others are; what it returns is checked here.

import { findCudaLibrary } from "../../backends/cuda/driver/libraries.ts";
import { koffi } from "../../backends/foreign-functions.ts";

/** ncclUniqueId, by which ranks find each other: NCCL_UNIQUE_ID_BYTES. It is passed by its value. */
export const uniqueIdBytes = 128;

const signatures = {
  ncclGetUniqueId: "void *id",
  ncclCommInitRank: "void *communicator, int ranks, NcclUniqueId id, int rank",
  ncclCommGetAsyncError: "uint64_t communicator, void *result",
  ncclGroupStart: "",
  ncclGroupEnd: "",
  ncclAllReduce:
    "uint64_t from, uint64_t to, uint64_t elements, int type, int operation, uint64_t communicator, uint64_t stream",
  ncclBroadcast:
    "uint64_t from, uint64_t to, uint64_t elements, int type, int root, uint64_t communicator, uint64_t stream",
} as const;

/** nccl.h: ncclResult_t, ncclDataType_t, ncclRedOp_t. */
export const ncclConstants = { ncclSuccess: 0, ncclInProgress: 7, ncclFloat32: 7, ncclSum: 0 } as const;

type FunctionName = keyof typeof signatures;
type Argument = number | bigint | NodeJS.TypedArray | { readonly internal: Uint8Array };

export interface NcclApi {
  /** "2.30.7" */
  readonly version: string;
  /** Whether its calls may be recorded in a graph, since 2.9. */
  readonly isRecordable: boolean;
  /** Calls, and throws an error that names the function and says what NCCL says. */
  call(name: FunctionName, ...values: Argument[]): void;
  /** "unhandled system error", and what the library wrote of its last one. */
  describe(result: number): string;
}

let opened: NcclApi | undefined;

/** The library as it is found, once a process. UserError E_CUDA_ABSENT; an error of the system where it does not load. */
export function openNcclApi(): NcclApi {
  opened ??= declareFunctions(findCudaLibrary("nccl"));
  return opened;
}

function declareFunctions(path: string): NcclApi {
  const library = koffi.load(path);
  koffi.struct("NcclUniqueId", { internal: koffi.array("uint8_t", uniqueIdBytes, "Typed") });
  const functions = new Map(
    Object.entries(signatures).map(([name, values]) => [name, library.func(`int ${name}(${values})`)] as const),
  );
  const nameResult = library.func("const char *ncclGetErrorString(int result)");
  const readLast = library.func("const char *ncclGetLastError(uint64_t communicator)");
  const describe = (result: number) => [nameResult(result), readLast(0n)].filter(Boolean).join(", ");
  const call = (name: FunctionName, ...values: Argument[]) => {
    const result = functions.get(name)!(...values) as number;
    if (result !== ncclConstants.ncclSuccess) throw new Error(`${name}: ${describe(result)}`);
  };
  const version = new Int32Array(1);
  library.func("int ncclGetVersion(void *version)")(version);
  const [major, minor, patch] = readVersion(version[0]!);
  return { version: `${major}.${minor}.${patch}`, isRecordable: major > 2 || minor >= 9, call, describe };
}

/** As NCCL counts since 2.9, 23007 for 2.30.7, and before, 2804 for 2.8.4. */
const readVersion = (version: number): [number, number, number] =>
  version < 10_000
    ? [Math.floor(version / 1000), Math.floor(version / 100) % 10, version % 100]
    : [Math.floor(version / 10_000), Math.floor(version / 100) % 100, version % 100];
