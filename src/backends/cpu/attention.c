// Attention of one head over one sequence, forward and backward; scores live in a thread's scratch, never in memory.
// S positions, Q queries, D width of a head, C = H·D columns of each of q, k, v; a row of qkv is [q | k | v], 3·C elements.
// P = softmax(q kᵀ · scale), out = P v. Backward computes P again: dP = dout vᵀ, dS = P ∘ (dP - rowsum(P ∘ dP)) · scale,
// dq = dS k, dk = dSᵀ q, dv = Pᵀ dout (Vaswani et al. 2017; Dao et al. 2022, appendix B).
// Operands are all f32 or all bf16; P and dS are rounded to the same type before they are multiplied.

enum { LONGEST = 512, WIDEST = 128, SCORE_ROW = LONGEST + NR, HEAD_ROW = WIDEST + NR };

// Elements from one row to the next of q, and of k and v, as of their gradients.
struct head { long Q, S, D, C, q_row, kv_row; float scale; int is_bf16, result_is_bf16; long keys; };

// One a thread. Handed down as a pointer: a compiler that sees a thread's variable of a shared library asks for its address
// again and again, which halved the speed of these kernels.
struct scratch {
  uint32_t k[(LONGEST + NR) * WIDEST], v[(LONGEST + NR) * WIDEST]; // panels of keys, depth D
  uint32_t right[(WIDEST + NR) * LONGEST];                         // panels of columns, depth S
  uint32_t left[MOST_ROWS * LONGEST];                              // one panel of rows
  float scores[MOST_ROWS * SCORE_ROW], gradients[MOST_ROWS * SCORE_ROW], tile[MOST_ROWS * HEAD_ROW];
  float P[LONGEST * LONGEST], dS[LONGEST * LONGEST]; // as bf16 when the operands are
} __attribute__((aligned(64)));

static __attribute__((noinline)) struct scratch *own_scratch(void) {
  static _Thread_local struct scratch own;
  return &own;
}

inlined void multiply_panels(const uint32_t *left, const uint32_t *right, float *out, long out_row, long columns, long steps, int is_bf16) {
  for (long j = 0; j < columns; j += NR)
    (is_bf16 ? multiply_tile_bf16 : multiply_tile_f32)(left, right + j * steps, out + j, out_row, steps, 0);
}

// Where a head's rows begin; of dout where there is one.
struct operands { const char *q, *k, *dout; };

// Asks memory for rows, a few between the work on rows of scores: at once they would be more than a processor waits for.
inlined void ask_rows(const char *rows, long row_bytes, long begin, long end, long bytes, int is_written) {
  for (long row = begin; row < end; row++)
    for (long at = 0; at < bytes; at += 64) {
      if (is_written) __builtin_prefetch(rows + row * row_bytes + at, 1);
      else __builtin_prefetch(rows + row * row_bytes + at, 0, 2);
    }
}
// What the next head reads, the part of it that falls to a row of queries.
inlined void ask_next(const struct operands next, long query, const struct head head) {
  const long bytes = head.is_bf16 ? 2 : 4, width = head.D * bytes, row = head.C * bytes;
  const long begin = query * head.S / head.Q, end = (query + 1) * head.S / head.Q;
  ask_rows(next.q, head.q_row * bytes, query, query + 1, width, 0);
  if (next.dout != NULL) ask_rows(next.dout, row, query, query + 1, width, 0);
  ask_rows(next.k, head.kv_row * bytes, begin, end, width, 0);
  ask_rows(next.k + row, head.kv_row * bytes, begin, end, width, 0);
}

// The first `keys` scores of a row to exp(scores · scale - max), the others to 0; returns the sum.
inlined float exponentiate(float *restrict row, long S, long keys, float scale) {
  float largest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : largest)
  for (long j = 0; j < keys; j++) largest = row[j] > largest ? row[j] : largest;
  const float shift = largest * scale;
#pragma omp simd reduction(+ : sum)
  for (long j = 0; j < keys; j++) sum += row[j] = exp_below_zero(row[j] * scale - shift);
  for (long j = keys; j < S; j++) row[j] = 0;
  return sum;
}

inlined void store_row(char *to, float *restrict from, float factor, long count, int is_bf16) {
  if (is_bf16) {
    if (factor != 1.0f)
      for (long i = 0; i < count; i++) from[i] *= factor;
    round_row((bf16 *)to, from, count);
  } else {
    float *restrict out = (float *)to;
    for (long i = 0; i < count; i++) out[i] = from[i] * factor;
  }
}

