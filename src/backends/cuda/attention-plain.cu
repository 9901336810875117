// Attention without tensor cores: for f32, for devices whose tensor cores attention.cu does not use and for widths that are not a
// multiple of 16.
// The formulas are those of attention.cu. A warp owns four rows, and a lane one row of the other operand at a time; what a lane
// found is handed round by shuffles when it weights a sum. Sums are f32, in the order of the rows. P and dS are rounded
// before they weight anything if the operands are narrow.

enum { PLAIN_WARPS = 4, PLAIN_ROWS = 4, PLAIN_BLOCK_ROWS = PLAIN_WARPS * PLAIN_ROWS, PLAIN_PARTS = 4 };

// A head of width D, at most 32 · PLAIN_PARTS, of a sequence of S positions; C = H·D.
struct plain_shape { int S, D, C, H; float scale; int is_narrow, result_is_narrow; };

static __device__ __forceinline__ float plain_round(float x, int is_narrow) { return is_narrow ? narrow_to_f32(f32_to_narrow(x)) : x; }

// Rows first to first + rows of a matrix as f32, in rows of `stride` in shared memory; those from S on are 0.
static __device__ __forceinline__ void plain_load(float *to, int stride, const void *matrix, long long at, int row_stride, int first, int rows, const struct plain_shape s) {
  for (int i = threadIdx.x; i < rows * s.D; i += 32 * PLAIN_WARPS) {
    const int row = i / s.D, column = i % s.D;
    const long long from = at + (long long)(first + row) * row_stride + column;
    float x = 0.0f;
    if (first + row < s.S) x = s.is_narrow ? narrow_to_f32(((const narrow *)matrix)[from]) : ((const float *)matrix)[from];
    to[row * stride + column] = x;
  }
}

static __device__ __forceinline__ void plain_store(void *matrix, long long at, float x, const struct plain_shape s) {
  if (s.result_is_narrow) ((narrow *)matrix)[at] = f32_to_narrow(x);
  else ((float *)matrix)[at] = x;
}

// The products of a warp's rows with the lane's own row of the other operand.
static __device__ __forceinline__ void plain_multiply(float *products, const float *rows, const float *other, const struct plain_shape s) {
  const float *own = other + threadIdx.x % 32 * (s.D + 1);
#pragma unroll
  for (int r = 0; r < PLAIN_ROWS; r++) products[r] = 0.0f;
  for (int d = 0; d < s.D; d++) {
#pragma unroll
    for (int r = 0; r < PLAIN_ROWS; r++) products[r] += rows[r * s.D + d] * own[d];
  }
}

// sums += the weights that all lanes hold of a row, times the other operand; the lane's columns are lane, lane + 32, …
static __device__ __forceinline__ void plain_add_weighted(float (*sums)[PLAIN_PARTS], const float *weights, const float *other, const struct plain_shape s) {
  const int lane = threadIdx.x % 32;
  for (int j = 0; j < 32; j++) {
#pragma unroll
    for (int r = 0; r < PLAIN_ROWS; r++) {
      const float weight = __shfl_sync(0xffffffffu, weights[r], j);
#pragma unroll
      for (int part = 0; part < PLAIN_PARTS; part++)
        if (lane + 32 * part < s.D) sums[r][part] += weight * other[j * (s.D + 1) + lane + 32 * part];
    }
  }
}

static __device__ __forceinline__ void plain_store_rows(void *matrix, long long at, int row_stride, int first, float (*sums)[PLAIN_PARTS], const float *factors, const struct plain_shape s) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int r = 0; r < PLAIN_ROWS; r++)
#pragma unroll
    for (int part = 0; part < PLAIN_PARTS; part++)
      if (first + r < s.S && lane + 32 * part < s.D) plain_store(matrix, at + (long long)(first + r) * row_stride + lane + 32 * part, sums[r][part] * factors[r], s);
}

static __device__ __forceinline__ void plain_clear(float (*sums)[PLAIN_PARTS]) {
#pragma unroll
  for (int r = 0; r < PLAIN_ROWS; r++)
#pragma unroll
    for (int part = 0; part < PLAIN_PARTS; part++) sums[r][part] = 0.0f;
}

// Scores become exp(score · scale - largest), 0 where the lane has no key; what was summed before shrinks by the factors.
static __device__ __forceinline__ void plain_exponentiate(float *scores, int is_key, float *largest, float *shrink, const struct plain_shape s) {
#pragma unroll
  for (int r = 0; r < PLAIN_ROWS; r++) {
    const float score = is_key ? scores[r] * s.scale : -INFINITY;
    const float top = warp_max(score), next = top > largest[r] ? top : largest[r];
    shrink[r] = exp_f32(largest[r] - next);
    largest[r] = next;
    scores[r] = is_key ? exp_f32(score - next) : 0.0f;
  }
}

