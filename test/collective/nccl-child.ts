// One rank with a GPU of its own, on stand-ins for NVIDIA's libraries: what its gradients, a probe and a told state become, and which calls
// that took. It prints a line of JSON. With a second word, NCCL loses a rank after that, and what is told of it goes into the file of that
// name.

import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { openCudaOn } from "../../src/backends/cuda/cuda.ts";
import { openNativeDriver } from "../../src/backends/cuda/driver/native-driver.ts";
import { koffi } from "../../src/backends/foreign-functions.ts";
import { connectDevices, openCollective } from "../../src/collective/open-collective.ts";
import { readRankPlace } from "../../src/collective/rank-place.ts";
import { createRankSums } from "../../src/train/ranks/rank-sums.ts";

const [, , library, lostFile] = process.argv;
const place = readRankPlace()!;
const base = await openCollective(place, "", seen => appendFileSync(lostFile!, `${seen}\n`));
const driver = openNativeDriver(place.localRank);
const backend = openCudaOn(driver);
const fake = koffi.load(library!);
const setVersion = fake.func("void fake_nccl_set_version(int number)") as (number: number) => void;
if (process.env.FAKE_NCCL_VERSION !== undefined) setVersion(Number(process.env.FAKE_NCCL_VERSION));
const takeLog = fake.func("const char *fake_take_log()") as () => string;
const collective = await connectDevices(base, backend);
const { rank, engine } = collective;
const shapes = { "gradient.large": [200, 100], "gradient.small": [3], lossSum: [1], "probe.small": [3], moment: [2] };
const states = new Map(Object.entries(shapes).map(([name, shape]) => [name, backend.allocate(shape, "f32")] as const));
for (const [name, buffer] of states) {
  const elements = buffer.shape.reduce((product, length) => product * length, 1);
  const value = name === "lossSum" ? 0.5 : 1;
  backend.write(
    buffer,
    Float32Array.from({ length: elements }, (_, i) => value + rank + i),
  );
}
takeLog();
const sums = createRankSums(collective, backend, states, { isInOrder: false });
await sums.finish("gradient");
const asked = takeLog();
const moment = states.get("moment")!;
await collective.broadcast({ address: backend.locate!(moment), elements: 2 }, 1);
const told = takeLog();
const beside = await updateBeside();
const host = Float64Array.of(rank + 1);
await collective.sum([{ name: "of the host", values: host }]);
const gathered = await collective.gather({ name: "own", values: Float32Array.of(rank, 7) }, 1);
const read = async (name: string) => [...(await backend.read(states.get(name)!))];
const large = await read("gradient.large");
console.log(
  JSON.stringify({
    ...{ rank, engine, device: backend.device, asked, told, beside, host: host[0] },
    gathered: gathered && [...gathered],
    large: [large[0], large[19_999]],
    ...{ small: await read("gradient.small"), loss: await read("lossSum"), probe: await read("probe.small") },
    moment: await read("moment"),
  }),
);
/** Gradient := x + y, summed over ranks on a second stream, then z := gradient + y: live, recorded, and from the graph. */
async function updateBeside() {
  const { sumBeside } = collective;
  if (sumBeside === undefined) return undefined;
  const kernel = (await driver.loadModule('extern "C" add')).kernel("add");
  const side = driver.openSide!();
  const [x, y, gradient, z] = [0, 1, 2, 3].map(() => driver.allocate(16)) as [bigint, bigint, bigint, bigint];
  driver.copyIn(x, Float32Array.of(1, 2, 3, 4));
  driver.copyIn(y, Float32Array.of(rank, rank, rank, 10));
  const step = () => {
    driver.launch(kernel, 1, 4, 0, [x, y, gradient]);
    side.follow();
    sumBeside([{ address: gradient, elements: 4 }], side.stream);
    side.join();
    driver.launch(kernel, 1, 4, 0, [gradient, y, z]);
  };
  const values = async () => {
    const read = new Float32Array(4);
    await driver.copyOut(read, z);
    return [...read];
  };
  takeLog();
  step();
  const live = takeLog();
  const ofLive = await values();
  takeLog();
  const graph = driver.capture(step);
  const recorded = takeLog();
  driver.copyIn(x, Float32Array.of(5, 6, 7, 8));
  driver.replay(graph);
  return { live, ofLive, recorded, ofGraph: await values() };
}

if (lostFile !== undefined) {
  if (rank === 1) (fake.func("void fake_nccl_fail(int result)") as (result: number) => void)(6);
  await sleep(20_000);
}
await collective.close();
