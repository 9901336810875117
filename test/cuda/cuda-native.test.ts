// The native driver against a stand-in for NVIDIA's libraries that works in host memory: every signature, number and order of
// calls that a device would see. The stand-in was compiled against NVIDIA's own headers when it was written (-DREAL_HEADERS).

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import koffi from "koffi";
import { quickstart } from "../../recipes/quickstart.ts";
import { buildLibrary } from "../../src/backends/cpu/build.ts";
import { openCuda, openCudaOn } from "../../src/backends/cuda/cuda.ts";
import type { CudaDriver } from "../../src/backends/cuda/driver/driver.ts";
import { openNativeDriver } from "../../src/backends/cuda/driver/native-driver.ts";
import { openMonitor } from "../../src/backends/cuda/driver/nvml.ts";
import { figuresOf } from "../../src/backends/cuda/figures.ts";
import type { Product } from "../../src/compiler/program/program.ts";
import { input, matmul } from "../../src/graph/operations.ts";
import { parseBudget } from "../../src/train/budget.ts";
import { overrideRecipe } from "../../src/train/recipe.ts";
import { readRunDevice } from "../../src/train/run-folder.ts";
import { type BackendChoice, withBackend } from "../../src/verbs/backend.ts";
import { plan } from "../../src/verbs/plan.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";
import { withRun } from "../../src/verbs/pretrain/open-run.ts";

const skip = process.platform === "linux" ? false : "NVIDIA's libraries are looked for on Linux only";
const folder = mkdtempSync(join(tmpdir(), "cram-native-"));
after(() => rmSync(folder, { recursive: true }));

interface Fake {
  takeLog(): string;
  set(memoryBytes: number, polls: number, isBroken: number): void;
  memoryUsed(): number;
  events(): number;
  monitorsOpen(): number;
}
let fake: Fake;

before(async () => {
  if (skip !== false) return;
  const read = (name: string) => readFileSync(new URL(`../fake-cuda/${name}`, import.meta.url), "utf8");
  const path = await buildLibrary(read("fake-cuda.c") + read("fake-cublaslt.c") + read("fake-nvml.c"));
  // One file under all names, so that the libraries share their memory as the real ones share a device.
  for (const name of ["libcuda.so.1", "libnvrtc.so.13", "libcublasLt.so.13", "libnvidia-ml.so.1"])
    symlinkSync(path, join(folder, name));
  process.env.CRAM_CUDA_LIBRARIES = folder;
  const library = koffi.load(join(folder, "libcuda.so.1"));
  fake = {
    takeLog: library.func("const char *fake_take_log()") as Fake["takeLog"],
    set: library.func("void fake_set(uint64_t memory, int polls, int broken)") as Fake["set"],
    memoryUsed: library.func("uint64_t fake_memory_used()") as Fake["memoryUsed"],
    monitorsOpen: library.func("int fake_nvml_open()") as Fake["monitorsOpen"],
    events: library.func("int fake_events()") as Fake["events"],
  };
});

/** Without the difference, which takes minutes to print of large arrays. */
const equalBytes = (a: Float32Array<ArrayBuffer>, b: Float32Array<ArrayBuffer>) =>
  Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

/** A cache of its own for each test. */
let cache: string;
const memoryBytes = 2 ** 28;
beforeEach(() => {
  cache = mkdtempSync(join(folder, "cache-"));
  process.env.CRAM_CACHE = cache;
  fake?.set(memoryBytes, 0, 0);
  fake?.takeLog();
});

async function withDriver(use: (driver: CudaDriver) => Promise<void>): Promise<void> {
  const driver = openNativeDriver();
  try {
    fake.takeLog();
    await use(driver);
  } finally {
    driver.close();
  }
  assert.equal(fake.memoryUsed(), 0, "all memory was freed");
  assert.equal(fake.events(), 0, "all events were destroyed");
}

const source = "add";
const floats = (length: number, first: number) => Float32Array.from({ length }, (_, i) => first + i);

