// What copying a set that was tokenized already will cost: the index of its first shard says how many sequences it has, some of them are
// read with the clock running, and the other shards are taken to be like it. Nothing is written.

import { type Clock, systemClock } from "../../base/clock.ts";
import { listPortions } from "../../corpus/portions/portion.ts";
import type { Shard } from "../../corpus/sources/shard.ts";
import { openShard } from "../../corpus/sources/sources.ts";
import { countParquetRows } from "../../tables/formats/parquet.ts";
import { tableFormat } from "../../tables/table.ts";
import { measureFreeBytes, type PreparePlan } from "../prepare/plan/plan-prepare.ts";
import { describeWork, type ReadyMade, type ReadyMadeOptions, readSequences } from "./ready-made.ts";

const timedSequences = 1 << 14;
/** Read again and written by one thread. */
const joinedBytesPerSecond = 1e8;
/** Of the program with a group of rows. */
const programBytes = 4e8;

/** Plans a copy. UserErrors: those of `prepareReadyMade` that are seen before all is read. */
export async function planReadyMade(
  set: ReadyMade,
  options: ReadyMadeOptions,
  clock: Clock = systemClock,
): Promise<PreparePlan> {
  const { holdOut = 0.01 } = options;
  const { shards, folder, vocabulary, warnings } = describeWork(set, options);
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const first = shards[0]!;
  const rows = await countRows(first);
  const sequences = Math.round((rows * bytes) / first.bytes);
  const { length, secondsPerSequence } = await timeReading(set, clock);
  const datasetBytes = sequences * length * (vocabulary > 1 << 16 ? 4 : 2);
  const stages = [
    { stage: "copying sequences", seconds: sequences * secondsPerSequence },
    { stage: "joining sequences", seconds: (holdOut * datasetBytes) / joinedBytesPerSecond },
  ];
  return {
    isReadyMade: true,
    ...{ shards: shards.length, portions: listPortions(shards).length, bytes },
    sample: { documents: 0, characters: 0, isAll: shards.length === 1 },
    ...{ documents: 0, characters: 0, intervals: {}, keptShare: 1, tokens: sequences * length, sequences },
    ...{ stages, seconds: stages.reduce((sum, { seconds }) => sum + seconds, 0), threads: 1 },
    // What is held out stands there twice until the dataset is whole.
    disk: { datasetBytes, peakBytes: Math.round((1 + holdOut) * datasetBytes), freeBytes: measureFreeBytes(folder) },
    memoryBytes: programBytes,
    warnings,
  };
}

/** An Arrow file says nowhere how many it has. */
async function countRows(shard: Shard): Promise<number> {
  if (tableFormat(shard.path) === "parquet") return countParquetRows(shard.path, openShard(shard));
  let rows = 0;
  for await (const batch of readSequences([shard])) rows += batch.length;
  return rows;
}

/** How long the sequences are, and how long reading one takes. */
async function timeReading({ shards }: ReadyMade, clock: Clock) {
  const start = clock.seconds();
  let [count, length] = [0, 0];
  for await (const batch of readSequences(shards.slice(0, 1))) {
    for (const { ids } of batch) if (Array.isArray(ids)) length = Math.max(length, ids.length);
    count += batch.length;
    if (count >= timedSequences) break;
  }
  return { length, secondsPerSequence: (clock.seconds() - start) / Math.max(1, count) };
}
