// Blocks of a bf16 product in tiles. These multiply five to eight times as fast as AVX-512, so that what stands around them weighs as many
// times as much: blocks and passes are larger, what is read and written next is asked of memory while tiles multiply, a tile's sums stay in
// the first cache over the PIECEs of a pass, and the last ones are stored as the result where there is no epilogue.

#if TILES_MULTIPLY
// The largest block of product-blocks.ts is one of 1024 × 512, or of half as many sums where there are several passes, or twice as many
// where a pass is half as deep.
enum { PASS = 1024, PIECE = 128, TILE_ROWS = 96, TILE_COLUMNS = 512, ROW_OF_SUMS = 2 * TILE_COLUMNS + 16 };

// One a thread; a pointer for the reason given in attention.c. Sums of a block stand in squares, those of finished rows in rows, whose length
// is no power of two, so that they do not fall on the same places of a cache. Of b it is known whose columns are packed, for the next block.
struct tile_scratch {
  uint32_t a[TILE_ROWS * PASS / 2], b[TILE_COLUMNS * PASS / 2];
  float block[1024 * TILE_COLUMNS / 2], piece[TILE_ROWS * SIDE], rows[TILE_ROWS * ROW_OF_SUMS];
  uint64_t packed_launch;
  long packed_batch, packed_column;
} __attribute__((aligned(64)));

static __attribute__((noinline)) struct tile_scratch *own_tile_scratch(void) {
  static _Thread_local struct tile_scratch own;
  return &own;
}

// What packing reads of an operand.
inlined struct wish wish_for_lanes(const char *from, enum elements elements, long lane_stride, long depth_stride, long lanes, long depth, long steps) {
  const long bytes = bytes_of(elements);
  return depth_stride == 1 ? wish_for(from, lane_stride * bytes, depth * bytes, lanes, steps) : wish_for(from, depth_stride * bytes, lanes * bytes, lanes > 0 ? depth : 0, steps);
}

// What no cache would keep until it is read goes past them, so that its lines are not read to be written.
inlined int goes_past_caches(const float *result, long M, long N) { return M * N * 4 >= 1 << 25 && N % 16 == 0 && (uintptr_t)result % 64 == 0; }

inlined void write_past_caches(float *to, long to_row, const float *from, long from_row) {
#pragma GCC unroll 4
  for (int r = 0; r < SIDE; r++) {
#if defined(__AVX512F__)
    store_past_caches(to + r * to_row, *(const lanes_16 *)(from + r * from_row));
    store_past_caches(to + r * to_row + 16, *(const lanes_16 *)(from + r * from_row + 16));
#else
    memcpy(to + r * to_row, from + r * from_row, SIDE * 4);
#endif
  }
}

inlined long at_most(long count, long most) { return count < 0 ? 0 : count < most ? count : most; }

