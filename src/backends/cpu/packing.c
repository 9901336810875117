// The first `room` words of a vector. Those behind may be lanes of the next step, which are written after it, unless it is the last.
inlined void store_lanes(uint32_t *to, words lanes, long room, int is_last) {
#if VECTOR_IS_16
  store_masked(to, (mask)((1u << room) - 1), lanes);
#else
  if (room == VECTOR || (2 * room > VECTOR && !is_last)) *(words *)to = lanes;
  else memcpy(to, &lanes, (size_t)room * 4);
#endif
}

#if ROUNDS_PAIRS
// Up to 16 bf16 that lie one after another, a word each; the lanes that are not in `here` are zero.
inlined words read_lanes(const char *from, enum elements elements, mask here) {
  const rounded_16 lanes = elements == ROUNDED ? round_lanes(load_masked(here, (const float *)from)) : load_rounded_masked(here, (const bf16 *)from);
  return __builtin_convertvector(lanes, words);
}
// Lanes that lie one after another, depths `depth_bytes` apart, as panels: depth by depth across all panels, so that memory is
// read in order.
inlined void pack_lanes_first(uint32_t *restrict to, const char *from, enum elements elements, long depth_bytes, long count, long depth, long width) {
  const long panel = width * steps_of(depth, 1), filled = width * ((depth + 1) / 2);
  for (long first = 0; filled < panel && first < count; first += width)
    memset(to + first / width * panel + filled, 0, (size_t)(panel - filled) * 4);
  for (long k = 0; k < depth; k += 2, from += 2 * depth_bytes, to += width) {
    uint32_t *at = to;
    for (long first = 0; first < count; first += width, at += panel) {
#pragma GCC unroll 2
      for (long lane = 0; lane < width; lane += 16) {
        const long left = count - first - lane, room = width - lane;
        const mask here = left >= 16 ? 0xffff : left <= 0 ? 0 : (mask)((1u << left) - 1);
        const mask kept = room >= 16 ? 0xffff : (mask)((1u << room) - 1);
        const char *lanes = from + (first + lane) * bytes_of(elements);
        const words low = read_lanes(lanes, elements, here & kept), high = read_lanes(lanes + depth_bytes, elements, k + 1 < depth ? here & kept : 0);
        store_masked(at + lane, kept, low | high << 16);
      }
    }
  }
}
#endif

// Lanes of f32 that lie one after another, some depths of all panels before the next: where depths are a power of two apart, what is read of
// a few lanes of each falls on the same places of a cache, and is gone before its neighbours are wanted.
inlined void pack_lanes_f32(uint32_t *restrict to, const float *from, long depth_stride, long count, long depth, long width) {
  enum { AT_ONCE = 4 };
  for (long k = 0; k < depth; k += AT_ONCE) {
    const long end = depth - k < AT_ONCE ? depth : k + AT_ONCE;
    for (long first = 0; first < count; first += width) {
      const long left = count - first;
      for (long step = k; step < end; step++) {
        uint32_t *at = to + first * depth + step * width;
        const float *lanes = from + step * depth_stride + first;
        if (left >= width) {
          memcpy(at, lanes, (size_t)width * 4);
        } else {
          memcpy(at, lanes, (size_t)left * 4);
          memset(at + left, 0, (size_t)(width - left) * 4);
        }
      }
    }
  }
}

