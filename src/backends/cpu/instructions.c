// Instructions by their names: reading immintrin.h, which has a function for each, takes the compiler longer than most of what stands on them.
// Memory that a mask leaves out is neither read nor written.

#if defined(__AVX512F__)
typedef uint32_t words_16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t words_4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef uint16_t mask;

inlined void store_masked(uint32_t *to, mask kept, words_16 x) { __asm__("vmovdqu32 %1, %0%{%2%}" : "+m"(*(words_16 *)to) : "v"(x), "Yk"(kept)); }
// Past the caches; `to` lies at a multiple of 64 bytes.
inlined void store_past_caches(float *to, lanes_16 x) { __asm__("vmovntps %1, %0" : "=m"(*(lanes_16 *)to) : "v"(x)); }
inlined words_16 load_quarter(const uint32_t *from) {
  words_16 x;
  __asm__("vmovdqu %1, %x0" : "=x"(x) : "m"(*(const words_4 *)from));
  return x;
}
#define load_next_quarter(x, quarter, from) __asm__("vinserti32x4 $" #quarter ", %1, %0, %0" : "+v"(x) : "m"(*(const words_4 *)(from)))
#endif

#if defined(__AVX512BF16__)
inlined lanes_16 load_masked(mask here, const float *from) {
  lanes_16 x;
  __asm__("vmovups %1, %0%{%2%}%{z%}" : "=v"(x) : "m"(*(const lanes_16 *)from), "Yk"(here));
  return x;
}
inlined rounded_16 load_rounded_masked(mask here, const bf16 *from) {
  rounded_16 x;
  __asm__("vmovdqu16 %1, %0%{%2%}%{z%}" : "=v"(x) : "m"(*(const rounded_16 *)from), "Yk"(here));
  return x;
}
// 32 numbers as bf16.
inlined words_16 round_32(const float *from) {
  words_16 all;
  __asm__("vcvtne2ps2bf16 %1, %2, %0" : "=v"(all) : "m"(*(const lanes_16 *)from), "v"(*(const lanes_16 *)(from + 16)));
  return all;
}
// Each lane the sum of two products and what stood there.
inlined lanes_16 multiply_pairs(lanes_16 sums, words_16 a, words_16 b) {
  __asm__("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
  return sums;
}
#endif
