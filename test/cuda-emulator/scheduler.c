// Runs the threads of one block after another, each on a stack of its own until it waits for others: switches happen at
// barriers and warp exchanges alone, so a result that leans on an order no barrier gives depends on `order`, and what shared
// memory held before a block wrote it is NaN. Blocks follow one another in the same order.
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE // its longjmp refuses to change stacks
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct index { unsigned x, y, z; };
struct lane { unsigned words[12]; };
struct launch {
  void (*kernel)(void *const *pointers);
  void *const *pointers;
  unsigned grid, threads, shared_bytes;
  char *static_shared, *dynamic_shared; // dynamic: a margin, the launch's bytes, the rest
  unsigned long static_bytes, dynamic_bytes;
  int order; // 0 ascending, 1 descending, 2 drawn anew for every turn
  unsigned seed;
};

enum { MOST_THREADS = 1024, STACK_BYTES = 128 * 1024, MARGIN = 4096, MOST_COPIES = 256, SENTINEL = 0x7fc5c5c5 };
enum state { READY, AT_WARP, AT_BLOCK, DONE };

struct copy { void *to; const void *from; unsigned bytes, group; };
struct fibre {
  jmp_buf context;
  enum state state;
  int started, line;
  unsigned mask, exchanges;
  struct copy copies[MOST_COPIES];
  unsigned copy_count, group;
};
struct warp { struct lane lanes[2][32]; unsigned arrived; };

static const struct lane *exchange(unsigned mask, const void *own, unsigned bytes, int line);
static void wait_for_block(int line);
static void fail(const char *format, ...);
static void copy_later(void *to, const void *from, unsigned bytes);
static void commit_copies(void);
static void wait_for_copies(unsigned groups_left);
static int launch_kernel(const struct launch *launch);

static struct {
  struct index thread, block, threads, grid;
  const struct lane *(*exchange)(unsigned, const void *, unsigned, int);
  void (*wait_for_block)(int);
  void (*fail)(const char *, ...);
  void (*copy_later)(void *, const void *, unsigned);
  void (*commit_copies)(void);
  void (*wait_for_copies)(unsigned);
  int (*launch)(const struct launch *);
} services = {{0}, {0}, {0}, {0}, exchange, wait_for_block, fail, copy_later, commit_copies, wait_for_copies, launch_kernel};

static struct fibre fibres[MOST_THREADS];
static struct warp warps[MOST_THREADS / 32];
static char *stacks;
static jmp_buf scheduler;
static ucontext_t scheduler_start, fibre_start;
static struct fibre *running;
static const struct launch *current;
static unsigned arrived_at_block, barriers_passed;
static int block_line;
static char message[512];
static int failed;

static unsigned number_of(const struct fibre *fibre) { return (unsigned)(fibre - fibres); }
static unsigned lanes_of(unsigned warp) {
  const unsigned rest = current->threads - warp * 32;
  return rest < 32 ? rest : 32;
}

// Back to the scheduler, until it lets this thread go on.
static void yield(void) {
  if (_setjmp(running->context) == 0) _longjmp(scheduler, 1);
}

