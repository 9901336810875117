// What the text of a CUDA module sees when gcc compiles it as C: the words of the language, the functions that need no header,
// and the PTX instructions that the project uses, each a function of its operands in the order of the instruction's text.
// Register layouts are those of the PTX ISA ("Matrix Fragments for mma.m16n8k8", "… mma.m16n8k16", "ldmatrix").
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O1")
#endif
#include <math.h>
#include <string.h>

#define CUDA_EMULATOR 1
#define __CUDA_ARCH__ (EMULATED_CAPABILITY * 10)
#define __global__ static
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __shared__ static __attribute__((section("cuda_shared")))
#undef INFINITY
#undef NAN
#undef M_PI

struct emulated_index { unsigned x, y, z; };
struct emulated_lane { unsigned words[12]; };
struct emulated_launch {
  void (*kernel)(void *const *pointers);
  void *const *pointers;
  unsigned grid, threads, shared_bytes;
  char *static_shared, *dynamic_shared;
  unsigned long static_bytes, dynamic_bytes;
  int order;
  unsigned seed;
};
// The thread that runs now, and what scheduler.c does for it.
struct emulator {
  struct emulated_index thread, block, threads, grid;
  // Waits for the warp; each lane then reads what the others brought.
  const struct emulated_lane *(*exchange)(unsigned mask, const void *own, unsigned bytes, int line);
  void (*wait_for_block)(int line);
  void (*fail)(const char *format, ...) __attribute__((noreturn));
  // Copies to shared memory happen when they are waited for.
  void (*copy_later)(void *to, const void *from, unsigned bytes);
  void (*commit_copies)(void);
  void (*wait_for_copies)(unsigned groups_left);
  int (*launch)(const struct emulated_launch *launch);
};
static struct emulator *emulator;

#define threadIdx (emulator->thread)
#define blockIdx (emulator->block)
#define blockDim (emulator->threads)
#define gridDim (emulator->grid)
#define warpSize 32
#define emulated_own_lane (emulator->thread.x & 31u)

#define __syncthreads() emulator->wait_for_block(__LINE__)
#define __syncwarp(...) ((void)emulator->exchange(0xffffffffu, "", 0, __LINE__))
#define __threadfence() ((void)0)
#define __threadfence_block() ((void)0)

// A shuffle of any 32-bit value; the source lane is taken within groups of `width` lanes.
#define emulated_shuffle(mask, value, lane_expression) ({ \
  const __typeof__(value) emulated_mine = (value); \
  _Static_assert(sizeof emulated_mine == 4, "a shuffle moves 32 bits"); \
  const struct emulated_lane *emulated_all = emulator->exchange(mask, &emulated_mine, 4, __LINE__); \
  const unsigned emulated_lane_number = emulated_own_lane; \
  __typeof__(value) emulated_theirs; \
  memcpy(&emulated_theirs, &emulated_all[emulated_source(lane_expression, emulated_lane_number)], 4); \
  emulated_theirs; })
