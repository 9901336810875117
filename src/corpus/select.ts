// The documents of a corpus, one after another: every shard read, what should not be learned from dropped, everything
// counted. The order is that of the shards; nothing is shuffled here.

import { isCompressible } from "./compressibility.ts";
import { SeenTexts } from "./deduplication/equal-texts.ts";
import { type EvaluationTexts, occursIn } from "./deduplication/evaluation-texts.ts";
import { type ChosenFilter, judgeByFilter } from "./filters/filters.ts";
import { type DropReason, startFunnel } from "./funnel.ts";
import type { Document } from "./sources/formats/document-readers.ts";
import type { ReadOptions } from "./sources/read-options.ts";
import { readShard } from "./sources/read-shard.ts";
import type { Shard } from "./sources/shard.ts";

export interface SelectOptions extends ReadOptions {
  /** Drop documents by what is seen of each alone, in this order. */
  readonly filters?: readonly ChosenFilter[] | undefined;
  /** Drops documents that a tokenizer does not compress; absent keeps them. */
  readonly compressibility?: {
    readonly maxTokensPerCharacter: number;
    readonly countTokens: (text: string) => number;
    /** Of the text whose tokens were counted; absent where nobody knows better than its units tell. */
    readonly countCharacters?: ((text: string) => number) | undefined;
  };
  /** Drops documents that have text of these. */
  readonly evaluationTexts?: EvaluationTexts | undefined;
}

/** A judge of documents by what each is by itself: why one goes that is not empty, or that it stays. */
export function makeJudge(options: SelectOptions): (text: string) => DropReason | "kept" {
  const { compressibility, evaluationTexts, filters = [] } = options;
  return text => {
    if (evaluationTexts !== undefined && occursIn(evaluationTexts, text)) return "contaminated";
    for (const filter of filters) {
      const reason = judgeByFilter(filter, text);
      if (reason !== undefined) return reason;
    }
    if (compressibility === undefined) return "kept";
    const { maxTokensPerCharacter, countTokens, countCharacters } = compressibility;
    return isCompressible(text, maxTokensPerCharacter, countTokens, countCharacters) ? "kept" : "incompressible";
  };
}

/** Yields the documents that stay, each text once. Throws what `readShard` throws. */
export async function* selectDocuments(shards: readonly Shard[], options: SelectOptions): AsyncGenerator<Document> {
  const seen = new SeenTexts();
  const judge = makeJudge(options);
  for (const shard of shards) {
    for await (const { documents } of readShard(shard, options, startFunnel())) {
      for (const document of documents) {
        const { text } = document;
        if (/\S/.test(text) && seen.take(text) !== undefined && judge(text) === "kept") yield document;
      }
    }
  }
}
