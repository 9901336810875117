// The thread pool: launches run one after another on all threads, blocks of a launch in any order. Built once, apart
// from the kernels, so every program of a process shares the threads.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

typedef void (*kernel_function)(char *const *pointers, long begin, long end);
struct launch {
  kernel_function kernel;
  char *const *pointers;
  int64_t blocks, grain;
  double seconds; // summed over runs when timed
};

static struct {
  int threads;
  pthread_t *handles;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  uint64_t generation;
  int stopping;
  struct launch *launches;
  int64_t count;
  int timed;
  _Atomic int64_t next;          // first block nobody has taken
  _Atomic int arrived;           // threads at the barrier
  _Atomic uint64_t phase;        // barriers passed
} pool;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Everyone waits for everyone; the last to arrive makes the next launch's blocks available. Spins for a moment, as
// launches are short, and yields the processor where another program needs it.
static void pass_barrier(void) {
  uint64_t phase = atomic_load(&pool.phase);
  if (atomic_fetch_add(&pool.arrived, 1) == pool.threads - 1) {
    atomic_store(&pool.arrived, 0);
    atomic_store(&pool.next, 0);
    atomic_fetch_add(&pool.phase, 1);
    return;
  }
  for (int spins = 0; atomic_load_explicit(&pool.phase, memory_order_acquire) == phase; spins++) {
    if (spins > 2000) sched_yield();
    else __asm__ volatile("" ::: "memory");
  }
}

// Takes its program as arguments: once past the last barrier, the pool's fields may already be the next program's.
static void run_launches(struct launch *launches, int64_t count, int timed, int is_first, double start) {
  for (int64_t i = 0; i < count; i++) {
    struct launch *launch = &launches[i];
    for (;;) {
      int64_t begin = atomic_fetch_add(&pool.next, launch->grain);
      if (begin >= launch->blocks) break;
      int64_t end = begin + launch->grain < launch->blocks ? begin + launch->grain : launch->blocks;
      launch->kernel(launch->pointers, begin, end);
    }
    pass_barrier();
    if (timed && is_first) {
      double end = now();
      launch->seconds += end - start;
      start = end;
    }
  }
}

static void *serve(void *unused) {
  (void)unused;
  uint64_t seen = 0;
  for (;;) {
    pthread_mutex_lock(&pool.lock);
    while (pool.generation == seen && !pool.stopping) pthread_cond_wait(&pool.wake, &pool.lock);
    seen = pool.generation;
    int stopping = pool.stopping;
    struct launch *launches = pool.launches;
    int64_t count = pool.count;
    int timed = pool.timed;
    pthread_mutex_unlock(&pool.lock);
    if (stopping) return NULL;
    run_launches(launches, count, timed, 0, 0);
  }
}

// 0, or -1 when the system gives no more threads.
int cram_open(int threads) {
  pool.threads = 1;
  pool.stopping = 0;
  pool.generation = 0;
  pthread_mutex_init(&pool.lock, NULL);
  pthread_cond_init(&pool.wake, NULL);
  pool.handles = calloc((size_t)threads, sizeof *pool.handles);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 16 << 20);
  for (int i = 1; i < threads; i++) {
    if (pthread_create(&pool.handles[i], &attributes, serve, NULL) != 0) return -1;
    pool.threads++;
  }
  return 0;
}

void cram_close(void) {
  pthread_mutex_lock(&pool.lock);
  pool.stopping = 1;
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
  for (int i = 1; i < pool.threads; i++) pthread_join(pool.handles[i], NULL);
  free(pool.handles);
}

// Runs a program to its end. Called from one thread at a time.
void cram_run(struct launch *launches, int64_t count, int timed) {
  // Before the others wake: one that is fast may have done all the work when this thread gets its processor back.
  double start = timed ? now() : 0;
  pthread_mutex_lock(&pool.lock);
  pool.launches = launches;
  pool.count = count;
  pool.timed = timed;
  atomic_store(&pool.next, 0);
  pool.generation++;
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
  run_launches(launches, count, timed, 1, start);
}

// Zero-filled pages, given to the process as they are touched; 0 when there is not that much.
uint64_t cram_allocate(int64_t bytes) {
  void *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 0;
#if defined(MADV_HUGEPAGE)
  madvise(memory, (size_t)bytes, MADV_HUGEPAGE);
#endif
  return (uint64_t)(uintptr_t)memory;
}

void cram_free(uint64_t address, int64_t bytes) { munmap((void *)(uintptr_t)address, (size_t)bytes); }
void cram_write(uint64_t address, const void *values, int64_t bytes) { memcpy((void *)(uintptr_t)address, values, (size_t)bytes); }
void cram_read(void *values, uint64_t address, int64_t bytes) { memcpy(values, (const void *)(uintptr_t)address, (size_t)bytes); }
