// The ids of a corpus. Where its texts were encoded when they were read, they lie in the portions, and which of these texts are documents
// is kept beside them. Else they are kept in a file for each file of documents, so that what was encoded once is not encoded again: a batch
// is two words, its documents and its ids, then the lengths of the documents, then the ids; all are words of 32 bits.

import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { readWholeFile } from "../../../base/files/files.ts";
import { HashedFile, isSealed, sealFile } from "../../../base/files/sealed-file.ts";
import { readDocumentsFile, readDocumentsManifest } from "../../../corpus/documents.ts";
import type { AssembledDocument } from "../../../corpus/portions/assemble-documents.ts";
import { readEncodings } from "../../../corpus/portions/encodings.ts";
import type { PortionSummary } from "../../../corpus/portions/portion.ts";
import { readFile } from "../../../tables/bytes.ts";
import type { EncodedDocuments } from "../../../tokenizer/encoding/encode-batch.ts";
import { encodeDocuments } from "../../../tokenizer/encoding/encode-threads.ts";
import { IdList } from "../../../tokenizer/encoding/id-list.ts";
import type { Tokenizer } from "../../../tokenizer/tokenizer.ts";

const choiceOf = (work: string): string => join(work, "documents.chosen");
const idsOfBatch = 1 << 18;

/** Keeps which of the portions' texts are documents, and gives these on. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
export async function* keepChoice(
  work: string,
  documents: AsyncIterable<AssembledDocument>,
  summaries: readonly PortionSummary[],
): AsyncGenerator<AssembledDocument> {
  const chosen = new Uint8Array(summaries.reduce((sum, { kept }) => sum + kept, 0));
  for await (const document of documents) {
    chosen[document.number] = 1;
    yield document;
  }
  const file = new HashedFile(choiceOf(work));
  try {
    file.add(chosen);
    sealFile(choiceOf(work), file.commit());
  } finally {
    file.abandon();
  }
}

/**
 * Encodes the documents of a folder in their order, or reads what portions have of them. UserErrors: those of reading them, E_DISK_FULL.
 */
export async function* encodeFiles(
  work: string,
  documentsFolder: string,
  summaries: readonly PortionSummary[],
  tokenizer: Tokenizer,
  threads: number,
): AsyncGenerator<EncodedDocuments> {
  if (isSealed(choiceOf(work))) {
    yield* readChosen(work, summaries);
    return;
  }
  for (const [number, documents] of readDocumentsManifest(documentsFolder).files.entries()) {
    const path = join(work, `ids-${String(number).padStart(5, "0")}-${tokenizer.hash}`);
    if (isSealed(path)) {
      yield* readBatches(path);
      continue;
    }
    const file = new HashedFile(path);
    try {
      for await (const batch of encodeDocuments(tokenizer, readDocumentsFile(documentsFolder, documents), threads)) {
        writeBatch(file, batch);
        yield batch;
      }
      sealFile(path, file.commit());
    } finally {
      file.abandon();
    }
  }
}

async function* readChosen(work: string, summaries: readonly PortionSummary[]): AsyncGenerator<EncodedDocuments> {
  const chosen = readWholeFile(choiceOf(work), "list of documents", Number.POSITIVE_INFINITY);
  const list = new IdList();
  let lengths: number[] = [];
  const take = (): EncodedDocuments => {
    const batch = { lengths: Uint32Array.from(lengths), ids: list.ids.slice(0, list.count) };
    lengths = [];
    list.count = 0;
    return batch;
  };
  let number = 0;
  for (const { ids } of readEncodings(work, summaries)) {
    if (chosen[number++] === 0) continue;
    list.append(ids);
    lengths.push(ids.length);
    if (list.count < idsOfBatch) continue;
    yield take();
    await setImmediate();
  }
  yield take();
}

function writeBatch(file: HashedFile, { ids, lengths }: EncodedDocuments): void {
  for (const words of [Uint32Array.of(lengths.length, ids.length), lengths, ids]) {
    file.add(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  }
}

async function* readBatches(path: string): AsyncGenerator<EncodedDocuments> {
  let waiting = Buffer.alloc(0);
  let needed = 8;
  const pieces: Buffer[] = [];
  let held = 0;
  for await (const piece of readFile(path)) {
    pieces.push(piece);
    held += piece.length;
    if (held < needed) continue;
    waiting = Buffer.concat(pieces.splice(0));
    for (;;) {
      if (waiting.length < 8) {
        needed = 8;
        break;
      }
      const [documents, ids] = [waiting.readUInt32LE(0), waiting.readUInt32LE(4)];
      needed = 4 * (2 + documents + ids);
      if (waiting.length < needed) break;
      const words = new Uint32Array(documents + ids);
      new Uint8Array(words.buffer).set(waiting.subarray(8, needed));
      yield { lengths: words.slice(0, documents), ids: words.slice(documents) };
      waiting = waiting.subarray(needed);
    }
    pieces.push(waiting);
    held = waiting.length;
  }
}