// Compiled once: whatever its sizes, nearly all of its time is in what it calls.
static __attribute__((noinline, noclone)) void multiply_blocks_by_tiles(char *const *p, long begin, long end, long M, long N, long K, long down, long across, const struct matrix *a, const struct matrix *b, epilogue_function epilogue) {
  struct tile_scratch *scratch = own_tile_scratch();
  const long passes = (K + PASS - 1) / PASS, depth_at_once = ((K + passes - 1) / passes + SIDE - 1) / SIDE * SIDE;
  // Blocks of even size, in whole panels; the last ones may be empty.
  const long block_rows = ((M + down - 1) / down + SIDE - 1) / SIDE * SIDE, block_columns = ((N + across - 1) / across + SIDE - 1) / SIDE * SIDE;
  const int is_past = epilogue == NULL && goes_past_caches((const float *)p[2], M, N);
  begin_tiles();
  for (long block = begin; block < end; block++) {
    const long batch = block / (down * across), i0 = block % down * block_rows, j0 = block / down % across * block_columns;
    const long rows = at_most(M - i0, block_rows), columns = at_most(N - j0, block_columns), panels = (columns + SIDE - 1) / SIDE;
    if (rows == 0 || columns == 0) continue;
    // A thread's blocks follow each other down the rows, so that the columns of one are often those of the one before.
    const uint64_t launch = ((const uint64_t *)p)[-1];
    const int is_packed = passes == 1 && scratch->packed_launch == launch && scratch->packed_batch == batch && scratch->packed_column == j0;
    scratch->packed_launch = launch, scratch->packed_batch = batch, scratch->packed_column = j0;
    for (long k0 = 0; k0 < K; k0 += depth_at_once) {
      const long depth = at_most(K - k0, depth_at_once), steps = steps_of(depth, 1);
      const int is_last = k0 + depth == K, is_direct = is_last && epilogue == NULL;
      for (long chunk = 0; chunk < rows; chunk += TILE_ROWS) {
        const long chunk_rows = at_most(rows - chunk, TILE_ROWS), strips = (chunk_rows + SIDE - 1) / SIDE, next = chunk + TILE_ROWS;
        pack_rows(scratch->a, locate(p[0], a, batch, i0 + chunk, k0), a->elements, a->row, a->column, chunk_rows, depth);
        // Columns that lie together are read in the order of memory, others one panel after the other.
        const int packs = chunk == 0 && !is_packed;
        if (packs && b->column == 1) pack_columns(scratch->b, locate(p[1], b, batch, k0, j0), b->elements, 1, b->row, columns, depth);
        struct wish next_a = wish_for_lanes(locate(p[0], a, batch, i0 + next, k0), a->elements, a->row, a->column, at_most((passes == 1 ? M - i0 : rows) - next, TILE_ROWS), depth, panels * strips * steps / 16);
        for (long panel = 0; panel < panels; panel++) {
          const long j = panel * SIDE, wide = at_most(columns - j, SIDE);
          uint32_t *own_b = scratch->b + j * steps;
          if (packs && b->column != 1) pack_columns(own_b, locate(p[1], b, batch, k0, j0 + j), b->elements, b->column, b->row, wide, depth);
          float *result = (float *)p[2] + (batch * M + i0 + chunk) * N + j0 + j;
          struct wish written = wish_for((const char *)result, N * 4, wide * 4, is_direct && !is_past ? chunk_rows : 0, strips * steps / 16);
          for (long step = 0; step < steps; step += PIECE) {
            const long here = at_most(steps - step, PIECE);
            const int ends = step + here == steps;
            for (long i = 0; i < strips; i++) {
              float *piece = scratch->piece + i * SUMS, *sums = scratch->block + ((chunk / SIDE + i) * panels + panel) * SUMS;
              float *row = scratch->rows + i * SIDE * ROW_OF_SUMS + j, *out = result + i * SIDE * N;
              const long high = at_most(chunk_rows - i * SIDE, SIDE);
              const int is_whole = high == SIDE && wide == SIDE;
              const float *from = step > 0 ? piece : k0 > 0 ? sums : NULL;
              float *to = !ends || (is_direct && (is_past || !is_whole)) ? piece : !is_last ? sums : is_direct ? out : row;
              multiply_tiles(scratch->a + i * SIDE * steps + step * SIDE, own_b + step * SIDE, from, SIDE, to, to == out ? N : to == row ? ROW_OF_SUMS : SIDE, here, &next_a, &written);
              if (ends && is_direct && is_past && is_whole) write_past_caches(out, N, piece, SIDE);
              else if (ends && is_direct && !is_whole)
                for (long r = 0; r < high; r++) memcpy(out + r * N, piece + r * SIDE, (size_t)wide * 4);
            }
          }
        }
        if (is_last && epilogue != NULL)
          for (long r = 0; r < chunk_rows; r++) epilogue(p, i0 + chunk + r, j0, j0 + columns, scratch->rows + r * ROW_OF_SUMS);
      }
    }
  }
  end_tiles();
#if defined(__AVX512F__)
  if (is_past) __asm__ volatile("sfence" ::: "memory");
#endif
}
#endif
