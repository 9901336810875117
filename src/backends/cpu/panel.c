// Panels, what the register kernel reads: a strip of `width` lanes (rows of a, columns of b), depth after depth, in 32-bit words:
// panel[step * width + lane]. A word is one f32, or two bf16 of neighbouring depths where the processor multiplies such pairs
// (avx512_bf16); elsewhere bf16 is widened to f32 while it is packed. F32 operands of a bf16 product (ROUNDED) are rounded while they are
// packed, so that parameters need no copy as bf16. Where tiles multiply (tiles.c), depths of a bf16 product fill whole tiles, and a strip
// of rows is tile after tile of 16 lanes of 16 steps: word (step, lane) is panel[step / 16 * 256 + lane * 16 + step % 16]. Where quads
// multiply (quads.c), the two words of four depths of a lane stand together: panel[step / 2 * 2 * width + 2 * lane + step % 2].
// VECTOR f32 lanes of a register; MR × NR the tile of sums, NR = NV vectors, of which ROWS rows are held in registers at once.

// Here and not in runtime.c, because reading it costs a third of a second.
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#if QUADS_MULTIPLY
enum { VECTOR = 4, MR = 8, NV = 2, ROWS = MR };
#elif defined(__AVX512F__)
#define VECTOR_IS_16 1
enum { VECTOR = 16, MR = TILES_MULTIPLY ? 16 : 12, NV = 2, ROWS = TILES_MULTIPLY ? 8 : MR };
#elif TILES_MULTIPLY
#define VECTOR_IS_8 1
enum { VECTOR = 8, MR = 16, NV = 4, ROWS = 2 };
#elif defined(__AVX2__)
#define VECTOR_IS_8 1
enum { VECTOR = 8, MR = 6, NV = 2, ROWS = MR };
#else
enum { VECTOR = 4, MR = 6, NV = 3, ROWS = MR };
#endif
enum { NR = VECTOR * NV };
typedef float vector __attribute__((vector_size(VECTOR * 4), aligned(4)));

// Whether one instruction rounds a vector of pairs, and one multiplies it; whether a word of a bf16 product is a pair.
#if VECTOR_IS_16 && defined(__AVX512BF16__)
#define ROUNDS_PAIRS 1
#else
#define ROUNDS_PAIRS 0
#endif
enum { PAIRS = ROUNDS_PAIRS || TILES_MULTIPLY || QUADS_MULTIPLY };

// What stands in memory. The first two are 0 and 1, so `is_bf16` of a kernel whose operands need no rounding is one of them.
enum elements { F32, BF16, ROUNDED };
inlined long bytes_of(enum elements elements) { return elements == BF16 ? 2 : 4; }

// Steps of a panel of this depth.
inlined long steps_of(long depth, int is_bf16) {
  if (!PAIRS || !is_bf16) return depth;
  if (QUADS_MULTIPLY) return (depth + 3) / 4 * 2;
  return TILES_MULTIPLY ? (depth + 31) / 32 * 16 : (depth + 1) / 2;
}

// A row as f32_to_bf16 rounds it, by the processor's own instruction where it has one; that one takes numbers below 2^-126 for zero.
inlined void round_row(bf16 *restrict to, const float *restrict from, long count) {
  long i = 0;
#if defined(__AVX512BF16__)
  for (; i < count; i += 16) {
    const __mmask16 here = count - i >= 16 ? 0xffff : (__mmask16)((1u << (count - i)) - 1);
    _mm256_mask_storeu_epi16(to + i, here, (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(here, from + i)));
  }
#endif
  for (; i < count; i++) to[i] = f32_to_bf16(from[i]);
}

inlined bf16 read_bf16(const char *from, long at, enum elements elements) {
  return elements == ROUNDED ? f32_to_bf16(((const float *)from)[at]) : ((const bf16 *)from)[at];
}
inlined uint32_t pair_of(bf16 low, bf16 high) { return low | (uint32_t)high << 16; }

