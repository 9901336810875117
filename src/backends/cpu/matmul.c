// Matrix product: out (M, N) = a (M, K) · b (K, N), f32 sums; operands both f32 or both bf16, at any strides.
// MB × NB the most rows and columns of one block of work, down × across the blocks; KB the steps packed at once. A block packs its
// part of b, and of a CHUNK of rows at a time, which stays in the second cache while each panel of b passes over it from the
// first (96 rows do, docs/LOG.md); finished rows are handed to the epilogue. Of f32, panels of b are packed where the first chunk comes to them, and what is packed
// next is asked of memory between tiles. A product deeper than KB steps takes several passes and keeps the sums of the
// whole block between them.

enum { KB = 256, MB = 384, NB = 512, CHUNK = MR < 8 ? 16 * MR : 8 * MR };

// Asks memory for part `part` of `parts` of f32 operands that are packed next. Compiled once, as packing is.
static NOT_CLONED void fetch_ahead(const char *from, long lane_stride, long depth_stride, long lanes, long depth, long part, long parts) {
  const long lines = depth_stride == 1 ? lanes : depth, apart = 4 * (depth_stride == 1 ? lane_stride : depth_stride), bytes = 4 * (depth_stride == 1 ? depth : lanes);
  for (long line = lines * part / parts; line < lines * (part + 1) / parts; line++)
    for (long at = 0; at < bytes; at += 64) __builtin_prefetch(from + line * apart + at, 0, 2);
}

// One a thread; a pointer for the reason given in attention.c.
struct block_scratch {
  uint32_t a[CHUNK * KB], b[(NB + NR) * KB];
  float sums[(MB + MR) * (NB + NR)];
} __attribute__((aligned(64)));

static __attribute__((noinline)) struct block_scratch *own_block_scratch(void) {
  static _Thread_local struct block_scratch own;
  return &own;
}

#if TILES_MULTIPLY
static void multiply_blocks_by_tiles(char *const *p, long begin, long end, long M, long N, long K, long down, long across, const struct matrix *a, const struct matrix *b, epilogue_function epilogue);
#endif

inlined void multiply_blocks(char *const *p, long begin, long end, long M, long N, long K, long down, long across, int is_bf16, const struct matrix *a, const struct matrix *b, epilogue_function epilogue) {
#if TILES_MULTIPLY
  if (is_bf16) {
    multiply_blocks_by_tiles(p, begin, end, M, N, K, down, across, a, b, epilogue);
    return;
  }
#endif
  struct block_scratch *scratch = own_block_scratch();
  const long deepest = PAIRS && is_bf16 ? 2 * KB : KB, passes = (K + deepest - 1) / deepest;
  const long depth_at_once = ((K + passes - 1) / passes + 1) / 2 * 2;
  // Blocks of even size, in whole panels; the last ones may be empty.
  const long block_rows = ((M + down - 1) / down + MR - 1) / MR * MR;
  const long block_columns = ((N + across - 1) / across + NR - 1) / NR * NR;
  for (long block = begin; block < end; block++) {
    const long batch = block / (down * across), i0 = block % down * block_rows, j0 = block / down % across * block_columns;
    const long rows = M - i0 < block_rows ? M - i0 : block_rows, columns = N - j0 < block_columns ? N - j0 : block_columns;
    if (rows <= 0 || columns <= 0) continue;
    for (long k0 = 0; k0 < K; k0 += depth_at_once) {
      const long depth = K - k0 < depth_at_once ? K - k0 : depth_at_once, steps = steps_of(depth, is_bf16);
      const long columns_at_once = is_bf16 ? columns : NR;
      for (long chunk = 0; chunk < rows; chunk += CHUNK) {
        const long chunk_rows = rows - chunk < CHUNK ? rows - chunk : CHUNK;
        pack_rows(scratch->a, locate(p[0], a, batch, i0 + chunk, k0), a->elements, a->row, a->column, chunk_rows, depth);
        float *sums = scratch->sums + (passes > 1 ? chunk * block_columns : 0);
        const long next = chunk + CHUNK, next_rows = rows - next < CHUNK ? rows - next : CHUNK;
        for (long j = 0; j < columns; j += NR) {
          const long left = columns - j;
          if (chunk == 0 && j % columns_at_once == 0)
            pack_columns(scratch->b + j * steps, locate(p[1], b, batch, k0, j0 + j), b->elements, b->column, b->row, left < columns_at_once ? left : columns_at_once, depth);
          if (!is_bf16 && next_rows > 0)
            fetch_ahead(locate(p[0], a, batch, i0 + next, k0), a->row, a->column, next_rows, depth, j / NR, (columns + NR - 1) / NR);
          for (long i = 0; i < chunk_rows; i += MR) {
            if (!is_bf16 && chunk == 0 && left > NR)
              fetch_ahead(locate(p[1], b, batch, k0, j0 + j + NR), b->column, b->row, NR, depth, i / MR, (chunk_rows + MR - 1) / MR);
            (is_bf16 ? multiply_tile_bf16 : multiply_tile_f32)(scratch->a + i * steps, scratch->b + j * steps, sums + i * block_columns + j, block_columns, steps, k0 > 0);
          }
        }
        if (k0 + depth < K) continue;
        for (long r = 0; r < chunk_rows; r++) {
          const long row = i0 + chunk + r;
          if (epilogue != NULL) epilogue(p, row, j0, j0 + columns, sums + r * block_columns);
          else memcpy((float *)p[2] + (batch * M + row) * N + j0, sums + r * block_columns, (size_t)columns * sizeof(float));
        }
      }
    }
  }
}
