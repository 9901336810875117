// Matrix products in oneDNN 2 or 3, driven by the lines of bench/product-peer.ts. Operands are in bf16 or f32 before anything
// is timed, sums and the result are f32. The weights (b) are reordered beforehand into the layout oneDNN prefers; where the
// operands as they lie are faster, that is what runs: a peer is timed at its best.
#define _GNU_SOURCE
#include <dnnl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRY(call) \
  do { \
    dnnl_status_t status = (call); \
    if (status != dnnl_success) fprintf(stderr, "%s: oneDNN status %d\n", #call, (int)status), exit(1); \
  } while (0)

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t description;
static void describe(description *d, const dnnl_dims_t sizes, dnnl_data_type_t type, const dnnl_dims_t strides) {
  TRY(dnnl_memory_desc_create_with_strides(d, 2, sizes, type, strides));
}
static void describe_any(description *d, const dnnl_dims_t sizes, dnnl_data_type_t type) {
  TRY(dnnl_memory_desc_create_with_tag(d, 2, sizes, type, dnnl_format_tag_any));
}
static void make_memory(dnnl_memory_t *memory, const description *d, dnnl_engine_t engine) {
  TRY(dnnl_memory_create(memory, *d, engine, DNNL_MEMORY_ALLOCATE));
}
static dnnl_primitive_desc_t plan_product(dnnl_engine_t engine, description *a, description *b, description *c) {
  dnnl_primitive_desc_t plan;
  TRY(dnnl_matmul_primitive_desc_create(&plan, engine, *a, *b, NULL, *c, NULL));
  return plan;
}
static description weights_of(dnnl_primitive_desc_t plan) {
  return (description)dnnl_primitive_desc_query_md(plan, dnnl_query_weights_md, 0);
}
#else
typedef dnnl_memory_desc_t description;
static void describe(description *d, const dnnl_dims_t sizes, dnnl_data_type_t type, const dnnl_dims_t strides) {
  TRY(dnnl_memory_desc_init_by_strides(d, 2, sizes, type, strides));
}
static void describe_any(description *d, const dnnl_dims_t sizes, dnnl_data_type_t type) {
  TRY(dnnl_memory_desc_init_by_tag(d, 2, sizes, type, dnnl_format_tag_any));
}
static void make_memory(dnnl_memory_t *memory, const description *d, dnnl_engine_t engine) {
  TRY(dnnl_memory_create(memory, d, engine, DNNL_MEMORY_ALLOCATE));
}
static dnnl_primitive_desc_t plan_product(dnnl_engine_t engine, description *a, description *b, description *c) {
  dnnl_matmul_desc_t product;
  dnnl_primitive_desc_t plan;
  TRY(dnnl_matmul_desc_init(&product, a, b, NULL, c));
  TRY(dnnl_primitive_desc_create(&plan, &product, NULL, engine, NULL));
  return plan;
}
static description weights_of(dnnl_primitive_desc_t plan) {
  return *dnnl_primitive_desc_query_md(plan, dnnl_query_weights_md, 0);
}
#endif

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *data_of(dnnl_memory_t memory) {
  void *data;
  TRY(dnnl_memory_get_data_handle(memory, &data));
  return data;
}

// rows × columns f32 from the file, as (rows, columns) or, transposed, with rows and columns exchanged; in `type`.
static dnnl_memory_t read_operand(FILE *file, long rows, long columns, int transposed, dnnl_data_type_t type, description *as) {
  dnnl_dims_t sizes = {rows, columns};
  dnnl_dims_t strides = {transposed ? 1 : columns, transposed ? rows : 1};
  describe(as, sizes, type, strides);
  dnnl_memory_t memory;
  make_memory(&memory, as, engine);
  size_t count = (size_t)(rows * columns);
  float *values = malloc(count * sizeof *values);
  if (values == NULL || fread(values, sizeof *values, count, file) != count) fprintf(stderr, "operands cut short\n"), exit(1);
  if (type == dnnl_f32) memcpy(data_of(memory), values, count * sizeof *values);
  else {
    uint16_t *to = data_of(memory);
    // The values are ones that bf16 holds exactly.
    for (size_t i = 0; i < count; i++) to[i] = (uint16_t)(((uint32_t *)values)[i] >> 16);
  }
  free(values);
  return memory;
}

struct way { dnnl_primitive_t product; dnnl_exec_arg_t arguments[3]; };

static double run(struct way *way, long times) {
  double start = now();
  for (long i = 0; i < times; i++) TRY(dnnl_primitive_execute(way->product, stream, 3, way->arguments));
  TRY(dnnl_stream_wait(stream));
  return now() - start;
}

static struct way make_way(dnnl_primitive_desc_t plan, dnnl_memory_t a, dnnl_memory_t b, dnnl_memory_t c) {
  struct way way = {NULL, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}}};
  TRY(dnnl_primitive_create(&way.product, plan));
  run(&way, 1);
  return way;
}

