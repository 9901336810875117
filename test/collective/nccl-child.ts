// One rank with a GPU of its own, on stand-ins for NVIDIA's libraries: what its gradients, a probe and a told state become, and which calls
// that took. It prints a line of JSON. With a second word, NCCL loses a rank after that, and what is told of it goes into the file of that name.

import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { openCuda } from "../../src/backends/cuda/cuda.ts";
import { koffi } from "../../src/backends/foreign-functions.ts";
import { connectDevices, openCollective } from "../../src/collective/open-collective.ts";
import { readRankPlace } from "../../src/collective/rank-place.ts";
import { createRankSums } from "../../src/train/ranks/rank-sums.ts";

const [, , library, lostFile] = process.argv;
const place = readRankPlace()!;
const base = await openCollective(place, seen => appendFileSync(lostFile!, `${seen}\n`));
const backend = await openCuda({ device: place.localRank });
const fake = koffi.load(library!);
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
const host = Float64Array.of(rank + 1);
await collective.sum([{ name: "of the host", values: host }]);
const read = async (name: string) => [...(await backend.read(states.get(name)!))];
const large = await read("gradient.large");
console.log(
  JSON.stringify({
    ...{ rank, engine, device: backend.device, asked, told, host: host[0] },
    large: [large[0], large[19_999]],
    ...{ small: await read("gradient.small"), loss: await read("lossSum"), probe: await read("probe.small") },
    moment: await read("moment"),
  }),
);
if (lostFile !== undefined) {
  if (rank === 1) (fake.func("void fake_nccl_fail(int result)") as (result: number) => void)(6);
  await sleep(20_000);
}
await collective.close();
