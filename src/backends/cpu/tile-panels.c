// Panels of a bf16 product that tiles multiply, packed by squares of 32 lanes by 32 depths, which are two tiles of words. Of rows these lie
// one after the other, tile after tile of 16 lanes of 16 steps: word (step, lane) is panel[step / 16 * 512 + lane * 16 + step % 16].
// Of columns a row of both lies together: panel[step * 32 + lane]. A square whose depths lie along memory is a copy for rows, and
// transposed for columns; one whose lanes do is transposed for rows, and woven of two depths for columns.

#if TILES_MULTIPLY
enum { SIDE = 32, SUMS = SIDE * SIDE, SQUARE = SUMS / 2 };
typedef uint32_t line __attribute__((vector_size(64), aligned(4), may_alias));

#if defined(__clang__) || __GNUC__ >= 12
#define choose_words(upper, lower, ...) __builtin_shufflevector(upper, lower, __VA_ARGS__)
#else
#define choose_words(upper, lower, ...) __builtin_shuffle(upper, lower, (line){__VA_ARGS__})
#endif

// 32 elements as bf16.
inlined line read_line(const char *from, enum elements elements) {
  line all;
  if (elements == BF16) memcpy(&all, from, 64);
#if defined(__AVX512BF16__)
  else all = round_32((const float *)from);
#else
  else round_row((bf16 *)&all, (const float *)from, 32);
#endif
  return all;
}

// Four words of each of four lines, one quarter after the other.
inlined line join_quarters(const uint32_t *first, const uint32_t *second, const uint32_t *third, const uint32_t *fourth) {
#if defined(__AVX512F__)
  line all = load_quarter(first);
  load_next_quarter(all, 1, second);
  load_next_quarter(all, 2, third);
  load_next_quarter(all, 3, fourth);
  return all;
#else
  line all;
  const uint32_t *parts[] = {first, second, third, fourth};
  for (int i = 0; i < 4; i++) memcpy((char *)&all + 16 * i, parts[i], 16);
  return all;
#endif
}

