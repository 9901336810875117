// Newton–Schulz where tiles multiply, whose packing would take longer than they do. What stands between products is bf16, in squares of
// 32 × 32 as packed rows are: a matrix is packed once, when it is read, and sums are rounded into such squares while they are in the first
// cache. Of the panels that a product reads on its other side one at a time is made of them, woven or turned in registers.
// A matrix lies as it does in memory, wide or tall: what is symmetric is X Xᵀ of a wide one and Xᵀ X of a tall one.

#if TILES_MULTIPLY
// Squares from left to right, along the smaller side, and along the larger one.
struct tiled_sizes { long rows, columns, across, few, many; int is_tall; };
// matrix: the squares of X, row by row of them. turned: of a tall one, those of its transpose. gram, factor: of the symmetric matrix and of its
// polynomial, as X is multiplied by it. strip: a panel. sums: of two squares, or of all of a Gram matrix.
struct tiled_scratch { uint32_t *matrix, *turned, *gram, *factor, *strip; float *sums; };

// Squares of depth that a strip has in X Xᵀ: as much of all its rows as the second cache keeps while the strips pass.
enum { DEEP = 8 };

static __attribute__((noinline)) struct tiled_scratch own_tiled_scratch(const struct tiled_sizes *z) {
  const long all = z->few * z->many * SQUARE, symmetric = z->few * z->few * SQUARE, strip = (z->few > DEEP ? z->few : DEEP) * SQUARE;
  const long sums = z->many > DEEP && z->few > 1 ? 2 * symmetric : 2 * SUMS;
  struct tiled_scratch s = {.matrix = own_orthogonal_memory(4 * (size_t)(all + z->is_tall * all + 2 * symmetric + strip + sums))};
  s.turned = s.matrix + all;
  s.gram = s.turned + z->is_tall * all;
  s.factor = s.gram + symmetric;
  s.strip = s.factor + symmetric;
  s.sums = (float *)(s.strip + strip);
  return s;
}

// A square as columns, and the transpose of one as columns or rows.
static __attribute__((noinline)) void weave(uint32_t *to, const uint32_t *from) { pack_square(to, (const char *)from, BF16, 2 * SIDE, 0, 0); }
static __attribute__((noinline)) void turn_to_columns(uint32_t *to, const uint32_t *from) {
  transpose_square(to, SIDE, from, 16);
  transpose_square(to + 16, SIDE, from + 256, 16);
}
static __attribute__((noinline)) void turn_woven(uint32_t *to, const uint32_t *from) {
  transpose_square(to, 16, from, SIDE);
  transpose_square(to + 256, 16, from + 16, SIDE);
}
static __attribute__((noinline)) void turn_to_rows(uint32_t *to, const uint32_t *from) { pack_square(to, (const char *)from, BF16, 2 * SIDE, 0, 1); }

inlined lanes_16 widen(const bf16 *from) { return (lanes_16)(__builtin_convertvector(*(const rounded_16 *)from, line) << 16); }

// Sums that are finished while the next ones are multiplied: `gain` times them, and `kept` times a square where there is one, rounded to a
// square, or where the sums are. They are those of square (i, j); `left` of them are not finished.
struct tiled_sums { float *at; long i, j, left; float gain, kept; const uint32_t *old; uint32_t *to; };
inlined struct tiled_sums unfinished(float *at, long i, long j, float gain, uint32_t *to, float kept, const uint32_t *old) {
  return (struct tiled_sums){at, i, j, SUMS, gain, kept, old, to};
}
inlined void finish_some(struct tiled_sums *last, long most) {
  const struct tiled_sums s = *last;
  const long begin = SUMS - s.left, end = most < s.left ? begin + most : SUMS;
  last->left = SUMS - end;
  for (long i = begin; i < end; i += 16) {
    lanes_16 x = s.gain * *(const lanes_16 *)(s.at + i);
    if (s.old != NULL) x += s.kept * widen((const bf16 *)s.old + i);
    if (s.to == NULL) *(lanes_16 *)(s.at + i) = x;
#if defined(__AVX512BF16__)
    else *(rounded_16 *)((bf16 *)s.to + i) = round_lanes(x);
#else
    else round_row((bf16 *)s.to + i, (const float *)&x, 16);
#endif
  }
}

