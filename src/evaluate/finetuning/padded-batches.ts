// Batches as a program reads them: token ids of B sequences side by side, each padded to the batch's length. The arrays of a
// length are made once and written again for every batch.

import type { SpecialIds } from "../../tokenizer/tokenizer.ts";
import type { Task } from "../tasks/task.ts";
import type { EncodedExample } from "./encode-examples.ts";
import type { PaddedBatch } from "./finetune-step.ts";
import type { Batch } from "./length-buckets.ts";

export interface PaddingOptions {
  readonly kind: Task["kind"];
  readonly batchSequences: number;
  readonly specials: Pick<SpecialIds, "pad">;
}

/** Fills the arrays for one batch of `examples`; the result holds until the next batch of its length. */
export type FillBatch = (batch: Batch, examples: readonly EncodedExample[]) => PaddedBatch;

/** No target: a token that is not the first of a word. */
const nothing = -1;

/** Rows of a batch without an example are one padding token long: attention needs something to look at. */
export function createBatchFiller({ kind, batchSequences: B, specials }: PaddingOptions): FillBatch {
  const made = new Map<number, PaddedBatch>();
  const allocate = (length: number): PaddedBatch => ({
    length,
    tokens: new Int32Array(B * length),
    segments: new Int32Array(B * length),
    lengths: new Int32Array(B),
    targets:
      kind === "tokens" ? new Int32Array(B * length) : kind === "regression" ? new Float32Array(B) : new Int32Array(B),
  });
  return ({ length, members }, examples) => {
    const batch = made.get(length) ?? allocate(length);
    made.set(length, batch);
    const { tokens, segments, lengths, targets } = batch;
    tokens.fill(specials.pad);
    segments.fill(0);
    lengths.fill(1);
    targets.fill(kind === "tokens" ? nothing : 0);
    members.forEach((member, row) => {
      const { example, tokens: ids, secondStart, wordPlaces } = examples[member]!;
      const start = row * length;
      tokens.set(ids, start);
      segments.fill(1, start + secondStart, start + ids.length);
      lengths[row] = ids.length;
      if (kind === "tokens") {
        example.targets.forEach((target, word) => {
          targets[start + wordPlaces[word]!] = target;
        });
      } else targets[row] = example.targets[0] ?? 0;
    });
    return batch;
  };
}
