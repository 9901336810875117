import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { useOwnCache } from "../../../test/own-cache.ts";
import { koffi } from "../foreign-functions.ts";
import { buildLibrary, loadLibrary } from "./build.ts";
import { loadKernels } from "./load-kernels.ts";

const root = useOwnCache();

/** A kernel that writes a number, by a function of its own as products have one. */
const kernel = (number: number, written: number) => ({
  name: `row_${number}`,
  source: `static void row_${number}_epilogue(int *to) { *to = ${written}; }
static void row_${number}(char *const *p, long begin, long end) { row_${number}_epilogue((int *)p[0]); }\n`,
});
const call = koffi.proto("void load_kernels_test(_In_ void **p, long begin, long end)");
const run = (address: number): number => {
  const result = koffi.alloc("int", 1);
  koffi.call(BigInt(address), call, [result], 0, 1);
  return koffi.decode(result, "int") as number;
};
const countLibraries = () => readdirSync(join(root, "kernels")).filter(name => name.endsWith(".so")).length;

test("programs that ask in one turn share a build, and what is loaded is not built again under another number", async () => {
  const [first, second] = await Promise.all([
    loadKernels([kernel(1, 5), kernel(10, 6)]),
    loadKernels([kernel(2, 6), kernel(3, 7), kernel(11, 5)]),
  ]);
  assert.equal(countLibraries(), 1);
  assert.deepEqual(await loadKernels([kernel(7, 7), kernel(1, 6)]), [second[1], second[0]]);
  assert.equal(countLibraries(), 1);
  assert.deepEqual([first[0], first[1]], [second[2], second[0]]);
  assert.deepEqual([...first, ...second].map(run), [5, 6, 6, 7, 5]);
});

test("a build that was ended leaves nothing behind: who asks again has it", async () => {
  const stopped = loadKernels([kernel(1, 8)], [], AbortSignal.abort());
  const goesOn = loadKernels([kernel(1, 9)]);
  await assert.rejects(stopped, { name: "AbortError" });
  assert.deepEqual((await goesOn).map(run), [9]);
  assert.deepEqual((await loadKernels([kernel(1, 8)])).map(run), [8]);
});

test("whoever waits for a build that another one's signal ends has it built again", async () => {
  const before = [new AbortController(), new AbortController()] as const;
  const ended = loadKernels([kernel(1, 30)], [], before[0].signal);
  const waiting = loadKernels([kernel(2, 30)]);
  const both = loadKernels([kernel(3, 30), kernel(4, 31)], [], before[1].signal);
  before[0].abort();
  await assert.rejects(ended, { name: "AbortError" });
  assert.deepEqual((await waiting).map(run), [30]);
  assert.deepEqual((await both).map(run), [30, 31]);
  // Files are waited for alike, whose build has begun already.
  const stop = new AbortController();
  const source = "int cram_shared_file(void) { return 32; }";
  const first = buildLibrary(source, [], stop.signal);
  const second = Promise.all([buildLibrary(source), buildLibrary(source, [], new AbortController().signal)]);
  setTimeout(() => stop.abort(), 5);
  await assert.rejects(first, { name: "AbortError" });
  const [path, same] = await second;
  assert.equal(path, same);
  assert.equal(loadLibrary(path).func("int cram_shared_file()")(), 32);
});

test("whoever waits for another one's build is ended by its own signal, and the build goes on", async () => {
  const [other, own] = [new AbortController(), new AbortController()];
  let isBuilt = false;
  const built = loadKernels([kernel(1, 50)], [], other.signal).finally(() => (isBuilt = true));
  const waiting = loadKernels([kernel(2, 50)], [], own.signal);
  own.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  assert.equal(isBuilt, false);
  assert.deepEqual((await built).map(run), [50]);
});

test("what is long to compile is built in parts, one for each processor at most, and each kernel is where it belongs", async () => {
  const before = countLibraries();
  // Loops take the compiler as long as their text is.
  const long = Array.from({ length: 6 }, (_, i) => {
    const { name, source } = kernel(i, 20 + i);
    return { name, source: `${source}${"//".padEnd(20_000)}\n` };
  });
  assert.deepEqual((await loadKernels(long)).map(run), [20, 21, 22, 23, 24, 25]);
  assert.equal(countLibraries() - before, Math.min(4, availableParallelism()));
});

test("many kernels that are awaited, and many that are compiled, by one signal are no leak", async t => {
  const warnings: string[] = [];
  const hear = ({ name }: Error) => warnings.push(name);
  process.on("warning", hear);
  t.after(() => process.off("warning", hear));
  const many = Array.from({ length: 12 }, (_, i) => kernel(i, 100 + i));
  const [before, own] = [new AbortController(), new AbortController()];
  const first = loadKernels(many, [], before.signal);
  assert.deepEqual((await loadKernels(many, [], own.signal)).map(run), (await first).map(run));
  const another = new AbortController();
  await Promise.all(many.map((_, i) => buildLibrary(`int cram_many(void) { return ${i}; }`, [], another.signal)));
  // A warning is told in another turn.
  await new Promise(setImmediate);
  assert.deepEqual(warnings, []);
});
