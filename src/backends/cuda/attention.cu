// Attention of one head over one sequence on tensor cores, forward and backward. S positions, D width of a head, C = H·D columns of
// each of q, k, v; a row of qkv is [q | k | v]. P = softmax(q kᵀ · scale), out = P v; backward dP = dout vᵀ,
// dS = P ∘ (dP - rowsum(P ∘ dP)) · scale, dq = dS k, dk = dSᵀ q, dv = Pᵀ dout (Dao et al. 2022). Scores are only in registers.
// Backward makes them twice, with queries and with keys as rows, so that nothing is exchanged between warps and no sum depends on
// their order; or once, where shared memory has room to exchange them.

#ifdef TENSOR_CORES
// A tile of keys and values over the one before, when every thread is done with that.
static __device__ __forceinline__ void load_next_keys(narrow *k_tile, narrow *v_tile, const narrow *k, int tile, const struct attention_shape s) {
  __syncthreads();
  load_tile(k_tile, k, 3 * s.C, tile, s.T, s);
  load_tile(v_tile, k + s.C, 3 * s.C, tile, s.T, s);
  wait_for_tiles();
}

// Thread block n does queries of head n / parts % H of sequence n / parts / H: all of them where one tile holds the sequence,
// else 64, against tile after tile of keys.
static __device__ __forceinline__ void attend(const narrow *qkv, const int *lengths, void *out, const struct attention_shape s) {
  extern __shared__ __align__(16) narrow shared_tiles[];
  const int stride = s.D + ROW_PADDING, is_whole = s.T >= s.S, block_rows = is_whole ? s.T : 64;
  const int parts = is_whole ? 1 : (s.S + 63) / 64, part = blockIdx.x % parts;
  const int head = blockIdx.x / parts % s.H, sequence = blockIdx.x / parts / s.H;
  const int keys = lengths == 0 ? s.S : lengths[sequence], tiled_keys = is_whole ? 1 : keys, warp = threadIdx.x / 32;
  const narrow *q = qkv + (long long)sequence * s.S * 3 * s.C + head * s.D, *k = q + s.C, *v = k + s.C;
  const long long out_at = (long long)sequence * s.S * s.C + head * s.D;
  narrow *q_tile = shared_tiles, *k_tile = q_tile + block_rows * stride, *v_tile = k_tile + s.T * stride;
  load_tile(q_tile, q, 3 * s.C, part * 64, block_rows, s);
  if (is_whole) {
    load_tile(k_tile, k, 3 * s.C, 0, s.T, s);
    load_tile(v_tile, v, 3 * s.C, 0, s.T, s);
    wait_for_tiles();
  }
  for (int first = 0; first < block_rows; first += 16 * ATTENTION_WARPS) {
    const int row = first + 16 * warp;
    float sums[MOST_TILES_OF_WIDTH][4], shrink[2];
    struct row_sums state = no_row_sums();
    clear(sums, s.D / 8);
    for (int tile = 0; tile < tiled_keys; tile += s.T) {
      if (!is_whole) load_next_keys(k_tile, v_tile, k, tile, s);
      for (int key = 0; key < s.T; key += 64) {
        const int columns = (s.T < 64 ? s.T : 64) / 8;
        if (row >= block_rows || tile + key >= keys) continue;
        float scores[8][4];
        unsigned weights[8][2];
        multiply_rows(scores, q_tile + row * stride, k_tile + key * stride, columns, s);
        exclude_columns(scores, columns, tile + key, keys);
        exponentiate(scores, columns, &state, shrink, s.scale);
#pragma unroll
        for (int n = 0; n < s.D / 8; n++)
#pragma unroll
          for (int i = 0; i < 4; i++) sums[n][i] *= shrink[i / 2];
        round_weights(weights, scores, columns);
        multiply_weights(sums, weights, v_tile + key * stride, columns, s);
      }
    }
    if (row >= block_rows) continue;
    char *to = (char *)out + out_at * (s.result_is_narrow ? 2 : 4);
    store_rows(to, s.C, sums, part * 64 + row, 1.0f / sum_of_row(state.weight[0]), 1.0f / sum_of_row(state.weight[1]), s);
  }
}