static inline unsigned emulated_source(int lane, unsigned own) { return lane < 0 || lane > 31 ? own : (unsigned)lane; }
static inline int emulated_within(int lane, int own, int width) {
  return lane / width == own / width && lane >= 0 ? lane : own;
}
#define emulated_width(a, width, ...) width
#define __shfl_sync(mask, value, lane, ...) emulated_shuffle(mask, value, \
  (int)(emulated_own_lane & ~(emulated_width(0, ##__VA_ARGS__, 32) - 1)) + ((lane) & (emulated_width(0, ##__VA_ARGS__, 32) - 1)))
#define __shfl_xor_sync(mask, value, bits, ...) emulated_shuffle(mask, value, \
  emulated_within((int)emulated_own_lane ^ (bits), (int)emulated_own_lane, emulated_width(0, ##__VA_ARGS__, 32)))
#define __shfl_down_sync(mask, value, delta, ...) emulated_shuffle(mask, value, \
  emulated_within((int)emulated_own_lane + (int)(delta), (int)emulated_own_lane, emulated_width(0, ##__VA_ARGS__, 32)))
#define __shfl_up_sync(mask, value, delta, ...) emulated_shuffle(mask, value, \
  emulated_within((int)emulated_own_lane - (int)(delta), (int)emulated_own_lane, emulated_width(0, ##__VA_ARGS__, 32)))
#define __ballot_sync(mask, predicate) ({ \
  const unsigned emulated_mine = (predicate) ? 1u : 0u; \
  const struct emulated_lane *emulated_all = emulator->exchange(mask, &emulated_mine, 4, __LINE__); \
  unsigned emulated_bits = 0; \
  for (int emulated_i = 0; emulated_i < 32; emulated_i++) emulated_bits |= (emulated_all[emulated_i].words[0] & 1u) << emulated_i; \
  emulated_bits & (mask); })
#define __any_sync(mask, predicate) (__ballot_sync(mask, predicate) != 0u)
#define __all_sync(mask, predicate) (__ballot_sync(mask, !(predicate)) == 0u)

#define atomicAdd(address, value) ({ \
  __typeof__(*(address)) emulated_old = *(address); \
  *(address) = emulated_old + (value); \
  emulated_old; })
#define atomicMax(address, value) ({ \
  __typeof__(*(address)) emulated_old = *(address), emulated_new = (value); \
  if (emulated_new > emulated_old) *(address) = emulated_new; \
  emulated_old; })

static inline float __uint_as_float(unsigned bits) { float x; memcpy(&x, &bits, 4); return x; }
static inline unsigned __float_as_uint(float x) { unsigned bits; memcpy(&bits, &x, 4); return bits; }
static inline float __int_as_float(int bits) { return __uint_as_float((unsigned)bits); }
static inline int __float_as_int(float x) { return (int)__float_as_uint(x); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((unsigned long long)a * b) >> 32); }
static inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
static inline int __ffs(int bits) { return __builtin_ffs(bits); }
static inline int __clz(int bits) { return bits == 0 ? 32 : __builtin_clz((unsigned)bits); }
#define __expf(x) expf(x)
#define __logf(x) logf(x)
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __frcp_rn(float x) { return 1.0f / x; }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
#define __ldg(address) (*(address))

struct emulated_16_bytes { unsigned x, y, z, w; };
struct emulated_8_bytes { unsigned x, y; };
struct emulated_16_floats { float x, y, z, w; };
struct emulated_8_floats { float x, y; };
typedef struct emulated_16_bytes uint4 __attribute__((aligned(16)));
typedef struct emulated_8_bytes uint2 __attribute__((aligned(8)));
typedef struct emulated_16_floats float4 __attribute__((aligned(16)));
typedef struct emulated_8_floats float2 __attribute__((aligned(8)));
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return (uint4){x, y, z, w}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return (uint2){x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return (float4){x, y, z, w}; }
static inline float2 make_float2(float x, float y) { return (float2){x, y}; }

// Shared memory: the module's static arrays, and room for the launch's own bytes between two margins. Addresses in the shared
// window are distances from `emulated_dynamic`.
enum { EMULATED_MARGIN = 4096, EMULATED_MOST_SHARED = 227 * 1024 };
static char emulated_dynamic[EMULATED_MARGIN + EMULATED_MOST_SHARED + EMULATED_MARGIN] __attribute__((aligned(1024)));
static __attribute__((section("cuda_shared"), used)) char emulated_static_margin[64];
extern char __start_cuda_shared[] __attribute__((visibility("hidden"))), __stop_cuda_shared[] __attribute__((visibility("hidden")));
static unsigned emulated_shared_bytes;
#define emulated_shared (emulated_dynamic + EMULATED_MARGIN)

static inline unsigned long __cvta_generic_to_shared(const void *address) {
  return (unsigned long)(unsigned)((const char *)address - emulated_dynamic);
}
static inline char *emulated_shared_at(unsigned address, unsigned bytes, const char *what) {
  char *at = emulated_dynamic + (int)address;
  const int is_dynamic = at >= emulated_shared && at + bytes <= emulated_shared + emulated_shared_bytes;
  const int is_static = at >= __start_cuda_shared && at + bytes <= __stop_cuda_shared;
  if (!is_dynamic && !is_static) emulator->fail("%s: shared address %d is outside shared memory", what, (int)(at - emulated_shared));
  if (address % bytes != 0) emulator->fail("%s: shared address %d is not a multiple of %u", what, (int)(at - emulated_shared), bytes);
  return at;
}

// What the compiler calls where its checks fail: a GPU refuses an access whose address is not a multiple of its size.
struct emulated_place { const char *file; unsigned line, column; };
struct emulated_type { unsigned short kind, info; char name[]; };
struct emulated_mismatch { struct emulated_place place; const struct emulated_type *type; unsigned char alignment, access; };
struct emulated_bounds { struct emulated_place place; const struct emulated_type *array, *index; };
void __ubsan_handle_type_mismatch_v1(const struct emulated_mismatch *what, unsigned long address) {
  emulator->fail("line %u: %s at an address that is not a multiple of %u", what->place.line, what->type->name, 1u << what->alignment);
}
void __ubsan_handle_out_of_bounds(const struct emulated_bounds *what, unsigned long index) {
  emulator->fail("line %u: index %ld of %s", what->place.line, (long)index, what->array->name);
}

static inline float emulated_from_bf16(unsigned short bits) { return __uint_as_float((unsigned)bits << 16); }
static inline unsigned short emulated_to_bf16(float x) {
  const unsigned bits = __float_as_uint(x);
  return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fff : (unsigned short)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
static inline float emulated_from_f16(unsigned short bits) {
  const unsigned size = bits & 0x7fffu;
  // The exponent's bias is 112 less; what has its largest is an infinity or none.
  const float x = __uint_as_float(size << 13) * 0x1p112f;
  return __uint_as_float(__float_as_uint(x) | (bits & 0x8000u) << 16 | (size >= 0x7c00u ? 0x7f800000u : 0u));
}
static inline unsigned short emulated_to_f16(float x) {
  const unsigned bits = __float_as_uint(x), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return 0x7fff;
  if (size >= 0x477ff000u) return (unsigned short)(sign | 0x7c00u);
  // Subnormal: beside one half, an f32 ends where an f16 does, and the addition rounds.
  if (size < 0x38800000u) return (unsigned short)(sign | (__float_as_uint(__uint_as_float(size) + 0.5f) - 0x3f000000u));
  return (unsigned short)(sign | (size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13);
}
static inline float emulated_bf16_of(unsigned word, unsigned which) { return emulated_from_bf16((unsigned short)(which ? word >> 16 : word)); }
static inline float emulated_f16_of(unsigned word, unsigned which) { return emulated_from_f16((unsigned short)(which ? word >> 16 : word)); }

// Row and depth of the element: lane 4·g + t holds of a the rows g and g + 8, the columns 2t, 2t + 1 and those plus 8; of b the
// column g, the rows 2t, 2t + 1 and those plus 8; of c the rows g and g + 8, the columns 2t and 2t + 1.
#define emulated_mma_elements(type) \
  static inline float emulated_mma_##type(const struct emulated_lane *lanes, unsigned row, unsigned column, unsigned depth, float sum) { \
    for (unsigned k = 0; k < depth; k++) { \
      const unsigned t = k % 8 / 2, half = k & 1, high = k / 8; \
      const unsigned a = lanes[row % 8 * 4 + t].words[row / 8 + 2 * high]; \
      const unsigned b = lanes[column * 4 + t].words[4 + high]; \
      sum += emulated_##type##_of(a, half) * emulated_##type##_of(b, half); \
    } \
    return sum; \
  }
emulated_mma_elements(bf16)
emulated_mma_elements(f16)
#define emulated_mma(type, depth, d0, d1, d2, d3, a0, a1, a2, a3, b0, b1, c0, c1, c2, c3) do { \
  const unsigned emulated_mine[6] = {a0, a1, a2, a3, b0, b1}; \
  const float emulated_c[4] = {c0, c1, c2, c3}; \
  const struct emulated_lane *emulated_all = emulator->exchange(0xffffffffu, emulated_mine, 24, __LINE__); \
  const unsigned emulated_row = emulated_own_lane / 4, emulated_column = emulated_own_lane % 4 * 2; \
  d0 = emulated_mma_##type(emulated_all, emulated_row, emulated_column, depth, emulated_c[0]); \
  d1 = emulated_mma_##type(emulated_all, emulated_row, emulated_column + 1, depth, emulated_c[1]); \
  d2 = emulated_mma_##type(emulated_all, emulated_row + 8, emulated_column, depth, emulated_c[2]); \
  d3 = emulated_mma_##type(emulated_all, emulated_row + 8, emulated_column + 1, depth, emulated_c[3]); \
} while (0)
#define ptx_mma_sync_aligned_m16n8k16_row_col_f32_bf16_bf16_f32(...) emulated_mma(bf16, 16, __VA_ARGS__)
#define ptx_mma_sync_aligned_m16n8k16_row_col_f32_f16_f16_f32(...) emulated_mma(f16, 16, __VA_ARGS__)
#define ptx_mma_sync_aligned_m16n8k8_row_col_f32_f16_f16_f32(d0, d1, d2, d3, a0, a1, b0, c0, c1, c2, c3) \
  emulated_mma(f16, 8, d0, d1, d2, d3, a0, a1, 0, 0, b0, 0, c0, c1, c2, c3)

// Lanes 8i to 8i + 7 bring the addresses of the rows of matrix i. Lane 4·g + t gets the elements 2t and 2t + 1 of row g, or,
// transposed, of column g.
static inline unsigned emulated_matrix_word(const struct emulated_lane *lanes, unsigned matrix, unsigned lane, int transposed) {
  const unsigned g = lane / 4, t = lane % 4;
  unsigned short pair[2];
  for (unsigned half = 0; half < 2; half++) {
    const unsigned row = transposed ? 2 * t + half : g, column = transposed ? g : 2 * t + half;
    memcpy(&pair[half], emulated_shared_at(lanes[matrix * 8 + row].words[0], 16, "ldmatrix") + 2 * column, 2);
  }
  return pair[0] | (unsigned)pair[1] << 16;
}
#define emulated_ldmatrix(address, transposed, stores) do { \
  const unsigned emulated_mine = (unsigned)(address); \
  const struct emulated_lane *emulated_all = emulator->exchange(0xffffffffu, &emulated_mine, 4, __LINE__); \
  const unsigned emulated_lane_number = emulated_own_lane; \
  const int emulated_transposed = transposed; \
  stores \
} while (0)
#define emulated_matrix(i) emulated_matrix_word(emulated_all, i, emulated_lane_number, emulated_transposed)
#define ptx_ldmatrix_sync_aligned_m8n8_x4_shared_b16(r0, r1, r2, r3, address) emulated_ldmatrix(address, 0, \
  r0 = emulated_matrix(0); r1 = emulated_matrix(1); r2 = emulated_matrix(2); r3 = emulated_matrix(3);)