inlined void attend_head(struct scratch *scratch, const struct operands here, const struct operands next, char *out, const struct head head) {
  const long Q = head.Q, S = head.S, D = head.D, C = head.C, bytes = head.is_bf16 ? 2 : 4, result_bytes = head.result_is_bf16 ? 2 : 4;
  const long steps_d = steps_of(D, head.is_bf16), steps_s = steps_of(S, head.is_bf16);
  const char *q = here.q, *k = here.k, *v = k + C * bytes;
  pack_columns(scratch->k, k, head.is_bf16, head.kv_row, 1, S, D);
  pack_columns(scratch->right, v, head.is_bf16, 1, head.kv_row, D, S);
  for (long i = 0; i < Q; i += rows_of(head.is_bf16)) {
    const long rows = Q - i < rows_of(head.is_bf16) ? Q - i : rows_of(head.is_bf16);
    pack_rows(scratch->left, q + i * head.q_row * bytes, head.is_bf16, head.q_row, 1, rows, D);
    multiply_panels(scratch->left, scratch->k, scratch->scores, SCORE_ROW, S, steps_d, head.is_bf16);
    float sums[MOST_ROWS];
    for (long r = 0; r < rows; r++) {
      ask_next(next, i + r, head);
      ask_rows(out, C * result_bytes, i + r, i + r + 1, D * result_bytes, 1);
      sums[r] = exponentiate(scratch->scores + r * SCORE_ROW, S, head.keys, head.scale);
    }
    pack_rows(scratch->left, (const char *)scratch->scores, head.is_bf16 ? ROUNDED : F32, SCORE_ROW, 1, rows, S);
    multiply_panels(scratch->left, scratch->right, scratch->tile, HEAD_ROW, D, steps_s, head.is_bf16);
    for (long r = 0; r < rows; r++)
      store_row(out + (i + r) * C * result_bytes, scratch->tile + r * HEAD_ROW, 1.0f / sums[r], D, head.result_is_bf16);
  }
}

// to (Q, D) = left (Q, S) · right (S, D), or transposed (S, D) = leftᵀ · right (Q, D).
inlined void multiply_scores(struct scratch *scratch, char *to, long to_row, const float *left, int transposed, const char *right, long right_row, const struct head head) {
  const long S = head.S, D = head.D, bytes = head.is_bf16 ? 2 : 4, result_bytes = head.result_is_bf16 ? 2 : 4;
  const long results = transposed ? S : head.Q, depth = transposed ? head.Q : S;
  pack_columns(scratch->right, right, head.is_bf16, 1, right_row, D, depth);
  for (long i = 0; i < results; i += rows_of(head.is_bf16)) {
    const long rows = results - i < rows_of(head.is_bf16) ? results - i : rows_of(head.is_bf16);
    const long lane = transposed ? 1 : S, step = transposed ? S : 1;
    pack_rows(scratch->left, (const char *)left + i * lane * bytes, head.is_bf16, lane, step, rows, depth);
    multiply_panels(scratch->left, scratch->right, scratch->tile, HEAD_ROW, D, steps_of(depth, head.is_bf16), head.is_bf16);
    for (long r = 0; r < rows; r++)
      store_row(to + (i + r) * to_row * result_bytes, scratch->tile + r * HEAD_ROW, 1.0f, D, head.result_is_bf16);
  }
}