// Thread block n does head n % H of sequence n / H: first, rows being queries, P's statistics and dq; then, rows being keys, dk
// and dv. `statistics` keeps of each query the shift with which P = 2^(score · scale · log2 e - shift), and rowsum(P ∘ dP); two
// queries lie in 16 bytes. The scale of dS is left to dq and dk.
static __device__ __forceinline__ void attend_backward(const narrow *qkv, const narrow *gradient, const int *lengths, void *result, const struct attention_shape s) {
  extern __shared__ __align__(16) narrow shared_tiles[];
  const int stride = s.D + ROW_PADDING, is_whole = s.T >= s.S, row_stride = 3 * s.C;
  const int head = blockIdx.x % s.H, sequence = blockIdx.x / s.H;
  const int keys = lengths == 0 ? s.S : lengths[sequence], tiled_keys = is_whole ? 1 : keys;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const long long at = (long long)sequence * s.S * row_stride + head * s.D;
  const narrow *q = qkv + at, *k = q + s.C, *v = k + s.C, *dout = gradient + (long long)sequence * s.S * s.C + head * s.D;
  char *dq = (char *)result + at * (s.result_is_narrow ? 2 : 4);
  char *dk = dq + s.C * (s.result_is_narrow ? 2 : 4), *dv = dk + s.C * (s.result_is_narrow ? 2 : 4);
  narrow *q_tile = shared_tiles, *k_tile = q_tile + s.T * stride, *v_tile = k_tile + s.T * stride, *dout_tile = v_tile + s.T * stride;
  float4 *statistics = (float4 *)(dout_tile + s.T * stride);
  if (is_whole) {
    load_tile(q_tile, q, row_stride, 0, s.T, s);
    load_tile(k_tile, k, row_stride, 0, s.T, s);
    load_tile(v_tile, v, row_stride, 0, s.T, s);
    load_tile(dout_tile, dout, s.C, 0, s.T, s);
    wait_for_tiles();
  }

  for (int query_tile = 0; query_tile < s.S; query_tile += s.T) {
    if (!is_whole) {
      __syncthreads();
      load_tile(q_tile, q, row_stride, query_tile, s.T, s);
      load_tile(dout_tile, dout, s.C, query_tile, s.T, s);
    }
#pragma unroll 1
    for (int first = 0; first < s.T; first += 16 * ATTENTION_WARPS) {
      const int row = first + 16 * warp;
      const narrow *q_rows = q_tile + row * stride, *dout_rows = dout_tile + row * stride;
      // P of a whole sequence is kept rounded: beside the gradients, registers hold no more.
      float scores[MOST_TILES_OF_KEYS][4], gradients[MOST_TILES_OF_KEYS][4], shrink[2], shift[2], total[2], factor[2];
      unsigned weights[MOST_TILES_OF_KEYS][2];
      struct row_sums state = no_row_sums();
      for (int tile = 0; tile < tiled_keys; tile += s.T) {
        if (!is_whole) load_next_keys(k_tile, v_tile, k, tile, s);
        if (row >= s.T) continue;
        multiply_rows(scores, q_rows, k_tile, s.T / 8, s);
        exclude_columns(scores, s.T / 8, tile, keys);
        exponentiate(scores, s.T / 8, &state, shrink, s.scale);
        round_weights(weights, scores, s.T / 8);
        multiply_rows(gradients, dout_rows, v_tile, s.T / 8, s);
#pragma unroll
        for (int half = 0; half < 2; half++) {
          float weighted = state.weighted[half] * shrink[half];
#pragma unroll
          for (int n = 0; n < s.T / 8; n++)
            weighted += lower_of(weights[n][half]) * gradients[n][2 * half] + upper_of(weights[n][half]) * gradients[n][2 * half + 1];
          state.weighted[half] = weighted;
        }
      }
      if (row < s.T) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const float weight = sum_of_row(state.weight[half]);
          factor[half] = 1.0f / weight;
          total[half] = sum_of_row(state.weighted[half]) * factor[half];
          shift[half] = state.largest[half] * (s.scale * LOG2_E) + log2f(weight);
          if (t == 0) {
            float *own = (float *)statistics + 2 * (query_tile + row + g + 8 * half);
            own[0] = shift[half];
            own[1] = total[half];
          }
        }
      }
      float sums[MOST_TILES_OF_WIDTH][4];
      clear(sums, s.D / 8);
      // One tile of keys is in registers still; several come again.
      for (int tile = 0; tile < tiled_keys; tile += s.T) {
        if (!is_whole) load_next_keys(k_tile, v_tile, k, tile, s);
        if (row >= s.T) continue;
        if (!is_whole) {
          multiply_rows(scores, q_rows, k_tile, s.T / 8, s);
          exclude_columns(scores, s.T / 8, tile, keys);
          multiply_rows(gradients, dout_rows, v_tile, s.T / 8, s);
        }
#pragma unroll
        for (int n = 0; n < s.T / 8; n++)
#pragma unroll
          for (int i = 0; i < 4; i++) {
            const unsigned pair = weights[n][i / 2];
            const float p = is_whole ? (i % 2 == 0 ? lower_of(pair) : upper_of(pair)) * factor[i / 2] : power_of_two(scores[n][i] * (s.scale * LOG2_E) - shift[i / 2]);
            scores[n][i] = p * (gradients[n][i] - total[i / 2]);
          }
        round_weights(weights, scores, s.T / 8);
        multiply_weights(sums, weights, k_tile, s.T / 8, s);
      }
      if (row < s.T) store_rows(dq, row_stride, sums, query_tile + row, s.scale, s.scale, s);
    }
  }

  for (int tile = 0; tile < s.S; tile += s.T) {
    __syncthreads();
    if (!is_whole) {
      load_tile(k_tile, k, row_stride, tile, s.T, s);
      load_tile(v_tile, v, row_stride, tile, s.T, s);
    }
#pragma unroll 1
    for (int first = 0; first < s.T; first += 16 * ATTENTION_WARPS) {
      const int row = first + 16 * warp;
      unsigned k_rows[MOST_STEPS_OF_WIDTH][4], v_rows[MOST_STEPS_OF_WIDTH][4];
      float dk_sums[MOST_TILES_OF_WIDTH][4], dv_sums[MOST_TILES_OF_WIDTH][4];
      if (!is_whole) wait_for_tiles();
      if (row < s.T) {
#pragma unroll
        for (int step = 0; step < s.D / 16; step++) {
          load_step(k_rows[step], k_tile + row * stride, step, s);
          load_step(v_rows[step], v_tile + row * stride, step, s);
        }
      }
      clear(dk_sums, s.D / 8);
      clear(dv_sums, s.D / 8);
      for (int query_tile = 0; query_tile < s.S; query_tile += s.T) {
        if (!is_whole) {
          __syncthreads();
          load_tile(q_tile, q, row_stride, query_tile, s.T, s);
          load_tile(dout_tile, dout, s.C, query_tile, s.T, s);
          wait_for_tiles();
        }
        if (row >= s.T) continue;
#pragma unroll 1
        for (int query = 0; query < s.T; query += 16) {
          float p[2][4], ds[2][4];
          unsigned weights[2][2];
          clear(p, 2);
          clear(ds, 2);
#pragma unroll
          for (int step = 0; step < s.D / 16; step++) {
            multiply_step(p, k_rows[step], q_tile + query * stride, step, 2, s);
            multiply_step(ds, v_rows[step], dout_tile + query * stride, step, 2, s);
          }
#pragma unroll
          for (int n = 0; n < 2; n++) {
            const float4 pair = statistics[(query_tile + query) / 2 + n * 4 + t];
#pragma unroll
            for (int i = 0; i < 4; i++) {
              p[n][i] = power_of_two(p[n][i] * (s.scale * LOG2_E) - (i % 2 == 0 ? pair.x : pair.z));
              ds[n][i] = p[n][i] * (ds[n][i] - (i % 2 == 0 ? pair.y : pair.w));
            }
          }
          round_weights(weights, p, 2);
          multiply_weights(dv_sums, weights, dout_tile + query * stride, 2, s);
          round_weights(weights, ds, 2);
          multiply_weights(dk_sums, weights, q_tile + query * stride, 2, s);
        }
      }
      if (row >= s.T) continue;
      // What was summed for a position that is no key is not used.
      const int upper_is_key = tile + row + g < keys, lower_is_key = tile + row + g + 8 < keys;
      store_rows(dk, row_stride, dk_sums, tile + row, upper_is_key ? s.scale : 0.0f, lower_is_key ? s.scale : 0.0f, s);
      store_rows(dv, row_stride, dv_sums, tile + row, upper_is_key ? 1.0f : 0.0f, lower_is_key ? 1.0f : 0.0f, s);
    }
  }
}