// to = a panel · b panel, added to what is there from the second time on.
static __attribute__((noinline)) void multiply_squares(float *to, int is_first, const uint32_t *a, const uint32_t *b, long squares, struct tiled_sums *last) {
  const long each = in_tiles((SUMS + squares - 1) / squares, 16);
  __asm__ volatile("" ::: "memory");
  if (is_first) {
    tile_zero(0);
    tile_zero(1);
    tile_zero(2);
    tile_zero(3);
  } else {
    tile_load(0, to, 4 * SIDE);
    tile_load(1, to + 16, 4 * SIDE);
    tile_load(2, to + 16 * SIDE, 4 * SIDE);
    tile_load(3, to + 16 * SIDE + 16, 4 * SIDE);
  }
  for (; squares > 0; squares--, a += SQUARE, b += SQUARE) {
    tile_load(4, a, 64);
    tile_load(6, b, 128);
    tile_load(7, b + 16, 128);
    tile_load(5, a + 256, 64);
    tile_multiply(0, 4, 6);
    tile_multiply(1, 4, 7);
    if (last->left > 0) finish_some(last, each);
    tile_multiply(2, 5, 6);
    tile_multiply(3, 5, 7);
  }
  tile_store(0, to, 4 * SIDE);
  tile_store(1, to + 16, 4 * SIDE);
  tile_store(2, to + 16 * SIDE, 4 * SIDE);
  tile_store(3, to + 16 * SIDE + 16, 4 * SIDE);
  __asm__ volatile("" ::: "memory");
}
inlined float *other_sums(const struct tiled_scratch *s, const struct tiled_sums *last) { return last->at == s->sums ? s->sums + SUMS : s->sums; }

// The squares of `scale` X Xᵀ on and above the diagonal.
static __attribute__((noinline)) void multiply_by_own(const struct tiled_scratch *s, const struct tiled_sizes *z, float scale) {
  struct tiled_sums last = {NULL};
  for (long k = 0; k < z->many; k += DEEP) {
    const long depth = z->many - k < DEEP ? z->many - k : DEEP;
    for (long j = 0; j < z->few; j++) {
      for (long n = 0; n < depth; n++) {
        const uint32_t *square = s->matrix + (z->is_tall ? (k + n) * z->few + j : j * z->many + k + n) * SQUARE;
        if (z->is_tall) weave(s->strip + n * SQUARE, square);
        else turn_to_columns(s->strip + n * SQUARE, square);
        if (z->is_tall) turn_woven(s->turned + (j * z->many + k + n) * SQUARE, s->strip + n * SQUARE);
      }
      for (long i = 0; i <= j; i++) {
        const uint32_t *left = (z->is_tall ? s->turned : s->matrix) + (i * z->many + k) * SQUARE;
        float *sums = z->many > DEEP ? s->sums + (i * z->few + j) * SUMS : other_sums(s, &last);
        multiply_squares(sums, k == 0, left, s->strip, depth, &last);
        if (k + depth == z->many) last = unfinished(sums, i, j, scale, s->gram + (i * z->few + j) * SQUARE, 0, NULL);
      }
    }
  }
  finish_some(&last, SUMS);
}

// b G + c G², as rows for a wide X and as columns for a tall one.
static __attribute__((noinline)) void mirror_polynomial(const struct tiled_scratch *s, const struct tiled_sizes *z, const struct tiled_sums *last) {
  const long across = (last->j * z->few + last->i) * SQUARE;
  if (z->is_tall) weave(s->factor + across, last->to);
  if (last->i == last->j) return;
  if (z->is_tall) turn_to_columns(s->factor + (last->i * z->few + last->j) * SQUARE, last->to);
  else turn_to_rows(s->factor + across, last->to);
}
static __attribute__((noinline)) void make_polynomial(const struct tiled_scratch *s, const struct tiled_sizes *z, float b, float c) {
  const long few = z->few;
  uint32_t own[SQUARE] __attribute__((aligned(64)));
  struct tiled_sums last = {NULL};
  for (long j = 0; j < few; j++) {
    for (long k = 0; k < few; k++) {
      const uint32_t *above = s->gram + (k < j ? k * few + j : j * few + k) * SQUARE;
      if (k > j) turn_to_columns(s->strip + k * SQUARE, above);
      else weave(s->strip + k * SQUARE, above);
      if (k < j) turn_woven(s->gram + (j * few + k) * SQUARE, s->strip + k * SQUARE);
    }
    for (long i = 0; i <= j; i++) {
      float *sums = other_sums(s, &last);
      multiply_squares(sums, 1, s->gram + i * few * SQUARE, s->strip, few, &last);
      if (last.at != NULL) mirror_polynomial(s, z, &last);
      const long here = (i * few + j) * SQUARE;
      last = unfinished(sums, i, j, c, z->is_tall ? own : s->factor + here, b, s->gram + here);
    }
  }
  finish_some(&last, SUMS);
  mirror_polynomial(s, z, &last);
}

