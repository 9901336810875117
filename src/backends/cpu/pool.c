// The thread pool: the chunks of launches run on whichever threads have a processor, those of the oldest first. Built once, apart from
// the kernels, so every program of a process shares the threads. No thread waits for another but for a chunk that the other
// is computing: one that the system gives no processor holds up nobody. Who waits spins for a moment, as launches are short,
// and then sleeps in the kernel, so that another program's work does not stand behind it.
//
// A launch begins when those that it waits for are over, so a thread that finds no chunk left of one goes on with the next that waits for
// others: at the end of a launch one would wait for the other, and a launch of one chunk would be one thread's.
//
// The chunks of a launch are cut into as many parts as there are threads. A thread takes those of its own part, and of others' when
// it has none left: the rows that it reads are mostly those that it wrote a launch before, which its own cache has. A core that
// asks for a line which another has written waits longer than for one of memory.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

typedef void (*kernel_function)(char *const *pointers, long begin, long end);
struct launch {
  kernel_function kernel;
  char *const *pointers; // before them stands which launch of the process this is
  int64_t blocks, grain; // a chunk is so many blocks
  uint64_t after;        // bit i: it begins when the launch i + 1 before it is over; all that are LAUNCHES_AT_ONCE before it are
  double seconds;        // summed over runs when timed
};

// How long a waiting thread spins. Longer than most waits between launches, far shorter than a turn of the system's scheduler.
#define SPIN_SECONDS 200e-6
#define CHUNK_MASK 0xffffffffull

// What threads write at every chunk lies each on its own cache line: on one, each write would take the line from all who read.
#define OWN_LINE _Alignas(64)

struct part {
  OWN_LINE _Atomic uint64_t taken;
};

// A launch under way, at the place of its number.
struct place {
  // Its number above, its chunks below: of another number, it has not begun, or is over and its place another's.
  OWN_LINE _Atomic uint64_t ticket;
  struct launch *launch; // read by who holds a chunk
  // Of each part, one for a thread, the number of the last launch here of which somebody took a chunk, and below it how many were taken.
  struct part *parts;
  OWN_LINE _Atomic int64_t unfinished; // chunks that are not computed, taken or not
};

static struct {
  int threads;
  pthread_t *handles;
  struct place places[LAUNCHES_AT_ONCE];
  // The number of the oldest launch that is not over; what is so many behind it has not begun.
  OWN_LINE _Atomic uint64_t oldest;
  // Launches that ended, and nobody has looked yet which begin now. Who makes it other than zero looks for all.
  OWN_LINE _Atomic int64_t unseen;
  // Changes of what can be taken, twice their number, and in the lowest bit whether somebody sleeps until the next. One word: with
  // two, a sleeper could come between them and stay asleep.
  OWN_LINE _Atomic uint32_t changes;
  OWN_LINE _Atomic int stopping;
  // Of who looks.
  OWN_LINE struct launch *launches;
  uint64_t first, count; // the number of the first of them
  uint64_t ended;        // of them, and the program's beginning
  int timed;
  double start;
  _Atomic int running;
} pool;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void pause_processor(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#else
  __asm__ volatile("" ::: "memory");
#endif
}

#define ASLEEP 1u

