// What the machine can do at most: `peak THREADS ROUNDS` prints a line of JSON for each of: f32 multiply-adds on registers,
// bf16 dot products on registers where the processor has them, and copying memory. Every loop's result is checked.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { VECTOR = 16 };
#elif defined(__AVX2__)
enum { VECTOR = 8 };
#else
enum { VECTOR = 4 };
#endif
typedef float vector __attribute__((vector_size(VECTOR * 4)));
// Makes the compiler believe that a register was changed, so that no two turns of a loop become one.
#if defined(__x86_64__)
#define KEEP(x) __asm__ volatile("" : "+v"(x))
#elif defined(__aarch64__)
#define KEEP(x) __asm__ volatile("" : "+w"(x))
#else
#define KEEP(x) __asm__ volatile("" : "+m"(x))
#endif

// Enough independent sums to hide the latency of an addition, few enough for 16 registers.
enum { SUMS = 12, TURNS = 1 << 23, MOST_THREADS = 256 };
static const size_t copy_bytes = (size_t)256 << 20;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "peak: wrong result: %s\n", what);
  exit(1);
}

// sum = sum · 1 + 1, TURNS times: exactly TURNS, as floats count to 2²⁴.
static void multiply_add(int thread) {
  (void)thread;
  volatile float one = 1;
  vector sums[SUMS]; // indexed by constants alone, so that they stay in registers
  vector factor, term;
  for (int i = 0; i < VECTOR; i++) factor[i] = one, term[i] = one;
#pragma GCC unroll 12
  for (int i = 0; i < SUMS; i++) sums[i] = (vector){0};
  for (long turn = 0; turn < TURNS; turn++) {
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) {
      sums[i] = sums[i] * factor + term;
      KEEP(sums[i]);
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < SUMS; i++) {
    vector last = sums[i];
    for (int j = 0; j < VECTOR; j++)
      if (last[j] != (float)TURNS) fail("f32");
  }
}

#ifdef __AVX512BF16__
// sum += 1 · 1 + 1 · 1 in every lane: exactly 2 · TURNS.
static void dot_bf16(int thread) {
  (void)thread;
  volatile uint32_t ones = 0x3f803f80;
  __m512bh a = (__m512bh)_mm512_set1_epi32((int)ones), b = (__m512bh)_mm512_set1_epi32((int)ones);
  __m512 sums[SUMS];
#pragma GCC unroll 12
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_setzero_ps();
  for (long turn = 0; turn < TURNS; turn++) {
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) {
      sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
      KEEP(sums[i]);
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < SUMS; i++) {
    __m512 last = sums[i];
    for (int j = 0; j < 16; j++)
      if (last[j] != 2.0f * TURNS) fail("bf16");
  }
}
#endif

static char *from[MOST_THREADS], *to[MOST_THREADS];
static void copy(int thread) { memcpy(to[thread], from[thread], copy_bytes); }

struct task { void (*work)(int); int thread; pthread_barrier_t *start; };
static void *serve(void *argument) {
  struct task *task = argument;
  pthread_barrier_wait(task->start);
  task->work(task->thread);
  return NULL;
}

// Seconds in which every thread does `work` once, from the moment all have started.
static double time_work(void (*work)(int), int threads) {
  pthread_t handles[MOST_THREADS];
  struct task tasks[MOST_THREADS];
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, (unsigned)threads);
  for (int i = 1; i < threads; i++) {
    tasks[i] = (struct task){work, i, &start};
    if (pthread_create(&handles[i], NULL, serve, &tasks[i]) != 0) fail("threads");
  }
  pthread_barrier_wait(&start);
  double begin = now();
  work(0);
  for (int i = 1; i < threads; i++) pthread_join(handles[i], NULL);
  pthread_barrier_destroy(&start);
  return now() - begin;
}

static int ascending(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

static void report(const char *name, const char *unit, double amount, void (*work)(int), int threads, int rounds) {
  double *seconds = calloc((size_t)rounds, sizeof *seconds);
  time_work(work, threads);
  for (int i = 0; i < rounds; i++) seconds[i] = time_work(work, threads);
  qsort(seconds, (size_t)rounds, sizeof *seconds, ascending);
  double median = (seconds[(rounds - 1) / 2] + seconds[rounds / 2]) / 2;
  printf("{\"name\": \"%s\", \"unit\": \"%s\", \"threads\": %d, \"median\": %.4g, \"best\": %.4g}\n", name, unit, threads,
         amount * threads / median, amount * threads / seconds[0]);
  fflush(stdout);
  free(seconds);
}

int main(int count, char **arguments) {
  int threads = count > 1 ? atoi(arguments[1]) : 1, rounds = count > 2 ? atoi(arguments[2]) : 5;
  if (threads < 1 || threads > MOST_THREADS || rounds < 1) return 2;
  char name[64];
  snprintf(name, sizeof name, "f32 multiply-add, %d-bit vectors", VECTOR * 32);
  report(name, "GFLOP/s", 2e-9 * VECTOR * SUMS * TURNS, multiply_add, threads, rounds);
#ifdef __AVX512BF16__
  report("bf16 dot product, 512-bit vectors", "GFLOP/s", 4e-9 * 16 * SUMS * TURNS, dot_bf16, threads, rounds);
#endif
  for (int i = 0; i < threads; i++) {
    from[i] = malloc(copy_bytes), to[i] = malloc(copy_bytes);
    if (from[i] == NULL || to[i] == NULL) return 3;
    memset(from[i], i + 1, copy_bytes), memset(to[i], 0, copy_bytes);
  }
  report("copy, bytes read and written", "GB/s", 2e-9 * (double)copy_bytes, copy, threads, rounds);
  for (int i = 0; i < threads; i++)
    if (memcmp(from[i], to[i], copy_bytes) != 0) fail("copy");
  return 0;
}
