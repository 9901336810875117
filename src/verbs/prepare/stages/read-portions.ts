// Every portion of a corpus, read by as many threads as are asked for, of which this one is the first: its program is loaded already. One
// that was finished before is not read again. What comes out depends on neither.

import { BoundedThread, siblingModule } from "../../../base/threads/bounded-worker.ts";
import type { PortionSummary } from "../../../corpus/portions/portion.ts";
import type { PortionProgress } from "../../../corpus/portions/read-portion.ts";
import { type PortionEvent, type PortionWork, runPortions } from "./portion-thread.ts";

/** Of a thread: a document of 64 MiB many times over. */
const heapMebibytes = 1024;

/** The threads of a prepare beside this one; none has begun. */
export const makeThreads = (threads: number): BoundedThread[] =>
  Array.from({ length: threads - 1 }, () => new BoundedThread(heapMebibytes));

/** While this thread reads a piece of its own, another one tells of so many of its progress. */
const ahead = 64;
/** A shard may have to come over a network first. */
const idleSeconds = 86_400;

/**
 * Reads, with these threads and this one, the portions that are not finished in `work.folder`, and gives the summaries of all; `onRead` is told of the bytes of shards that
 * are done. UserErrors: those of the first portion that fails.
 */
export async function readPortions(
  work: Omit<PortionWork, "begun">,
  threads: readonly BoundedThread[],
  onRead: (progress: PortionProgress) => void,
): Promise<PortionSummary[]> {
  const { portions } = work;
  const begun = new Int32Array(new SharedArrayBuffer(4));
  const summaries: PortionSummary[] = [];
  const failures: { readonly index: number; readonly error: unknown }[] = [];
  const follow = async (events: AsyncIterable<PortionEvent>) => {
    let index = -1;
    try {
      for await (const event of events) {
        if (!("portion" in event)) onRead(event);
        else if (event.summary === undefined) index = event.portion;
        else summaries[event.portion] = event.summary;
      }
    } catch (error) {
      failures.push({ index, error });
      // The others finish what they have begun.
      Atomics.store(begun, 0, portions.length);
    }
  };
  const input: PortionWork = { ...work, begun };
  const others = threads.slice(0, portions.length - 1).map(thread => follow(runInThread(thread, input)));
  await Promise.all([...others, follow(runPortions(input))]);
  const [first] = failures.sort((a, b) => a.index - b.index);
  if (first !== undefined) throw first.error;
  return portions.map(({ index }) => summaries[index]!);
}

const runInThread = (thread: BoundedThread, input: PortionWork): AsyncGenerator<PortionEvent> =>
  thread.run({
    module: siblingModule(import.meta.url, "portion-thread"),
    name: runPortions.name,
    ...{ input, idleSeconds, ahead },
  });
