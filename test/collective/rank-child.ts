// One rank of a few that do together what a collective offers. It prints what came of it, as one line of JSON.

import { existsSync, readFileSync } from "node:fs";
import { koffi } from "../../src/backends/foreign-functions.ts";
import { broadcastJson } from "../../src/collective/collective.ts";
import { openCollective } from "../../src/collective/open-collective.ts";
import { readRankPlace } from "../../src/collective/rank-place.ts";

const collective = await openCollective(readRankPlace(), "", console.error);
const { rank, size, engine } = collective;
const small = Float32Array.of(rank + 1, 10 * rank);
const double = Float64Array.of(2 ** 53 - 1 - rank);
const large = new Float32Array(50_000).fill(rank + 1);
const placed = Float32Array.of(0.5, rank, 7);
await collective.sum([
  { name: "small", values: small },
  { name: "double", values: double },
  { name: "large", values: large },
  { name: "placed", values: { address: koffi.address(placed), elements: 2 } },
]);
const told = await broadcastJson(collective, { from: rank, text: "é" });
const gathered = await collective.gather({ name: "own", values: Float32Array.of(rank, -rank) }, size - 1);
await collective.barrier();
/** Of libc's code, which its file gives and nobody should have written into; no Linux, none. */
function countWrittenCode(): number {
  const maps = "/proc/self/smaps";
  const regions = existsSync(maps) ? readFileSync(maps, "utf8").split(/^(?=[\da-f]+-[\da-f]+ )/m) : [];
  const code = regions.filter(region => /^\S+ r-xp .*\/libc[.-]/.test(region));
  return code.reduce((sum, region) => sum + Number(/^Private_Dirty: +(\d+)/m.exec(region)![1]), 0);
}
const writtenCodeKiB = countWrittenCode();
const isLargeWhole = large.every(value => value === large[0]);
console.log(
  JSON.stringify({
    ...{ rank, size, engine, small: [...small], double: double[0], large: large[0], isLargeWhole, writtenCodeKiB },
    ...{ placed: [...placed], told, gathered: gathered && [...gathered] },
  }),
);
await collective.close();
