// The functions of the CUDA driver that are called, as cuda.h declares them, and the numbers that go with them. Handles and
// addresses are 64-bit words; what a function writes goes into typed arrays. Every result is checked here.

import type { LibraryHandle } from "koffi";
import { UserError } from "../../../base/errors.ts";
import { koffi } from "../../foreign-functions.ts";

// The suffixes are the versions that cuda.h of CUDA 12 and 13 maps the plain names to.
const signatures = {
  cuInit: "uint32_t flags",
  cuDriverGetVersion: "void *version",
  cuDeviceGetCount: "void *count",
  cuDeviceGet: "void *device, int ordinal",
  cuDeviceGetName: "void *name, int length, int device",
  cuDeviceTotalMem_v2: "void *bytes, int device",
  cuDeviceGetPCIBusId: "void *text, int length, int device",
  cuDeviceGetAttribute: "void *value, int attribute, int device",
  cuDevicePrimaryCtxRetain: "void *context, int device",
  cuCtxSetCurrent: "uint64_t context",
  cuMemGetInfo_v2: "void *free, void *total",
  cuMemAlloc_v2: "void *address, uint64_t bytes",
  cuMemFree_v2: "uint64_t address",
  cuMemHostAlloc: "void *address, uint64_t bytes, uint32_t flags",
  cuMemFreeHost: "uint64_t address",
  cuMemsetD8Async: "uint64_t address, uint8_t value, uint64_t bytes, uint64_t stream",
  cuMemcpyHtoDAsync_v2: "uint64_t to, uint64_t from, uint64_t bytes, uint64_t stream",
  cuMemcpyDtoHAsync_v2: "uint64_t to, uint64_t from, uint64_t bytes, uint64_t stream",
  cuMemcpyDtoH_v2: "void *to, uint64_t from, uint64_t bytes",
  cuStreamCreate: "void *stream, uint32_t flags",
  cuStreamDestroy_v2: "uint64_t stream",
  cuStreamSynchronize: "uint64_t stream",
  cuStreamWaitEvent: "uint64_t stream, uint64_t event, uint32_t flags",
  cuStreamBeginCapture_v2: "uint64_t stream, int mode",
  cuStreamEndCapture: "uint64_t stream, void *graph",
  cuGraphInstantiateWithFlags: "void *executable, uint64_t graph, uint64_t flags",
  cuGraphUpload: "uint64_t executable, uint64_t stream",
  cuGraphLaunch: "uint64_t executable, uint64_t stream",
  cuGraphExecDestroy: "uint64_t executable",
  cuGraphDestroy: "uint64_t graph",
  cuEventCreate: "void *event, uint32_t flags",
  cuEventRecord: "uint64_t event, uint64_t stream",
  cuEventQuery: "uint64_t event",
  cuEventSynchronize: "uint64_t event",
  cuEventElapsedTime: "void *milliseconds, uint64_t from, uint64_t to",
  cuEventDestroy_v2: "uint64_t event",
  cuModuleLoadDataEx: "void *module, void *image, uint32_t count, void *options, void *values",
  cuModuleGetFunction: "void *kernel, uint64_t module, const char *name",
  cuModuleUnload: "uint64_t module",
  cuFuncSetAttribute: "uint64_t kernel, int attribute, int value",
  cuLaunchKernel:
    "uint64_t kernel, uint32_t gridX, uint32_t gridY, uint32_t gridZ, uint32_t blockX, uint32_t blockY, uint32_t blockZ, uint32_t sharedBytes, uint64_t stream, uint64_t parameters, uint64_t extra",
} as const;

/** cuda.h: CUresult, CUdevice_attribute, CUfunction_attribute and flags. */
export const cudaConstants = {
  CUDA_SUCCESS: 0,
  CUDA_ERROR_OUT_OF_MEMORY: 2,
  CUDA_ERROR_DEVICE_UNAVAILABLE: 46,
  CUDA_ERROR_NOT_READY: 600,
  CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: 1,
  CU_DEVICE_ATTRIBUTE_WARP_SIZE: 10,
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: 16,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: 76,
  CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: 81,
  CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR: 82,
  CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: 8,
  CU_STREAM_NON_BLOCKING: 1,
  CU_STREAM_CAPTURE_MODE_RELAXED: 2,
  CU_EVENT_DEFAULT: 0,
  CU_EVENT_DISABLE_TIMING: 2,
} as const;

