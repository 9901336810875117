#if QUADS_MULTIPLY
// c (MR, NR) = or += a panel · b panel, in blocks of two rows and two columns.
inlined void multiply_tile_of_quads(const uint32_t *restrict a, const uint32_t *restrict b, float *restrict c, long c_row, long steps, int accumulate) {
  block sums[MR / 2][NR / 2] = {0};
  for (long step = 0; step < steps; step += 2, a += 2 * MR, b += 2 * NR) {
    quads rows[MR / 2];
#pragma GCC unroll 4
    for (int i = 0; i < MR / 2; i++) rows[i] = *(const quads *)(a + 4 * i);
#pragma GCC unroll 4
    for (int j = 0; j < NR / 2; j++) {
      const quads columns = *(const quads *)(b + 4 * j);
#pragma GCC unroll 4
      for (int i = 0; i < MR / 2; i++) sums[i][j] = multiply_quads(sums[i][j], rows[i], columns);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < MR / 2; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < NR / 2; j++) {
      float *upper = c + 2 * i * c_row + 2 * j, *lower = upper + c_row;
      // Sums that were read before the loop would be too many for the registers of a compiler that reads them early.
      const block before = accumulate ? (block){upper[0], upper[1], lower[0], lower[1]} : (block){0}, all = before + sums[i][j];
      upper[0] = all[0], upper[1] = all[1], lower[0] = all[2], lower[1] = all[3];
    }
  }
}
#endif

// c (ROWS, NR) = or += ROWS rows of a panel of a · b panel, rows of c `c_row` apart.
inlined void multiply_rows(const uint32_t *restrict a, const uint32_t *restrict b, float *restrict c, long c_row, long steps, int accumulate, int is_bf16) {
  vector sums[ROWS][NV];
#pragma GCC unroll 12
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) {
      if (accumulate) sums[i][j] = *(const vector *)(c + i * c_row + j * VECTOR);
      else sums[i][j] = (vector){0};
    }
  }
  for (long step = 0; step < steps; step++, a += MR, b += NR) {
    vector row[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) row[j] = *(const vector *)(b + j * VECTOR);
#pragma GCC unroll 12
    for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) {
#if ROUNDS_PAIRS
        if (is_bf16) {
          sums[i][j] = multiply_pairs(sums[i][j], (words){0} + a[i], (words)row[j]);
          continue;
        }
#endif
        sums[i][j] += float_of_bits(a[i]) * row[j];
      }
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < ROWS; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) *(vector *)(c + i * c_row + j * VECTOR) = sums[i][j];
  }
}

// c (rows_of, NR) = or += a panel · b panel. Out of line, so that each is compiled once.
static void multiply_tile_f32(const uint32_t *restrict a, const uint32_t *restrict b, float *restrict c, long c_row, long steps, int accumulate) {
  for (long i = 0; i < MR; i += ROWS) multiply_rows(a + i, b, c + i * c_row, c_row, steps, accumulate, 0);
}
static void multiply_tile_bf16(const uint32_t *restrict a, const uint32_t *restrict b, float *restrict c, long c_row, long steps, int accumulate) {
#if TILES_MULTIPLY
  multiply_tiles(a, b, accumulate ? c : NULL, c_row, c, c_row, steps, NULL, NULL);
#elif QUADS_MULTIPLY
  multiply_tile_of_quads(a, b, c, c_row, steps, accumulate);
#else
  multiply_rows(a, b, c, c_row, steps, accumulate, 1);
#endif
}
