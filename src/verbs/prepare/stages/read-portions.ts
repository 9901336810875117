// Every portion of a corpus, read by as many threads as are asked for; one that was finished before is not read again. What comes out
// depends on neither.

import { runBounded, siblingModule } from "../../../base/bounded-worker.ts";
import {
  isWholePortion,
  type Portion,
  type PortionSummary,
  readPortionSummary,
} from "../../../corpus/portions/portion.ts";
import type { PortionProgress } from "../../../corpus/portions/read-portion.ts";
import { type PortionEvent, type PortionWork, runPortion } from "./portion-thread.ts";

/** Of a thread: a document of 64 MiB many times over. */
const heapMebibytes = 1024;
/** A shard may have to come over a network first. */
const idleSeconds = 86_400;

/**
 * Reads the portions that are not finished in `work.folder`; `onRead` is told of the bytes of shards that are done. UserErrors: those of
 * the first portion that fails.
 */
export async function readPortions(
  portions: readonly Portion[],
  work: Omit<PortionWork, "portion">,
  threads: number,
  onRead: (progress: PortionProgress) => void,
): Promise<PortionSummary[]> {
  const summaries: PortionSummary[] = [];
  const failures: { readonly index: number; readonly error: unknown }[] = [];
  const waiting = [...portions];
  const read = async (run: (work: PortionWork) => AsyncIterable<PortionEvent>) => {
    for (let portion = waiting.shift(); portion !== undefined && failures.length === 0; portion = waiting.shift()) {
      try {
        summaries[portion.index] =
          findFinished(work.folder, portion, onRead) ?? (await follow(run({ ...work, portion }), onRead));
      } catch (error) {
        failures.push({ index: portion.index, error });
      }
    }
  };
  const count = Math.min(threads, portions.length);
  if (count <= 1) await read(runPortion);
  else await Promise.all(Array.from({ length: count }, () => read(runInThread)));
  const [first] = failures.sort((a, b) => a.index - b.index);
  if (first !== undefined) throw first.error;
  return summaries;
}

const runInThread = (input: PortionWork): AsyncGenerator<PortionEvent> =>
  runBounded({
    module: siblingModule(import.meta.url, "portion-thread"),
    name: runPortion.name,
    ...{ input, idleSeconds, heapMebibytes },
  });

function findFinished(
  folder: string,
  { index, shards }: Portion,
  onRead: (progress: PortionProgress) => void,
): PortionSummary | undefined {
  const summary = readPortionSummary(folder, index);
  if (summary === undefined || !isWholePortion(folder, index, summary)) return undefined;
  onRead({ bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0), documents: summary.funnel.read.documents });
  return summary;
}

async function follow(
  events: AsyncIterable<PortionEvent>,
  onRead: (progress: PortionProgress) => void,
): Promise<PortionSummary> {
  let summary: PortionSummary | undefined;
  for await (const event of events) {
    if ("records" in event) summary = event;
    else onRead(event);
  }
  return summary!;
}