// 16 lines of 16 words, `row` words apart, transposed to lines `to_row` words apart. Quarters change their places while they are read, which
// costs no shuffle.
inlined void transpose_square(uint32_t *restrict to, long to_row, const uint32_t *restrict from, long row) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    line r[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      const uint32_t *at = from + j * row + 4 * i;
      r[j] = join_quarters(at, at + 4 * row, at + 8 * row, at + 12 * row);
    }
    const line a = choose_words(r[0], r[1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    const line b = choose_words(r[0], r[1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    const line c = choose_words(r[2], r[3], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    const line d = choose_words(r[2], r[3], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    uint32_t *out = to + 4 * i * to_row;
    *(line *)out = choose_words(a, c, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    *(line *)(out + to_row) = choose_words(a, c, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    *(line *)(out + 2 * to_row) = choose_words(b, d, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    *(line *)(out + 3 * to_row) = choose_words(b, d, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  }
}

// One square whose lanes are `lane_bytes` apart and whose depths lie one after another, or the other way round.
inlined void pack_square(uint32_t *restrict to, const char *restrict from, enum elements elements, long apart, int along_depth, int is_rows) {
  uint32_t spare[SQUARE] __attribute__((aligned(64)));
  if (along_depth) {
    uint32_t *rows = is_rows ? to : spare;
#pragma GCC unroll 4
    for (int lane = 0; lane < SIDE; lane++) *(line *)(rows + 16 * lane) = read_line(from + lane * apart, elements);
    if (is_rows) return;
    transpose_square(to, SIDE, spare, 16);
    transpose_square(to + 16, SIDE, spare + 256, 16);
    return;
  }
#pragma GCC unroll 4
  for (int step = 0; step < 16; step++) {
    const line low = read_line(from + 2 * step * apart, elements), high = read_line(from + (2 * step + 1) * apart, elements);
    // Of the next depths the same lanes, which are packed when all other panels of these are: memory is read a line here and a line there,
    // and does not see by itself what comes.
    for (int i = 0; i < 2; i++)
      for (long at = 0; at < SIDE * bytes_of(elements); at += 64) __builtin_prefetch(from + (SIDE + 2 * step + i) * apart + at);
    // Pairs of the even lanes, and of the odd ones.
    const line even = (low & 0xffff) | high << 16, odd = low >> 16 | (high & 0xffff0000);
    if (is_rows) {
      *(line *)(spare + 16 * step) = even;
      *(line *)(spare + 256 + 16 * step) = odd;
    } else {
      *(line *)(to + step * SIDE) = choose_words(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      *(line *)(to + step * SIDE + 16) = choose_words(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
  }
  if (!is_rows) return;
  transpose_square(to, 32, spare, 16);
  transpose_square(to + 16, 32, spare + 256, 16);
}

// A square of which there are fewer lanes or depths, or that lies neither way: the rest is zero.
static __attribute__((noinline)) void pack_part(uint32_t *to, const char *from, enum elements elements, long lane_stride, long depth_stride, long lanes, long depth, int is_rows) {
  bf16 square[SIDE][SIDE] __attribute__((aligned(64))) = {0};
  // What lies together is copied together.
  if (lane_stride == 1) {
    for (long k = 0; k < depth; k++) {
      const char *at = from + k * depth_stride * bytes_of(elements);
      if (lanes == SIDE) *(line *)square[k] = read_line(at, elements);
      else if (elements == BF16) memcpy(square[k], at, (size_t)lanes * 2);
      else round_row(square[k], (const float *)at, lanes);
    }
    pack_square(to, (const char *)square, BF16, 2 * SIDE, 0, is_rows);
    return;
  }
  for (long lane = 0; lane < lanes; lane++) {
    const char *at = from + lane * lane_stride * bytes_of(elements);
    if (depth_stride == 1 && elements == BF16) memcpy(square[lane], at, (size_t)depth * 2);
    else if (depth_stride == 1) round_row(square[lane], (const float *)at, depth);
    else for (long k = 0; k < depth; k++) square[lane][k] = read_bf16(at, k * depth_stride, elements);
  }
  if (is_rows) memcpy(to, square, sizeof square);
  else pack_square(to, (const char *)square, BF16, 2 * SIDE, 1, 0);
}

// `count` lanes as panels one after another. What lies together is packed together.
inlined void pack_tiles(uint32_t *restrict to, const char *from, enum elements elements, long lane_stride, long depth_stride, long count, long depth, int is_rows) {
  const long panels = (count + SIDE - 1) / SIDE, squares = (depth + SIDE - 1) / SIDE, bytes = bytes_of(elements);
  const long lane_bytes = lane_stride * bytes, depth_bytes = depth_stride * bytes;
  for (long n = 0; n < panels * squares; n++) {
    const long panel = lane_stride == 1 ? n % panels : n / squares, square = lane_stride == 1 ? n / panels : n % squares;
    const long lanes = count - panel * SIDE, depths = depth - square * SIDE;
    const char *at = from + panel * SIDE * lane_bytes + square * SIDE * depth_bytes;
    uint32_t *out = to + (panel * squares + square) * SQUARE;
    if (lanes < SIDE || depths < SIDE || (lane_stride != 1 && depth_stride != 1))
      pack_part(out, at, elements, lane_stride, depth_stride, lanes < SIDE ? lanes : SIDE, depths < SIDE ? depths : SIDE, is_rows);
    else if (depth_stride == 1) pack_square(out, at, elements, lane_bytes, 1, is_rows);
    else pack_square(out, at, elements, depth_bytes, 0, is_rows);
  }
}

// Lines that are read or written later and asked of memory between tiles, a few a step: rows of `row` lines each, from the end of one to the
// next one's beginning `apart` bytes. More at once would keep what is multiplied waiting.
struct wish { const char *at; long apart, row, left_of_row, lines, each; };

inlined struct wish wish_for(const char *from, long apart, long bytes, long rows, long steps) {
  const long row = (bytes + 63) / 64, lines = rows * row;
  return (struct wish){from, apart - row * 64, row, row, lines, (lines + steps - 1) / steps};
}

inlined void ask(struct wish *wish, int is_written) {
  for (long n = wish->each < wish->lines ? wish->each : wish->lines; n > 0; n--) {
    if (is_written) __builtin_prefetch(wish->at, 1);
    else __builtin_prefetch(wish->at, 0, 2);
    wish->at += 64;
    wish->lines--;
    if (--wish->left_of_row == 0) wish->at += wish->apart, wish->left_of_row = wish->row;
  }
}

// to (32, 32) = a panel · b panel, or `from` and that; rows of it and of `to` are so many elements apart.
inlined void multiply_tiles(const uint32_t *a, const uint32_t *b, const float *from, long from_row, float *to, long to_row, long steps, struct wish *read, struct wish *written) {
  // Compilers do not know that a tile is read from memory: all that was packed has to be there.
  __asm__ volatile("" ::: "memory");
  if (from != NULL) {
    tile_load(0, from, from_row * 4);
    tile_load(1, from + 16, from_row * 4);
    tile_load(2, from + 16 * from_row, from_row * 4);
    tile_load(3, from + 16 * from_row + 16, from_row * 4);
  } else {
    tile_zero(0);
    tile_zero(1);
    tile_zero(2);
    tile_zero(3);
  }
  for (long step = 0; step < steps; step += 16, a += SQUARE, b += SQUARE) {
    tile_load(4, a, 64);
    tile_load(6, b, 128);
    tile_load(7, b + 16, 128);
    tile_load(5, a + 256, 64);
    if (read != NULL) ask(read, 0);
    if (written != NULL) ask(written, 1);
    tile_multiply(0, 4, 6);
    tile_multiply(1, 4, 7);
    tile_multiply(2, 5, 6);
    tile_multiply(3, 5, 7);
  }
  tile_store(0, to, to_row * 4);
  tile_store(1, to + 16, to_row * 4);
  tile_store(2, to + 16 * to_row, to_row * 4);
  tile_store(3, to + 16 * to_row + 16, to_row * 4);
}
#endif
