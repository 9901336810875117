// A heap of pair merges that are waiting, the most frequent pair first; of equals the pair with the smaller ids, which is
// how Hugging Face's BpeTrainer breaks ties and what makes a vocabulary a function of the word counts alone.

export interface Merge {
  readonly left: number;
  readonly right: number;
  /** How often the pair occurred when this merge was queued; may be out of date. */
  count: number;
  /** Where the pair was found, in rising order; it may be gone from there. */
  places: ArrayLike<number>;
  /** Merges of the same pair, this one among them, where it was queued again: a token can be made in two ways. */
  same?: Merge[];
}

export class MergeQueue {
  private readonly heap: Merge[] = [];

  push(merge: Merge): void {
    const heap = this.heap;
    let at = heap.length;
    heap.push(merge);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!comesBefore(merge, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = merge;
  }

  pop(): Merge | undefined {
    const heap = this.heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && comesBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!comesBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function comesBefore(a: Merge, b: Merge): boolean {
  if (a.count !== b.count) return a.count > b.count;
  if (a.left !== b.left) return a.left < b.left;
  return a.right < b.right;
}
