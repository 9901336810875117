// Panels, what the register kernel reads: a strip of `width` lanes (rows of a, columns of b), depth after depth, in 32-bit words:
// panel[step * width + lane]. A word is one f32, or two bf16 of neighbouring depths where the processor multiplies such pairs
// (avx512_bf16); elsewhere bf16 is widened to f32 while it is packed. F32 operands of a bf16 product (ROUNDED) are rounded while they are
// packed, so that parameters need no copy as bf16. Where tiles multiply, panels of a bf16 product are theirs (tile-panels.c). Where quads
// multiply (quads.c), the two words of four depths of a lane stand together: panel[step / 2 * 2 * width + 2 * lane + step % 2].
// VECTOR f32 lanes of a register; MR × NR the tile of sums, NR = NV vectors, of which ROWS rows are held in registers at once. A bf16
// product's has MR_BF16 rows.

#if QUADS_MULTIPLY
enum { VECTOR = 4, MR = 8, NV = 2, ROWS = MR };
#elif defined(__AVX512F__)
#define VECTOR_IS_16 1
enum { VECTOR = 16, MR = 12, NV = 2, ROWS = MR };
#elif TILES_MULTIPLY
#define VECTOR_IS_8 1
enum { VECTOR = 8, MR = 6, NV = 4, ROWS = 2 };
#elif defined(__AVX2__)
#define VECTOR_IS_8 1
enum { VECTOR = 8, MR = 6, NV = 2, ROWS = MR };
#else
enum { VECTOR = 4, MR = 6, NV = 3, ROWS = MR };
#endif
enum { NR = VECTOR * NV, MR_BF16 = TILES_MULTIPLY ? 32 : MR, MOST_ROWS = MR_BF16 > MR ? MR_BF16 : MR };
inlined long rows_of(int is_bf16) { return is_bf16 ? MR_BF16 : MR; }
typedef float vector __attribute__((vector_size(VECTOR * 4), aligned(4)));

// Whether one instruction rounds a vector of pairs, and one multiplies it; whether a word of a bf16 product is a pair.
#if VECTOR_IS_16 && defined(__AVX512BF16__)
#define ROUNDS_PAIRS 1
#else
#define ROUNDS_PAIRS 0
#endif
enum { PAIRS = ROUNDS_PAIRS || TILES_MULTIPLY || QUADS_MULTIPLY };

// Steps of a panel of this depth.
inlined long steps_of(long depth, int is_bf16) {
  if (!PAIRS || !is_bf16) return depth;
  if (QUADS_MULTIPLY) return (depth + 3) / 4 * 2;
  return TILES_MULTIPLY ? (depth + 31) / 32 * 16 : (depth + 1) / 2;
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
