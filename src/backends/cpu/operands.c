// What a product is told: where its operands stand, and what takes the sums of a row's columns.

// What stands in memory. The first two are 0 and 1, so `is_bf16` of a kernel whose operands need no rounding is one of them.
enum elements { F32, BF16, ROUNDED };
inlined long bytes_of(enum elements elements) { return elements == BF16 ? 2 : 4; }

// Strides in elements; batch b starts at offset + b / inner_count * outer + b % inner_count * inner.
struct matrix { enum elements elements; long offset, outer, inner, inner_count, row, column; };
inlined const char *locate(const char *base, const struct matrix *m, long batch, long row, long column) {
  const long start = m->offset + batch / m->inner_count * m->outer + batch % m->inner_count * m->inner;
  return base + (start + row * m->row + column * m->column) * bytes_of(m->elements);
}

typedef void (*epilogue_function)(char *const *p, long row, long first, long last, float *tile);
