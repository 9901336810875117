// The documents of a corpus, one after another: every shard read, what should not be learned from dropped, everything
// counted. The order is that of the shards; nothing is shuffled here.

import { isCompressible } from "./compressibility.ts";
import { SeenTexts } from "./deduplication/equal-texts.ts";
import type { EvaluationTexts } from "./deduplication/evaluation-texts.ts";
import { showExample } from "./examples.ts";
import type { ChosenFilter } from "./filters/filters.ts";
import { countDocument, type DropReason, type Funnel } from "./funnel.ts";
import { type Document, type ReadOptions, readShard } from "./sources/read-shard.ts";
import type { Shard } from "./sources/shard.ts";

export interface SelectOptions extends ReadOptions {
  /** Drop documents by what is seen of each alone, in this order. */
  readonly filters?: readonly ChosenFilter[] | undefined;
  /** Drops documents that a tokenizer does not compress; absent keeps them. */
  readonly compressibility?: {
    readonly maxTokensPerCharacter: number;
    readonly countTokens: (text: string) => number;
  };
  /** Drops documents that have text of these. */
  readonly evaluationTexts?: EvaluationTexts | undefined;
}

/** Yields the documents that stay and keeps the account in `funnel`. Throws what `readShard` throws. */
export async function* selectDocuments(
  shards: readonly Shard[],
  options: SelectOptions,
  funnel: Funnel,
): AsyncGenerator<Document> {
  const seen = new SeenTexts();
  const { compressibility, evaluationTexts, filters = [] } = options;
  const judge = (text: string): DropReason | "kept" => {
    if (!/\S/.test(text)) return "empty";
    if (!seen.add(text)) return "duplicate";
    if (evaluationTexts?.occursIn(text) === true) return "contaminated";
    for (const filter of filters) {
      const reason = filter.judge(text);
      if (reason !== undefined) return reason;
    }
    if (compressibility === undefined) return "kept";
    const { maxTokensPerCharacter, countTokens } = compressibility;
    return isCompressible(text, maxTokensPerCharacter, countTokens) ? "kept" : "incompressible";
  };
  for (const shard of shards) {
    for await (const { documents } of readShard(shard, options, funnel)) {
      for (const document of documents) {
        const { length } = document.text;
        const verdict = judge(document.text);
        countDocument(funnel.read, length);
        countDocument(verdict === "kept" ? funnel.kept : funnel.dropped[verdict], length);
        if (verdict === "kept") yield document;
        else if (verdict !== "empty") {
          showExample(funnel.examples, verdict, document.source, document.text);
        }
      }
    }
  }
}