test("the device is what the driver says; closing gives everything back", { skip }, async () => {
  await withDriver(async driver => {
    assert.deepEqual(driver.device, {
      ...{ name: "Fake 5", ...figuresOf(86, 84), memoryBytes, busId: "0000:0b:00.0" },
    });
    driver.allocate(1000);
    await driver.loadModule(source);
    driver.capture(() => {});
  });
  const log = fake.takeLog();
  assert.match(log, /--gpu-architecture=sm_86 /);
  assert.doesNotMatch(log, /line-info/);
  assert.match(log, /unload\n/);
  assert.match(log, /destroy executable\n/);
  // The context stays for the libraries that keep modules in it, and for the next driver.
  assert.doesNotMatch(log, /release/);
  openNativeDriver().close();
  assert.doesNotMatch(fake.takeLog(), /retain/);
});

test("a device is chosen by its number, and one that is not there is refused", { skip }, async () => {
  const driver = openNativeDriver(1);
  assert.deepEqual([driver.device.name, driver.device.busId], ["Fake 6", "0000:0c:00.0"]);
  driver.close();
  assert.throws(() => openNativeDriver(2), { code: "E_OPTION", message: /--device 2: .* 2 devices, 0 to 1/ });
  await assert.rejects(
    withBackend({ device: 1 }, "f32", async () => {}),
    { code: "E_OPTION" },
  );
});

test("a run keeps its device, and goes on there when it is resumed", { skip }, async () => {
  const text = join(folder, "texts.jsonl");
  writeFileSync(text, Array.from({ length: 60 }, (_, i) => `{"text": "${i} boats sleep near the river"}\n`).join(""));
  const data = join(folder, "data");
  await prepare({ texts: [text], out: data, vocabulary: 60, sequenceLength: 16, holdOut: 0.2, threads: 1 });
  const sizes = ["width=16", "layers=1", "heads=2", "feedForward=16", "vocabulary=60", "sequenceLength=16"];
  const recipe = overrideRecipe(quickstart, [...sizes.map(size => `model.${size}`), "train.microBatchSequences=2"]);
  const plan = { run: join(folder, "run"), recipe, budget: parseBudget(recipe.train.budget), data };
  const open = (isNew: boolean, choice: BackendChoice) =>
    withRun({ ...plan, isNew }, choice, async ({ backend }) => backend.device);
  assert.match(await open(true, { backend: "cuda", device: 1 }), /^Fake 6,/);
  assert.deepEqual(readRunDevice(plan.run).device, 1);
  assert.match(await open(false, {}), /^Fake 6,/);
  assert.match(await open(false, { device: 0 }), /^Fake 5,/);
});

test("a plan for this GPU is one for its memory", { skip }, async () => {
  const planned = { recipe: "crammed-bert", backend: "cuda", measureSeconds: 0 } as const;
  // Parameters, gradients and two moments of 119.6 M are 1.9 GB; the stand-in has 2^28 bytes, some in use.
  const message = /needs [\d.]+ GB at least, and 0\.2 GB are there/;
  await assert.rejects(plan({ ...planned, device: "1" }), { code: "E_MEMORY", message });
  await assert.rejects(plan({ ...planned, device: "2" }), { code: "E_OPTION", message: /--device 2/ });
});

test("CRAM_CUDA_LINEINFO has lines kept for a profiler", { skip }, async () => {
  process.env.CRAM_CUDA_LINEINFO = "1";
  try {
    await withDriver(async driver => {
      await driver.loadModule(source);
      assert.match(fake.takeLog(), /--generate-line-info/);
    });
  } finally {
    delete process.env.CRAM_CUDA_LINEINFO;
  }
});

test("memory is zeros; what is sent may be changed at once; results come back by both ways", { skip }, async () => {
  await withDriver(async driver => {
    const address = driver.allocate(1024);
    const zeros = floats(256, 1);
    await driver.copyOut(zeros, address);
    assert.deepEqual(zeros, new Float32Array(256));
    const values = floats(256, 1);
    driver.copyIn(address, values);
    values.fill(7);
    const part = new Float32Array(10);
    await driver.copyOut(part, address + 40n);
    assert.deepEqual(part, floats(10, 11));
    const bytes = new Uint8Array(4);
    driver.copyIn(address + 4n, Float32Array.of(42));
    driver.copyOutNow(bytes, address + 4n);
    assert.deepEqual(new Float32Array(bytes.buffer), Float32Array.of(42));
    assert.match(fake.takeLog(), /out now 4\n$/);
  });
});

