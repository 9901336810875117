// The words of a corpus counted by several threads, in one order whatever the number of threads. Of more
// text than a tokenizer needs to be learned, every so many batches are counted, so that memory does not grow with the corpus.

import { runBounded, siblingModule } from "../../../base/threads/bounded-worker.ts";
import type { WordCount } from "../../../tokenizer/learning/count-words.ts";
import { sortWordCounts } from "../../../tokenizer/learning/sort-words.ts";
import { listCommonest, startTextLoss, type TextLoss } from "../../../tokenizer/normalising/lost-text.ts";
import { type CountEvent, type CountedWords, type CountWork, countBatches } from "./count-thread.ts";

/** What words are counted of, about, in UTF-16 units. */
const countedCharacters = 2 ** 30;

export interface WordsOfCorpus {
  readonly words: readonly WordCount[];
  readonly loss: TextLoss;
}

/** Counts the words of a folder of documents of so many characters, where that is wanted, and what normalising takes. */
export async function countWords(
  work: Omit<CountWork, "turn" | "turns" | "stride">,
  { characters, wantsWords, threads }: { characters: number; wantsWords: boolean; threads: number },
  onDocuments: (documents: number) => void,
): Promise<WordsOfCorpus> {
  const stride = wantsWords ? Math.max(1, Math.ceil(characters / countedCharacters)) : 0;
  const turns = Math.max(1, Math.min(threads, Math.ceil(characters / 2 ** 22)));
  const count = async (turn: number): Promise<CountedWords> => {
    const input = { ...work, stride, turn, turns };
    for await (const event of turns === 1 ? countBatches(input) : countInThread(input)) {
      if (event.kind === "counted") return event;
      onDocuments(event.documents);
    }
    throw new Error("a thread ended without its counts");
  };
  return joinCounts(await Promise.all(Array.from({ length: turns }, (_, turn) => count(turn))));
}

const countInThread = (input: CountWork): AsyncGenerator<CountEvent> =>
  runBounded({
    module: siblingModule(import.meta.url, "count-thread"),
    name: countBatches.name,
    ...{ input, idleSeconds: 3600, heapMebibytes: 4096 },
  });

function joinCounts(threads: readonly CountedWords[]): WordsOfCorpus {
  const loss = startTextLoss();
  for (const { loss: own } of threads) {
    loss.characters += own.characters;
    loss.lost += own.lost;
    loss.unaccented += own.unaccented;
    loss.textsMostlyLost += own.textsMostlyLost;
  }
  loss.examples.push(...listCommonest(threads.map(({ lost }) => lost)));
  return { loss, words: joinWords(threads) };
}

function joinWords(threads: readonly CountedWords[]): WordCount[] {
  const totals = new Map<string, number>();
  for (const { words, counts } of threads) {
    for (const [i, word] of words.entries()) totals.set(word, (totals.get(word) ?? 0) + counts[i]!);
  }
  return sortWordCounts([...totals]);
}