typedef uint32_t words __attribute__((vector_size(VECTOR * 4), aligned(4), may_alias));
// Lanes of two vectors by constant numbers, those of the second counted on from the first's.
#if defined(__clang__) || __GNUC__ >= 12
#define choose_lanes(upper, lower, ...) __builtin_shufflevector(upper, lower, __VA_ARGS__)
#else
#define choose_lanes(upper, lower, ...) __builtin_shuffle(upper, lower, (words){__VA_ARGS__})
#endif
// Rows s apart exchange the lanes that differ in bit s.
#define EXCHANGE(s, upper_lanes, lower_lanes) \
  _Pragma("GCC unroll 16") for (int i = 0; i < VECTOR; i++) { \
    if (i & s) continue; \
    const words upper = r[i], lower = r[i + s]; \
    r[i] = choose_lanes(upper, lower, UNPACKED upper_lanes); \
    r[i + s] = choose_lanes(upper, lower, UNPACKED lower_lanes); \
  }
#define UNPACKED(...) __VA_ARGS__
// VECTOR × VECTOR words transposed in registers.
inlined void transpose_words(words r[VECTOR]) {
#if VECTOR_IS_16
  EXCHANGE(1, (0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30), (1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
  EXCHANGE(2, (0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29), (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
  EXCHANGE(4, (0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27), (4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
  EXCHANGE(8, (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
#elif VECTOR_IS_8
  EXCHANGE(1, (0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15))
  EXCHANGE(2, (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15))
  EXCHANGE(4, (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15))
#else
  EXCHANGE(1, (0, 4, 2, 6), (1, 5, 3, 7))
  EXCHANGE(2, (0, 1, 4, 5), (2, 3, 6, 7))
#endif
}

// The first `room` words of a vector. Those behind may be lanes of the next step, which are written after it, unless it is the last.
inlined void store_lanes(uint32_t *to, words lanes, long room, int is_last) {
#if VECTOR_IS_16
  _mm512_mask_storeu_epi32(to, (__mmask16)((1u << room) - 1), (__m512i)lanes);
#else
  if (room == VECTOR || (2 * room > VECTOR && !is_last)) *(words *)to = lanes;
  else memcpy(to, &lanes, (size_t)room * 4);
#endif
}

#if ROUNDS_PAIRS
// 16 pairs that lie one after another.
inlined words round_pairs(const float *from) {
  return (words)(__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + 16), _mm512_loadu_ps(from));
}
// Up to 16 bf16 that lie one after another, a word each; the lanes that are not in `here` are zero.
inlined __m512i read_lanes(const char *from, enum elements elements, __mmask16 here) {
  const __m256i lanes = elements == ROUNDED ? (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(here, from)) : _mm256_maskz_loadu_epi16(here, from);
  return _mm512_cvtepu16_epi32(lanes);
}
// Lanes that lie one after another, depths `depth_bytes` apart, as panels: depth by depth across all panels, so that memory is
// read in order.
inlined void pack_lanes_first(uint32_t *restrict to, const char *from, enum elements elements, long depth_bytes, long count, long depth, long width) {
  const long panel = width * steps_of(depth, 1), filled = width * ((depth + 1) / 2);
  for (long first = 0; filled < panel && first < count; first += width)
    memset(to + first / width * panel + filled, 0, (size_t)(panel - filled) * 4);
  for (long k = 0; k < depth; k += 2, from += 2 * depth_bytes, to += width) {
    uint32_t *at = to;
    for (long first = 0; first < count; first += width, at += panel) {
#pragma GCC unroll 2
      for (long lane = 0; lane < width; lane += 16) {
        const long left = count - first - lane, room = width - lane;
        const __mmask16 here = left >= 16 ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
        const __mmask16 kept = room >= 16 ? 0xffff : (__mmask16)((1u << room) - 1);
        const char *lanes = from + (first + lane) * bytes_of(elements);
        const __m512i low = read_lanes(lanes, elements, here & kept), high = read_lanes(lanes + depth_bytes, elements, k + 1 < depth ? here & kept : 0);
        _mm512_mask_storeu_epi32(at + lane, kept, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
      }
    }
  }
}
#endif

// Lanes of f32 that lie one after another, some depths of all panels before the next: where depths are a power of two apart, what is read of
// a few lanes of each falls on the same places of a cache, and is gone before its neighbours are wanted.
inlined void pack_lanes_f32(uint32_t *restrict to, const float *from, long depth_stride, long count, long depth, long width) {
  enum { AT_ONCE = 4 };
  for (long k = 0; k < depth; k += AT_ONCE) {
    const long end = depth - k < AT_ONCE ? depth : k + AT_ONCE;
    for (long first = 0; first < count; first += width) {
      const long left = count - first;
      for (long step = k; step < end; step++) {
        uint32_t *at = to + first * depth + step * width;
        const float *lanes = from + step * depth_stride + first;
        if (left >= width) {
          memcpy(at, lanes, (size_t)width * 4);
        } else {
          memcpy(at, lanes, (size_t)left * 4);
          memset(at + left, 0, (size_t)(width - left) * 4);
        }
      }
    }
  }
}

// Words that lie along the depth: word (step, lane) is the step-th one of the lane at `from` + lane * lane_bytes. Packs steps [0, steps) of
// `lanes` lanes.
inlined void pack_depth_first(uint32_t *restrict to, const char *from, enum elements elements, long lane_bytes, long lanes, long steps, long width) {
  const long word_bytes = elements == ROUNDED ? 8 : 4;
  long step = 0;
  for (; (ROUNDS_PAIRS || elements != ROUNDED) && step + VECTOR <= steps; step += VECTOR) {
    for (long lane = 0; lane < lanes; lane += VECTOR) {
      const long here = lanes - lane < VECTOR ? lanes - lane : VECTOR, room = width - lane < VECTOR ? width - lane : VECTOR;
      words r[VECTOR];
#pragma GCC unroll 16
      for (int i = 0; i < VECTOR; i++) {
        const char *at = from + (lane + i) * lane_bytes + step * word_bytes;
        // What the next panel reads here.
        if (elements == F32) __builtin_prefetch(at + width * lane_bytes);
        if (i >= here) r[i] = (words){0};
#if ROUNDS_PAIRS
        else if (elements == ROUNDED) r[i] = round_pairs((const float *)at);
#endif
        else memcpy(&r[i], at, sizeof r[i]);
      }
      transpose_words(r);
#pragma GCC unroll 16
      for (int i = 0; i < VECTOR; i++) store_lanes(to + (step + i) * width + lane, r[i], room, step + i + 1 == steps);
    }
  }
  for (long lane = 0; lane < lanes; lane++) {
    const char *at = from + lane * lane_bytes;
    for (long k = step; k < steps; k++) {
      if (elements == ROUNDED) to[k * width + lane] = pair_of(read_bf16(at, 2 * k, elements), read_bf16(at, 2 * k + 1, elements));
      else memcpy(to + k * width + lane, at + k * 4, 4);
    }
  }
}

// Depths between what is asked of memory and what is packed.
enum { AHEAD = 24 };

// One panel of `lanes` ≤ width lanes from memory at `from`; strides in elements. Missing lanes and depths are zero.
inlined void pack_panel_as(uint32_t *restrict to, const char *from, enum elements elements, long lane_stride, long depth_stride, long lanes, long depth, long width) {
  const long steps = steps_of(depth, elements != F32), lane_bytes = lane_stride * bytes_of(elements), depth_bytes = depth_stride * bytes_of(elements);
  if (lanes < width || (TILES_MULTIPLY && elements != F32 && depth < 2 * steps)) memset(to, 0, (size_t)(width * steps) * 4);
  if (elements == F32) {
    const float *at = (const float *)from;
    if (lane_stride == 1 && lanes == width) {
      for (long k = 0; k < depth; k++) {
        __builtin_prefetch(at + (k + AHEAD) * depth_stride);
        memcpy(to + k * width, at + k * depth_stride, (size_t)width * 4);
      }
    } else if (lane_stride == 1) {
      for (long k = 0; k < depth; k++) memcpy(to + k * width, at + k * depth_stride, (size_t)lanes * 4);
    } else if (depth_stride == 1) {
      pack_depth_first(to, from, F32, lane_bytes, lanes, depth, width);
    } else {
      for (long k = 0; k < depth; k++)
        for (long i = 0; i < lanes; i++) memcpy(to + k * width + i, at + i * lane_stride + k * depth_stride, 4);
    }
    return;
  }
  if (!PAIRS) {
    for (long k = 0; k < depth; k++)
      for (long i = 0; i < lanes; i++) to[k * width + i] = (uint32_t)read_bf16(from, i * lane_stride + k * depth_stride, elements) << 16;
    return;
  }
  if (depth_stride == 1) {
    pack_depth_first(to, from, elements, lane_bytes, lanes, depth / 2, width);
  } else {
    for (long k = 0; k + 1 < depth; k += 2) {
      const char *low = from + k * depth_bytes, *high = low + depth_bytes;
      for (long i = 0; i < lanes; i++)
        to[k / 2 * width + i] = pair_of(read_bf16(low, i * lane_stride, elements), read_bf16(high, i * lane_stride, elements));
    }
  }
  if (depth % 2 == 1)
    for (long i = 0; i < lanes; i++) to[depth / 2 * width + i] = read_bf16(from, i * lane_stride + (depth - 1) * depth_stride, elements);
}

// `count` rows of a bf16 product as panels of tiles.
inlined void pack_tiles(uint32_t *restrict to, const char *from, enum elements elements, long lane_stride, long depth_stride, long count, long depth) {
  const long steps = steps_of(depth, 1);
  for (long first = 0; first < count; first += MR, to += MR * steps) {
    const long lanes = count - first < MR ? count - first : MR;
    if (lanes < MR || depth < 2 * steps) memset(to, 0, (size_t)(MR * steps) * 4);
    for (long lane = 0; lane < lanes; lane++) {
      const char *at = from + (first + lane) * lane_stride * bytes_of(elements);
      for (long k = 0; k < depth; k += 32) {
        const long here = depth - k < 32 ? depth - k : 32;
        bf16 row[32];
        if (depth_stride == 1 && elements == BF16) memcpy(row, at + k * 2, (size_t)here * 2);
        else if (depth_stride == 1) round_row(row, (const float *)at + k, here);
        else for (long i = 0; i < here; i++) row[i] = read_bf16(at, (k + i) * depth_stride, elements);
        memcpy(to + k / 2 * MR + lane * 16, row, (size_t)here * 2);
      }
    }
  }
}

// `count` lanes of a bf16 product as panels of quads.
inlined void pack_quads(uint32_t *restrict to, const char *from, enum elements elements, long lane_stride, long depth_stride, long count, long depth, long width) {
  const long steps = steps_of(depth, 1);
  for (long first = 0; first < count; first += width, to += width * steps) {
    const long lanes = count - first < width ? count - first : width;
    if (lanes < width) memset(to, 0, (size_t)(width * steps) * 4);
    for (long lane = 0; lane < lanes; lane++) {
      const char *at = from + (first + lane) * lane_stride * bytes_of(elements);
      for (long k = 0; k < depth; k += 4) {
        const long here = depth - k < 4 ? depth - k : 4;
        bf16 quad[4] = {0};
        if (here == 4 && depth_stride == 1 && elements == BF16) memcpy(quad, at + k * 2, 8);
        else for (long i = 0; i < here; i++) quad[i] = read_bf16(at, (k + i) * depth_stride, elements);
        memcpy(to + k / 4 * 2 * width + 2 * lane, quad, 8);
      }
    }
  }
}

// `count` lanes as panels one after another, each of width * steps words.
inlined void pack_panels_as(uint32_t *restrict to, const char *from, enum elements elements, long lane_stride, long depth_stride, long count, long depth, long width) {
  if (TILES_MULTIPLY && elements != F32 && width == MR) {
    pack_tiles(to, from, elements, lane_stride, depth_stride, count, depth);
    return;
  }
  if (QUADS_MULTIPLY && elements != F32) {
    pack_quads(to, from, elements, lane_stride, depth_stride, count, depth, width);
    return;
  }
  // Rows alone: columns fill whole lines.
  if (elements == F32 && lane_stride == 1 && width == MR) {
    pack_lanes_f32(to, (const float *)from, depth_stride, count, depth, width);
    return;
  }
#if ROUNDS_PAIRS
  if (elements != F32 && lane_stride == 1) {
    pack_lanes_first(to, from, elements, depth_stride * bytes_of(elements), count, depth, width);
    return;
  }
#endif
  for (long first = 0; first < count; first += width, to += width * steps_of(depth, elements != F32)) {
    const long lanes = count - first < width ? count - first : width;
    pack_panel_as(to, from + first * lane_stride * bytes_of(elements), elements, lane_stride, depth_stride, lanes, depth, width);
  }
}

// Compiled once for what stands in memory and for each of the two widths, as the system's compiler spends half its time on them where
// every product has its own; GCC would clone it for each as well, which on AVX2 costs a third of the unit and gains nothing.
#if defined(__clang__) || defined(__AVX512F__)
#define NOT_CLONED __attribute__((noinline))
#else
#define NOT_CLONED __attribute__((noinline, noclone))
#endif
#define PACK(name, elements, width) \
  static NOT_CLONED void name(uint32_t *to, const char *from, long lane_stride, long depth_stride, long count, long depth) { \
    pack_panels_as(to, from, elements, lane_stride, depth_stride, count, depth, width); \
  }
PACK(pack_rows_f32, F32, MR)
PACK(pack_rows_bf16, BF16, MR)
PACK(pack_rows_rounded, ROUNDED, MR)
PACK(pack_columns_f32, F32, NR)
PACK(pack_columns_bf16, BF16, NR)
PACK(pack_columns_rounded, ROUNDED, NR)

inlined void pack_panels(uint32_t *to, const char *from, enum elements elements, long lane_stride, long depth_stride, long count, long depth, long width) {
  if (width == MR) (elements == F32 ? pack_rows_f32 : elements == BF16 ? pack_rows_bf16 : pack_rows_rounded)(to, from, lane_stride, depth_stride, count, depth);
  else (elements == F32 ? pack_columns_f32 : elements == BF16 ? pack_columns_bf16 : pack_columns_rounded)(to, from, lane_stride, depth_stride, count, depth);
}

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
          sums[i][j] = (vector)_mm512_dpbf16_ps((__m512)sums[i][j], (__m512bh)_mm512_set1_epi32((int)a[i]), (__m512bh)row[j]);
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

// c (MR, NR) = or += a panel · b panel. Out of line, so that each is compiled once.
static void multiply_tile_f32(const uint32_t *restrict a, const uint32_t *restrict b, float *restrict c, long c_row, long steps, int accumulate) {
  for (long i = 0; i < MR; i += ROWS) multiply_rows(a + i, b, c + i * c_row, c_row, steps, accumulate, 0);
}
static void multiply_tile_bf16(const uint32_t *restrict a, const uint32_t *restrict b, float *restrict c, long c_row, long steps, int accumulate) {
#if TILES_MULTIPLY
  // Compilers do not know that a tile is read from memory: all that was packed has to be there.
  __asm__ volatile("" ::: "memory");
  if (accumulate) {
    tile_load(0, c, c_row * 4);
    tile_load(1, c + 16, c_row * 4);
  } else {
    tile_zero(0);
    tile_zero(1);
  }
  for (long step = 0; step < steps; step += 16) {
    tile_load(2, a + step * MR, 64);
    tile_load(3, b + step * NR, NR * 4);
    tile_load(4, b + step * NR + 16, NR * 4);
    tile_multiply(0, 2, 3);
    tile_multiply(1, 2, 4);
  }
  tile_store(0, c, c_row * 4);
  tile_store(1, c + 16, c_row * 4);
#elif QUADS_MULTIPLY
  multiply_tile_of_quads(a, b, c, c_row, steps, accumulate);
#else
  multiply_rows(a, b, c, c_row, steps, accumulate, 1);
#endif
}
