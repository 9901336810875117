// Newton–Schulz iterations of one matrix X (R, C), R ≤ C, on one thread: X = p(X Xᵀ) X for each polynomial p = a + b g + c g². All that
// is made of X Xᵀ is symmetric: tiles on and above the diagonal are multiplied alone, and packing reads the rest across it. Some
// iterations run on the Gram matrix alone, before X is multiplied by the product of their polynomials: less work for wide matrices.
// Sums and what stands between products are f32; operands are rounded where the program's are. Where tiles multiply those of bf16,
// tile-orthogonalise.c does.

#include <pthread.h>
#include <stdlib.h>

// Rows and columns in whole tiles, so that these need no edges, and a line more, so that tiles of matrices whose sizes are powers of two do
// not fall on the same places of a cache; steps of the panels of either depth.
struct orthogonal_sizes { long R, C, r_row, c_row, r_steps, c_steps; int is_bf16; };
inlined long in_tiles(long lanes, long width) { return (lanes + width - 1) / width * width; }
inlined long symmetric_words(const struct orthogonal_sizes *z) { return in_tiles(z->R, rows_of(z->is_bf16)) * z->r_row; }

struct orthogonal_scratch { float *x, *gram, *factor, *product, *spare; uint32_t *left, *right, *columns; };

static pthread_key_t orthogonal_key;
static pthread_once_t orthogonal_once = PTHREAD_ONCE_INIT;
static void make_orthogonal_key(void) { if (pthread_key_create(&orthogonal_key, free) != 0) abort(); }

// A thread's own memory, which grows to what its largest matrix needs.
static void *own_orthogonal_memory(size_t bytes) {
  pthread_once(&orthogonal_once, make_orthogonal_key);
  size_t *own = pthread_getspecific(orthogonal_key);
  if (own == NULL || own[0] < bytes) {
    free(own);
    if ((own = aligned_alloc(64, (bytes + 127) / 64 * 64)) == NULL) abort();
    memset(own, 0, bytes + 64);
    own[0] = bytes;
    pthread_setspecific(orthogonal_key, own);
  }
  return own + 64 / sizeof *own;
}

// What lies behind the lanes of a matrix is never packed.
static __attribute__((noinline)) struct orthogonal_scratch own_orthogonal_scratch(const struct orthogonal_sizes *z) {
  const long steps = z->c_steps > z->r_steps ? z->c_steps : z->r_steps, x_words = in_tiles(z->R, rows_of(z->is_bf16)) * z->c_row;
  const long left_words = in_tiles(z->R, rows_of(z->is_bf16)) * steps, right_words = in_tiles(z->R, NR) * steps;
  const size_t bytes = 4 * (size_t)(x_words + 4 * symmetric_words(z) + left_words + right_words + in_tiles(z->C, NR) * z->r_steps);
  struct orthogonal_scratch s = {.x = own_orthogonal_memory(bytes)};
  s.gram = s.x + x_words;
  s.factor = s.gram + symmetric_words(z);
  s.product = s.factor + symmetric_words(z);
  s.spare = s.product + symmetric_words(z);
  s.left = (uint32_t *)(s.spare + symmetric_words(z));
  s.right = s.left + left_words;
  s.columns = s.right + right_words;
  return s;
}

inlined void pack_f32(uint32_t *to, const float *from, long lane_stride, long depth_stride, long count, long depth, int is_rows, int is_bf16) {
  (is_rows ? pack_rows : pack_columns)(to, (const char *)from, is_bf16 ? ROUNDED : F32, lane_stride, depth_stride, count, depth);
}

// This and what follows is out of line, so that it is compiled once.
// c (rows, columns) = kept c + a · b of packed panels; above: of a square matrix the tiles on and above the diagonal alone.
static __attribute__((noinline)) void multiply_packed(float *c, long c_row, float kept, const uint32_t *a, const uint32_t *b, long rows, long columns, long steps, int above, int is_bf16) {
  const long high = rows_of(is_bf16);
  for (long k = 0; k < steps; k += KB) {
    const long depth = steps - k < KB ? steps - k : KB;
    for (long chunk = 0; chunk < rows; chunk += CHUNK) {
      const long end = rows - chunk < CHUNK ? rows : chunk + CHUNK;
      for (long j = above ? chunk / NR * NR : 0; j < columns; j += NR)
        for (long i = chunk; i < end && (!above || i / NR * NR <= j); i += high) {
          float *tile = c + i * c_row + j;
          for (long r = 0; kept != 0 && kept != 1 && k == 0 && r < high; r++)
            for (long column = 0; column < NR; column++) tile[r * c_row + column] *= kept;
          (is_bf16 ? multiply_tile_bf16 : multiply_tile_f32)(a + i * steps + k * high, b + j * steps + k * NR, tile, c_row, depth, kept != 0 || k > 0);
        }
    }
  }
}

