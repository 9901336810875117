// Panels, what the register kernel reads: a strip of `width` lanes (rows of a, columns of b), depth after depth, in 32-bit
// words: panel[step * width + lane]. A word is one f32, or two bf16 of neighbouring depths where the processor multiplies
// such pairs (avx512_bf16); elsewhere bf16 is widened to f32 while it is packed.
// VECTOR f32 lanes of a register; MR × NR the tile of sums held in registers, NR = NV vectors.

#if defined(__AVX512F__)
#include <immintrin.h>
enum { VECTOR = 16, MR = 12, NV = 2 };
#elif defined(__AVX2__)
enum { VECTOR = 8, MR = 6, NV = 2 };
#else
enum { VECTOR = 4, MR = 6, NV = 3 };
#endif
enum { NR = VECTOR * NV };
typedef float vector __attribute__((vector_size(VECTOR * 4), aligned(4)));

#if defined(__AVX512BF16__)
enum { PAIRS = 1 };
#else
enum { PAIRS = 0 };
#endif

// Steps of a panel of this depth.
inlined long steps_of(long depth, int is_bf16) { return PAIRS && is_bf16 ? (depth + 1) / 2 : depth; }

#if defined(__AVX512F__)
typedef uint32_t words __attribute__((vector_size(64), aligned(4)));
// 16 × 16 words transposed in registers: at stage s, rows s apart exchange the lanes that differ in bit s.
inlined void transpose_words(words r[16]) {
#pragma GCC unroll 4
  for (int stage = 0; stage < 4; stage++) {
    const uint32_t s = 1u << stage;
    words low, high;
    for (uint32_t lane = 0; lane < 16; lane++) {
      low[lane] = lane & s ? 16 + lane - s : lane;
      high[lane] = lane & s ? 16 + lane : lane + s;
    }
#pragma GCC unroll 16
    for (uint32_t i = 0; i < 16; i++) {
      if (i & s) continue;
      const words upper = r[i], lower = r[i + s];
      r[i] = __builtin_shuffle(upper, lower, low);
      r[i + s] = __builtin_shuffle(upper, lower, high);
    }
  }
}
#endif

// Words that lie along the depth: word (step, lane) is from[lane * lane_words + step]. Packs steps [0, steps) of `lanes` lanes.
inlined void pack_depth_first(uint32_t *restrict to, const char *from, long lane_bytes, long lanes, long steps, long width) {
  long step = 0;
#if defined(__AVX512F__)
  for (; step + 16 <= steps; step += 16) {
    for (long lane = 0; lane < lanes; lane += 16) {
      const long here = lanes - lane < 16 ? lanes - lane : 16;
      words r[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; i++) {
        if (i < here) memcpy(&r[i], from + (lane + i) * lane_bytes + step * 4, 64);
        else r[i] = (words){0};
      }
      transpose_words(r);
      const __mmask16 kept = (__mmask16)((1u << (width - lane < 16 ? width - lane : 16)) - 1);
#pragma GCC unroll 16
      for (int i = 0; i < 16; i++) _mm512_mask_storeu_epi32(to + (step + i) * width + lane, kept, (__m512i)r[i]);
    }
  }
#endif
  for (long lane = 0; lane < lanes; lane++)
    for (long k = step; k < steps; k++) memcpy(to + k * width + lane, from + lane * lane_bytes + k * 4, 4);
}