// Words that lie along the depth: word (step, lane) is the step-th one of the lane at `from` + lane * lane_bytes. Packs steps [0, steps) of
// `lanes` lanes.
inlined void pack_depth_first(uint32_t *restrict to, const char *from, enum elements elements, long lane_bytes, long lanes, long steps, long width) {
  const long word_bytes = elements == ROUNDED ? 8 : 4;
  long step = 0;
  for (; (ROUNDS_PAIRS || elements != ROUNDED) && step + VECTOR <= steps; step += VECTOR) {
    for (long lane = 0; lane < lanes; lane += VECTOR) {
      const long here = lanes - lane < VECTOR ? lanes - lane : VECTOR, room = width - lane < VECTOR ? width - lane : VECTOR;
      words r[VECTOR];
#pragma GCC unroll 16
      for (int i = 0; i < VECTOR; i++) {
        const char *at = from + (lane + i) * lane_bytes + step * word_bytes;
        // What the next panel reads here.
        if (elements == F32) __builtin_prefetch(at + width * lane_bytes);
        if (i >= here) r[i] = (words){0};
#if ROUNDS_PAIRS
        else if (elements == ROUNDED) r[i] = round_32((const float *)at);
#endif
        else memcpy(&r[i], at, sizeof r[i]);
      }
      transpose_words(r);
#pragma GCC unroll 16
      for (int i = 0; i < VECTOR; i++) store_lanes(to + (step + i) * width + lane, r[i], room, step + i + 1 == steps);
    }
  }
  for (long lane = 0; lane < lanes; lane++) {
    const char *at = from + lane * lane_bytes;
    for (long k = step; k < steps; k++) {
      if (elements == ROUNDED) to[k * width + lane] = pair_of(read_bf16(at, 2 * k, elements), read_bf16(at, 2 * k + 1, elements));
      else memcpy(to + k * width + lane, at + k * 4, 4);
    }
  }
}

// Depths between what is asked of memory and what is packed.
enum { AHEAD = 24 };

// One panel of `lanes` ≤ width lanes from memory at `from`; strides in elements. Missing lanes and depths are zero.
inlined void pack_panel_as(uint32_t *restrict to, const char *from, enum elements elements, long lane_stride, long depth_stride, long lanes, long depth, long width) {
  const long steps = steps_of(depth, elements != F32), lane_bytes = lane_stride * bytes_of(elements), depth_bytes = depth_stride * bytes_of(elements);
  if (lanes < width) memset(to, 0, (size_t)(width * steps) * 4);
  if (elements == F32) {
    const float *at = (const float *)from;
    if (lane_stride == 1 && lanes == width) {
      for (long k = 0; k < depth; k++) {
        __builtin_prefetch(at + (k + AHEAD) * depth_stride);
        memcpy(to + k * width, at + k * depth_stride, (size_t)width * 4);
      }
    } else if (lane_stride == 1) {
      for (long k = 0; k < depth; k++) memcpy(to + k * width, at + k * depth_stride, (size_t)lanes * 4);
    } else if (depth_stride == 1) {
      pack_depth_first(to, from, F32, lane_bytes, lanes, depth, width);
    } else {
      for (long k = 0; k < depth; k++)
        for (long i = 0; i < lanes; i++) memcpy(to + k * width + i, at + i * lane_stride + k * depth_stride, 4);
    }
    return;
  }
  if (!PAIRS) {
    for (long k = 0; k < depth; k++)
      for (long i = 0; i < lanes; i++) to[k * width + i] = (uint32_t)read_bf16(from, i * lane_stride + k * depth_stride, elements) << 16;
    return;
  }
  if (depth_stride == 1) {
    pack_depth_first(to, from, elements, lane_bytes, lanes, depth / 2, width);
  } else {
    for (long k = 0; k + 1 < depth; k += 2) {
      const char *low = from + k * depth_bytes, *high = low + depth_bytes;
      for (long i = 0; i < lanes; i++)
        to[k / 2 * width + i] = pair_of(read_bf16(low, i * lane_stride, elements), read_bf16(high, i * lane_stride, elements));
    }
  }
  if (depth % 2 == 1)
    for (long i = 0; i < lanes; i++) to[depth / 2 * width + i] = read_bf16(from, i * lane_stride + (depth - 1) * depth_stride, elements);
}

