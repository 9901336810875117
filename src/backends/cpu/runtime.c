// Arithmetic that every printed kernel shares.
// GCC 12 moves the store of a lane behind the SVE load that adds the lanes up: a marked sum of three numbers was that of two.
#if defined(__ARM_FEATURE_SVE)
#pragma GCC target("+nosve")
#endif
#include <stdint.h>
#include <string.h>

// Of <math.h> by the names that compilers have for it: reading the header takes longer than all that stands below.
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")

typedef uint16_t bf16;
#define inlined static inline __attribute__((always_inline))

inlined float float_of_bits(uint32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
inlined uint32_t bits_of_float(float x) { uint32_t bits; memcpy(&bits, &x, 4); return bits; }
inlined float bf16_to_f32(bf16 x) { return float_of_bits((uint32_t)x << 16); }
// Nearest, ties to even. Infinities pass through; a NaN stays one.
inlined bf16 f32_to_bf16(float x) {
  uint32_t bits = bits_of_float(x);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (bf16)rounded;
}

// Vectors, whatever the processor's: a compiler cuts what is too long.
typedef float lanes_16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef float lanes_8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float lanes_4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef uint16_t rounded_16 __attribute__((vector_size(32), aligned(2), may_alias));

#if defined(__AVX512BF16__)
// The instruction by its name, because reading the header that has a function for it takes a third of a second.
inlined rounded_16 round_lanes(lanes_16 x) {
  rounded_16 rounded;
  __asm__("vcvtneps2bf16 %1, %0" : "=v"(rounded) : "v"(x));
  return rounded;
}
#endif
// A row as f32_to_bf16 rounds it, by the processor's own instruction where it has one; that one takes numbers below 2^-126 for zero.
inlined void round_row(bf16 *restrict to, const float *restrict from, long count) {
#if defined(__AVX512BF16__)
  long i = 0;
  for (; i + 16 <= count; i += 16) *(rounded_16 *)(to + i) = round_lanes(*(const lanes_16 *)(from + i));
  if (i == count) return;
  lanes_16 rest = {0};
  memcpy(&rest, from + i, (size_t)(count - i) * 4);
  const rounded_16 rounded = round_lanes(rest);
  memcpy(to + i, &rounded, (size_t)(count - i) * 2);
#else
  for (long i = 0; i < count; i++) to[i] = f32_to_bf16(from[i]);
#endif
}

// Asks memory for as many bytes, a little behind these.
inlined void fetch_behind(const void *from, long bytes) {
  for (long at = 0; at < bytes; at += 64) __builtin_prefetch((const char *)from + 2048 + at);
}

// Adds rows of values to those rows of a table that they are for, of which begin to end are this thread's. Which values these are is found
// first, so that the next ones are asked of memory while one is added.
inlined void add_rows(float *restrict table, const float *restrict values, const int32_t *restrict rows, long count, long columns, long begin, long end) {
  enum { MOST = 2048, AHEAD = 3 };
  int32_t own[MOST];
  for (long first = 0; first < count; first += MOST) {
    const long last = first + MOST < count ? first + MOST : count;
    long found = 0;
    for (long n = first; n < last; n++) {
      own[found] = (int32_t)n;
      found += rows[n] >= begin && rows[n] < end;
    }
    for (long i = 0; i < found; i++) {
      if (i + AHEAD < found)
        for (long c = 0; c < columns; c += 16) __builtin_prefetch(values + own[i + AHEAD] * columns + c);
      const float *restrict from = values + own[i] * columns;
      float *restrict to = table + rows[own[i]] * columns;
      for (long c = 0; c < columns; c++) to[c] += from[c];
    }
  }
}

// What the 64 lanes of a row's sum are together, half to half: compilers add up the lanes of a reduction one after another.
inlined float sum_lanes(const float *lanes) {
  const lanes_16 *quarters = (const lanes_16 *)lanes;
  const lanes_16 sixteen = (quarters[0] + quarters[1]) + (quarters[2] + quarters[3]);
  const lanes_8 *halves = (const lanes_8 *)&sixteen;
  const lanes_8 eight = halves[0] + halves[1];
  const lanes_4 *fours = (const lanes_4 *)&eight;
  const lanes_4 four = fours[0] + fours[1];
  return (four[0] + four[2]) + (four[1] + four[3]);
}
#define HALVE(count) \
  for (int i = 0; i < count; i++) lanes[i] = lanes[i] > lanes[i + count] ? lanes[i] : lanes[i + count];
inlined float max_lanes(float *lanes) {
  HALVE(32)
  HALVE(16)
  HALVE(8)
  HALVE(4)
  HALVE(2)
  HALVE(1)
  return lanes[0];
}

// The bf16 of an f32 that holds a bf16 number.
inlined bf16 high_half(float x) { return (bf16)(bits_of_float(x) >> 16); }

// exp by 2^n · p(r), |r| ≤ ln 2 / 2, p of degree 6 (Taylor): relative error below 2e-7, between the two ends of f32; beyond them it
// means nothing. n is found by adding 1.5 · 2^23, which leaves it in the lowest bits of the sum: shifted, they are what the exponent grows by.
#define EXP_LOWEST -87.33f
#define EXP_HIGHEST 88.7228394f
inlined float exp_in_range(float x) {
  const float sum = x * 1.44269504f + 12582912.0f, n = sum - 12582912.0f;
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.3888889e-3f;
  p = p * r + 8.3333333e-3f;
  p = p * r + 4.1666667e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return float_of_bits(bits_of_float(p) + (bits_of_float(sum) << 23));
}
// exp of a number that is not above 0. Below -87.33 the result is 0.
inlined float exp_below_zero(float x) {
  const float result = exp_in_range(x);
  return x < EXP_LOWEST ? 0.0f : result;
}
// What is not in the range is chosen last, not clamped first: a compiler makes half as many instructions of it.
inlined float exp_f32(float x) {
  const float result = exp_below_zero(x);
  return x <= EXP_HIGHEST ? result : x + INFINITY;
}
// erf by a rational function of x² on [-4, 4] (the approximation Eigen and XLA use): error below 4e-7. A NaN stays one.
inlined float erf_f32(float x) {
  float y = x > 4.0f ? 4.0f : x;
  y = y < -4.0f ? -4.0f : y;
  float s = y * y;
  float p = -2.72614225801306e-10f;
  p = p * s + 2.77068142495902e-08f;
  p = p * s + -2.10102402082508e-06f;
  p = p * s + -5.69250639462346e-05f;
  p = p * s + -7.34990630326855e-04f;
  p = p * s + -2.95459980854025e-03f;
  p = p * s + -1.60960333262415e-02f;
  float q = -1.45660718464996e-05f;
  q = q * s + -2.13374055278905e-04f;
  q = q * s + -1.68282697438203e-03f;
  q = q * s + -7.37332916720468e-03f;
  q = q * s + -1.42647390514189e-02f;
  return y * p / q;
}
// tanh by exp; near zero by its series, where the quotient would cancel. Absolute error below 3e-7.
inlined float tanh_f32(float x) {
  float size = __builtin_fabsf(x), t = exp_f32(-2.0f * size), s = x * x;
  float large = __builtin_copysignf((1.0f - t) / (1.0f + t), x);
  float small = x * (1.0f + s * (-0.333333333f + s * (0.133333333f + s * -0.053968254f)));
  return size < 0.2f ? small : large;
}
inlined float log_f32(float x) { return __builtin_logf(x); }
inlined float sqrt_f32(float x) { return __builtin_sqrtf(x); }
inlined float rsqrt_f32(float x) { return 1.0f / __builtin_sqrtf(x); }
inlined float sin_f32(float x) { return __builtin_sinf(x); }
inlined float cos_f32(float x) { return __builtin_cosf(x); }

// Philox-4x32-10, the word of this flat index: the same numbers as base/random.ts.
inlined uint32_t random_bits(uint32_t seed, uint32_t stream, uint32_t index) {
  uint32_t c0 = index / 4, c1 = stream, c2 = 0, c3 = 0, k0 = seed, k1 = 0;
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xd2511f53u * c0, p1 = (uint64_t)0xcd9e8d57u * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  uint32_t word = index % 4;
  return word == 0 ? c0 : word == 1 ? c1 : word == 2 ? c2 : c3;
}
