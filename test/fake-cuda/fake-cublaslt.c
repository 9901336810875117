// The stand-in for libcublasLt; read after fake-cuda.c, in the same file for the compiler.
struct description { int transA, transB; };
struct layout { int type, batches; int64_t rows, columns, ld, stride; };
struct preference { uint64_t workspace; uint32_t schemes, alignment[4]; };
cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle) { return *handle = (void *)0x17, CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { return (void)handle, CUBLAS_STATUS_SUCCESS; }
size_t cublasLtGetVersion(void) { return 130101; }
const char *cublasLtGetStatusName(cublasStatus_t status) { return status == CUBLAS_STATUS_INVALID_VALUE ? "INVALID_VALUE" : "OTHER"; }
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *made, cublasComputeType_t compute, cudaDataType_t scale) {
  *made = calloc(1, sizeof(struct description));
  return compute == CUBLAS_COMPUTE_32F && scale == CUDA_R_32F ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t made) { return free(made), CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t made, cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t bytes) {
  struct description *description = (void *)made;
  if (bytes != 4) return CUBLAS_STATUS_INVALID_VALUE;
  if (attribute == CUBLASLT_MATMUL_DESC_TRANSA) description->transA = *(const int *)value == CUBLAS_OP_T;
  else if (attribute == CUBLASLT_MATMUL_DESC_TRANSB) description->transB = *(const int *)value == CUBLAS_OP_T;
  else return CUBLAS_STATUS_INVALID_VALUE;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescGetAttribute(cublasLtMatmulDesc_t made, cublasLtMatmulDescAttributes_t attribute,
                                              void *value, size_t bytes, size_t *written) {
  return (void)made, (void)attribute, (void)value, (void)bytes, (void)written, CUBLAS_STATUS_NOT_SUPPORTED;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *made, cudaDataType type, uint64_t rows, uint64_t columns,
                                          int64_t ld) {
  struct layout *layout = malloc(sizeof *layout);
  *layout = (struct layout){(int)type, 1, (int64_t)rows, (int64_t)columns, ld, 0};
  *made = (void *)layout;
  return (type == CUDA_R_32F || type == CUDA_R_16F || type == CUDA_R_16BF) && ld >= (int64_t)rows ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t made) { return free(made), CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t made, cublasLtMatrixLayoutAttribute_t attribute,
                                                const void *value, size_t bytes) {
  struct layout *layout = (void *)made;
  if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT && bytes == 4) layout->batches = *(const int32_t *)value;
  else if (attribute == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET && bytes == 8) layout->stride = *(const int64_t *)value;
  else return CUBLAS_STATUS_INVALID_VALUE;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutGetAttribute(cublasLtMatrixLayout_t made, cublasLtMatrixLayoutAttribute_t attribute,
                                                void *value, size_t bytes, size_t *written) {
  return (void)made, (void)attribute, (void)value, (void)bytes, (void)written, CUBLAS_STATUS_NOT_SUPPORTED;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *made) {
  return *made = calloc(1, sizeof(struct preference)), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t made) { return free(made), CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t made,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void *value,
                                                    size_t bytes) {
  struct preference *preference = (void *)made;
  const int side = (int)attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES && bytes == 8) preference->workspace = *(const uint64_t *)value;
  else if (attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK && bytes == 4) preference->schemes = *(const uint32_t *)value;
  else if (side >= 0 && side < 4 && bytes == 4) preference->alignment[side] = *(const uint32_t *)value;
  else return CUBLAS_STATUS_INVALID_VALUE;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceGetAttribute(cublasLtMatmulPreference_t made,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, void *value,
                                                    size_t bytes, size_t *written) {
  return (void)made, (void)attribute, (void)value, (void)bytes, (void)written, CUBLAS_STATUS_NOT_SUPPORTED;
}
/* Five proposals: the third is the fastest of those that may be used; the second fails, the fifth needs more memory. */
static const double costs[] = {9, 1, 4, 6, 1};
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                              cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t given, int requested,
                                              cublasLtMatmulHeuristicResult_t results[], int *count) {
  (void)handle, (void)description, (void)a, (void)b, (void)c, (void)d;
  const struct preference *preference = (void *)given;
  SAY("propose %d: workspace %llu, schemes %u, alignments %u %u %u %u\n", requested, (unsigned long long)preference->workspace,
      preference->schemes, preference->alignment[0], preference->alignment[1], preference->alignment[2], preference->alignment[3]);
  *count = requested < 5 ? requested : 5;
  for (int i = 0; i < *count; i++) {
    results[i] = (cublasLtMatmulHeuristicResult_t){.workspaceSize = i == 4 ? preference->workspace + 1 : 1024u * (size_t)i};
    results[i].state = i == 1 ? CUBLAS_STATUS_NOT_SUPPORTED : CUBLAS_STATUS_SUCCESS;
    for (int word = 0; word < 8; word++) results[i].algo.data[word] = (uint64_t)(0xa160 + 0x1000000 * word + i);
  }
  return CUBLAS_STATUS_SUCCESS;
}
static int algorithm_of(const cublasLtMatmulAlgo_t *algorithm) {
  const int number = (int)(algorithm->data[7] - 0xa160 - 0x7000000);
  return number >= 0 && number < 5 ? number : -1;
}
cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t description, cublasLtMatrixLayout_t a,
                                       cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                       const cublasLtMatmulAlgo_t *algorithm, cublasLtMatmulHeuristicResult_t *result) {
  (void)handle, (void)description, (void)a, (void)b, (void)c, (void)d;
  SAY("check\n");
  result->workspaceSize = 64;
  return algorithm_of(algorithm) < 0 ? CUBLAS_STATUS_NOT_SUPPORTED : CUBLAS_STATUS_SUCCESS;
}
struct multiply {
  struct description description;
  struct layout a, b, d;
  uint64_t aAt, bAt, cAt, dAt;
  int64_t algorithm;
  float alpha, beta;
};
static float load(uint64_t at, int type, int64_t index) {
  if (type == CUDA_R_32F) return ((const float *)at)[index];
  if (type == CUDA_R_16F) return (float)((const _Float16 *)at)[index];
  const uint32_t bits = (uint32_t)((const uint16_t *)at)[index] << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
static void store(uint64_t at, int type, int64_t index, float value) {
  if (type == CUDA_R_32F) ((float *)at)[index] = value;
  else if (type == CUDA_R_16F) ((_Float16 *)at)[index] = (_Float16)value;
  else {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    ((uint16_t *)at)[index] = (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
}
static void run_multiply(void *given) {
  const struct multiply *own = given;
  device_milliseconds += costs[own->algorithm];
  const int64_t depth = own->description.transA ? own->a.rows : own->a.columns;
  for (int64_t s = 0; s < own->d.batches; s++)
    for (int64_t i = 0; i < own->d.rows; i++)
      for (int64_t j = 0; j < own->d.columns; j++) {
        float sum = 0;
        for (int64_t l = 0; l < depth; l++) {
          const int64_t a = own->description.transA ? l + i * own->a.ld : i + l * own->a.ld;
          const int64_t b = own->description.transB ? j + l * own->b.ld : l + j * own->b.ld;
          sum += load(own->aAt, own->a.type, s * own->a.stride + a) * load(own->bAt, own->b.type, s * own->b.stride + b);
        }
        const int64_t at = s * own->d.stride + i + j * own->d.ld;
        store(own->dAt, own->d.type, at, own->alpha * sum + (own->beta == 0 ? 0 : own->beta * load(own->cAt, own->d.type, at)));
      }
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description, const void *alpha, const void *a,
                              cublasLtMatrixLayout_t aLayout, const void *b, cublasLtMatrixLayout_t bLayout, const void *beta,
                              const void *c, cublasLtMatrixLayout_t cLayout, void *d, cublasLtMatrixLayout_t dLayout,
                              const cublasLtMatmulAlgo_t *algorithm, void *workspace, size_t workspaceBytes,
                              cudaStream_t stream) {
  if (handle != (void *)0x17 || stream != (void *)0x57 || cLayout != dLayout || workspace == NULL) return CUBLAS_STATUS_INVALID_VALUE;
  if (workspaceBytes != 32 << 20 || algorithm_of(algorithm) < 0) return CUBLAS_STATUS_INVALID_VALUE;
  const struct multiply own = {
      *(struct description *)description, *(struct layout *)aLayout, *(struct layout *)bLayout, *(struct layout *)dLayout,
      (uintptr_t)a, (uintptr_t)b, (uintptr_t)c, (uintptr_t)d, algorithm_of(algorithm), *(const float *)alpha, *(const float *)beta,
  };
  SAY("multiply by way %d\n", (int)own.algorithm);
  submit(run_multiply, &own, sizeof own);
  return CUBLAS_STATUS_SUCCESS;
}
