// A corpus of several parts mixed: every part waits in a file of its own until all of it is known, then they are read side by side.

import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { makeFolder, writeFully } from "../../base/files/files.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { explainWriteFailure } from "../../base/files/write-failure.ts";
import { readFile } from "../../tables/bytes.ts";
import { splitLines } from "../../tables/lines.ts";
import type { Funnel } from "../funnel.ts";
import type { Document } from "../sources/formats/document-readers.ts";
import type { Shard } from "../sources/shard.ts";
import { type MixturePart, mixDocuments } from "./mix-documents.ts";

export interface MixOptions {
  readonly shards: readonly Shard[];
  /** A folder that is made for what waits, as much as the corpus, and removed. */
  readonly workFolder: string;
  readonly seed: number;
}

/** Whether shards are those of a mixture. */
export const isMixture = (shards: readonly Shard[]): boolean => shards[0]?.choice?.part !== undefined;

/**
 * Yields the documents mixed as their shards say, and writes the shares into `funnel`. UserErrors: E_MIX for a part of which no
 * document is left, E_DISK_FULL, E_NOT_WRITABLE.
 */
export async function* mixCorpus(
  documents: AsyncIterable<Document>,
  { shards, workFolder, seed }: MixOptions,
  funnel: Funnel,
): AsyncGenerator<Document> {
  const parts = [...new Map(shards.map(({ choice }) => [choice!.part!.index, choice!.part!])).values()];
  const partOf = new Map(
    shards.map(({ path, choice }) => [path, parts.findIndex(({ index }) => index === choice!.part!.index)]),
  );
  makeFolder(workFolder);
  const stores = parts.map(({ index }) => new PartStore(join(workFolder, `part-${index}.jsonl`)));
  try {
    for await (const { text, source } of documents) stores[partOf.get(source)!]!.add(text, source);
    for (const store of stores) store.finish();
    const known = parts.map(({ source, weight, passes }, i): MixturePart => {
      const { documents, characters } = stores[i]!;
      return { source, weight, mostPasses: passes, documents, characters };
    });
    const empty = known.find(({ documents }) => documents === 0);
    if (empty !== undefined) {
      const seen = `${empty.source}: no document of it is left, and it has a share of the mixture`;
      throw new UserError("E_MIX", seen, "Leave it out of the mixture, or loosen what drops its documents.");
    }
    const mixed = mixDocuments(known, part => stores[part]!.read(), seed);
    funnel.mixture = yield* mixed;
  } finally {
    for (const store of stores) store.finish();
    removeLeftovers(workFolder);
  }
}

const bytesPerWrite = 1 << 20;

/** The documents of one part while they wait; owns the file's handle. */
class PartStore {
  documents = 0;
  characters = 0;
  private readonly path: string;
  private file: number | undefined;
  private lines: string[] = [];
  private waiting = 0;

  constructor(path: string) {
    this.path = path;
    this.writing(() => {
      this.file = openSync(path, "w");
    });
  }

  add(text: string, source: string): void {
    const line = `${JSON.stringify({ text, source })}\n`;
    this.documents += 1;
    this.characters += text.length;
    this.lines.push(line);
    this.waiting += line.length;
    if (this.waiting >= bytesPerWrite) this.flush();
  }

  finish(): void {
    if (this.file === undefined) return;
    const file = this.file;
    try {
      this.flush();
    } finally {
      this.file = undefined;
      closeSync(file);
    }
  }

  async *read(): AsyncGenerator<Document> {
    for await (const lines of splitLines(readFile(this.path), this.path, Number.POSITIVE_INFINITY)) {
      for (const line of lines) yield JSON.parse(line.toString("utf8")) as Document;
    }
  }

  private flush(): void {
    const bytes = Buffer.from(this.lines.join(""));
    this.lines = [];
    this.waiting = 0;
    this.writing(() => writeFully(this.file!, bytes));
  }

  private writing(write: () => void): void {
    try {
      write();
    } catch (error) {
      throw explainWriteFailure(error, this.path);
    }
  }
}
