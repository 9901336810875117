import assert from "node:assert/strict";
import { test } from "node:test";
import { skipWithout } from "../../../../test/required.ts";
import { UserError } from "../../../base/errors.ts";
import { cublasLtConstants as lt, openCublasLtApi } from "./cublaslt-api.ts";
import { findCudaLibrary } from "./libraries.ts";

function findLibrary(): string | UserError {
  try {
    return findCudaLibrary("cublasLt");
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

const found = findLibrary();
const skip = skipWithout("cuda", typeof found === "string" ? undefined : found.message);

// The library checks the size of each attribute's value, so a wrong number or width of one is an error here. No device is needed.
test("the real library takes the descriptors as they are made here, and gives them back", { skip }, () => {
  const api = openCublasLtApi(found as string);
  assert.ok(api.version >= 120_000);
  const description = api.create("cublasLtMatmulDescCreate", lt.CUBLAS_COMPUTE_32F, lt.CUDA_R_32F);
  const layout = api.create("cublasLtMatrixLayoutCreate", lt.CUDA_R_16BF, 96, 40, 128);
  const preference = api.create("cublasLtMatmulPreferenceCreate");
  const cases = [
    ["cublasLtMatmulDesc", description, lt.CUBLASLT_MATMUL_DESC_TRANSA, Int32Array.of(lt.CUBLAS_OP_T)],
    ["cublasLtMatmulDesc", description, lt.CUBLASLT_MATMUL_DESC_TRANSB, Int32Array.of(lt.CUBLAS_OP_T)],
    ["cublasLtMatrixLayout", layout, lt.CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, Int32Array.of(7)],
    ["cublasLtMatrixLayout", layout, lt.CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, BigInt64Array.of(5120n)],
    ["cublasLtMatmulPreference", preference, lt.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, BigUint64Array.of(1n << 25n)],
    ["cublasLtMatmulPreference", preference, lt.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, Uint32Array.of(2)],
    ["cublasLtMatmulPreference", preference, lt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, Uint32Array.of(64)],
    ["cublasLtMatmulPreference", preference, lt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, Uint32Array.of(32)],
    ["cublasLtMatmulPreference", preference, lt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, Uint32Array.of(16)],
    ["cublasLtMatmulPreference", preference, lt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, Uint32Array.of(8)],
  ] as const;
  for (const [kind, handle, attribute, value] of cases) {
    api.call(`${kind}SetAttribute`, handle, attribute, value, value.byteLength);
    const back = new Uint8Array(value.byteLength);
    const written = new BigUint64Array(1);
    api.call(`${kind}GetAttribute`, handle, attribute, back, back.byteLength, written);
    assert.equal(Number(written[0]), value.byteLength);
    assert.deepEqual(back, new Uint8Array(value.buffer), `${kind} ${attribute}`);
    const wrong = new Uint8Array(value.byteLength === 4 ? 8 : 4);
    assert.notEqual(api.ask(`${kind}SetAttribute`, handle, attribute, wrong, wrong.byteLength), 0);
  }
  for (const [attribute, expected] of [
    [lt.CUBLASLT_MATRIX_LAYOUT_ROWS, 96],
    [lt.CUBLASLT_MATRIX_LAYOUT_COLS, 40],
    [lt.CUBLASLT_MATRIX_LAYOUT_LD, 128],
  ] as const) {
    const value = new BigInt64Array(1);
    api.call("cublasLtMatrixLayoutGetAttribute", layout, attribute, value, 8, new BigUint64Array(1));
    assert.equal(Number(value[0]), expected);
  }
  const type = new Int32Array(1);
  api.call("cublasLtMatrixLayoutGetAttribute", layout, lt.CUBLASLT_MATRIX_LAYOUT_TYPE, type, 4, new BigUint64Array(1));
  assert.equal(type[0], lt.CUDA_R_16BF);
  api.call("cublasLtMatmulPreferenceDestroy", preference);
  api.call("cublasLtMatrixLayoutDestroy", layout);
  api.call("cublasLtMatmulDescDestroy", description);
});

test("an error names the function and the status", { skip }, () => {
  const api = openCublasLtApi(found as string);
  const layout = api.create("cublasLtMatrixLayoutCreate", lt.CUDA_R_32F, 8, 8, 8);
  assert.throws(
    () => api.call("cublasLtMatrixLayoutSetAttribute", layout, 99, Int32Array.of(1), 4),
    /^Error: cublasLtMatrixLayoutSetAttribute: CUBLAS_STATUS_INVALID_VALUE$/,
  );
  api.call("cublasLtMatrixLayoutDestroy", layout);
});
