// The training batches of a run in their order, some of which may be read ahead: while the device works on a step, the host makes ready
// what the next one begins with. What is read is the same either way, and an error is told where its batch is needed.

import type { HostInputs } from "../backends/backend.ts";

/** Where batches come from. Training batches are a function of the position in the run's order and of progress. */
export interface BatchSource {
  readonly datasetHash: string;
  /** Nats per token of the held-out text under its own token frequencies. */
  readonly unigramEntropy: number;
  readonly validationBatches: number;
  training(firstSequence: number, sequences: number, progress: number): HostInputs | Promise<HostInputs>;
  /** Whether training batches of one progress are those of another; without it they always are. */
  isSame?(progress: number, other: number): boolean;
  /** Moments of the budget at which programs are needed that none before needed; without it the start alone. */
  readonly newPrograms?: readonly number[];
  validation(index: number): HostInputs | Promise<HostInputs>;
}

export interface BatchQueue {
  /** The micro-batch that begins with this sequence of the run. */
  take(firstSequence: number, progress: number): Promise<HostInputs>;
  /** Reads what will be taken next, if it is still the same at the progress of then. */
  readAhead(firstSequence: number, progress: number): void;
}

/** Micro-batches of so many sequences. */
export function queueBatches(source: BatchSource, sequences: number): BatchQueue {
  /** By their first sequence, ascending. */
  const ahead = new Map<number, { readonly progress: number; readonly batch: Promise<HostInputs> }>();
  const read = async (first: number, progress: number) => source.training(first, sequences, progress);
  return {
    take: (first, progress) => {
      const ready = ahead.get(first);
      for (const before of ahead.keys()) if (before <= first) ahead.delete(before);
      const isSame = ready !== undefined && (source.isSame?.(ready.progress, progress) ?? true);
      return isSame ? ready.batch : read(first, progress);
    },
    readAhead: (first, progress) => {
      if (ahead.has(first)) return;
      const batch = read(first, progress);
      // A training that ends here needs no such batch.
      batch.catch(() => {});
      ahead.set(first, { progress, batch });
    },
  };
}
