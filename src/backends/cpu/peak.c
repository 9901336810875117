// The processor's peak, measured: multiply-adds of registers with nothing read or written between, of f32 or of pairs of
// bf16 as products use them. Each block is ROUNDS rounds of CHAINS independent chains, enough to hide an operation's latency.
#include <stdint.h>
#if defined(__AVX512BF16__)
#include <immintrin.h>
enum { PAIRS = 1 };
#else
enum { PAIRS = 0 };
#endif
#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
#if defined(__x86_64__)
#define REGISTER "x"
#else
#define REGISTER "w"
#endif
enum { CHAINS = 12, ROUNDS = 1000000 };
typedef float lanes __attribute__((vector_size(LANES * 4)));

// Floating-point operations of one block.
int64_t cram_peak_flops(int bf16) { return (int64_t)ROUNDS * CHAINS * LANES * (PAIRS && bf16 ? 4 : 2); }

static inline __attribute__((always_inline)) void measure(char *const *p, long begin, long end, int bf16) {
  for (long block = begin; block < end; block++) {
    lanes sums[CHAINS], factor = {0}, addend = {0};
    for (int i = 0; i < CHAINS; i++) sums[i] = (lanes){0} + (float)i;
    factor += 0.999f;
    addend += 0.001f;
    for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 12
      for (int i = 0; i < CHAINS; i++) {
#if defined(__AVX512BF16__)
        if (bf16) sums[i] = (lanes)_mm512_dpbf16_ps((__m512)sums[i], (__m512bh)factor, (__m512bh)addend);
        else
#endif
          sums[i] = sums[i] * factor + addend;
        __asm__ volatile("" : "+" REGISTER(sums[i]));
      }
    }
    lanes total = {0};
    for (int i = 0; i < CHAINS; i++) total += sums[i];
    for (int i = 0; i < LANES; i++) *(float *)p[0] += total[i];
  }
}

static void measure_f32(char *const *p, long begin, long end) { measure(p, begin, end, 0); }
static void measure_bf16(char *const *p, long begin, long end) { measure(p, begin, end, 1); }

uint64_t cram_peak_kernel(int bf16) { return (uint64_t)(uintptr_t)(bf16 ? measure_bf16 : measure_f32); }
