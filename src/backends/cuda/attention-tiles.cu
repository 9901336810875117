// What attention on tensor cores is made of (attention.cu): tiles of q, k, v and dout in shared memory, products of 16 rows a warp in
// registers (tensor-cores.cu), and the softmax of those rows. A lane's sums of one product are laid out as its operand of the next. Every
// loop and array bound is a constant of the launch.

enum { ATTENTION_WARPS = 4, MOST_TILES_OF_KEYS = 16, MOST_TILES_OF_WIDTH = 16, MOST_STEPS_OF_WIDTH = 8 };

// T: rows of a tile in shared memory, 16, 32, 48, 64 or 128; one tile holds the sequence if T >= S.
struct attention_shape { int S, D, C, H, T; float scale; int result_is_narrow; };

#ifdef TENSOR_CORES
#define LOG2_E 1.44269504f
// Added to a row, so that eight rows that follow one another start in different banks: 16 bytes.
#define ROW_PADDING 8

// Rows first to first + rows of a matrix of S rows; those beyond S are 0.
static __device__ __forceinline__ void load_tile(narrow *tile, const narrow *matrix, int row_stride, int first, int rows, const struct attention_shape s) {
  const int chunks = s.D / 8;
#pragma unroll 4
  for (int i = threadIdx.x; i < rows * chunks; i += blockDim.x) {
    const int row = i / chunks, column = i % chunks * 8, is_there = first + row < s.S;
    copy_chunk(tile + row * (s.D + ROW_PADDING) + column, matrix + (long long)(is_there ? first + row : 0) * row_stride + column, is_there ? 16 : 0);
  }
}

static __device__ __forceinline__ void clear(float (*sums)[4], int columns) {
#pragma unroll
  for (int n = 0; n < columns; n++) sums[n][0] = sums[n][1] = sums[n][2] = sums[n][3] = 0.0f;
}

// The left operand of a product over D: columns 16 · step and on of 16 rows of a tile.
static __device__ __forceinline__ void load_step(unsigned a[4], const narrow *rows, int step, const struct attention_shape s) {
  const int lane = threadIdx.x % 32;
  load_matrices(a, rows + lane % 16 * (s.D + ROW_PADDING) + lane / 16 * 8 + step * 16);
}

// sums (16, 8 · columns) += a, one step of the left operand, · other (8 · columns, D)ᵀ, which is in shared memory.
static __device__ __forceinline__ void multiply_step(float (*sums)[4], const unsigned a[4], const narrow *other, int step, int columns, const struct attention_shape s) {
  const int lane = threadIdx.x % 32, stride = s.D + ROW_PADDING;
  const narrow *theirs = other + (lane / 16 * 8 + lane % 8) * stride + lane / 8 % 2 * 8 + step * 16;
  unsigned b[4];
#pragma unroll
  for (int n = 0; n < columns; n += 2) {
    load_matrices(b, theirs + n * 8 * stride);
    multiply_add(sums[n], a, b[0], b[1]);
    multiply_add(sums[n + 1], a, b[2], b[3]);
  }
}

// sums (16, 8 · columns) := rows (16, D) · other (8 · columns, D)ᵀ, both in shared memory.
static __device__ __forceinline__ void multiply_rows(float (*sums)[4], const narrow *rows, const narrow *other, int columns, const struct attention_shape s) {
  clear(sums, columns);
#pragma unroll 2 // all at once would take more registers than there are
  for (int step = 0; step < s.D / 16; step++) {
    unsigned a[4];
    load_step(a, rows, step, s);
    multiply_step(sums, a, other, step, columns, s);
  }
}

// What a product left, rounded: half the registers, and laid out as the left operand of the next product.
static __device__ __forceinline__ void round_weights(unsigned (*rounded)[2], float (*weights)[4], int columns) {
#pragma unroll
  for (int n = 0; n < columns; n++) {
    rounded[n][0] = round_pair(weights[n][0], weights[n][1]);
    rounded[n][1] = round_pair(weights[n][2], weights[n][3]);
  }
}

// sums (16, D) += weights (16, 8 · columns) · other (8 · columns, D) in shared memory.
static __device__ __forceinline__ void multiply_weights(float (*sums)[4], unsigned (*weights)[2], const narrow *other, int columns, const struct attention_shape s) {
  const int lane = threadIdx.x % 32, stride = s.D + ROW_PADDING;
  const narrow *theirs = other + lane % 16 * stride + lane / 16 * 8;
#pragma unroll
  for (int k = 0; k < columns; k += 2) {
    const unsigned a[4] = {weights[k][0], weights[k][1], weights[k + 1][0], weights[k + 1][1]};
    unsigned b[4];
#pragma unroll
    for (int n = 0; n < s.D / 8; n += 2) {
      load_matrices_transposed(b, theirs + k * 8 * stride + n * 8);
      multiply_add(sums[n], a, b[0], b[1]);
      multiply_add(sums[n + 1], a, b[2], b[3]);
    }
  }
}

// A lane's pair of weights of 16 rows, `first` and on, in a matrix (T, T) in shared memory.
static __device__ __forceinline__ unsigned *weights_at(narrow *matrix, int first, int n, int half, const struct attention_shape s) {
  const int lane = threadIdx.x % 32;
  return (unsigned *)(matrix + (first + lane / 4 + 8 * half) * (s.T + ROW_PADDING) + n * 8 + 2 * (lane % 4));
}