// Thread block n does 16 queries: part n % parts of head n / parts % H of sequence n / parts / H.
static __device__ __forceinline__ void plain_attend(const void *qkv, const int *lengths, void *out, const struct plain_shape s) {
  extern __shared__ float plain_tiles[];
  const int parts = (s.S + PLAIN_BLOCK_ROWS - 1) / PLAIN_BLOCK_ROWS, part = blockIdx.x % parts;
  const int head = blockIdx.x / parts % s.H, sequence = blockIdx.x / parts / s.H;
  const int keys = lengths == 0 ? s.S : lengths[sequence], lane = threadIdx.x % 32, row = threadIdx.x / 32 * PLAIN_ROWS;
  const long long at = (long long)sequence * s.S * 3 * s.C + head * s.D;
  float *q_rows = plain_tiles, *k_rows = q_rows + PLAIN_BLOCK_ROWS * s.D, *v_rows = k_rows + 32 * (s.D + 1);
  float sums[PLAIN_ROWS][PLAIN_PARTS], scores[PLAIN_ROWS], largest[PLAIN_ROWS], weight[PLAIN_ROWS], shrink[PLAIN_ROWS];
  plain_clear(sums);
#pragma unroll
  for (int r = 0; r < PLAIN_ROWS; r++) {
    largest[r] = -INFINITY;
    weight[r] = 0.0f;
  }
  plain_load(q_rows, s.D, qkv, at, 3 * s.C, part * PLAIN_BLOCK_ROWS, PLAIN_BLOCK_ROWS, s);
  for (int first = 0; first < keys; first += 32) {
    __syncthreads();
    plain_load(k_rows, s.D + 1, qkv, at + s.C, 3 * s.C, first, 32, s);
    plain_load(v_rows, s.D + 1, qkv, at + 2 * s.C, 3 * s.C, first, 32, s);
    __syncthreads();
    plain_multiply(scores, q_rows + row * s.D, k_rows, s);
    plain_exponentiate(scores, first + lane < keys, largest, shrink, s);
#pragma unroll
    for (int r = 0; r < PLAIN_ROWS; r++) {
      weight[r] = weight[r] * shrink[r] + scores[r];
      scores[r] = plain_round(scores[r], s.is_narrow);
#pragma unroll
      for (int p = 0; p < PLAIN_PARTS; p++) sums[r][p] *= shrink[r];
    }
    plain_add_weighted(sums, scores, v_rows, s);
  }
#pragma unroll
  for (int r = 0; r < PLAIN_ROWS; r++) weight[r] = 1.0f / warp_sum(weight[r]);
  plain_store_rows(out, (long long)sequence * s.S * s.C + head * s.D, s.C, part * PLAIN_BLOCK_ROWS + row, sums, weight, s);
}