// One panel of `lanes` ≤ width lanes from memory at `from`; strides in elements. Missing lanes and depths are zero.
inlined void pack_panel(uint32_t *restrict to, const char *from, int is_bf16, long lane_stride, long depth_stride, long lanes, long depth, long width) {
  const long steps = steps_of(depth, is_bf16);
  if (lanes < width) memset(to, 0, (size_t)(width * steps) * 4);
  if (!is_bf16) {
    const float *at = (const float *)from;
    if (lane_stride == 1 && lanes == width) {
      for (long k = 0; k < depth; k++) memcpy(to + k * width, at + k * depth_stride, (size_t)width * 4);
    } else if (lane_stride == 1) {
      for (long k = 0; k < depth; k++) memcpy(to + k * width, at + k * depth_stride, (size_t)lanes * 4);
    } else if (depth_stride == 1) {
      pack_depth_first(to, from, lane_stride * 4, lanes, depth, width);
    } else {
      for (long k = 0; k < depth; k++)
        for (long i = 0; i < lanes; i++) memcpy(to + k * width + i, at + i * lane_stride + k * depth_stride, 4);
    }
    return;
  }
  const bf16 *at = (const bf16 *)from;
  if (!PAIRS) {
    for (long k = 0; k < depth; k++)
      for (long i = 0; i < lanes; i++) to[k * width + i] = (uint32_t)at[i * lane_stride + k * depth_stride] << 16;
    return;
  }
  if (depth_stride == 1) {
    pack_depth_first(to, from, lane_stride * 2, lanes, depth / 2, width);
  } else if (lane_stride == 1 && lanes == width) {
    for (long k = 0; k + 1 < depth; k += 2) {
      const bf16 *low = at + k * depth_stride, *high = low + depth_stride;
      for (long i = 0; i < width; i++) to[k / 2 * width + i] = low[i] | (uint32_t)high[i] << 16;
    }
  } else {
    for (long k = 0; k + 1 < depth; k += 2) {
      const bf16 *low = at + k * depth_stride, *high = low + depth_stride;
      for (long i = 0; i < lanes; i++) to[k / 2 * width + i] = low[i * lane_stride] | (uint32_t)high[i * lane_stride] << 16;
    }
  }
  if (depth % 2 == 1)
    for (long i = 0; i < lanes; i++) to[depth / 2 * width + i] = at[i * lane_stride + (depth - 1) * depth_stride];
}

// `count` lanes as panels one after another, each of width * steps words.
inlined void pack_panels(uint32_t *restrict to, const char *from, int is_bf16, long lane_stride, long depth_stride, long count, long depth, long width) {
  const long bytes = is_bf16 ? 2 : 4;
  for (long first = 0; first < count; first += width, to += width * steps_of(depth, is_bf16)) {
    const long lanes = count - first < width ? count - first : width;
    pack_panel(to, from + first * lane_stride * bytes, is_bf16, lane_stride, depth_stride, lanes, depth, width);
  }
}

// c (MR, NR) = or += a panel · b panel, rows of c `c_row` apart.
inlined void multiply_tile(const uint32_t *restrict a, const uint32_t *restrict b, float *restrict c, long c_row, long steps, int accumulate, int is_bf16) {
  vector sums[MR][NV];
#pragma GCC unroll 12
  for (int i = 0; i < MR; i++) {
#pragma GCC unroll 3
    for (int j = 0; j < NV; j++) {
      if (accumulate) sums[i][j] = *(const vector *)(c + i * c_row + j * VECTOR);
      else sums[i][j] = (vector){0};
    }
  }
  for (long step = 0; step < steps; step++, a += MR, b += NR) {
    vector row[NV];
#pragma GCC unroll 3
    for (int j = 0; j < NV; j++) row[j] = *(const vector *)(b + j * VECTOR);
#pragma GCC unroll 12
    for (int i = 0; i < MR; i++) {
#pragma GCC unroll 3
      for (int j = 0; j < NV; j++) {
#if defined(__AVX512BF16__)
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
  for (int i = 0; i < MR; i++) {
#pragma GCC unroll 3
    for (int j = 0; j < NV; j++) *(vector *)(c + i * c_row + j * VECTOR) = sums[i][j];
  }
}

// Out of line, so that each is compiled once.
static void multiply_tile_f32(const uint32_t *restrict a, const uint32_t *restrict b, float *restrict c, long c_row, long steps, int accumulate) {
  multiply_tile(a, b, c, c_row, steps, accumulate, 0);
}
static void multiply_tile_bf16(const uint32_t *restrict a, const uint32_t *restrict b, float *restrict c, long c_row, long steps, int accumulate) {
  multiply_tile(a, b, c, c_row, steps, accumulate, 1);
}