// Both at once, of a head that one tile of T = 128 holds, by twice as many warps: sixteen queries each, with all keys; then sixteen keys
// each, with all queries. P and dS are made once, and go from the ones to the others through shared memory: P through its own, dS
// through that of k and v, which are read by then.
static __device__ __forceinline__ void attend_backward_at_once(const narrow *qkv, const narrow *gradient, const int *lengths, void *result, const struct attention_shape s) {
  extern __shared__ __align__(16) narrow shared_tiles[];
  const int stride = s.D + ROW_PADDING, row_stride = 3 * s.C, head = blockIdx.x % s.H, sequence = blockIdx.x / s.H;
  const int keys = lengths == 0 ? s.S : lengths[sequence], row = threadIdx.x / 32 * 16;
  const long long at = (long long)sequence * s.S * row_stride + head * s.D;
  const narrow *q = qkv + at, *dout = gradient + (long long)sequence * s.S * s.C + head * s.D;
  const int bytes = s.result_is_narrow ? 2 : 4;
  char *dq = (char *)result + at * bytes, *dk = dq + s.C * bytes, *dv = dk + s.C * bytes;
  narrow *q_tile = shared_tiles, *dout_tile = q_tile + s.T * stride, *k_tile = dout_tile + s.T * stride;
  narrow *v_tile = k_tile + s.T * stride, *ds_matrix = k_tile;
  const int weight_elements = s.T * (s.T + ROW_PADDING), tile_elements = 2 * s.T * stride;
  narrow *p_matrix = k_tile + (tile_elements > weight_elements ? tile_elements : weight_elements);
  load_tile(q_tile, q, row_stride, 0, s.T, s);
  load_tile(k_tile, q + s.C, row_stride, 0, s.T, s);
  load_tile(v_tile, q + 2 * s.C, row_stride, 0, s.T, s);
  load_tile(dout_tile, dout, s.C, 0, s.T, s);
  wait_for_tiles();

  float values[MOST_TILES_OF_KEYS][4], sums[MOST_TILES_OF_WIDTH][4], shrink[2];
  unsigned weights[MOST_TILES_OF_KEYS][2];
  struct row_sums state = no_row_sums();
  multiply_rows(values, q_tile + row * stride, k_tile, s.T / 8, s);
  exclude_columns(values, s.T / 8, 0, keys);
  exponentiate(values, s.T / 8, &state, shrink, s.scale);
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const float factor = 1.0f / sum_of_row(state.weight[half]);
#pragma unroll
    for (int n = 0; n < s.T / 8; n++) *weights_at(p_matrix, row, n, half, s) = round_pair(values[n][2 * half] * factor, values[n][2 * half + 1] * factor);
  }
  multiply_rows(values, dout_tile + row * stride, v_tile, s.T / 8, s);
  float total[2] = {0.0f, 0.0f};