// Where a matrix is written, if it is: rows are `row` elements apart.
struct tiled_result { char *at; long row; enum elements elements; };

// X = kept X + gain (factor X), or the result.
static __attribute__((noinline)) void write_square(const struct tiled_sizes *z, const struct tiled_sums *last, const struct tiled_result *to) {
  const long high = z->rows - last->i * SIDE, wide = z->columns - last->j * SIDE, bytes = bytes_of(to->elements);
  const char *from = to->elements == BF16 ? (const char *)last->to : (const char *)last->at;
  for (long r = 0; r < SIDE && r < high; r++) {
    char *at = to->at + ((last->i * SIDE + r) * to->row + last->j * SIDE) * bytes;
    if (wide < SIDE) memcpy(at, from + r * SIDE * bytes, (size_t)(wide * bytes));
    else if (to->elements == BF16) memcpy(at, from + r * SIDE * 2, SIDE * 2);
    else memcpy(at, from + r * SIDE * 4, SIDE * 4);
  }
}
static __attribute__((noinline)) void multiply_by_factor(const struct tiled_scratch *s, const struct tiled_sizes *z, float kept, float gain, const struct tiled_result *to) {
  const long few = z->few;
  uint32_t own[SQUARE] __attribute__((aligned(64)));
  struct tiled_sums last = {NULL};
  for (long k = 0; k < z->many; k++) {
    if (z->is_tall) memcpy(s->strip, s->matrix + k * few * SQUARE, (size_t)(few * SQUARE) * 4);
    for (long j = 0; !z->is_tall && j < few; j++) weave(s->strip + j * SQUARE, s->matrix + (j * z->many + k) * SQUARE);
    for (long i = 0; i < few; i++) {
      const uint32_t *symmetric = s->factor + i * few * SQUARE;
      float *sums = other_sums(s, &last);
      multiply_squares(sums, 1, z->is_tall ? s->strip : symmetric, z->is_tall ? symmetric : s->strip, few, &last);
      if (to != NULL && last.at != NULL) write_square(z, &last, to);
      const long down = z->is_tall ? k : i, across = z->is_tall ? i : k;
      uint32_t *square = s->matrix + (down * z->across + across) * SQUARE;
      last = unfinished(sums, down, across, gain, to == NULL ? square : to->elements == BF16 ? own : NULL, kept, square);
    }
  }
  finish_some(&last, SUMS);
  if (to != NULL) write_square(z, &last, to);
}

// As orthogonalise_blocks, of bf16.
static __attribute__((noinline)) void orthogonalise_blocks_by_tiles(char *const *p, long begin, long end, long rows, long columns, long parts, float margin, float least, enum elements elements, long count, const float (*coefficients)[3]) {
  const long width = columns / parts, down = (rows + SIDE - 1) / SIDE, across = (width + SIDE - 1) / SIDE;
  const struct tiled_sizes z = {rows, width, across, down < across ? down : across, down < across ? across : down, down > across};
  begin_tiles();
  for (long n = begin; n < end; n++) {
    const struct tiled_scratch s = own_tiled_scratch(&z);
    const long start = n / parts * rows * columns + n % parts * width;
    const struct tiled_result result = {p[1] + start * bytes_of(elements), columns, elements};
    pack_rows(s.matrix, p[0] + start * 2, BF16, columns, 1, rows, width);
    float lanes[64] = {0};
    for (long i = 0; i < down * across * SUMS; i += 64)
      for (long lane = 0; lane < 64; lane++) {
        const float x = bf16_to_f32(((const bf16 *)s.matrix)[i + lane]);
        lanes[lane] += x * x;
      }
    // X is not scaled, but what is made of it for the first time.
    float scale = 1 / (__builtin_sqrtf(sum_lanes(lanes)) * margin + least);
    for (long k = 0; k < count; k++, scale = 1) {
      multiply_by_own(&s, &z, scale * scale);
      make_polynomial(&s, &z, coefficients[k][1], coefficients[k][2]);
      multiply_by_factor(&s, &z, scale * coefficients[k][0], scale, k + 1 == count ? &result : NULL);
    }
  }
  end_tiles();
}
#endif
