// The functions of cuBLASLt that are called, as cublasLt.h declares them, and the numbers that go with them: the same in CUDA 12
// and 13. Descriptors are opaque handles; attributes are set from typed arrays of the size that the header states.

import { koffi } from "../../foreign-functions.ts";

const signatures = {
  cublasLtCreate: "void *handle",
  cublasLtDestroy: "uint64_t handle",
  cublasLtMatmulDescCreate: "void *description, int computeType, int scaleType",
  cublasLtMatmulDescDestroy: "uint64_t description",
  cublasLtMatmulDescSetAttribute: "uint64_t description, int attribute, void *value, uint64_t bytes",
  cublasLtMatmulDescGetAttribute: "uint64_t description, int attribute, void *value, uint64_t bytes, void *written",
  cublasLtMatrixLayoutCreate: "void *layout, int type, uint64_t rows, uint64_t columns, int64_t leadingDimension",
  cublasLtMatrixLayoutDestroy: "uint64_t layout",
  cublasLtMatrixLayoutSetAttribute: "uint64_t layout, int attribute, void *value, uint64_t bytes",
  cublasLtMatrixLayoutGetAttribute: "uint64_t layout, int attribute, void *value, uint64_t bytes, void *written",
  cublasLtMatmulPreferenceCreate: "void *preference",
  cublasLtMatmulPreferenceDestroy: "uint64_t preference",
  cublasLtMatmulPreferenceSetAttribute: "uint64_t preference, int attribute, void *value, uint64_t bytes",
  cublasLtMatmulPreferenceGetAttribute:
    "uint64_t preference, int attribute, void *value, uint64_t bytes, void *written",
  cublasLtMatmulAlgoGetHeuristic:
    "uint64_t handle, uint64_t description, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t preference, int requested, void *results, void *count",
  cublasLtMatmulAlgoCheck:
    "uint64_t handle, uint64_t description, uint64_t a, uint64_t b, uint64_t c, uint64_t d, void *algorithm, void *result",
  cublasLtMatmul:
    "uint64_t handle, uint64_t description, void *alpha, uint64_t a, uint64_t aLayout, uint64_t b, uint64_t bLayout, void *beta, uint64_t c, uint64_t cLayout, uint64_t d, uint64_t dLayout, void *algorithm, uint64_t workspace, uint64_t workspaceBytes, uint64_t stream",
} as const;

/** cublasLt.h, cublas_api.h and library_types.h. */
export const cublasLtConstants = {
  CUBLAS_COMPUTE_32F: 68,
  CUDA_R_32F: 0,
  CUDA_R_16F: 2,
  CUDA_R_16BF: 14,
  CUBLAS_OP_N: 0,
  CUBLAS_OP_T: 1,
  CUBLASLT_MATMUL_DESC_TRANSA: 3,
  CUBLASLT_MATMUL_DESC_TRANSB: 4,
  CUBLASLT_MATRIX_LAYOUT_TYPE: 0,
  CUBLASLT_MATRIX_LAYOUT_ROWS: 2,
  CUBLASLT_MATRIX_LAYOUT_COLS: 3,
  CUBLASLT_MATRIX_LAYOUT_LD: 4,
  CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: 5,
  CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: 6,
  CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: 1,
  CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: 3,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: 5,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: 6,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: 7,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: 8,
  CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE: 2,
} as const;

/** cublasLtMatmulHeuristicResult_t: an algorithm of 64 bytes, its workspace (size_t), its state (0 is good), waves, reserved. */
export const heuristicResult = { bytes: 96, algorithmBytes: 64, workspaceAt: 64, stateAt: 72 } as const;

type FunctionName = keyof typeof signatures;
type Argument = number | bigint | NodeJS.TypedArray;

export interface CublasLtApi {
  /** As cuBLASLt counts: 130101 for 13.1.1. */
  readonly version: number;
  /** Calls, and throws an error that names the function and the status. */
  call(name: FunctionName, ...values: Argument[]): void;
  /** Calls and gives the status, for those that are answers. */
  ask(name: FunctionName, ...values: Argument[]): number;
  /** Calls a function whose first argument is where it writes a handle. */
  create(name: FunctionName, ...values: Argument[]): bigint;
}

/** Declares the functions of the library at this path; an error of the system where it does not load. */
export function openCublasLtApi(path: string): CublasLtApi {
  const library = koffi.load(path);
  const functions = new Map(
    Object.entries(signatures).map(([name, values]) => [name, library.func(`int ${name}(${values})`)] as const),
  );
  const nameStatus = library.func("const char *cublasLtGetStatusName(int status)");
  const ask = (name: FunctionName, ...values: Argument[]): number => functions.get(name)!(...values) as number;
  const call = (name: FunctionName, ...values: Argument[]): void => {
    const status = ask(name, ...values);
    if (status !== 0) throw new Error(`${name}: ${nameStatus(status)}`);
  };
  return {
    version: Number(library.func("uint64_t cublasLtGetVersion()")()),
    ask,
    call,
    create: (name, ...values) => {
      const handle = new BigUint64Array(1);
      call(name, handle, ...values);
      return handle[0]!;
    },
  };
}