/**
 * Results that only a wrong call gives, which is a bug of ours: INVALID_VALUE, NOT_INITIALIZED, INVALID_IMAGE, INVALID_CONTEXT,
 * INVALID_PTX, INVALID_SOURCE, INVALID_HANDLE, ILLEGAL_STATE, NOT_FOUND, LAUNCH_OUT_OF_RESOURCES, and those of a capture, 900 to 908.
 */
const ofWrongCalls = [1, 3, 200, 201, 218, 300, 400, 401, 500, 701];

type FunctionName = keyof typeof signatures;
type Argument = number | bigint | string | NodeJS.TypedArray | null;

export interface DriverApi {
  /**
   * Calls, and throws an error that names the function and says what CUDA says: UserErrors E_CUDA_MEMORY, E_CUDA_ABSENT of a device that
   * another process has for itself, E_CUDA_FAILED of one that stopped; a plain error of a wrong call.
   */
  call(name: FunctionName, ...values: Argument[]): void;
  /** Calls and gives the CUresult, for those that are answers. */
  ask(name: FunctionName, ...values: Argument[]): number;
  /** Calls a function whose first argument is where it writes a handle or an address. */
  create(name: FunctionName, ...values: Argument[]): bigint;
  /** "CUDA_ERROR_NO_DEVICE, no CUDA-capable device is detected" */
  describe(result: number): string;
  /** What `call` throws. */
  explain(what: string, result: number): Error;
}

/** Declares the functions of the driver's library at the first path that loads; an error of the system where none does. */
export function openDriverApi(paths: readonly string[]): DriverApi {
  const library = loadFirst(paths);
  const functions = new Map(
    Object.entries(signatures).map(([name, values]) => [name, library.func(`int ${name}(${values})`)] as const),
  );
  const describe = declareDescribe(library);
  const ask = (name: FunctionName, ...values: Argument[]): number => functions.get(name)!(...values) as number;
  const call = (name: FunctionName, ...values: Argument[]): void => {
    const result = ask(name, ...values);
    if (result !== cudaConstants.CUDA_SUCCESS) throw explain(name, result);
  };
  const explain = (what: string, result: number) => explainResult(`${what}: ${describe(result)}`, result);
  return {
    ask,
    call,
    describe,
    explain,
    create: (name, ...values) => {
      const handle = new BigUint64Array(1);
      call(name, handle, ...values);
      return handle[0]!;
    },
  };
}

function explainResult(said: string, result: number): Error {
  if (result === cudaConstants.CUDA_ERROR_OUT_OF_MEMORY) {
    return new UserError("E_CUDA_MEMORY", said, "Use a smaller micro-batch, or end other programs on this device.");
  }
  if (result === cudaConstants.CUDA_ERROR_DEVICE_UNAVAILABLE) {
    return new UserError(
      "E_CUDA_ABSENT",
      said,
      "Another process has the device for itself: nvidia-smi shows which. End it, or choose another by CUDA_VISIBLE_DEVICES.",
    );
  }
  if (ofWrongCalls.includes(result) || Math.floor(result / 100) === 9) return new Error(said);
  return new UserError(
    "E_CUDA_FAILED",
    `the device stopped: ${said}`,
    "Go on from the last checkpoint with --resume. dmesg shows the driver's own account (Xid); a device that fails again needs a reset, or is broken.",
  );
}

function declareDescribe(library: LibraryHandle): (result: number) => string {
  const getName = library.func("int cuGetErrorName(int result, void *text)");
  const getString = library.func("int cuGetErrorString(int result, void *text)");
  const read = (get: typeof getName, result: number): string | undefined => {
    const text = new BigUint64Array(1);
    return get(result, text) === 0 ? koffi.decode.string(text[0]) : undefined;
  };
  return result => [read(getName, result) ?? `CUresult ${result}`, read(getString, result)].filter(Boolean).join(", ");
}

/** The first library that loads; the error of the last where none does. */
export function loadFirst(paths: readonly string[]): LibraryHandle {
  let failure: unknown;
  for (const path of paths) {
    try {
      return koffi.load(path);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
