// Documents that are told apart from all others of the corpus: near duplicates dropped, stretches cut that stood there before. Every
// document has to be known first, so they wait in a file, and come out in their order.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { showExample } from "../examples.ts";
import { countDocument, type Funnel } from "../funnel.ts";
import type { Document } from "../sources/read-shard.ts";
import { findNearDuplicates } from "./near-duplicates.ts";
import { cutStretches, findRepeatedStretches } from "./repeated-stretches.ts";
import { TextStore } from "./text-store.ts";

export interface DeduplicateOptions {
  /** Drops a document with at least this share of shingles in common with an earlier one; undefined: none. */
  readonly nearDuplicates?: number | undefined;
  /** Cuts what stood in the corpus before, from this many bytes on; undefined: nothing. */
  readonly repeatedBytes?: number | undefined;
}

/**
 * Yields the documents that are left, and keeps the account in `funnel`, which has counted them as kept before. `folder` is made for
 * what has to be on disk, nearly twice the corpus, and removed.
 */
export async function* deduplicateDocuments(
  documents: AsyncIterable<Document>,
  { nearDuplicates, repeatedBytes }: DeduplicateOptions,
  funnel: Funnel,
  folder: string,
  onProgress: (doing: string, share: number) => void = () => {},
): AsyncGenerator<Document> {
  mkdirSync(folder, { recursive: true });
  let store: TextStore | undefined;
  try {
    store = new TextStore(join(folder, "texts"));
    const origins: Pick<Document, "source" | "line">[] = [];
    for await (const { text, ...origin } of documents) {
      store.add(text);
      origins.push(origin);
    }
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const drop = (reason: "near-duplicate" | "repeated", text: string, source: string) => {
      funnel.kept.documents -= 1;
      funnel.kept.characters -= text.length;
      countDocument(funnel.dropped[reason], text.length);
      showExample(funnel.examples, reason, source, text);
    };
    if (nearDuplicates !== undefined) {
      const dropped = findNearDuplicates(store, {
        leastJaccard: nearDuplicates,
        onProgress: share => onProgress("looking for near duplicates", share),
      });
      const remaining = new TextStore(join(folder, "remaining"));
      const remainingOrigins: typeof origins = [];
      for (const [i, origin] of origins.entries()) {
        const text = decoder.decode(store.readText(i));
        if (dropped[i] === 1) drop("near-duplicate", text, origin.source);
        else {
          remaining.add(text);
          remainingOrigins.push(origin);
        }
      }
      store.close();
      store = remaining;
      origins.splice(0, origins.length, ...remainingOrigins);
    }
    const { starts, ends } =
      repeatedBytes === undefined
        ? { starts: new Float64Array(), ends: new Float64Array() }
        : findRepeatedStretches(store, {
            leastBytes: repeatedBytes,
            workFolder: folder,
            onProgress: share => onProgress("looking for repeated stretches", share),
          });
    let stretch = 0;
    for (const [i, origin] of origins.entries()) {
      const bytes = store.readText(i);
      const [first, last] = [store.startOf(i), store.startOf(i) + bytes.length];
      const own: [number, number][] = [];
      for (; stretch < starts.length && starts[stretch]! < last; stretch++) {
        own.push([starts[stretch]! - first, ends[stretch]! - first]);
      }
      const whole = decoder.decode(bytes);
      const text = own.length === 0 ? whole : cutStretches(bytes, own);
      if (text.trim() === "" && own.length > 0) {
        drop("repeated", whole, origin.source);
        continue;
      }
      if (own.length > 0) {
        funnel.kept.characters -= whole.length - text.length;
        countDocument(funnel.cut, whole.length - text.length);
        for (const [from, to] of own) {
          showExample(funnel.examples, "cut", origin.source, decoder.decode(bytes.subarray(from, to)));
        }
      }
      yield { text, ...origin };
    }
  } finally {
    store?.close();
    removeLeftovers(folder);
  }
}
