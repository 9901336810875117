// The processor's peak, measured: multiply-adds of registers with nothing read or written between. Each block is
// `repeats` rounds of CHAINS independent chains, enough to hide the latency of the multiply-add.
#include <stdint.h>
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
int64_t cram_peak_flops(void) { return (int64_t)ROUNDS * CHAINS * LANES * 2; }

static void measure(char *const *p, long begin, long end) {
  for (long block = begin; block < end; block++) {
    lanes sums[CHAINS], factor = {0}, addend = {0};
    for (int i = 0; i < CHAINS; i++) sums[i] = (lanes){0} + (float)i;
    factor += 0.999f;
    addend += 0.001f;
    for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 12
      for (int i = 0; i < CHAINS; i++) {
        sums[i] = sums[i] * factor + addend;
        __asm__ volatile("" : "+" REGISTER(sums[i]));
      }
    }
    lanes total = {0};
    for (int i = 0; i < CHAINS; i++) total += sums[i];
    for (int i = 0; i < LANES; i++) *(float *)p[0] += total[i];
  }
}

uint64_t cram_peak_kernel(void) { return (uint64_t)(uintptr_t)measure; }