#pragma unroll
  for (int half = 0; half < 2; half++) {
#pragma unroll
    for (int n = 0; n < s.T / 8; n++) {
      const unsigned p = *weights_at(p_matrix, row, n, half, s);
      total[half] += lower_of(p) * values[n][2 * half] + upper_of(p) * values[n][2 * half + 1];
    }
    total[half] = sum_of_row(total[half]);
  }
  // P is read again rather than kept: beside dP there is no room.
  __syncwarp();
#pragma unroll
  for (int n = 0; n < s.T / 8; n++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const unsigned p = *weights_at(p_matrix, row, n, half, s);
      weights[n][half] = round_pair(lower_of(p) * (values[n][2 * half] - total[half]), upper_of(p) * (values[n][2 * half + 1] - total[half]));
    }
  clear(sums, s.D / 8);
  multiply_weights(sums, weights, k_tile, s.T / 8, s);
  store_rows(dq, row_stride, sums, row, s.scale, s.scale, s);
  __syncthreads();

#pragma unroll
  for (int n = 0; n < s.T / 8; n++)
#pragma unroll
    for (int half = 0; half < 2; half++) *weights_at(ds_matrix, row, n, half, s) = weights[n][half];
  clear(sums, s.D / 8);
  multiply_columns(sums, p_matrix + row, dout_tile, s);
  store_rows(dv, row_stride, sums, row, 1.0f, 1.0f, s);
  __syncthreads();
  clear(sums, s.D / 8);
  multiply_columns(sums, ds_matrix + row, q_tile, s);
  store_rows(dk, row_stride, sums, row, s.scale, s.scale, s);
}
#endif