test("inputs of a step wait for nothing; only a ring that has gone round does", { skip }, async () => {
  await withDriver(async driver => {
    const address = driver.allocate(2 ** 27);
    const batch = new Int32Array(2 ** 17);
    for (let i = 0; i < 64; i++) driver.copyIn(address, batch);
    assert.doesNotMatch(fake.takeLog(), /wait|synchronise/);
    // 100 MB in one call are sent in pieces and arrive whole.
    const large = floats(25_000_001, 0);
    driver.copyIn(address, large);
    assert.equal(fake.takeLog().match(/wait for event/g)?.length, 3);
    const back = new Float32Array(large.length);
    await driver.copyOut(back, address);
    assert.ok(equalBytes(back, large));
  });
});

test("results asked for at once do not overwrite each other", { skip }, async () => {
  await withDriver(async driver => {
    const addresses = [0, 1, 2].map(i => {
      const address = driver.allocate(400_000);
      driver.copyIn(address, floats(100_000, i));
      return address;
    });
    for (let round = 0; round < 2; round++) {
      const results = addresses.map(() => new Float32Array(100_000));
      await Promise.all(results.map((values, i) => driver.copyOut(values, addresses[i]!)));
      results.forEach((values, i) => {
        assert.ok(equalBytes(values, floats(100_000, i)), `result ${i} of round ${round}`);
      });
    }
  });
});

test("a kernel gets its grid, its shared memory and its pointers; one that is not there is named", {
  skip,
}, async () => {
  await withDriver(async driver => {
    const module = await driver.loadModule(source);
    const [a, b, out] = [1, 2, 3].map(() => driver.allocate(64)) as [bigint, bigint, bigint];
    driver.copyIn(a, floats(16, 1));
    driver.copyIn(b, floats(16, 100));
    const kernel = module.kernel("add");
    fake.takeLog();
    driver.launch(kernel, 2, 8, 49_152, [a, b, out]);
    driver.launch(kernel, 2, 8, 65_536, [a, b, out]);
    driver.launch(kernel, 2, 8, 65_536, [a, b, out]);
    const launched = (bytes: number) => `launch add 2 x 8, ${bytes}\n`;
    assert.equal(fake.takeLog(), `${launched(49_152)}add may use 65536\n${launched(65_536)}${launched(65_536)}`);
    const sum = new Float32Array(16);
    await driver.copyOut(sum, out);
    assert.deepEqual(
      sum,
      Float32Array.from({ length: 16 }, (_, i) => 101 + 2 * i),
    );
    assert.throws(() => module.kernel("missing"), /cuModuleGetFunction: CUDA_ERROR_NOT_FOUND, named symbol not found/);
    await assert.rejects(
      driver.loadModule("refuse"),
      /NVRTC refused a printed kernel \(NVRTC_ERROR_COMPILATION\):\nno way\./,
    );
  });
});

test("a graph runs when it is replayed and not when it is recorded; one that fails half-way leaves the stream usable", {
  skip,
}, async () => {
  await withDriver(async driver => {
    const kernel = (await driver.loadModule(source)).kernel("add");
    const [x, y] = [driver.allocate(16), driver.allocate(16)];
    driver.copyIn(y, Float32Array.of(1, 2, 3, 4));
    const addTo = () => driver.launch(kernel, 1, 4, 0, [x, y, x]);
    const read = async () => {
      const values = new Float32Array(4);
      await driver.copyOut(values, x);
      return [...values];
    };
    assert.throws(
      () =>
        driver.capture(() => {
          addTo();
          throw new Error("half-way");
        }),
      /half-way/,
    );
    assert.match(fake.takeLog(), /end\ndestroy graph\n$/);
    const graph = driver.capture(() => {
      addTo();
      addTo();
    });
    assert.equal(fake.takeLog(), "begin\nlaunch add 1 x 4, 0\nlaunch add 1 x 4, 0\nend\ndestroy graph\n");
    assert.deepEqual(await read(), [0, 0, 0, 0]);
    driver.replay(graph);
    driver.replay(graph);
    assert.deepEqual(await read(), [4, 8, 12, 16]);
    graph.free();
    graph.free();
    assert.equal(fake.takeLog().match(/destroy executable/g)?.length, 1);
  });
});