static dnnl_memory_t reorder(dnnl_memory_t from, const description *a, description b) {
  (void)a;
  dnnl_memory_t to;
  make_memory(&to, &b, engine);
  dnnl_primitive_desc_t plan;
#if DNNL_VERSION_MAJOR >= 3
  TRY(dnnl_reorder_primitive_desc_create(&plan, *a, engine, b, engine, NULL));
#else
  TRY(dnnl_reorder_primitive_desc_create(&plan, a, engine, &b, engine, NULL));
#endif
  dnnl_primitive_t primitive;
  TRY(dnnl_primitive_create(&primitive, plan));
  dnnl_exec_arg_t arguments[2] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
  TRY(dnnl_primitive_execute(primitive, stream, 2, arguments));
  TRY(dnnl_stream_wait(stream));
  TRY(dnnl_primitive_destroy(primitive));
  return to;
}

int main(void) {
  TRY(dnnl_engine_create(&engine, dnnl_cpu, 0));
  TRY(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
  const dnnl_version_t *version = dnnl_version();
  printf("{\"name\": \"oneDNN %d.%d\"}\n", version->major, version->minor);
  fflush(stdout);
  struct way best = {NULL, {{0, NULL}, {0, NULL}, {0, NULL}}};
  dnnl_memory_t a = NULL, plain = NULL, packed = NULL, c = NULL;
  size_t room = 0;
  for (char *line = NULL; getline(&line, &room, stdin) > 0;) {
    long m, n, k, times;
    int transpose_a, transpose_b;
    char precision[8], path[4096];
    if (sscanf(line, "case %ld %ld %ld %d %d %7s %4095[^\n]", &m, &n, &k, &transpose_a, &transpose_b, precision, path) == 7) {
      // The last case's.
      dnnl_memory_t old[] = {a, plain, packed, c};
      for (int i = 0; i < 4; i++) if (old[i] != NULL) dnnl_memory_destroy(old[i]);
      if (best.product != NULL) dnnl_primitive_destroy(best.product);
      const dnnl_data_type_t type = strcmp(precision, "bf16") == 0 ? dnnl_bf16 : dnnl_f32;
      FILE *file = fopen(path, "rb");
      if (file == NULL) return 1;
      description of_a, of_b, of_any, of_c;
      a = read_operand(file, m, k, transpose_a, type, &of_a);
      plain = read_operand(file, k, n, transpose_b, type, &of_b);
      fclose(file);
      dnnl_dims_t sizes_b = {k, n}, sizes_c = {m, n}, strides_c = {n, 1};
      describe_any(&of_any, sizes_b, type);
      describe(&of_c, sizes_c, dnnl_f32, strides_c);
      make_memory(&c, &of_c, engine);
      dnnl_primitive_desc_t prepacked = plan_product(engine, &of_a, &of_any, &of_c);
      packed = reorder(plain, &of_b, weights_of(prepacked));
      struct way ways[2] = {make_way(prepacked, a, packed, c), make_way(plan_product(engine, &of_a, &of_b, &of_c), a, plain, c)};
      double seconds[2] = {1e9, 1e9};
      for (int i = 0; i < 6; i++) {
        double took = run(&ways[i % 2], 2);
        if (took < seconds[i % 2]) seconds[i % 2] = took;
      }
      int choice = seconds[1] < seconds[0];
      best = ways[choice];
      TRY(dnnl_primitive_destroy(ways[!choice].product));
      printf("{\"weights\": \"%s\"}\n", choice == 0 ? "reordered beforehand" : "as they lie");
    } else if (sscanf(line, "run %ld", &times) == 1) {
      printf("{\"seconds\": %.9g}\n", run(&best, times));
    } else {
      const float *values = data_of(c);
      printf("{\"values\": [");
      int first = 1;
      for (char *at = line + strlen("read"), *end;; at = end, first = 0) {
        long index = strtol(at, &end, 10);
        if (end == at) break;
        printf("%s%.9g", first ? "" : ", ", (double)values[index]);
      }
      printf("]}\n");
    }
    fflush(stdout);
  }
  return 0;
}
