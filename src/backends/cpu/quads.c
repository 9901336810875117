// Quads of Arm's BFMMLA (Armv8.6: Graviton3, Neoverse V1 and later): two rows of four bf16 by two columns of four, added to a block of
// 2 × 2 f32. EMULATED_QUADS is plain C in their place, for tests where there are none.

typedef float block __attribute__((vector_size(16), aligned(4)));
typedef uint32_t quads __attribute__((vector_size(16), aligned(4)));

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC) && !defined(EMULATED_QUADS)
#define QUADS_MULTIPLY 1
// Not of arm_neon.h, which takes the compiler longer to read than all kernels.
inlined block multiply_quads(block sums, quads rows, quads columns) {
  __asm__("bfmmla %0.4s, %1.8h, %2.8h" : "+w"(sums) : "w"(rows), "w"(columns));
  return sums;
}
#elif defined(EMULATED_QUADS)
#define QUADS_MULTIPLY 1
// A word is two depths; the products of each are added before they are added to what stands there.
static block multiply_quads(block sums, quads rows, quads columns) {
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      for (int word = 0; word < 2; word++) {
        const uint32_t a = rows[2 * i + word], b = columns[2 * j + word];
        sums[2 * i + j] += bf16_to_f32((bf16)a) * bf16_to_f32((bf16)b) + bf16_to_f32((bf16)(a >> 16)) * bf16_to_f32((bf16)(b >> 16));
      }
  return sums;
}
#else
#define QUADS_MULTIPLY 0
#endif