#if defined(__linux__)
static void sleep_while(uint32_t value) {
  syscall(SYS_futex, &pool.changes, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void wake_sleepers(void) { syscall(SYS_futex, &pool.changes, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0); }
#else
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static void sleep_while(uint32_t value) {
  pthread_mutex_lock(&lock);
  while (atomic_load(&pool.changes) == value) pthread_cond_wait(&wake, &lock);
  pthread_mutex_unlock(&lock);
}
static void wake_sleepers(void) {
  pthread_mutex_lock(&lock);
  pthread_cond_broadcast(&wake);
  pthread_mutex_unlock(&lock);
}
#endif

static uint32_t read_changes(void) { return atomic_load(&pool.changes) & ~ASLEEP; }

static void wait_for_change(uint32_t seen) {
  double end = now() + SPIN_SECONDS;
  do {
    for (int i = 0; i < 32; i++) {
      if (read_changes() != seen) return;
      pause_processor();
    }
  } while (now() < end);
  for (;;) {
    uint32_t value = seen;
    if (!atomic_compare_exchange_strong(&pool.changes, &value, seen | ASLEEP) && value != (seen | ASLEEP)) return;
    sleep_while(seen | ASLEEP);
  }
}

static void announce_change(int wakes) {
  uint32_t old = atomic_load(&pool.changes);
  while (!atomic_compare_exchange_weak(&pool.changes, &old, (wakes ? old & ~ASLEEP : old) + 2)) continue;
  if (wakes && (old & ASLEEP)) wake_sleepers();
}

static struct place *place_of(uint64_t number) { return &pool.places[number % LAUNCHES_AT_ONCE]; }
static int has_begun(uint64_t number) { return atomic_load(&place_of(number)->ticket) >> 32 == (uint32_t)number; }
static int is_over(uint64_t number) { return has_begun(number) && atomic_load(&place_of(number)->unfinished) == 0; }

static int can_begin(uint64_t number, uint64_t oldest) {
  if (pool.timed) return number == oldest;
  const uint64_t after = pool.launches[number - pool.first].after;
  for (uint64_t i = 0; number - oldest > i; i++)
    if ((after >> i & 1) && !is_over(number - i - 1)) return 0;
  return 1;
}

// Returns the number of its chunks.
static uint64_t begin_launch(uint64_t number) {
  struct launch *launch = &pool.launches[number - pool.first];
  struct place *place = place_of(number);
  const uint64_t chunks = launch->blocks <= 0 ? 0 : (uint64_t)((launch->blocks + launch->grain - 1) / launch->grain);
  ((uint64_t *)(uintptr_t)launch->pointers)[-1] = number;
  place->launch = launch;
  atomic_store(&place->unfinished, (int64_t)chunks);
  atomic_store(&place->ticket, number << 32 | chunks);
  return chunks;
}

// Begins what can begin. By one thread at a time.
static void begin_launches(void) {
  const uint64_t end = pool.first + pool.count;
  uint64_t chunks = 0;
  for (int has_passed = 1; has_passed;) {
    uint64_t oldest = atomic_load(&pool.oldest);
    while (oldest != end && is_over(oldest)) oldest++;
    atomic_store(&pool.oldest, oldest);
    has_passed = 0;
    for (uint64_t number = oldest; number != end && number - oldest < LAUNCHES_AT_ONCE; number++) {
      if (has_begun(number) || !can_begin(number, oldest)) continue;
      const uint64_t own = begin_launch(number);
      chunks += own;
      // One of no blocks is over at once, and what waits for it begins.
      if (own == 0) has_passed = 1, pool.ended++;
    }
  }
  // A single chunk is for this thread, which takes it next.
  if (chunks > 0) announce_change(chunks > 1);
}

// A launch is over, or the program begins.
static void note_end(void) {
  if (atomic_fetch_add(&pool.unseen, 1) > 0) return;
  for (int64_t seen = 1; seen > 0;) {
    pool.ended += (uint64_t)seen;
    begin_launches();
    if (pool.ended > pool.count) {
      // Nobody will note another end, and the caller may begin the next program at once.
      atomic_store(&pool.unseen, 0);
      atomic_store(&pool.running, 0);
      announce_change(1);
      return;
    }
    seen = atomic_fetch_sub(&pool.unseen, seen) - seen;
  }
}

// The number of a chunk of this launch that nobody else computes; -1 when none is there to be taken.
static int64_t take_chunk_of(struct place *place, uint64_t ticket, int self) {
  const uint64_t number = ticket & ~CHUNK_MASK;
  const int64_t chunks = (int64_t)(ticket & CHUNK_MASK), parts = pool.threads;
  int64_t part = self;
  for (int64_t passed = 0; passed < parts;) {
    const int64_t first = chunks * part / parts, count = chunks * (part + 1) / parts - first;
    uint64_t taken = atomic_load(&place->parts[part].taken);
    // Read while the launch was under way, it is of this one or of one before. It changes before the launch ends, so a thread that
    // comes late takes nothing of a launch it does not know.
    if (atomic_load(&place->ticket) != ticket) return -1;
    const int64_t done = (taken & ~CHUNK_MASK) == number ? (int64_t)(taken & CHUNK_MASK) : 0;
    if (done == count) {
      part = part + 1 == parts ? 0 : part + 1;
      passed++;
    } else if (atomic_compare_exchange_strong(&place->parts[part].taken, &taken, number | (uint64_t)(done + 1))) {
      return first + done;
    }
  }
  return -1;
}

static void compute_chunk_of(struct place *place, int64_t chunk) {
  struct launch *launch = place->launch;
  int64_t begin = chunk * launch->grain;
  int64_t end = begin + launch->grain < launch->blocks ? begin + launch->grain : launch->blocks;
  launch->kernel(launch->pointers, begin, end);
  if (atomic_fetch_sub(&place->unfinished, 1) > 1) return;
  if (pool.timed) {
    double end = now();
    launch->seconds += end - pool.start;
    pool.start = end;
  }
  note_end();
}

// Computes a chunk; 0 when none is there to be taken.
static int compute_chunk(int self) {
  const uint64_t oldest = atomic_load(&pool.oldest);
  for (uint64_t number = oldest; number - oldest < LAUNCHES_AT_ONCE; number++) {
    struct place *place = place_of(number);
    const uint64_t ticket = atomic_load(&place->ticket);
    if (ticket >> 32 != (uint32_t)number) continue;
    const int64_t chunk = take_chunk_of(place, ticket, self);
    if (chunk < 0) continue;
    compute_chunk_of(place, chunk);
    return 1;
  }
  return 0;
}

static void *serve(void *number) {
  const int self = (int)(intptr_t)number;
  while (!atomic_load(&pool.stopping)) {
    uint32_t seen = read_changes();
    if (atomic_load(&pool.stopping)) break;
    if (!compute_chunk(self)) wait_for_change(seen);
  }
  return NULL;
}

// Whether kernels will multiply in AMX's tiles (tiles.c): the compiler knows them here, and the system lets this process use them, which it
// does where it is asked (Linux: arch_prctl 0x1023 for state 18).
int cram_allow_tiles(void) {
#if defined(__linux__) && defined(SYS_arch_prctl) && defined(__AMX_BF16__) && defined(__AVX512BF16__) && !defined(EMULATED_TILES) && !defined(EMULATED_QUADS)
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
  return 0;
#endif
}

void cram_close(void) {
  atomic_store(&pool.stopping, 1);
  announce_change(1);
  for (int i = 1; i < pool.threads; i++) pthread_join(pool.handles[i], NULL);
  free(pool.handles);
  free(pool.places[0].parts);
}

// 0, or -1 when the system gives no more threads.
int cram_open(int threads) {
  pool.threads = threads;
  atomic_store(&pool.stopping, 0);
  pool.handles = calloc((size_t)threads, sizeof *pool.handles);
  const size_t parts = (size_t)threads * LAUNCHES_AT_ONCE;
  struct part *all = aligned_alloc(_Alignof(struct part), parts * sizeof *all);
  memset(all, 0, parts * sizeof *all);
  for (int i = 0; i < LAUNCHES_AT_ONCE; i++) pool.places[i].parts = all + i * threads;
  // No launch has the number 0, which places have at first.
  if (atomic_load(&pool.oldest) == 0) atomic_store(&pool.oldest, 1);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 16 << 20);
  for (int i = 1; i < threads; i++) {
    if (pthread_create(&pool.handles[i], &attributes, serve, (void *)(intptr_t)i) == 0) continue;
    pool.threads = i;
    cram_close();
    return -1;
  }
  return 0;
}

// Runs a program to its end. Called from one thread at a time.
void cram_run(struct launch *launches, int64_t count, int timed) {
  pool.launches = launches;
  pool.count = (uint64_t)count;
  pool.first = atomic_load(&pool.oldest);
  pool.ended = 0;
  pool.timed = timed;
  pool.start = timed ? now() : 0;
  atomic_store(&pool.running, 1);
  note_end();
  while (atomic_load(&pool.running)) {
    uint32_t seen = read_changes();
    if (!compute_chunk(0) && atomic_load(&pool.running)) wait_for_change(seen);
  }
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
