// The processor's peak, measured: multiply-adds of registers with nothing read or written between, of f32 or of pairs or quads of
// bf16 as products use them. Each block is some rounds of independent chains. How many hide an operation's latency and still fit into
// the registers differs between processors (12 fill a Zen 4, two thirds of a Zen 5's bf16), so the caller takes the best of several.
#include <stdint.h>
#if defined(TILES) && defined(__AMX_BF16__)
#define TILES_MULTIPLY 1
#else
#define TILES_MULTIPLY 0
#endif
#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#define QUADS_MULTIPLY 1
#else
#define QUADS_MULTIPLY 0
#endif
#if defined(__AVX512BF16__)
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
// Multiply-adds of a block, whether of 12 or of 24 chains.
enum { OPERATIONS = 12000000, MOST_CHAINS = 24 };
// Products of tiles (16 × 32 by 32 × 16) of a block, in six chains.
enum { TILE_OPERATIONS = 250000 };
typedef float lanes __attribute__((vector_size(LANES * 4)));

// Floating-point operations of one block.
int64_t cram_peak_flops(int bf16) {
  if (TILES_MULTIPLY && bf16) return (int64_t)TILE_OPERATIONS * 16 * 16 * 32 * 2;
  return (int64_t)OPERATIONS * LANES * (QUADS_MULTIPLY && bf16 ? 8 : PAIRS && bf16 ? 4 : 2);
}

static inline __attribute__((always_inline)) void measure(char *const *p, long begin, long end, int bf16, int chains) {
  for (long block = begin; block < end; block++) {
    lanes sums[MOST_CHAINS], factor = {0}, addend = {0};
#pragma GCC unroll 24
    for (int i = 0; i < chains; i++) sums[i] = (lanes){0} + (float)i;
    factor += 0.999f;
    addend += 0.001f;
    for (int round = 0; round < OPERATIONS / chains; round++) {
#pragma GCC unroll 24
      for (int i = 0; i < chains; i++) {
#if defined(__AVX512BF16__)
        if (bf16) __asm__ volatile("vdpbf16ps %2, %1, %0" : "+v"(sums[i]) : "v"(factor), "v"(addend));
        else
#elif QUADS_MULTIPLY
        if (bf16) __asm__ volatile("bfmmla %0.4s, %1.8h, %2.8h" : "+w"(sums[i]) : "w"(factor), "w"(addend));
        else
#endif
          sums[i] = sums[i] * factor + addend;
        __asm__ volatile("" : "+" REGISTER(sums[i]));
      }
    }
    lanes total = {0};
#pragma GCC unroll 24
    for (int i = 0; i < chains; i++) total += sums[i];
    for (int i = 0; i < LANES; i++) *(float *)p[0] += total[i];
  }
}

#define KERNEL(name, bf16, chains) \
  static void name(char *const *p, long begin, long end) { measure(p, begin, end, bf16, chains); }
KERNEL(f32_of_12, 0, 12)
KERNEL(f32_of_24, 0, 24)
KERNEL(bf16_of_12, 1, 12)
KERNEL(bf16_of_24, 1, 24)

#if TILES_MULTIPLY
static void bf16_of_tiles(char *const *p, long begin, long end) {
  struct { uint8_t palette, start_row, unused[14]; uint16_t row_bytes[16]; uint8_t rows[16]; } all = {.palette = 1};
  for (int i = 0; i < 8; i++) all.row_bytes[i] = 64, all.rows[i] = 16;
  __asm__ volatile("ldtilecfg %0" : : "m"(all));
#define ZERO(tile) __asm__ volatile("tilezero %%tmm" #tile : :);
#define MULTIPLY(tile) __asm__ volatile("tdpbf16ps %%tmm7, %%tmm6, %%tmm" #tile : :);
  ZERO(0) ZERO(1) ZERO(2) ZERO(3) ZERO(4) ZERO(5) ZERO(6) ZERO(7)
  for (long i = 0; i < (end - begin) * TILE_OPERATIONS / 6; i++) {
    MULTIPLY(0) MULTIPLY(1) MULTIPLY(2) MULTIPLY(3) MULTIPLY(4) MULTIPLY(5)
  }
  __asm__ volatile("tilerelease");
  (void)p;
}
#endif

uint64_t cram_peak_kernel(int bf16, int chains) {
#if TILES_MULTIPLY
  if (bf16) return (uint64_t)(uintptr_t)bf16_of_tiles;
#endif
  if (bf16) return (uint64_t)(uintptr_t)(chains == 12 ? bf16_of_12 : bf16_of_24);
  return (uint64_t)(uintptr_t)(chains == 12 ? f32_of_12 : f32_of_24);
}