// The columns of a row of a symmetric matrix that are there begin with the diagonal's tile.
inlined long first_column(long row) { return row / NR * NR; }

// Panels of a symmetric matrix: a lane's depths before the diagonal's tile are read down its column, the others along its row.
static __attribute__((noinline)) void pack_symmetric(uint32_t *to, const float *s, const struct orthogonal_sizes *z, int is_rows) {
  const long width = is_rows ? rows_of(z->is_bf16) : NR;
  for (long first = 0; first < z->R; first += width, to += width * z->r_steps) {
    const long lanes = z->R - first < width ? z->R - first : width, split = in_tiles(first, NR) < z->R ? in_tiles(first, NR) : z->R;
    if (split > 0) pack_f32(to, s + first, 1, z->r_row, lanes, split, is_rows, z->is_bf16);
    if (split < z->R) pack_f32(to + width * steps_of(split, z->is_bf16), s + first * z->r_row + split, z->r_row, 1, lanes, z->R - split, is_rows, z->is_bf16);
  }
}

// `to` = kept to + left · right, symmetric matrices that commute: their product is symmetric too. `to` may be one of them. NULL: what was
// packed last.
static __attribute__((noinline)) void multiply_symmetric(float *to, float kept, const float *left, const float *right, const struct orthogonal_scratch *s, const struct orthogonal_sizes *z) {
  if (left != NULL) pack_symmetric(s->left, left, z, 1);
  if (right != NULL) pack_symmetric(s->right, right, z, 0);
  multiply_packed(to, z->r_row, kept, s->left, s->right, z->R, z->R, z->r_steps, 1, z->is_bf16);
  // Those of a square are the same sums on both sides of the diagonal.
  for (long i = 0; left != right && i < z->R; i++)
    for (long j = first_column(i); j < i; j++) to[i * z->r_row + j] = to[j * z->r_row + i];
}

// to = a s + b t of symmetric matrices; `to` may be one of them.
static __attribute__((noinline)) void combine(float *to, float a, const float *s, float b, const float *t, const struct orthogonal_sizes *z) {
  for (long i = 0; i < z->R; i++) {
    const long first = i * z->r_row + first_column(i);
#pragma omp simd
    for (long j = first; j < i * z->r_row + z->R; j++) to[j] = a * s[j] + b * t[j];
  }
}

// Rounding errors of the Gram matrix grow by about a² an iteration: it is made of X again before they have grown by more than this.
inlined float most_growth(int is_bf16) { return is_bf16 ? 50 : 1e4f; }

static __attribute__((noinline)) void iterate(struct orthogonal_scratch *s, const struct orthogonal_sizes *z, long count, const float (*coefficients)[3]) {
  const int is_wide = 2 * z->C >= 3 * z->R;
  for (long n = 0; n < count;) {
    pack_f32(s->left, s->x, z->c_row, 1, z->R, z->C, 1, z->is_bf16);
    pack_f32(s->right, s->x, z->c_row, 1, z->R, z->C, 0, z->is_bf16);
    pack_f32(s->columns, s->x, 1, z->c_row, z->C, z->R, 0, z->is_bf16);
    multiply_packed(s->gram, z->r_row, 0, s->left, s->right, z->R, z->R, z->c_steps, 1, z->is_bf16);
    // The product of the polynomials so far is q I + M.
    float q = 1, growth = 1;
    for (int is_first = 1, is_last = 0; !is_last; is_first = 0, n++) {
      const float a = coefficients[n][0], b = coefficients[n][1], c = coefficients[n][2];
      growth *= a * a;
      is_last = n + 1 == count || !is_wide || growth > most_growth(z->is_bf16);
      // p = a I + B, B = b G + c G².
      float *B = is_first ? s->product : s->factor;
      multiply_symmetric(B, 0, s->gram, s->gram, s, z);
      combine(B, b, s->gram, c, B, z);
      if (!is_last) {
        // p G p: G = a G + B G, then a G + G B.
        multiply_symmetric(s->gram, a, B, NULL, s, z);
        multiply_symmetric(s->gram, a, s->gram, B, s, z);
      }
      if (!is_first) {
        // (a I + B) (q I + M) = a q I + (a M + q B + B M).
        combine(s->spare, a, s->product, q, B, z);
        multiply_symmetric(s->spare, 1, B, s->product, s, z);
        float *product = s->spare;
        s->spare = s->product;
        s->product = product;
      }
      q *= a;
    }
    pack_symmetric(s->left, s->product, z, 1);
    multiply_packed(s->x, z->c_row, q, s->left, s->columns, z->R, z->C, z->r_steps, 0, z->is_bf16);
  }
}

