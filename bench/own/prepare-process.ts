// One preparation in a process of its own, so that the memory which that process held at most is the preparation's alone. Its options come
// as JSON, and what was measured goes to the process that asked.

import { systemClock } from "../../src/base/clock.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";
import type { PrepareOptions } from "../../src/verbs/prepare/prepare-options.ts";

export interface PrepareMeasures {
  readonly seconds: number;
  /** Of the processors, all threads together. */
  readonly processorSeconds: number;
  /** Resident memory, at most. */
  readonly peakMebibytes: number;
  /** Of the stage that had begun when the peak was seen last to grow. */
  readonly peakStage: string;
  readonly documents: number;
  readonly trainingTokens: number;
}

// Nobody waits for it any more.
process.once("disconnect", () => process.exit());

const options = JSON.parse(process.argv[2]!) as PrepareOptions;
const readPeak = () => process.resourceUsage().maxRSS / 1024;
const start = systemClock.seconds();
let [peak, peakStage, told] = [0, "", Number.NEGATIVE_INFINITY];
const { documents, manifest } = await prepare({
  ...options,
  onStage: ({ stage }) => {
    const seen = readPeak();
    if (seen > peak) [peak, peakStage] = [seen, stage];
  },
  onProgress: what => {
    if (systemClock.seconds() < told + 60) return;
    told = systemClock.seconds();
    process.stderr.write(`${what}; ${readPeak().toFixed(0)} MiB until now\n`);
  },
});
const { user, system } = process.cpuUsage();
const measures: PrepareMeasures = {
  ...{ seconds: systemClock.seconds() - start, processorSeconds: (user + system) / 1e6 },
  ...{ peakMebibytes: readPeak(), peakStage, documents: documents?.documents ?? 0 },
  trainingTokens: manifest.training.sequences * manifest.sequenceLength,
};
process.send!(measures, () => process.disconnect());