// Thread block n does head n % H of sequence n / H: first with queries as rows, then with keys, as attention.cu does.
// P = exp(score · scale - shift), inner = rowsum(P ∘ dP).
static __device__ __forceinline__ void plain_attend_backward(const void *qkv, const void *gradient, const int *lengths, void *result, const struct plain_shape s) {
  extern __shared__ float plain_tiles[];
  const int head = blockIdx.x % s.H, sequence = blockIdx.x / s.H, row_stride = 3 * s.C;
  const int keys = lengths == 0 ? s.S : lengths[sequence], lane = threadIdx.x % 32, row = threadIdx.x / 32 * PLAIN_ROWS;
  const long long at = (long long)sequence * s.S * row_stride + head * s.D, dout_at = (long long)sequence * s.S * s.C + head * s.D;
  float *rows = plain_tiles, *more_rows = rows + PLAIN_BLOCK_ROWS * s.D;
  float *others = more_rows + PLAIN_BLOCK_ROWS * s.D, *more_others = others + 32 * (s.D + 1);
  float *shifts = more_others + 32 * (s.D + 1), *inner = shifts + (s.S + 31) / 32 * 32;
  float scores[PLAIN_ROWS], gradients[PLAIN_ROWS], largest[PLAIN_ROWS], shrink[PLAIN_ROWS], ones[PLAIN_ROWS];
#pragma unroll
  for (int r = 0; r < PLAIN_ROWS; r++) ones[r] = 1.0f;
  // Behind the last query there is nothing to weight: 2 · 0.
  for (int i = threadIdx.x; i < (s.S + 31) / 32 * 32; i += 32 * PLAIN_WARPS) shifts[i] = inner[i] = 0.0f;

  for (int query = 0; query < s.S; query += PLAIN_BLOCK_ROWS) {
    float sums[PLAIN_ROWS][PLAIN_PARTS], weight[PLAIN_ROWS], weighted[PLAIN_ROWS], shift[PLAIN_ROWS];
    plain_clear(sums);
#pragma unroll
    for (int r = 0; r < PLAIN_ROWS; r++) {
      largest[r] = -INFINITY;
      weight[r] = weighted[r] = shift[r] = 0.0f;
    }
    __syncthreads();
    plain_load(rows, s.D, qkv, at, row_stride, query, PLAIN_BLOCK_ROWS, s);
    plain_load(more_rows, s.D, gradient, dout_at, s.C, query, PLAIN_BLOCK_ROWS, s);
    for (int sweep = 0; sweep < 2; sweep++) {
      for (int first = 0; first < keys; first += 32) {
        __syncthreads();
        plain_load(others, s.D + 1, qkv, at + s.C, row_stride, first, 32, s);
        plain_load(more_others, s.D + 1, qkv, at + 2 * s.C, row_stride, first, 32, s);
        __syncthreads();
        plain_multiply(scores, rows + row * s.D, others, s);
        plain_multiply(gradients, more_rows + row * s.D, more_others, s);
        if (sweep == 0) {
          plain_exponentiate(scores, first + lane < keys, largest, shrink, s);
#pragma unroll
          for (int r = 0; r < PLAIN_ROWS; r++) {
            weight[r] = weight[r] * shrink[r] + scores[r];
            weighted[r] = weighted[r] * shrink[r] + scores[r] * gradients[r];
          }
        } else {
#pragma unroll
          for (int r = 0; r < PLAIN_ROWS; r++) {
            const float p = first + lane < keys ? exp_f32(scores[r] * s.scale - shift[r]) : 0.0f;
            scores[r] = plain_round(p * (gradients[r] - weighted[r]) * s.scale, s.is_narrow);
          }
          plain_add_weighted(sums, scores, others, s);
        }
      }
      if (sweep == 1) break;
#pragma unroll
      for (int r = 0; r < PLAIN_ROWS; r++) {
        weight[r] = warp_sum(weight[r]);
        weighted[r] = warp_sum(weighted[r]) / weight[r];
        shift[r] = largest[r] + log_f32(weight[r]);
        if (lane == 0 && query + row + r < s.S) {
          shifts[query + row + r] = shift[r];
          inner[query + row + r] = weighted[r];
        }
      }
    }
    plain_store_rows(result, at, row_stride, query + row, sums, ones, s);
  }

  for (int key = 0; key < s.S; key += PLAIN_BLOCK_ROWS) {
    float dk_sums[PLAIN_ROWS][PLAIN_PARTS], dv_sums[PLAIN_ROWS][PLAIN_PARTS];
    plain_clear(dk_sums);
    plain_clear(dv_sums);
    __syncthreads();
    plain_load(rows, s.D, qkv, at + s.C, row_stride, key, PLAIN_BLOCK_ROWS, s);
    plain_load(more_rows, s.D, qkv, at + 2 * s.C, row_stride, key, PLAIN_BLOCK_ROWS, s);
    for (int first = 0; first < s.S; first += 32) {
      __syncthreads();
      plain_load(others, s.D + 1, qkv, at, row_stride, first, 32, s);
      plain_load(more_others, s.D + 1, gradient, dout_at, s.C, first, 32, s);
      __syncthreads();
      plain_multiply(scores, rows + row * s.D, others, s);
      plain_multiply(gradients, more_rows + row * s.D, more_others, s);
#pragma unroll
      for (int r = 0; r < PLAIN_ROWS; r++) {
        const float p = key + row + r < keys ? exp_f32(scores[r] * s.scale - shifts[first + lane]) : 0.0f;
        gradients[r] = plain_round(p * (gradients[r] - inner[first + lane]) * s.scale, s.is_narrow);
        scores[r] = plain_round(p, s.is_narrow);
      }
      plain_add_weighted(dv_sums, scores, more_others, s);
      plain_add_weighted(dk_sums, gradients, others, s);
    }
    plain_store_rows(result, at + s.C, row_stride, key + row, dk_sums, ones, s);
    plain_store_rows(result, at + 2 * s.C, row_stride, key + row, dv_sums, ones, s);
  }
}
