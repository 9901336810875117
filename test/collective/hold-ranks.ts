// Loaded by --import into ranks that mpirun starts. Once rank 0 has written what HOLD_AT says, rank 1 goes no further, and so no rank does,
// until rank 0 was asked to end: on a busy machine ranks would be through before the test, the starter and mpirun have passed it on.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setInterval } from "node:timers";
import { isMainThread } from "node:worker_threads";

const { HOLD_AT: moment = "", HOLD_FOLDER: folder = "", PMI_RANK, OMPI_COMM_WORLD_RANK } = process.env;
const reached = join(folder, "reached");
const asked = join(folder, "asked");

// A rank's threads load it, too: the one that says that the rank lives goes on.
switch (isMainThread ? (PMI_RANK ?? OMPI_COMM_WORLD_RANK) : undefined) {
  case "0": {
    const write = process.stdout.write.bind(process.stdout);
    let written = "";
    process.stdout.write = ((...given: Parameters<typeof write>) => {
      written += given[0].toString();
      if (written.includes(moment)) writeFileSync(reached, "");
      return write(...given);
    }) as typeof write;
    process.on("SIGUSR1", () => writeFileSync(asked, ""));
    break;
  }
  case "1": {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    const hold = () => {
      while (existsSync(reached) && !existsSync(asked)) Atomics.wait(pause, 0, 0, 5);
    };
    setInterval(hold, 1).unref();
  }
}