test("waiting keeps the event loop turning", { skip }, async () => {
  await withDriver(async driver => {
    fake.set(memoryBytes, 50, 0);
    let turns = 0;
    const count = (): void => {
      turns++;
      ticking = setImmediate(count);
    };
    let ticking = setImmediate(count);
    await driver.synchronise();
    clearImmediate(ticking);
    assert.ok(turns >= 40, `${turns}`);
  });
});

test("a device that failed says so where it is noticed, and closing it does not hide that", { skip }, async () => {
  const driver = openNativeDriver();
  fake.set(memoryBytes, 0, 1);
  await assert.rejects(driver.copyOut(new Float32Array(1), driver.allocate(4)), {
    code: "E_CUDA_FAILED",
    message: "the device stopped: cuEventQuery: CUDA_ERROR_ILLEGAL_ADDRESS, it went wrong",
  });
  // Giving back what it held hides nothing.
  const kept = driver.allocate(4);
  assert.doesNotThrow(() => driver.free(kept));
  driver.close();
  fake.set(memoryBytes, 0, 0);
  // What it held went with the process that a failed device ends; here it is given back for the tests that follow.
  driver.close();
});

test("all callers of prepareProducts go on together, after the last product was timed", { skip }, async () => {
  await withDriver(async driver => {
    const other: Product = { ...product, m: 5 };
    const order: string[] = [];
    const prepare = async (name: string, wanted: readonly Product[]) => {
      await driver.prepareProducts(wanted);
      order.push(`${name} after ${fake.takeLog().match(/by way/g)?.length ?? 0}`);
    };
    await Promise.all([prepare("first", [product]), prepare("second", [other])]);
    assert.deepEqual(order.sort(), ["first after 42", "second after 0"]);
  });
});

test("memory that is not there is an error with the numbers", { skip }, async () => {
  await withDriver(async driver => {
    driver.allocate(2 ** 27);
    assert.throws(() => driver.allocate(2 ** 27), {
      code: "E_CUDA_MEMORY",
      message: /^Fake 5 has no 128 MiB left: this run holds 160 MiB, 96 MiB of 256 MiB are free$/,
    });
  });
});

const operand = (row: number, column: number, offset = 0) => ({ dtype: "f32" as const, offset, row, column, batch: 0 });
const product: Product = {
  ...{ batches: 1, m: 3, n: 2, k: 4, a: operand(4, 1), b: operand(1, 4), outDtype: "f32", accumulates: false },
};

/** a (3 × 4) of 1 … 12 by b, whose columns are 1 … 4 and 5 … 8. */
const expected = [30, 70, 70, 174, 110, 278];

test("a product is timed once in each way that may be used; the fastest is kept on disk and taken from there", {
  skip,
}, async () => {
  const multiply = async (driver: CudaDriver) => {
    const [a, b, out] = [driver.allocate(64), driver.allocate(64), driver.allocate(64)];
    driver.copyIn(a, floats(12, 1));
    driver.copyIn(b, floats(8, 1));
    fake.takeLog();
    driver.multiply(product, a, b, out);
    assert.equal(fake.takeLog(), "multiply by way 2\n");
    const values = new Float32Array(6);
    await driver.copyOut(values, out);
    assert.deepEqual([...values], expected);
  };
  const timedWays = (log: string) => [...log.matchAll(/way (\d)/g)].map(match => Number(match[1]));
  await withDriver(async driver => {
    await driver.prepareProducts([product, { ...product }]);
    const log = fake.takeLog();
    // 32 MiB; partial sums only in f32 and by themselves; operands at multiples of 64.
    assert.match(log, /^propose 32: workspace 33554432, schemes 2, alignments 64 64 64 64$/m);
    assert.equal(log.match(/propose/g)?.length, 1);
    const ways = timedWays(log);
    assert.deepEqual([...new Set(ways)], [0, 2, 3]);
    // Rounds over all ways: two that warm up, five that count.
    assert.deepEqual(ways, Array.from({ length: 7 }, () => ways.slice(0, 3)).flat());
    await multiply(driver);
    await assert.rejects(async () => driver.multiply({ ...product }, 1n, 1n, 1n), /not prepared/);
  });
  await withDriver(async driver => {
    await driver.prepareProducts([product]);
    assert.equal(fake.takeLog(), "check\n");
    await multiply(driver);
  });
  const [name] = readdirSync(join(cache, "kernels")).filter(file => file.endsWith(".products.json"));
  const key = Object.keys(readChoices(cache, name!))[0]!;
  // Cut short; an algorithm of another size; one that the library does not know.
  for (const damage of ["{", JSON.stringify({ [key]: "00" }), JSON.stringify({ [key]: "ee".repeat(64) })]) {
    writeFileSync(join(cache, "kernels", name!), damage);
    await withDriver(async driver => {
      await driver.prepareProducts([product]);
      assert.ok(timedWays(fake.takeLog()).length > 0, "what cannot be read is measured anew");
    });
  }
});