#define ptx_ldmatrix_sync_aligned_m8n8_x4_trans_shared_b16(r0, r1, r2, r3, address) emulated_ldmatrix(address, 1, \
  r0 = emulated_matrix(0); r1 = emulated_matrix(1); r2 = emulated_matrix(2); r3 = emulated_matrix(3);)
#define ptx_ldmatrix_sync_aligned_m8n8_x2_shared_b16(r0, r1, address) emulated_ldmatrix(address, 0, \
  r0 = emulated_matrix(0); r1 = emulated_matrix(1);)
#define ptx_ldmatrix_sync_aligned_m8n8_x2_trans_shared_b16(r0, r1, address) emulated_ldmatrix(address, 1, \
  r0 = emulated_matrix(0); r1 = emulated_matrix(1);)

// The first source is the upper half of the result.
#define ptx_cvt_rn_bf16x2_f32(d, upper, lower) (d = emulated_to_bf16(lower) | (unsigned)emulated_to_bf16(upper) << 16)
#define ptx_cvt_rn_bf16_f32(d, x) (d = emulated_to_bf16(x))
#define ptx_cvt_rn_f16x2_f32(d, upper, lower) (d = emulated_to_f16(lower) | (unsigned)emulated_to_f16(upper) << 16)
#define ptx_cvt_rn_f16_f32(d, x) (d = emulated_to_f16(x))
#define ptx_cvt_f32_f16(d, x) (d = emulated_from_f16(x))
// As far off as the PTX ISA lets a device be: two units of the last place for 2^x, one for 1 / x, either way by the bits of x.
static inline float emulated_off(float exact, float x, int most) {
  const unsigned bits = __float_as_uint(exact), drawn = __float_as_uint(x) * 2654435761u >> 16;
  if ((bits & 0x7f800000u) == 0 || (bits & 0x7f800000u) == 0x7f800000u) return (bits & 0x7f800000u) == 0 ? 0.0f : exact;
  return __uint_as_float(bits + drawn % (2 * most + 1) - most);
}
static inline float emulated_ex2(float x) { return emulated_off(exp2f(x), x, 2); }
#define ptx_ex2_approx_ftz_f32(d, x) (d = emulated_ex2(x))
#define ptx_ex2_approx_f32(d, x) (d = emulated_ex2(x))
#define ptx_rcp_approx_ftz_f32(d, x) (d = emulated_off(1.0f / (x), x, 1))
#define ptx_rsqrt_approx_ftz_f32(d, x) (d = 1.0f / sqrtf(x))
#define ptx_tanh_approx_f32(d, x) (d = tanhf(x))