// Moves X from or to memory, where a row is `row` elements from the next; columns of X behind the last are zero. X that stands on its side is
// transposed by squares, in registers.
inlined void read_row(float *restrict to, const char *from, enum elements elements, long count) {
  if (elements == F32) memcpy(to, from, (size_t)count * 4);
  else for (long i = 0; i < count; i++) to[i] = bf16_to_f32(((const bf16 *)from)[i]);
}
inlined void write_row(char *to, const float *from, enum elements elements, long count) {
  if (elements == F32) memcpy(to, from, (size_t)count * 4);
  else round_row((bf16 *)to, from, count);
}
// A square of memory, of which `high` rows and `wide` columns are there, from or to one of X.
inlined void copy_square(float *x, long x_row, char *at, long row_bytes, enum elements elements, int is_out, long high, long wide) {
  words square[VECTOR];
  if (high < VECTOR || wide < VECTOR) memset(square, 0, sizeof square);
  if (is_out)
    for (long j = 0; j < wide; j++) square[j] = *(const words *)(x + j * x_row);
  else
    for (long i = 0; i < high; i++) {
      __builtin_prefetch(at + (VECTOR + i) * row_bytes);
      read_row((float *)&square[i], at + i * row_bytes, elements, wide);
    }
  transpose_words(square);
  if (is_out)
    for (long i = 0; i < high; i++) write_row(at + i * row_bytes, (const float *)&square[i], elements, wide);
  else
    for (long j = 0; j < wide; j++) *(words *)(x + j * x_row) = square[j];
}
static __attribute__((noinline)) void copy_matrix(float *x, char *at, long row, int transposed, enum elements elements, int is_out, const struct orthogonal_sizes *z) {
  const long bytes = bytes_of(elements);
  for (long i = 0; !transposed && i < z->R; i++) {
    if (is_out) write_row(at + i * row * bytes, x + i * z->c_row, elements, z->C);
    else read_row(x + i * z->c_row, at + i * row * bytes, elements, z->C);
  }
  for (long i = 0; transposed && i < z->C; i += VECTOR) {
    for (long j = 0; j < z->R; j += VECTOR) {
      const long high = z->C - i, wide = z->R - j;
      float *own = x + j * z->c_row + i;
      char *corner = at + (i * row + j) * bytes;
      if (high >= VECTOR && wide >= VECTOR) copy_square(own, z->c_row, corner, row * bytes, elements, is_out, VECTOR, VECTOR);
      else copy_square(own, z->c_row, corner, row * bytes, elements, is_out, high < VECTOR ? high : VECTOR, wide < VECTOR ? wide : VECTOR);
    }
  }
  for (long i = 0; !is_out && z->C < z->c_row && i < z->R; i++) memset(x + i * z->c_row + z->C, 0, (size_t)(z->c_row - z->C) * 4);
}

#if TILES_MULTIPLY
// tile-orthogonalise.c.
static void orthogonalise_blocks_by_tiles(char *const *p, long begin, long end, long rows, long columns, long parts, float margin, float least, enum elements elements, long count, const float (*coefficients)[3]);
#endif

// Matrices (rows, columns) of `parts` side by side; block n is part n % parts of matrix n / parts. Singular values are brought below 1
// by the norm times `margin`, plus `least`.
static __attribute__((noinline)) void orthogonalise_blocks(char *const *p, long begin, long end, long rows, long columns, long parts, float margin, float least, int is_bf16, int result_is_bf16, long count, const float (*coefficients)[3]) {
#if TILES_MULTIPLY
  if (is_bf16) {
    orthogonalise_blocks_by_tiles(p, begin, end, rows, columns, parts, margin, least, result_is_bf16 ? BF16 : F32, count, coefficients);
    return;
  }
#endif
  const long width = columns / parts;
  const int transposed = rows > width;
  struct orthogonal_sizes z = {.R = transposed ? width : rows, .C = transposed ? rows : width, .is_bf16 = is_bf16};
  z.r_row = in_tiles(z.R, NR) + 16;
  z.c_row = in_tiles(z.C, NR) + 16;
  z.r_steps = steps_of(z.R, is_bf16);
  z.c_steps = steps_of(z.C, is_bf16);
  for (long n = begin; n < end; n++) {
    const long start = n / parts * rows * columns + n % parts * width;
    struct orthogonal_scratch s = own_orthogonal_scratch(&z);
    copy_matrix(s.x, p[0] + start * (is_bf16 ? 2 : 4), columns, transposed, is_bf16 ? BF16 : F32, 0, &z);
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (long i = 0; i < z.R * z.c_row; i++) squares += s.x[i] * s.x[i];
    const float scale = 1.0f / (__builtin_sqrtf(squares) * margin + least);
    for (long i = 0; i < z.R * z.c_row; i++) s.x[i] *= scale;
    iterate(&s, &z, count, coefficients);
    copy_matrix(s.x, p[1] + start * (result_is_bf16 ? 2 : 4), columns, transposed, result_is_bf16 ? BF16 : F32, 1, &z);
  }
}