const readChoices = (cache: string, name: string) =>
  JSON.parse(readFileSync(join(cache, "kernels", name), "utf8")) as Record<string, string>;

test("products that share a way begin at their own offsets, add to another tensor, and are recorded in graphs", {
  skip,
}, async () => {
  await withDriver(async driver => {
    const adding: Product = { ...product, accumulates: true };
    const later: Product = { ...adding, a: operand(4, 1, 16) };
    await driver.prepareProducts([adding, later]);
    assert.equal(fake.takeLog().match(/propose/g)?.length, 1);
    const [a, b, out, addend] = [1, 2, 3, 4].map(() => driver.allocate(256)) as [bigint, bigint, bigint, bigint];
    driver.copyIn(a + 64n, floats(12, 1));
    driver.copyIn(b, floats(8, 1));
    driver.copyIn(addend, floats(6, 1000));
    const graph = driver.capture(() => driver.multiply(later, a, b, out, addend));
    driver.replay(graph);
    const values = new Float32Array(6);
    await driver.copyOut(values, out);
    assert.deepEqual(
      [...values],
      expected.map((value, i) => value + 1000 + i),
    );
    driver.multiply(later, a, b, out);
    await driver.copyOut(values, out);
    assert.deepEqual(
      [...values],
      expected.map((value, i) => 2 * value + 1000 + i),
    );
  });
});

test("a shape that does not fit beside what is held takes the first proposal and keeps nothing", { skip }, async () => {
  await withDriver(async driver => {
    driver.allocate(2 ** 27);
    const size = 4096;
    const square = { ...operand(size, 1), batch: 0 };
    await driver.prepareProducts([{ ...product, m: size, n: size, k: size, a: square, b: square }]);
    assert.doesNotMatch(fake.takeLog(), /way/);
    assert.equal(readdirSync(cache).length, 0);
  });
});

test("the monitor finds the device by its bus and reads what it says; the energy meter is the device's", {
  skip,
}, async () => {
  const monitor = openMonitor("0000:0b:00.0")!;
  assert.deepEqual(monitor.readState(), {
    ...{ name: "Fake GPU", driverVersion: "580.1", totalBytes: 80e9, usedBytes: 2e9, watts: 123.456 },
    ...{ limitWatts: undefined, celsius: 41, clockMegahertz: 1980 },
  });
  assert.equal(monitor.readJoules()! - monitor.readJoules()!, -1.5);
  monitor.close();
  assert.equal(openMonitor("0000:0c:00.0"), undefined);
  assert.equal(openMonitor(undefined, [join(folder, "nothing.so")]), undefined);
  assert.equal(fake.monitorsOpen(), 0);
  const backend = await openCuda();
  assert.equal(backend.readJoules!()! - backend.readJoules!()!, -1.5);
  await backend.close();
  assert.equal(fake.monitorsOpen(), 0);
});

test("a graph through the whole backend: bf16 operands, batches, results", { skip }, async () => {
  const backend = openCudaOn(openNativeDriver(), { precision: "f32" });
  const x = input("x", [2, 2, 3], "f32");
  const y = input("y", [2, 3, 2], "f32");
  const loaded = await backend.load({ outputs: { z: matmul(x, y) }, updates: {} }, new Map());
  const inputs = { x: floats(12, 1), y: floats(12, 1) };
  for (let run = 0; run < 2; run++) {
    assert.deepEqual([...(await loaded.run(inputs)).z!], [22, 28, 49, 64, 220, 244, 301, 334]);
  }
  assert.equal(backend.device, "Fake 5, 84 multiprocessors, compute capability 8.6, f32");
  assert.ok((await loaded.timeLaunches!(inputs, 2)).every(([seconds]) => seconds === 0.004));
  await backend.close();
});
