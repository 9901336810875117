// Matrix product: out (M, N) = a (M, K) · b (K, N), f32 sums; operands f32 or bf16 at any strides.
// M, N, K sizes; MR × NR the tile held in registers; MB × NB the block of one unit of work; KB the depth packed at once.
// A block packs its part of a and b into contiguous panels (so strides and transposes cost one pass each), multiplies
// panel by panel, and hands each finished row to the epilogue while it is in cache.

#if defined(__AVX512F__)
enum { VECTOR = 16, MR = 12, NV = 2 };
#elif defined(__AVX2__)
enum { VECTOR = 8, MR = 6, NV = 2 };
#else
enum { VECTOR = 4, MR = 6, NV = 3 };
#endif
enum { NR = VECTOR * NV, KB = 384, MB = 192, NB = 256 };
typedef float vector __attribute__((vector_size(VECTOR * 4), aligned(4)));

// Strides in elements; batch b starts at offset + b / inner_count * outer + b % inner_count * inner.
struct matrix { long offset, outer, inner, inner_count, row, column; int is_bf16; };
inlined long start_of(const struct matrix *m, long batch) {
  return m->offset + batch / m->inner_count * m->outer + batch % m->inner_count * m->inner;
}

typedef void (*epilogue_function)(char *const *p, long row, long first, long last, const float *tile);

inlined float element(const char *base, const struct matrix *m, long at) {
  return m->is_bf16 ? bf16_to_f32(((const bf16 *)base)[at]) : ((const float *)base)[at];
}

// `count` lanes by `depth`, lane stride and depth stride given, into panels of `width` lanes: panel[k * width + lane].
static void pack(float *restrict to, const char *base, const struct matrix *m, long start, long lane_stride, long depth_stride, long count, long depth, long width) {
  for (long first = 0; first < count; first += width, to += width * depth) {
    long lanes = count - first < width ? count - first : width;
    long at = start + first * lane_stride;
    if (lanes < width) memset(to, 0, (size_t)(width * depth) * sizeof(float));
    if (m->is_bf16 == 0 && lane_stride == 1) {
      const float *from = (const float *)base + at;
      if (lanes == width) for (long k = 0; k < depth; k++) memcpy(to + k * width, from + k * depth_stride, (size_t)width * sizeof(float));
      else for (long k = 0; k < depth; k++) for (long i = 0; i < lanes; i++) to[k * width + i] = from[k * depth_stride + i];
    } else if (m->is_bf16 == 0) {
      const float *from = (const float *)base + at;
      for (long k0 = 0; k0 < depth; k0 += 16) {
        long k1 = k0 + 16 < depth ? k0 + 16 : depth;
        for (long i = 0; i < lanes; i++) for (long k = k0; k < k1; k++) to[k * width + i] = from[i * lane_stride + k * depth_stride];
      }
    } else {
      for (long i = 0; i < lanes; i++) for (long k = 0; k < depth; k++) to[k * width + i] = element(base, m, at + i * lane_stride + k * depth_stride);
    }
  }
}

// c (MR, NR) += a panel · b panel; c has row stride NB.
static void multiply_tile(const float *restrict a, const float *restrict b, float *restrict c, long depth, int accumulate) {
  vector sums[MR][NV];
  for (int i = 0; i < MR; i++) for (int j = 0; j < NV; j++) {
    if (accumulate) sums[i][j] = *(const vector *)(c + i * NB + j * VECTOR);
    else sums[i][j] = (vector){0};
  }
  for (long k = 0; k < depth; k++, a += MR, b += NR) {
    vector row[NV];
#pragma GCC unroll 3
    for (int j = 0; j < NV; j++) row[j] = *(const vector *)(b + j * VECTOR);
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) {
#pragma GCC unroll 3
      for (int j = 0; j < NV; j++) sums[i][j] += a[i] * row[j];
    }
  }
  for (int i = 0; i < MR; i++) for (int j = 0; j < NV; j++) *(vector *)(c + i * NB + j * VECTOR) = sums[i][j];
}

static void multiply_blocks(char *const *p, long begin, long end, long M, long N, long K, const struct matrix *a, const struct matrix *b, epilogue_function epilogue) {
  static _Thread_local float packed_a[(MB + MR) * KB] __attribute__((aligned(64)));
  static _Thread_local float packed_b[(NB + NR) * KB] __attribute__((aligned(64)));
  static _Thread_local float sums[(MB + MR) * NB] __attribute__((aligned(64)));
  const long down = (M + MB - 1) / MB, across = (N + NB - 1) / NB;
  for (long block = begin; block < end; block++) {
    const long batch = block / (down * across), i0 = block % down * MB, j0 = block / down % across * NB;
    const long rows = M - i0 < MB ? M - i0 : MB, columns = N - j0 < NB ? N - j0 : NB;
    for (long k0 = 0; k0 < K; k0 += KB) {
      const long depth = K - k0 < KB ? K - k0 : KB;
      pack(packed_a, p[0], a, start_of(a, batch) + i0 * a->row + k0 * a->column, a->row, a->column, rows, depth, MR);
      pack(packed_b, p[1], b, start_of(b, batch) + k0 * b->row + j0 * b->column, b->column, b->row, columns, depth, NR);
      for (long j = 0; j < columns; j += NR)
        for (long i = 0; i < rows; i += MR)
          multiply_tile(packed_a + i * depth, packed_b + j * depth, sums + i * NB + j, depth, k0 > 0);
    }
    for (long i = 0; i < rows; i++) {
      if (epilogue != NULL) epilogue(p, i0 + i, j0, j0 + columns, sums + i * NB);
      else memcpy((float *)p[2] + (batch * M + i0 + i) * N + j0, sums + i * NB, (size_t)columns * sizeof(float));
    }
  }
}
