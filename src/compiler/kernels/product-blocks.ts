// Cuts a matrix product of the cpu into blocks that threads take in turn. Sizes are those of the packed panels in matmul.c
// and, where tiles multiply, tile-matmul.c.

/**
 * The most rows and columns of one block of a matrix product, and the depth up to which it is packed at once: as in matmul.c.
 * Deeper ones keep their sums between passes, which leaves less of the second cache to b.
 */
const largestBlock = { rows: 384, columns: 512, deepColumns: 256, bytesOfDepth: 1024 };
const largestBlockOfTiles = { rows: 1024, columns: 512, deepColumns: 256, bytesOfDepth: 2048 };
/** Blocks are not made smaller than this to occupy more threads: packing would cost more than it wins. */
const smallestBlock = { rows: 48, columns: 64 };
const smallestBlockOfTiles = { rows: 96, columns: 64 };

/** Cuts a product into blocks that keep all threads busy to the end. The result of a product does not depend on it. */
export function splitProduct(
  batches: number,
  [m, n, bytesOfDepth]: readonly [number, number, number],
  threads: number,
  byTiles: boolean,
): { down: number; across: number } {
  const largest = byTiles ? largestBlockOfTiles : largestBlock;
  const smallest = byTiles ? smallestBlockOfTiles : smallestBlock;
  const isDeep = bytesOfDepth > largest.bytesOfDepth;
  let down = Math.ceil(m / largest.rows);
  let across = Math.ceil(n / (isDeep ? largest.deepColumns : largest.columns));
  const count = () => batches * down * across;
  const isUneven = () => count() < 2 * threads || (count() < 4 * threads && count() % threads !== 0);
  while (isUneven()) {
    const canRows = m / (down + 1) >= smallest.rows;
    const canColumns = n / (across + 1) >= smallest.columns;
    if (canRows && (m / down >= n / across || !canColumns)) down++;
    else if (canColumns) across++;
    else break;
  }
  return { down, across };
}
