// Cuts of products, against all cuts that there are.

import assert from "node:assert/strict";
import { test } from "node:test";
import { splitProduct } from "./product-blocks.ts";

test("of the cuts that keep all threads busy, tiles get the one that packs least", () => {
  const sizes = [32, 96, 256, 768, 1024, 2304, 4096];
  for (const threads of [1, 2, 3, 16]) {
    for (const m of sizes) {
      for (const n of sizes) {
        for (const bytesOfDepth of [512, 8192]) {
          const { down, across } = splitProduct(1, [m, n, bytesOfDepth], threads, true);
          const what = `${m} × ${n}, ${bytesOfDepth} bytes, ${threads} threads: ${down} × ${across}`;
          const packed = listCuts(m, n, bytesOfDepth, threads).map(cut => m * cut.across + n * cut.down);
          // A small product leaves threads without a block.
          if (packed.length === 0) assert.ok(m / down >= 96 || down === 1 || n / across >= 64, what);
          else assert.equal(m * across + n * down, Math.min(...packed), what);
        }
      }
    }
  }
});

/** What tile-matmul.c can hold, no smaller than pays, and even. */
function listCuts(m: number, n: number, bytesOfDepth: number, threads: number): { down: number; across: number }[] {
  const cuts = [];
  for (let down = 1; down <= 64; down++) {
    for (let across = 1; across <= 64; across++) {
      const rows = 32 * Math.ceil(m / down / 32);
      const columns = 32 * Math.ceil(n / across / 32);
      const holds = rows <= 1024 && columns <= 512 && (bytesOfDepth <= 2048 || rows * columns <= 1024 * 256);
      const pays = (down === 1 || m / down >= 96) && (across === 1 || n / across >= 64);
      const blocks = down * across;
      if (holds && pays && blocks >= threads && (blocks >= 4 * threads || blocks % threads === 0))
        cuts.push({ down, across });
    }
  }
  return cuts;
}

test("a wide product of few blocks is cut across, and not all of it down", () => {
  // By hand: five columns of 512 are odd; two rows of blocks pack 1024 · 5 + 2304 · 2, six columns 1024 · 6 + 2304.
  assert.deepEqual(splitProduct(1, [1024, 2304, 1536], 2, true), { down: 1, across: 6 });
  // Where there are no tiles, as it was measured there.
  assert.deepEqual(splitProduct(1, [1024, 2304, 1536], 2, false), { down: 3, across: 9 });
});