// sums (16, D) += columns (T, 16)ᵀ of a matrix (T, T) · other (T, D), both in shared memory.
static __device__ __forceinline__ void multiply_columns(float (*sums)[4], const narrow *columns, const narrow *other, const struct attention_shape s) {
  const int lane = threadIdx.x % 32, stride = s.D + ROW_PADDING;
  const narrow *ours = columns + (lane / 16 * 8 + lane % 8) * (s.T + ROW_PADDING) + lane / 8 % 2 * 8;
  const narrow *theirs = other + lane % 16 * stride + lane / 16 * 8;
#pragma unroll 2
  for (int step = 0; step < s.T; step += 16) {
    unsigned a[4], b[4];
    load_matrices_transposed(a, ours + step * (s.T + ROW_PADDING));
#pragma unroll
    for (int n = 0; n < s.D / 8; n += 2) {
      load_matrices_transposed(b, theirs + step * stride + n * 8);
      multiply_add(sums[n], a, b[0], b[1]);
      multiply_add(sums[n + 1], a, b[2], b[3]);
    }
  }
}

// A factor of 0 makes 0 of anything, an infinity too.
static __device__ __forceinline__ float times(float x, float factor) { return factor == 0.0f ? 0.0f : x * factor; }

// Writes sums (16, D), rows `first` to first + 16 of a matrix, each times its factor. Neighbouring lanes exchange a pair, so that
// a lane writes 8 bytes and a row of a warp whole sectors.
static __device__ __forceinline__ void store_rows(void *matrix, int row_stride, float (*sums)[4], int first, float upper_factor, float lower_factor, const struct attention_shape s) {
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int row = first + g + 8 * half;
    const float factor = half == 0 ? upper_factor : lower_factor;
#pragma unroll
    for (int n = 0; n < s.D / 8; n += 2) {
      const float x0 = times(sums[n][2 * half], factor), x1 = times(sums[n][2 * half + 1], factor);
      const float y0 = times(sums[n + 1][2 * half], factor), y1 = times(sums[n + 1][2 * half + 1], factor);
      if (s.result_is_narrow) {
        const unsigned x = round_pair(x0, x1), y = round_pair(y0, y1);
        const unsigned other = __shfl_xor_sync(0xffffffffu, t % 2 == 0 ? y : x, 1);
        const int column = t % 2 == 0 ? n * 8 + 2 * t : n * 8 + 8 + 2 * (t - 1);
        uint2 words;
        words.x = t % 2 == 0 ? x : other;
        words.y = t % 2 == 0 ? other : y;
        if (row < s.S) *(uint2 *)((narrow *)matrix + (long long)row * row_stride + column) = words;
      } else if (row < s.S) {
        float *to = (float *)matrix + (long long)row * row_stride + n * 8 + 2 * t;
        to[0] = x0;
        to[1] = x1;
        to[8] = y0;
        to[9] = y1;
      }
    }
  }
}

// What is true of a row is held by the four lanes that share it.
static __device__ __forceinline__ float sum_of_row(float x) {
  x += __shfl_xor_sync(0xffffffffu, x, 1);
  return x + __shfl_xor_sync(0xffffffffu, x, 2);
}
static __device__ __forceinline__ float maximum_of_row(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
  return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}

// Scores of keys from `keys` on become -∞; `first` is the key of the first column.
static __device__ __forceinline__ void exclude_columns(float (*scores)[4], int columns, int first, int keys) {
  const int t = threadIdx.x % 4;
  if (first + columns * 8 <= keys) return;
#pragma unroll
  for (int n = 0; n < columns; n++)
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (first + n * 8 + 2 * t + i % 2 >= keys) scores[n][i] = __int_as_float(0xff800000);
}

// Sums over the keys seen so far, of two rows: the largest score, the sum of exp(score - largest), and that sum weighted by dP.
// Sums are those of one lane's columns until the end.
struct row_sums { float largest[2], weight[2], weighted[2]; };

static __device__ __forceinline__ struct row_sums no_row_sums(void) {
  struct row_sums sums;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    sums.largest[half] = __int_as_float(0xff800000);
    sums.weight[half] = sums.weighted[half] = 0.0f;
  }
  return sums;
}

// Scores become exp(score - largest), and what was summed before shrinks by the factors returned. At least one key must count.
static __device__ __forceinline__ void exponentiate(float (*scores)[4], int columns, struct row_sums *sums, float shrink[2], float scale) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float largest = sums->largest[half];
#pragma unroll
    for (int n = 0; n < columns; n++) largest = fmaxf(largest, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
    largest = maximum_of_row(largest);
    shrink[half] = power_of_two((sums->largest[half] - largest) * (scale * LOG2_E));
    sums->largest[half] = largest;
    float weight = sums->weight[half] * shrink[half];
    const float shift = largest * (scale * LOG2_E);
#pragma unroll
    for (int n = 0; n < columns; n++)
#pragma unroll
      for (int i = 2 * half; i < 2 * half + 2; i++)
        weight += scores[n][i] = power_of_two(scores[n][i] * (scale * LOG2_E) - shift);
    sums->weight[half] = weight;
  }
}
#endif
