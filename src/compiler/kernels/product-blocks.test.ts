// Cuts of products, against all cuts that there are, each counted block by block as threads take them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { splitProduct } from "./product-blocks.ts";

const awaited = { byTiles: true, isAwaited: true };

interface Cut {
  readonly down: number;
  readonly across: number;
}

test("of the cuts that keep all threads busy, tiles get one that packs least", () => {
  const sizes = [32, 96, 256, 768, 1024, 2304, 4096];
  for (const threads of [1, 2, 3, 16]) {
    for (const m of sizes) {
      for (const n of sizes) {
        for (const bytesOfDepth of [512, 2048, 8192]) {
          const cut = splitProduct(1, [m, n, bytesOfDepth], threads, awaited);
          const what = `${m} × ${n}, ${bytesOfDepth} bytes, ${threads} threads: ${cut.down} × ${cut.across}`;
          const all = listCuts(m, n, bytesOfDepth, threads);
          const least = Math.min(...all.map(each => countPacked(m, n, bytesOfDepth, threads, each)));
          // A small product leaves threads without a block.
          if (all.length === 0) assert.ok(cut.down * cut.across < 4 * threads, what);
          else assert.ok(countPacked(m, n, bytesOfDepth, threads, cut) <= 1.06 * least, `${what}, least ${least}`);
        }
      }
    }
  }
});

/** What tile-matmul.c can hold, no smaller than pays, and even. */
function listCuts(m: number, n: number, bytesOfDepth: number, threads: number): Cut[] {
  const cuts = [];
  for (let down = 1; down <= 64; down++) {
    for (let across = 1; across <= 64; across++) {
      const rows = 32 * Math.ceil(m / down / 32);
      const columns = 32 * Math.ceil(n / across / 32);
      const isHeld = columns <= (bytesOfDepth <= 1024 ? 1024 : 512);
      const holds = rows <= 1024 && isHeld && (bytesOfDepth <= 2048 || rows * columns <= 1024 * 256);
      const pays = (down === 1 || m / down >= 96) && (across === 1 || n / across >= 64);
      const blocks = down * across;
      if (holds && pays && blocks >= threads && (blocks >= 4 * threads || blocks % threads === 0))
        cuts.push({ down, across });
    }
  }
  return cuts;
}

/** Rows and columns packed by threads that each take their part of the blocks, which follow each other down the rows. */
function countPacked(m: number, n: number, bytesOfDepth: number, threads: number, { down, across }: Cut): number {
  const blocks = down * across;
  let packed = 0;
  for (let block = 0; block < blocks; block++) {
    const part = Math.floor((block * threads) / blocks);
    const follows = block % down > 0 && Math.floor(((block - 1) * threads) / blocks) === part;
    packed += m / down + (follows && bytesOfDepth <= 2048 ? 0 : n / across);
  }
  return packed;
}

test("cuts of five products by two threads", () => {
  // By hand: 2 × 3 blocks of rows packed in two passes pack 1024 · 3 + 768 · 2, as many as 2 × 2 and 1024 more.
  assert.deepEqual(splitProduct(1, [1024, 768, 4608], 2, awaited), { down: 2, across: 2 });
  // Packed at once, five columns of blocks are packed once and one of them twice.
  assert.deepEqual(splitProduct(1, [1024, 2304, 1536], 2, awaited), { down: 6, across: 5 });
  // Half as deep as is packed at once, all columns of a row are one block's, and rows are packed once; eleven blocks a thread of 192 at most.
  assert.deepEqual(splitProduct(1, [4096, 1024, 512], 2, awaited), { down: 22, across: 1 });
  // A sum of 256 × 256 that is packed in eight passes, beside which another runs.
  assert.deepEqual(splitProduct(1, [256, 256, 8192], 2, awaited), { down: 2, across: 1 });
  assert.deepEqual(splitProduct(1, [256, 256, 8192], 2, { ...awaited, isAwaited: false }), { down: 1, across: 1 });
  // Where there are no tiles, as it was measured there.
  assert.deepEqual(splitProduct(1, [1024, 2304, 1536], 2, { byTiles: false, isAwaited: true }), { down: 3, across: 9 });
});