inlined void attend_head_backward(struct scratch *scratch, const struct operands here, const struct operands next, char *dq, char *dk, char *dv, const struct head head) {
  const long Q = head.Q, S = head.S, D = head.D, C = head.C, bytes = head.is_bf16 ? 2 : 4, result_bytes = head.result_is_bf16 ? 2 : 4;
  const long steps_d = steps_of(D, head.is_bf16);
  const char *q = here.q, *k = here.k, *v = k + C * bytes, *dout = here.dout;
  pack_columns(scratch->k, k, head.is_bf16, head.kv_row, 1, S, D);
  pack_columns(scratch->v, v, head.is_bf16, head.kv_row, 1, S, D);
  for (long i = 0; i < Q; i += rows_of(head.is_bf16)) {
    const long rows = Q - i < rows_of(head.is_bf16) ? Q - i : rows_of(head.is_bf16);
    pack_rows(scratch->left, q + i * head.q_row * bytes, head.is_bf16, head.q_row, 1, rows, D);
    multiply_panels(scratch->left, scratch->k, scratch->scores, SCORE_ROW, S, steps_d, head.is_bf16);
    pack_rows(scratch->left, dout + i * C * bytes, head.is_bf16, C, 1, rows, D);
    multiply_panels(scratch->left, scratch->v, scratch->gradients, SCORE_ROW, S, steps_d, head.is_bf16);
    for (long r = 0; r < rows; r++) {
      float *restrict p = scratch->scores + r * SCORE_ROW, *restrict dp = scratch->gradients + r * SCORE_ROW;
      const long begin = (i + r) * S / Q, end = (i + r + 1) * S / Q;
      ask_next(next, i + r, head);
      ask_rows(dq, head.q_row * result_bytes, i + r, i + r + 1, D * result_bytes, 1);
      ask_rows(dk, head.kv_row * result_bytes, begin, end, D * result_bytes, 1);
      ask_rows(dv, head.kv_row * result_bytes, begin, end, D * result_bytes, 1);
      const float inverse = 1.0f / exponentiate(p, S, head.keys, head.scale);
      float inner = 0;
#pragma omp simd reduction(+ : inner)
      for (long j = 0; j < S; j++) inner += (p[j] *= inverse) * dp[j];
      for (long j = 0; j < S; j++) dp[j] = p[j] * (dp[j] - inner) * head.scale;
      store_row((char *)scratch->P + (i + r) * S * bytes, p, 1.0f, S, head.is_bf16);
      store_row((char *)scratch->dS + (i + r) * S * bytes, dp, 1.0f, S, head.is_bf16);
    }
  }
  multiply_scores(scratch, dq, head.q_row, scratch->dS, 0, k, head.kv_row, head);
  multiply_scores(scratch, dk, head.kv_row, scratch->dS, 1, q, head.q_row, head);
  multiply_scores(scratch, dv, head.kv_row, scratch->P, 1, dout, C, head);
}

// Block n is head n % H of sequence n / H. Queries are those of qkv, or, queried, an operand (Q, C) of each sequence before [k | v].
inlined struct operands find_operands(char *const *p, long n, long H, int queried, int is_backward, const struct head head) {
  const long bytes = head.is_bf16 ? 2 : 4, C = head.C, sequence = n / H, column = n % H * head.D;
  return (struct operands){
    p[0] + (sequence * head.Q * head.q_row + column) * bytes,
    p[queried] + (sequence * head.S * head.kv_row + (queried ? 0 : C) + column) * bytes,
    is_backward ? p[queried + 1] + (sequence * head.Q * C + column) * bytes : NULL,
  };
}

// With lengths, the last of the inputs, a sequence has that many keys.
inlined void attend_blocks(char *const *p, long begin, long end, long H, int queried, int has_lengths, struct head head) {
  const long out = head.result_is_bf16 ? 2 : 4;
  struct scratch *scratch = own_scratch();
  if (head.is_bf16) begin_tiles();
  for (long n = begin; n < end; n++) {
    const struct operands here = find_operands(p, n, H, queried, 0, head), next = find_operands(p, n + 1, H, queried, 0, head);
    head.keys = has_lengths ? ((const int32_t *)p[queried + 1])[n / H] : head.S;
    char *to = p[queried + 1 + has_lengths] + (n / H * head.Q * head.C + n % H * head.D) * out;
    attend_head(scratch, here, next, to, head);
  }
  if (head.is_bf16) end_tiles();
}

// The result is like qkv; queried, it is all rows of dq (C elements each), then those of [dk | dv].
inlined void attend_blocks_backward(char *const *p, long begin, long end, long B, long H, int queried, int has_lengths, struct head head) {
  const long out = head.result_is_bf16 ? 2 : 4, C = head.C;
  const long key_part = queried ? B * head.Q * C : C, value_part = key_part + C;
  struct scratch *scratch = own_scratch();
  if (head.is_bf16) begin_tiles();
  for (long n = begin; n < end; n++) {
    const long sequence = n / H, column = n % H * head.D;
    const struct operands here = find_operands(p, n, H, queried, 1, head), next = find_operands(p, n + 1, H, queried, 1, head);
    head.keys = has_lengths ? ((const int32_t *)p[queried + 2])[sequence] : head.S;
    char *dqkv = p[queried + 2 + has_lengths];
    char *dq = dqkv + (sequence * head.Q * head.q_row + column) * out, *dkv = dqkv + (sequence * head.S * head.kv_row + column) * out;
    attend_head_backward(scratch, here, next, dq, dkv + key_part * out, dkv + value_part * out, head);
  }
  if (head.is_bf16) end_tiles();
}
