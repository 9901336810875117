// Matrix product: out (M, N) = a (M, K) · b (K, N), f32 sums; operands both f32 or both bf16, at any strides.
// MB × NB the most rows and columns of one block of work, down × across the blocks; KB the steps packed at once, so that a panel of b stays in the
// first cache and those of a in the second. A block packs its part of a and b (so strides and transposes cost one pass each),
// multiplies panel by panel, and hands each finished row to the epilogue while it is in cache.

enum { KB = 256, MB = 192, NB = 256 };

// Strides in elements; batch b starts at offset + b / inner_count * outer + b % inner_count * inner.
struct matrix { long offset, outer, inner, inner_count, row, column; };
inlined long start_of(const struct matrix *m, long batch) {
  return m->offset + batch / m->inner_count * m->outer + batch % m->inner_count * m->inner;
}

typedef void (*epilogue_function)(char *const *p, long row, long first, long last, const float *tile);

// One a thread; a pointer for the reason given in attention.c.
struct block_scratch {
  uint32_t a[(MB + MR) * KB], b[(NB + NR) * KB];
  float sums[(MB + MR) * NB];
} __attribute__((aligned(64)));

static __attribute__((noinline)) struct block_scratch *own_block_scratch(void) {
  static _Thread_local struct block_scratch own;
  return &own;
}

inlined void multiply_blocks(char *const *p, long begin, long end, long M, long N, long K, long down, long across, int is_bf16, const struct matrix *a, const struct matrix *b, epilogue_function epilogue) {
  struct block_scratch *scratch = own_block_scratch();
  uint32_t *packed_a = scratch->a, *packed_b = scratch->b;
  float *sums = scratch->sums;
  const long bytes = is_bf16 ? 2 : 4, depth_at_once = PAIRS && is_bf16 ? 2 * KB : KB;
  // Blocks of even size, in whole panels; the last ones may be empty.
  const long block_rows = ((M + down - 1) / down + MR - 1) / MR * MR;
  const long block_columns = ((N + across - 1) / across + NR - 1) / NR * NR;
  for (long block = begin; block < end; block++) {
    const long batch = block / (down * across), i0 = block % down * block_rows, j0 = block / down % across * block_columns;
    const long rows = M - i0 < block_rows ? M - i0 : block_rows, columns = N - j0 < block_columns ? N - j0 : block_columns;
    if (rows <= 0 || columns <= 0) continue;
    for (long k0 = 0; k0 < K; k0 += depth_at_once) {
      const long depth = K - k0 < depth_at_once ? K - k0 : depth_at_once, steps = steps_of(depth, is_bf16);
      pack_panels(packed_a, p[0] + (start_of(a, batch) + i0 * a->row + k0 * a->column) * bytes, is_bf16, a->row, a->column, rows, depth, MR);
      pack_panels(packed_b, p[1] + (start_of(b, batch) + k0 * b->row + j0 * b->column) * bytes, is_bf16, b->column, b->row, columns, depth, NR);
      for (long j = 0; j < columns; j += NR)
        for (long i = 0; i < rows; i += MR)
          (is_bf16 ? multiply_tile_bf16 : multiply_tile_f32)(packed_a + i * steps, packed_b + j * steps, sums + i * NB + j, NB, steps, k0 > 0);
    }
    for (long i = 0; i < rows; i++) {
      if (epilogue != NULL) epilogue(p, i0 + i, j0, j0 + columns, sums + i * NB);
      else memcpy((float *)p[2] + (batch * M + i0 + i) * N + j0, sums + i * NB, (size_t)columns * sizeof(float));
    }
  }
}
