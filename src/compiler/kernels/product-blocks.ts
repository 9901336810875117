// Cuts a matrix product of the cpu into blocks that threads take in turn. Sizes are those of the packed panels in matmul.c
// and, where tiles multiply, tile-matmul.c.

interface Blocks {
  /** The most rows and columns of one block, and of one that is packed in several passes, which keeps its sums between them. */
  readonly rows: number;
  readonly columns: number;
  readonly deepColumns: number;
  /** The depth up to which it is packed at once. */
  readonly bytesOfDepth: number;
  /** Blocks are not made smaller than this to occupy more threads: packing would cost more than it wins. */
  readonly least: { readonly rows: number; readonly columns: number };
  /** For each thread, so that one that ends early finds more: where packing is a third of the work, one is best. */
  readonly leastPerThread: number;
}

const packed: Blocks = {
  ...{ rows: 384, columns: 512, deepColumns: 256, bytesOfDepth: 1024 },
  least: { rows: 48, columns: 64 },
  leastPerThread: 2,
};
const packedForTiles: Blocks = {
  ...{ rows: 1024, columns: 512, deepColumns: 256, bytesOfDepth: 2048 },
  least: { rows: 96, columns: 64 },
  leastPerThread: 1,
};

/** Rows of a block whose columns another has packed already: twice as many as tile-matmul.c packs at once. */
const shortest = 192;
const countShortest = (rows: number) => (rows < 2 * shortest ? 1 : Math.ceil(rows / shortest));

const inPanels = (lanes: number) => 32 * Math.ceil(lanes / 32);

/**
 * Cuts a product into blocks that keep all threads busy to the end, or half of them where nobody awaits it, so that others run beside it,
 * and fewer blocks pack less. The result of a product does not depend on it.
 */
export function splitProduct(
  batches: number,
  [m, n, bytesOfDepth]: readonly [number, number, number],
  ofAll: number,
  { byTiles, isAwaited }: { readonly byTiles: boolean; readonly isAwaited: boolean },
): { down: number; across: number } {
  const {
    rows,
    columns,
    deepColumns,
    bytesOfDepth: deepest,
    least,
    leastPerThread,
  } = byTiles ? packedForTiles : packed;
  const isDeep = bytesOfDepth > deepest;
  const threads = byTiles && isDeep && !isAwaited ? Math.ceil(ofAll / 2) : ofAll;
  const isUneven = (down: number, across: number) => {
    const count = batches * down * across;
    return count < leastPerThread * threads || (count < 4 * threads && count % threads !== 0);
  };
  const canRows = (down: number) => m / down >= least.rows;
  const canColumns = (across: number) => n / across >= least.columns;
  let down = Math.ceil(m / rows);
  if (byTiles) {
    // Half the depth leaves room for twice the columns; few rows for the sums of more.
    const widest = 2 * bytesOfDepth <= deepest ? 2 * columns : columns;
    const fits = (across: number) => !isDeep || inPanels(m / down) * inPanels(n / across) <= rows * deepColumns;
    // Of the cuts that are even, the one that packs least, and of these the one of fewest blocks. Where none is even, the one of most.
    let best = { down, across: 0, packed: Number.POSITIVE_INFINITY };
    do {
      let across = Math.ceil(n / widest);
      while (!fits(across) || (isUneven(down, across) && canColumns(across + 1))) across++;
      const isOdd = isUneven(down, across);
      const packed = isOdd ? Number.POSITIVE_INFINITY : countPacked([m, n], { down, across }, threads, isDeep);
      const isFewer = down * across <= best.down * best.across;
      if (packed < best.packed || (packed === best.packed && isOdd !== isFewer)) best = { down, across, packed };
      down++;
    } while (canRows(down));
    // Columns that stay packed cost shorter blocks nothing, and who ends early finds more.
    if (threads === 1 || isDeep) return { down: best.down, across: best.across };
    const short = best.across > 1 ? countShortest(m) : threads * countShortest(m / threads);
    return { down: Math.max(best.down, short), across: best.across };
  }
  let across = Math.ceil(n / (isDeep ? deepColumns : columns));
  while (isUneven(down, across)) {
    if (canRows(down + 1) && (m / down >= n / across || !canColumns(across + 1))) down++;
    else if (canColumns(across + 1)) across++;
    else break;
  }
  return { down, across };
}

/**
 * Rows and columns that tiles pack: rows for each block across; columns for each block down where they are packed in several passes, and
 * else once, and once more where two threads share them.
 */
function countPacked(
  [m, n]: readonly [number, number],
  { down, across }: { readonly down: number; readonly across: number },
  threads: number,
  isDeep: boolean,
): number {
  let shared = 0;
  for (let thread = 1; thread < threads; thread++) if ((thread * across) % threads !== 0) shared++;
  return m * across + n * (isDeep ? down : Math.min(down, 1 + shared / across));
}
