// The instructions that attention on tensor cores is made of, for both narrow types and every generation that has them: f16 from
// compute capability 7.5 on, bf16 from 8.0. A pair of narrow numbers is a word, the first one its lower half.

#if __CUDA_ARCH__ >= 800 || (__CUDA_ARCH__ >= 750 && defined(PRODUCTS_READ_F16))
#define TENSOR_CORES 1

static __device__ __forceinline__ void load_matrices(unsigned r[4], const narrow *row) {
  const unsigned address = (unsigned)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}

static __device__ __forceinline__ void load_matrices_transposed(unsigned r[4], const narrow *row) {
  const unsigned address = (unsigned)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}

#ifdef PRODUCTS_READ_F16
// sums (16 rows, 8 columns) += a (16, 16) · b (16, 8).
static __device__ __forceinline__ void multiply_add(float sums[4], const unsigned a[4], unsigned b0, unsigned b1) {
#if __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
    : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
    : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3]) : "r"(a[0]), "r"(a[1]), "r"(b0));
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
    : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3]) : "r"(a[2]), "r"(a[3]), "r"(b1));
#endif
}

static __device__ __forceinline__ unsigned round_pair(float low, float high) {
#if __CUDA_ARCH__ >= 800
  unsigned pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#else
  return f32_to_f16(low) | (unsigned)f32_to_f16(high) << 16;
#endif
}

// The numbers of a pair.
static __device__ __forceinline__ float lower_of(unsigned pair) { return f16_to_f32((f16)pair); }
static __device__ __forceinline__ float upper_of(unsigned pair) { return f16_to_f32((f16)(pair >> 16)); }
#else
// sums (16 rows, 8 columns) += a (16, 16) · b (16, 8).
static __device__ __forceinline__ void multiply_add(float sums[4], const unsigned a[4], unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
    : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

static __device__ __forceinline__ unsigned round_pair(float low, float high) {
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

// The numbers of a pair.
static __device__ __forceinline__ float lower_of(unsigned pair) { return __uint_as_float(pair << 16); }
static __device__ __forceinline__ float upper_of(unsigned pair) { return __uint_as_float(pair & 0xffff0000u); }
#endif

static __device__ __forceinline__ float power_of_two(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

#if __CUDA_ARCH__ >= 800
// 16 bytes to shared memory, or 16 zero bytes.
static __device__ __forceinline__ void copy_chunk(narrow *to, const narrow *from, int bytes) {
  const unsigned address = (unsigned)__cvta_generic_to_shared(to);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(address), "l"(from), "r"(bytes) : "memory");
}

static __device__ __forceinline__ void wait_for_tiles(void) {
  asm volatile("cp.async.wait_all;" ::: "memory");
  __syncthreads();
}
#else
static __device__ __forceinline__ void copy_chunk(narrow *to, const narrow *from, int bytes) {
  const uint4 nothing = {0, 0, 0, 0};
  *(uint4 *)to = bytes == 0 ? nothing : *(const uint4 *)from;
}

static __device__ __forceinline__ void wait_for_tiles(void) { __syncthreads(); }
#endif
#endif