// With a size of the source, the rest of the 16 bytes becomes 0.
static inline void emulated_copy(unsigned to, const void *from, unsigned bytes, unsigned given) {
  if ((unsigned long)from % bytes != 0) emulator->fail("cp.async: the source is not at a multiple of %u bytes", bytes);
  char *at = emulated_shared_at(to, bytes, "cp.async");
  if (given > bytes) emulator->fail("cp.async: %u of %u bytes", given, bytes);
  if (given < bytes) memset(at + given, 0, bytes - given);
  if (given > 0) emulator->copy_later(at, from, given);
}
#define emulated_copy_sized(to, from, bytes, given, ...) emulated_copy((unsigned)(to), (const void *)(from), bytes, given)
#define ptx_cp_async_cg_shared_global(to, from, bytes, ...) emulated_copy_sized(to, from, bytes, ##__VA_ARGS__, bytes)
#define ptx_cp_async_ca_shared_global(to, from, bytes, ...) emulated_copy_sized(to, from, bytes, ##__VA_ARGS__, bytes)
#define ptx_cp_async_commit_group() emulator->commit_copies()
#define ptx_cp_async_wait_group(left) emulator->wait_for_copies(left)
#define ptx_cp_async_wait_all() (emulator->commit_copies(), emulator->wait_for_copies(0))