// `count` lanes of a bf16 product as panels of quads.
inlined void pack_quads(uint32_t *restrict to, const char *from, enum elements elements, long lane_stride, long depth_stride, long count, long depth, long width) {
  const long steps = steps_of(depth, 1);
  for (long first = 0; first < count; first += width, to += width * steps) {
    const long lanes = count - first < width ? count - first : width;
    if (lanes < width) memset(to, 0, (size_t)(width * steps) * 4);
    for (long lane = 0; lane < lanes; lane++) {
      const char *at = from + (first + lane) * lane_stride * bytes_of(elements);
      for (long k = 0; k < depth; k += 4) {
        const long here = depth - k < 4 ? depth - k : 4;
        bf16 quad[4] = {0};
        if (here == 4 && depth_stride == 1 && elements == BF16) memcpy(quad, at + k * 2, 8);
        else for (long i = 0; i < here; i++) quad[i] = read_bf16(at, (k + i) * depth_stride, elements);
        memcpy(to + k / 4 * 2 * width + 2 * lane, quad, 8);
      }
    }
  }
}

// `count` lanes as panels one after another, each of width * steps words.
inlined void pack_panels_as(uint32_t *restrict to, const char *from, enum elements elements, long lane_stride, long depth_stride, long count, long depth, int is_rows) {
  const long width = is_rows ? rows_of(elements != F32) : NR;
#if TILES_MULTIPLY
  if (elements != F32) {
    pack_tiles(to, from, elements, lane_stride, depth_stride, count, depth, is_rows);
    return;
  }
#endif
  if (QUADS_MULTIPLY && elements != F32) {
    pack_quads(to, from, elements, lane_stride, depth_stride, count, depth, width);
    return;
  }
  // Rows alone: columns fill whole lines.
  if (elements == F32 && lane_stride == 1 && is_rows) {
    pack_lanes_f32(to, (const float *)from, depth_stride, count, depth, width);
    return;
  }
#if ROUNDS_PAIRS
  if (elements != F32 && lane_stride == 1) {
    pack_lanes_first(to, from, elements, depth_stride * bytes_of(elements), count, depth, width);
    return;
  }
#endif
  for (long first = 0; first < count; first += width, to += width * steps_of(depth, elements != F32)) {
    const long lanes = count - first < width ? count - first : width;
    pack_panel_as(to, from + first * lane_stride * bytes_of(elements), elements, lane_stride, depth_stride, lanes, depth, width);
  }
}

// Compiled once for what stands in memory and for each of the two widths, as the system's compiler spends half its time on them where
// every product has its own; GCC would clone it for each as well, which on AVX2 costs a third of the unit and gains nothing.
#if defined(__clang__) || defined(__AVX512F__)
#define NOT_CLONED __attribute__((noinline))
#else
#define NOT_CLONED __attribute__((noinline, noclone))
#endif
#define PACK(name, elements, is_rows) \
  static NOT_CLONED void name(uint32_t *to, const char *from, long lane_stride, long depth_stride, long count, long depth) { \
    pack_panels_as(to, from, elements, lane_stride, depth_stride, count, depth, is_rows); \
  }
PACK(pack_rows_f32, F32, 1)
PACK(pack_rows_bf16, BF16, 1)
PACK(pack_rows_rounded, ROUNDED, 1)
PACK(pack_columns_f32, F32, 0)
PACK(pack_columns_bf16, BF16, 0)
PACK(pack_columns_rounded, ROUNDED, 0)

inlined void pack_rows(uint32_t *to, const char *from, enum elements elements, long lane_stride, long depth_stride, long count, long depth) {
  (elements == F32 ? pack_rows_f32 : elements == BF16 ? pack_rows_bf16 : pack_rows_rounded)(to, from, lane_stride, depth_stride, count, depth);
}
inlined void pack_columns(uint32_t *to, const char *from, enum elements elements, long lane_stride, long depth_stride, long count, long depth) {
  (elements == F32 ? pack_columns_f32 : elements == BF16 ? pack_columns_bf16 : pack_columns_rounded)(to, from, lane_stride, depth_stride, count, depth);
}
