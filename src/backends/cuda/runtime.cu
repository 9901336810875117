// Types and arithmetic that every printed kernel shares. Plain C as far as CUDA lets it be, and no header: NVRTC needs no include
// path, and a C compiler can read it too. bf16 and f16 are their bits; what arithmetic is done on is f32.

typedef unsigned short bf16;
typedef unsigned short f16;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef unsigned char uint8_t;

// N elements that are loaded or stored at once; alone in a register file, they are their elements.
#define VECTOR(T, N, BYTES) typedef struct __align__(BYTES) { T v[N]; } T##_x##N;
#define VECTORS(T, SIZE) VECTOR(T, 2, 2 * SIZE) VECTOR(T, 4, 4 * SIZE) VECTOR(T, 8, (SIZE == 4 ? 16 : 8 * SIZE))
VECTORS(float, 4)
VECTORS(bf16, 2)
VECTORS(f16, 2)
VECTORS(int32_t, 4)
VECTORS(uint32_t, 4)
VECTORS(uint8_t, 1)

#define inlined static __device__ __forceinline__
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fc00000)

inlined float bf16_to_f32(bf16 x) { return __uint_as_float((uint32_t)x << 16); }
// Nearest, ties to even. Infinities pass through; a NaN stays one.
inlined bf16 f32_to_bf16(float x) {
#if __CUDA_ARCH__ >= 800
  bf16 rounded;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(rounded) : "f"(x));
  return rounded;
#else
  const uint32_t bits = __float_as_uint(x);
  return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0 : (bf16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
#endif
}
// The bf16 of an f32 that holds a bf16 number.
inlined bf16 high_half(float x) { return (bf16)(__float_as_uint(x) >> 16); }

inlined float f16_to_f32(f16 x) {
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(x));
  return wide;
}
// Nearest, ties to even; from 65520 on infinity.
inlined f16 f32_to_f16(float x) {
  f16 rounded;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(rounded) : "f"(x));
  return rounded;
}

// What the products of this module read beside f32.
#ifdef PRODUCTS_READ_F16
typedef f16 narrow;
inlined float narrow_to_f32(narrow x) { return f16_to_f32(x); }
inlined narrow f32_to_narrow(float x) { return f32_to_f16(x); }
#else
typedef bf16 narrow;
inlined float narrow_to_f32(narrow x) { return bf16_to_f32(x); }
inlined narrow f32_to_narrow(float x) { return f32_to_bf16(x); }
#endif

#ifdef APPROXIMATE_EXPONENTIALS
// For programs whose products read bf16 or f16: within 2^-22 of 2^x (PTX ISA, ex2.approx), so 1e-5 of exp(x) at the ends of its range.
inlined float exp_f32(float x) {
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x * 1.4426950408889634f));
  return power;
}
// Within 5e-7 (Abramowitz & Stegun 1964, 7.1.26, which is within 1.5e-7 of erf; the exponential and the quotient are off by as much).
inlined float erf_f32(float x) {
  const float size = fabsf(x);
  float t;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(t) : "f"(1.0f + 0.3275911f * size));
  const float sum = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t;
  return copysignf(1.0f - sum * exp_f32(-size * size), x);
}
#else
inlined float exp_f32(float x) { return expf(x); }
inlined float erf_f32(float x) { return erff(x); }
#endif
inlined float log_f32(float x) { return logf(x); }
inlined float sqrt_f32(float x) { return sqrtf(x); }
inlined float rsqrt_f32(float x) { return rsqrtf(x); }
inlined float sin_f32(float x) { return sinf(x); }
inlined float cos_f32(float x) { return cosf(x); }
inlined float tanh_f32(float x) { return tanhf(x); }

// Sums and greatest numbers of a warp, then of a thread block of whole warps. Every thread gets the result, and the order of the
// additions is fixed. Each is called by all threads of its warp or block.
inlined float warp_sum(float x) {
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) x += __shfl_xor_sync(0xffffffffu, x, bits);
  return x;
}
inlined float warp_max(float x) {
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) {
    const float other = __shfl_xor_sync(0xffffffffu, x, bits);
    x = other > x ? other : x;
  }
  return x;
}
// What warp w brought, in lane w of every warp; `rest` in the lanes beyond.
inlined float spread_warps(float x, float rest) {
  __shared__ float of_warp[32];
  __syncthreads(); // what stood there before has been read
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
  __syncthreads();
  return threadIdx.x % 32 < blockDim.x / 32 ? of_warp[threadIdx.x % 32] : rest;
}
inlined float block_sum(float x) { return warp_sum(spread_warps(warp_sum(x), 0.0f)); }
inlined float block_max(float x) { return warp_max(spread_warps(warp_max(x), -INFINITY)); }

// Philox-4x32-10, the word of this flat index: the same numbers as base/random.ts.
inlined uint32_t random_bits(uint32_t seed, uint32_t stream, uint32_t index) {
  uint32_t c0 = index / 4, c1 = stream, c2 = 0, c3 = 0, k0 = seed, k1 = 0;
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const uint32_t high0 = __umulhi(0xd2511f53u, c0), low0 = 0xd2511f53u * c0;
    const uint32_t high1 = __umulhi(0xcd9e8d57u, c2), low1 = 0xcd9e8d57u * c2;
    c0 = high1 ^ c1 ^ k0;
    c2 = high0 ^ c3 ^ k1;
    c1 = low1;
    c3 = low0;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  const uint32_t word = index % 4;
  return word == 0 ? c0 : word == 1 ? c1 : word == 2 ? c2 : c3;
}