// Ends the launch with this message; does not return.
static void fail(const char *format, ...) {
  char what[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  snprintf(message, sizeof message, "block %u, thread %u: %s", services.block.x, services.thread.x, what);
  failed = 1;
  if (running != NULL) _longjmp(scheduler, 1);
}

static const struct lane *exchange(unsigned mask, const void *own, unsigned bytes, int line) {
  struct fibre *self = running;
  const unsigned number = number_of(self), first = number / 32 * 32, count = lanes_of(number / 32);
  const unsigned all = count == 32 ? 0xffffffffu : (1u << count) - 1;
  struct warp *warp = &warps[number / 32];
  if ((mask & all) != all) fail("line %d: the mask %08x leaves out lanes of the warp, which the emulator does not know", line, mask);
  struct lane *lanes = warp->lanes[self->exchanges++ & 1];
  memcpy(&lanes[number % 32], own, bytes);
  self->line = line;
  self->mask = mask;
  if (++warp->arrived < count) {
    self->state = AT_WARP;
    yield();
    return lanes;
  }
  warp->arrived = 0;
  for (unsigned i = 0; i < count; i++) {
    if (fibres[first + i].line != line) fail("diverged: this lane exchanges in line %d, lane %u in line %d", line, i, fibres[first + i].line);
    fibres[first + i].state = READY;
  }
  return lanes;
}

static void wait_for_block(int line) {
  struct fibre *self = running;
  if (arrived_at_block > 0 && line != block_line) fail("diverged: this thread is at the barrier in line %d, others in line %d", line, block_line);
  block_line = line;
  self->line = line;
  self->state = AT_BLOCK;
  if (++arrived_at_block == current->threads) {
    arrived_at_block = 0;
    barriers_passed++;
    for (unsigned i = 0; i < current->threads; i++) fibres[i].state = READY;
  }
  yield();
}

static void copy_later(void *to, const void *from, unsigned bytes) {
  if (running->copy_count == MOST_COPIES) fail("more than %d copies are under way in a thread", MOST_COPIES);
  running->copies[running->copy_count++] = (struct copy){to, from, bytes, running->group};
}

static void commit_copies(void) { running->group++; }

// Does the copies of all but the newest `groups_left` committed groups.
static void wait_for_copies(unsigned groups_left) {
  struct fibre *self = running;
  unsigned kept = 0;
  for (unsigned i = 0; i < self->copy_count; i++) {
    const struct copy copy = self->copies[i];
    if (copy.group + groups_left < self->group) memcpy(copy.to, copy.from, copy.bytes);
    else self->copies[kept++] = copy;
  }
  self->copy_count = kept;
}

static void run_thread(void) {
  current->kernel(current->pointers);
  running->state = DONE;
  _longjmp(scheduler, 1);
}

static unsigned *stack_end(unsigned number) { return (unsigned *)(stacks + (unsigned long)number * STACK_BYTES); }

static void resume(struct fibre *fibre) {
  running = fibre;
  services.thread = (struct index){number_of(fibre), 0, 0};
  if (_setjmp(scheduler) == 0) {
    if (fibre->started) _longjmp(fibre->context, 1);
    fibre->started = 1;
    getcontext(&fibre_start);
    fibre_start.uc_stack.ss_sp = stack_end(number_of(fibre));
    fibre_start.uc_stack.ss_size = STACK_BYTES;
    fibre_start.uc_link = NULL;
    makecontext(&fibre_start, run_thread, 0);
    setcontext(&fibre_start);
  }
  running = NULL;
}

static unsigned draw(unsigned *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 8;
}

static void arrange(unsigned *turn, unsigned count, int order, unsigned *seed) {
  for (unsigned i = 0; i < count; i++) turn[i] = order == 1 ? count - 1 - i : i;
  if (order != 2) return;
  for (unsigned i = count; i > 1; i--) {
    const unsigned other = draw(seed) % i, kept = turn[i - 1];
    turn[i - 1] = turn[other];
    turn[other] = kept;
  }
}

// The sentinel is a NaN, as f32 and in its upper half as bf16; 0xff bytes in the margins are one in both.
static int margins_hold(const struct launch *launch) {
  const unsigned char *before = (unsigned char *)launch->dynamic_shared, *after = before + MARGIN + launch->shared_bytes;
  for (int i = 0; i < MARGIN; i++)
    if (before[i] != 0xff || after[i] != 0xff) return 0;
  return 1;
}

static void explain_standstill(void) {
  for (unsigned i = 0; i < current->threads; i++) {
    if (fibres[i].state == DONE) continue;
    unsigned done = 0;
    for (unsigned j = 0; j < current->threads; j++) done += fibres[j].state == DONE;
    services.thread.x = i;
    fail("diverged: waits in line %d for threads that never come (%u of %u have returned)", fibres[i].line, done, current->threads);
    return;
  }
}

// Lets every thread of the warp that can go on do so, in the order that is asked for, until none can: a warp runs ahead of
// others as far as barriers of the block let it; behind one the first warp's turn comes again. Returns how often a thread was
// resumed.
static unsigned run_warp(unsigned warp, const struct launch *launch, unsigned *seed, unsigned *done) {
  const unsigned count = lanes_of(warp);
  const unsigned barriers = barriers_passed;
  unsigned lanes[32], resumed = 0, before;
  do {
    before = resumed;
    arrange(lanes, count, launch->order, seed);
    for (unsigned i = 0; i < count; i++) {
      const unsigned number = warp * 32 + lanes[i];
      if (fibres[number].state != READY) continue;
      resumed++;
      resume(&fibres[number]);
      if (!failed && *stack_end(number) != SENTINEL) fail("its stack is full");
      if (failed) return resumed;
      *done += fibres[number].state == DONE;
    }
  } while (resumed > before && barriers == barriers_passed);
  return resumed;
}

static void run_block(const struct launch *launch, unsigned *seed) {
  const unsigned warp_count = (launch->threads + 31) / 32;
  unsigned order[MOST_THREADS / 32], done = 0;
  memset(launch->static_shared, 0xff, launch->static_bytes);
  memset(launch->dynamic_shared, 0xff, 2 * MARGIN + launch->shared_bytes);
  for (unsigned i = 0; i < launch->threads; i++) {
    fibres[i].state = READY;
    fibres[i].started = fibres[i].exchanges = fibres[i].copy_count = fibres[i].group = 0;
    *stack_end(i) = SENTINEL;
  }
  for (unsigned i = 0; i < warp_count; i++) warps[i].arrived = 0;
  arrived_at_block = 0;
  while (done < launch->threads) {
    unsigned resumed = 0;
    arrange(order, warp_count, launch->order, seed);
    const unsigned barriers = barriers_passed;
    for (unsigned i = 0; i < warp_count && !failed && barriers == barriers_passed; i++) resumed += run_warp(order[i], launch, seed, &done);
    if (failed) return;
    if (resumed == 0) return explain_standstill();
  }
  if (!margins_hold(launch)) fail("something wrote outside the %u bytes of shared memory", launch->shared_bytes);
}

// 0, or 1 with a message.
static int launch_kernel(const struct launch *launch) {
  unsigned seed = launch->seed, *turn = malloc(launch->grid * sizeof *turn);
  if (stacks == NULL) stacks = mmap(NULL, (unsigned long)MOST_THREADS * STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  current = launch;
  failed = 0;
  services.grid = (struct index){launch->grid, 1, 1};
  services.threads = (struct index){launch->threads, 1, 1};
  arrange(turn, launch->grid, launch->order, &seed);
  for (unsigned i = 0; i < launch->grid && !failed; i++) {
    services.block = (struct index){turn[i], 0, 0};
    run_block(launch, &seed);
  }
  free(turn);
  return failed;
}

unsigned long emulator_services(void) { return (unsigned long)&services; }
const char *emulator_message(void) { return message; }

// Device memory: zero-filled, between margins of 0xff bytes that must stay.
static unsigned long room_of(unsigned long bytes) { return (bytes + 255) / 256 * 256; }
unsigned long emulator_allocate(unsigned long bytes) {
  char *memory = aligned_alloc(256, 512 + room_of(bytes));
  if (memory == NULL) return 0;
  memset(memory, 0xff, 256);
  memset(memory + 256, 0, bytes);
  memset(memory + 256 + bytes, 0xff, 256 + room_of(bytes) - bytes);
  return (unsigned long)memory + 256;
}
int emulator_holds(unsigned long address, unsigned long bytes) {
  const unsigned char *before = (unsigned char *)address - 256, *after = (unsigned char *)address + bytes;
  for (int i = 0; i < 256; i++)
    if (before[i] != 0xff || after[i] != 0xff) return 0;
  return 1;
}
void emulator_free(unsigned long address) { free((char *)address - 256); }
void emulator_copy_in(unsigned long address, const void *values, long bytes) { memcpy((void *)address, values, bytes); }
void emulator_copy_out(void *values, unsigned long address, long bytes) { memcpy(values, (void *)address, bytes); }

// out (m, n) = a · b, or + out: sums in f32, over k in ascending order; strides in elements, as ProductOperand.
static float from_bf16(unsigned short bits) { const unsigned word = (unsigned)bits << 16; float x; memcpy(&x, &word, 4); return x; }
static unsigned short to_bf16(float x) {
  unsigned bits;
  memcpy(&bits, &x, 4);
  return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fff : (unsigned short)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
static float from_f16(unsigned short bits) {
  const float size = __builtin_ldexpf((bits & 1023) + ((bits & 0x7c00) ? 1024 : 0), ((bits >> 10 & 31) ? (bits >> 10 & 31) : 1) - 25);
  const float x = (bits & 0x7c00) == 0x7c00 ? ((bits & 1023) ? __builtin_nanf("") : __builtin_inff()) : size;
  return bits & 0x8000 ? -x : x;
}
// In units of the last place that the number has as f16, to the nearest, ties to even.
static unsigned short to_f16(float x) {
  const float size = __builtin_fabsf(x);
  const unsigned sign = __builtin_signbit(x) ? 0x8000 : 0;
  if (size != size) return 0x7fff;
  if (size >= 65520) return sign | 0x7c00;
  int exponent = -13;
  if (size > 0) __builtin_frexpf(size, &exponent);
  if (exponent < -13) exponent = -13;
  const unsigned units = (unsigned)__builtin_rintf(__builtin_ldexpf(size, 11 - exponent));
  return sign | (units + ((unsigned)(exponent + 13) << 10));
}
// 0: f32, 1: bf16, 2: f16.
static float read_number(const void *from, long at, int type) {
  if (type == 0) return ((const float *)from)[at];
  const unsigned short bits = ((const unsigned short *)from)[at];
  return type == 1 ? from_bf16(bits) : from_f16(bits);
}
static void write_number(void *to, long at, int type, float x) {
  if (type == 0) ((float *)to)[at] = x;
  else ((unsigned short *)to)[at] = type == 1 ? to_bf16(x) : to_f16(x);
}
static void unpack(float *to, const void *from, long offset, int type, long rows, long columns, long row, long column) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) {
      const long at = offset + i * row + j * column;
      to[i * columns + j] = read_number(from, at, type);
    }
}
// shape: batches, m, n, k, type of out, accumulates; operand: type, offset, row, column, batch.
void emulator_multiply(const long *shape, const long *a, const long *b, unsigned long a_at, unsigned long b_at, unsigned long out_at) {
  const long batches = shape[0], m = shape[1], n = shape[2], k = shape[3];
  float *left = malloc(m * k * 4), *right = malloc(k * n * 4), *sums = malloc(n * 4);
  for (long batch = 0; batch < batches; batch++) {
    unpack(left, (void *)a_at, a[1] + batch * a[4], a[0], m, k, a[2], a[3]);
    unpack(right, (void *)b_at, b[1] + batch * b[4], b[0], k, n, b[2], b[3]);
    for (long i = 0; i < m; i++) {
      for (long j = 0; j < n; j++) sums[j] = 0;
      for (long d = 0; d < k; d++) {
        const float factor = left[i * k + d];
        const float *restrict row = right + d * n;
        for (long j = 0; j < n; j++) sums[j] += factor * row[j];
      }
      for (long j = 0; j < n; j++) {
        const long at = (batch * m + i) * n + j;
        const float before = shape[5] ? read_number((void *)out_at, at, shape[4]) : 0.0f;
        write_number((void *)out_at, at, shape[4], shape[5] ? before + sums[j] : sums[j]);
      }
    }
  }
  free(left);
  free(right);
  free(sums);
}
